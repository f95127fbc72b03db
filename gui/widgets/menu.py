# SPDX-License-Identifier: Apache-2.0
"""A menu with round corners, made of plain items."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMenu, QWidget

from gui.widgets.theme.paint import themed_icon


@dataclass(frozen=True, kw_only=True, slots=True)
class MenuItem:
    """One line of a menu. `reason` says why it cannot be chosen now."""

    key: str
    text: str
    icon: str = ""
    danger: bool = False
    enabled: bool = True
    reason: str = ""


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

    def _add(self, item: MenuItem, picked: Callable[[str], None]) -> None:
        action = self.addAction(item.text)
        if item.icon:
            role = "danger" if item.danger else "text2"
            action.setIcon(themed_icon(item.icon, role=role))
        action.setEnabled(item.enabled)
        if item.reason:
            action.setToolTip(item.reason)
        action.triggered.connect(lambda: picked(item.key))
