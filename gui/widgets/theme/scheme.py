# SPDX-License-Identifier: Apache-2.0
"""Which scheme the system, or a setting, asks for."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QPalette, QStyleHints

from gui.widgets.theme.tokens import Scheme


def chosen_scheme(name: str) -> Scheme | None:
    """Return the scheme of a setting; None follows the system."""
    return Scheme(name) if name in tuple(Scheme) else None


def system_scheme(hints: QStyleHints, palette: QPalette) -> Scheme:
    """Return the scheme of the system: contrast first, then light or dark.

    Args:
        hints: The style hints of the application.
        palette: The palette the platform came with, for platforms that name no scheme.
    """
    if hints.accessibility().contrastPreference() == Qt.ContrastPreference.HighContrast:
        return Scheme.HIGH_CONTRAST
    named = hints.colorScheme()
    if named == Qt.ColorScheme.Unknown:
        return Scheme.DARK if _is_dark(palette) else Scheme.LIGHT
    return Scheme.DARK if named == Qt.ColorScheme.Dark else Scheme.LIGHT


def _is_dark(palette: QPalette) -> bool:
    ground = palette.color(QPalette.ColorRole.Window)
    return ground.lightness() < palette.color(QPalette.ColorRole.WindowText).lightness()
