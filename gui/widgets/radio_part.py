# SPDX-License-Identifier: Apache-2.0
"""The base of everything painted that is one of many: cards, segments, tabs, nav items."""

from __future__ import annotations

from PySide6.QtCore import QPoint, QSize, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QAbstractButton, QRadioButton, QSizePolicy

from gui.widgets.theme.theme import follow_theme


def clicks_on_enter(button: QAbstractButton, event: QKeyEvent) -> bool:
    """Click the button if the key is Enter, which Qt gives to dialogs only."""
    if event.key() not in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
        return False
    button.click()
    return True


class RadioPart(QRadioButton):
    """A radio button that is painted as something else.

    Qt gives it the arrow keys, the single tab stop of its group and the role that screen
    readers expect.
    """

    def __init__(self, key: str, text: str) -> None:
        super().__init__(text)
        self.key = key
        self.setAccessibleName(text)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        follow_theme(self, self.updateGeometry)

    def minimumSizeHint(self) -> QSize:
        """Return the size hint: what names a choice is never cut."""
        return self.sizeHint()

    def hitButton(self, pos: QPoint) -> bool:
        """Take clicks everywhere, not on the mark alone."""
        return self.rect().contains(pos)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Take Enter as well as Space."""
        if not clicks_on_enter(self, event):
            super().keyPressEvent(event)
