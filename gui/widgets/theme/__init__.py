# SPDX-License-Identifier: Apache-2.0
"""Tokens, palette, style sheet, style, icons and focus ring: the look in one place."""

from gui.widgets.theme.install import install_theme
from gui.widgets.theme.theme import Theme, follow_theme, theme
from gui.widgets.theme.tokens import Scheme

__all__ = ["Scheme", "Theme", "follow_theme", "install_theme", "theme"]
