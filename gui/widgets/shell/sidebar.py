# SPDX-License-Identifier: Apache-2.0
"""The sidebar: one item per page, Settings at the bottom; only icons in a narrow window."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, QSize, Signal
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from gui.widgets.box import Column, Gap, Stretch
from gui.widgets.chip import paint_badge
from gui.widgets.radio_part import RadioPart
from gui.widgets.shell.commands import NavItem
from gui.widgets.theme.paint import painting, put_icon, rounded, write
from gui.widgets.theme.theme import follow_theme, theme


class _NavButton(RadioPart):
    """An item: icon, word, badge."""

    def __init__(self, item: NavItem) -> None:
        super().__init__(item.key, item.text)
        self.item = item
        self._number = 0
        self._narrow = False
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def set_number(self, number: int) -> None:
        """Show a badge; 0 hides it."""
        self._number = number
        self.setAccessibleDescription(str(number) if number else "")
        self.update()

    def set_narrow(self, narrow: bool) -> None:
        """Show the icon alone; the word becomes the tooltip."""
        self._narrow = narrow
        self.setToolTip(self.item.text if narrow else "")
        self.update()

    def sizeHint(self) -> QSize:
        """Return the height of an item; the width is the sidebar's."""
        current = theme()
        return QSize(current.px(40), current.size("nav_item") - current.px(2))

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw ground, icon, word and badge."""
        current = theme()
        rect = QRectF(self.rect())
        chosen = self.isChecked()
        with painting(self) as painter:
            ground = "selected" if chosen else "hover" if self.underMouse() else ""
            if ground:
                radius = current.radius("control")
                rounded(painter, rect, radius, fill=current.colour(ground))
            x = rect.center().x() if self._narrow else current.px(19)
            icon_role = "accent_text" if chosen else "text2"
            put_icon(painter, QPointF(x, rect.center().y()), self.item.icon, icon_role, 18)
            if not self._narrow:
                word = rect.adjusted(current.px(38), 0, -current.px(8), 0)
                font = current.font("body", weight=600 if chosen else 500)
                ink = current.colour("text" if chosen else "text2")
                write(painter, word, self.item.text, font=font, colour=ink)
            if self._number:
                self._paint_badge(painter, rect)

    def _paint_badge(self, painter: QPainter, rect: QRectF) -> None:
        current = theme()
        if self._narrow:
            dot = current.px(4)
            painter.setPen(current.colour("window"))
            painter.setBrush(current.colour("accent"))
            painter.drawEllipse(QPointF(rect.right() - dot * 2, rect.top() + dot * 2), dot, dot)
            return
        wide, high = current.px(20), current.px(18)
        left = rect.right() - wide - current.px(10)
        badge = QRectF(left, rect.center().y() - high / 2, wide, high)
        paint_badge(painter, badge, self._number, kind="accent")


class Sidebar(QWidget):
    """The pages, one of them current."""

    chosen = Signal(str)

    def __init__(self, items: Sequence[NavItem], settings: NavItem | None) -> None:
        super().__init__()
        self._narrow = False
        self._buttons: dict[str, _NavButton] = {}
        layout = Column(gap=4, margins=(8, 5, 8, 5))
        for item in items:
            if item.gap_before:
                layout.add(Gap(14))
            layout.add(self._button(item))
        layout.add(Stretch())
        if settings is not None:
            layout.add(self._button(settings))
        self.setLayout(layout)
        follow_theme(self, self._follow)

    def set_current(self, key: str) -> None:
        """Mark a page as the current one; none where it does not stand in the sidebar."""
        button = self._buttons.get(key)
        if button is not None:
            button.setChecked(True)
            return
        for one in self._buttons.values():
            one.setAutoExclusive(False)
            one.setChecked(False)
            one.setAutoExclusive(True)

    def set_badge(self, key: str, number: int) -> None:
        """Show how many things wait on a page; 0 hides the badge."""
        self._buttons[key].set_number(number)

    def set_narrow(self, narrow: bool) -> None:
        """Show icons alone, for windows with little room."""
        if narrow != self._narrow:
            self._narrow = narrow
            self._follow()

    def sizeHint(self) -> QSize:
        """Return the width with words or without; the window may be as small as without."""
        return QSize(self.maximumWidth(), super().sizeHint().height())

    def _button(self, item: NavItem) -> _NavButton:
        button = _NavButton(item)
        button.toggled.connect(lambda on: self.chosen.emit(item.key) if on else None)
        self._buttons[item.key] = button
        return button

    def _follow(self) -> None:
        current = theme()
        self.setMinimumWidth(current.size("sidebar_narrow"))
        self.setMaximumWidth(current.size("sidebar_narrow" if self._narrow else "sidebar"))
        self.updateGeometry()
        for button in self._buttons.values():
            button.set_narrow(self._narrow)
