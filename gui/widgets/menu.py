# SPDX-License-Identifier: Apache-2.0
"""A menu with round corners, made of plain items."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QMenu, QWidget

from gui.widgets.theme.paint import themed_icon


class MenuItem(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a menu. `reason` says why it cannot be chosen now.

    A line with `is_checked` has a mark that a click or Space changes; the menu stays open then.
    """

    key: str
    text: str
    icon: str = ""
    danger: bool = False
    enabled: bool = True
    reason: str = ""
    is_checked: bool | None = None


class Menu(QMenu):
    """A menu whose window shows nothing outside its round corners."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_TranslucentBackground)
        self.setWindowFlag(Qt.WindowType.FramelessWindowHint)
        self.setWindowFlag(Qt.WindowType.NoDropShadowWindowHint)
        self.setToolTipsVisible(True)

    def set_items(self, items: Sequence[MenuItem | None], picked: Callable[[str], None]) -> None:
        """Show these items; None is a line between groups.

        Args:
            items: The items from the top.
            picked: Called with the key of the item that was chosen.
        """
        self.clear()
        for item in items:
            if item is None:
                self.addSeparator()
            else:
                self._add(item, picked)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Change a mark without closing."""
        if not _change_mark(self.actionAt(event.position().toPoint())):
            super().mouseReleaseEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Change a mark by Space without closing."""
        if event.key() != Qt.Key.Key_Space or not _change_mark(self.activeAction()):
            super().keyPressEvent(event)

    def _add(self, item: MenuItem, picked: Callable[[str], None]) -> None:
        action = self.addAction(item.text)
        if item.icon:
            role = "danger" if item.danger else "text2"
            action.setIcon(themed_icon(item.icon, role=role))
        action.setEnabled(item.enabled)
        if item.reason:
            action.setToolTip(item.reason)
        if item.is_checked is not None:
            action.setCheckable(True)
            action.setChecked(item.is_checked)
        action.triggered.connect(lambda: picked(item.key))


def _change_mark(action: QAction | None) -> bool:
    """Return whether there was a mark to change."""
    # Qt returns no action where the pointer is on none, whatever its types say.
    if action is None or not (action.isCheckable() and action.isEnabled()):
        return False
    action.trigger()
    return True
