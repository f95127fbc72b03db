# SPDX-License-Identifier: Apache-2.0
"""Putting the theme on the application."""

from __future__ import annotations

from PySide6.QtGui import QFont
from PySide6.QtWidgets import QApplication

from gui.widgets.theme.resources import resource_path
from gui.widgets.theme.theme import Theme, attach
from gui.widgets.theme.tokens import Scheme, load_tokens


def install_theme(
    app: QApplication,
    *,
    scheme: Scheme | None = None,
    text_scale: float = 1.0,
    font_px: float | None = None,
    family: str | None = None,
) -> Theme:
    """Give the application the look of Burnish and return the theme, which `theme()` finds.

    Args:
        app: The application, before its first window.
        scheme: A scheme of the person's choice; None follows the system.
        text_scale: Text size, 1.0 is the size of the system.
        font_px: Another base size than the system font's, in pixels.
        family: Another font family than the system's.
    """
    if family:
        app.setFont(QFont(family))
    made = Theme(app, load_tokens(resource_path("theme", "tokens.toml")), font_px=font_px)
    attach(made)
    made.preset(scheme=scheme, text_scale=text_scale)
    return made
