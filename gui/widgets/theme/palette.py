# SPDX-License-Identifier: Apache-2.0
"""The QPalette of a scheme."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtGui import QColor, QPalette

_Role = QPalette.ColorRole
_ROLES = {
    _Role.Window: "panel",
    _Role.Base: "raised",
    _Role.AlternateBase: "panel",
    _Role.Button: "raised",
    _Role.Text: "text",
    _Role.WindowText: "text",
    _Role.ButtonText: "text",
    _Role.PlaceholderText: "text3",
    _Role.Highlight: "select_bg",
    _Role.HighlightedText: "text",
    _Role.Link: "accent_text",
    _Role.LinkVisited: "accent_text",
    _Role.Accent: "accent",
    _Role.ToolTipBase: "raised",
    _Role.ToolTipText: "text",
    _Role.BrightText: "danger",
    _Role.Light: "raised",
    _Role.Midlight: "hover",
    _Role.Mid: "hairline",
    _Role.Dark: "outline",
    _Role.Shadow: "outline",
}
_DISABLED = (_Role.Text, _Role.WindowText, _Role.ButtonText, _Role.HighlightedText)


def build_palette(colour: Callable[[str], QColor]) -> QPalette:
    """Return the palette of a scheme, all three groups set.

    Args:
        colour: Gives the colour of a token role.
    """
    palette = QPalette()
    for role, token in _ROLES.items():
        palette.setColor(QPalette.ColorGroup.All, role, colour(token))
    for role in _DISABLED:
        palette.setColor(QPalette.ColorGroup.Disabled, role, colour("disabled"))
    return palette
