# SPDX-License-Identifier: Apache-2.0
"""Tabs of a page, over a hairline that runs along the whole panel."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, QSize, Signal
from PySide6.QtGui import QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from gui.widgets.box import Row, Stretch, clear_layout
from gui.widgets.chip import paint_badge
from gui.widgets.radio_part import RadioPart
from gui.widgets.theme.focus_ring import RING_RADIUS
from gui.widgets.theme.paint import LEFT, painting, rule, text_width, write
from gui.widgets.theme.theme import theme

_GAP, _LEAST_GAP, _MARGIN, _LEAST_END = 28, 10, 32, 8


class _Tab(RadioPart):
    """One tab: a word, perhaps a badge, a line below the current one."""

    def __init__(self, key: str, text: str) -> None:
        super().__init__(key, text)
        self._number = 0
        self.setProperty(RING_RADIUS, 3)

    def set_number(self, number: int) -> None:
        """Show a badge; 0 hides it."""
        self._number = number
        self.setAccessibleDescription(str(number) if number else "")
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        """Return the room of the word at its heaviest, so that choosing moves nothing."""
        current = theme()
        return QSize(self._word_width() + self._badge_room(), current.px(38))

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw word, badge and line."""
        current = theme()
        chosen = self.isChecked()
        rect = QRectF(self.rect())
        word = QRectF(rect)
        word.setBottom(rect.bottom() - current.px(2))
        with painting(self) as painter:
            role = "text" if chosen or self.underMouse() else "text2"
            font = current.font("body", weight=600 if chosen else 400)
            ink = current.colour(role if self.isEnabled() else "disabled")
            write(painter, word, self.text(), font=font, colour=ink, align=LEFT)
            if self._number:
                self._paint_badge(painter, word)
            if chosen:
                high = current.px(2)
                line = QRectF(0, rect.bottom() - high, self._word_width(), high)
                painter.fillRect(line, current.colour("accent"))

    def _paint_badge(self, painter: QPainter, word: QRectF) -> None:
        current = theme()
        side = current.px(20)
        left = self._word_width() + current.px(6)
        rect = QRectF(left, word.center().y() - side / 2, side, side)
        paint_badge(painter, rect, self._number, kind="warning")

    def _word_width(self) -> int:
        return text_width(self.text(), theme().font("body", weight=600))

    def _badge_room(self) -> int:
        return theme().px(26) if self._number else 0


class TabBar(QWidget):
    """The tabs of a page."""

    chosen = Signal(str)

    def __init__(self, *, name: str) -> None:
        super().__init__()
        self._tabs: list[_Tab] = []
        self.setAccessibleName(name)
        self._row = Row(gap=_GAP, margins=(_MARGIN, 0, _LEAST_END, 0))
        self.setLayout(self._row)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def set_tabs(self, tabs: Sequence[tuple[str, str]]) -> None:
        """Show these tabs, each a key and a word; the current one stays if it is there."""
        before = self.value()
        clear_layout(self._row)
        self._tabs = [_Tab(key, text) for key, text in tabs]
        for tab in self._tabs:
            tab.clicked.connect(lambda: self.chosen.emit(self.value()))
            self._row.add(tab)
        self._row.add(Stretch())
        keys = [key for key, _text in tabs]
        self.set_value(before if before in keys else keys[0] if keys else "")

    def set_value(self, key: str) -> None:
        """Make a tab the current one, without a signal."""
        for tab in self._tabs:
            tab.setChecked(tab.key == key)

    def value(self) -> str:
        """Return the key of the current tab, or ""."""
        return next((tab.key for tab in self._tabs if tab.isChecked()), "")

    def set_badge(self, key: str, number: int) -> None:
        """Show how many things wait in a tab; 0 hides the badge."""
        for tab in self._tabs:
            if tab.key == key:
                tab.set_number(number)

    def minimumSizeHint(self) -> QSize:
        """Return the room of all tabs, close to one another and to the end of the panel."""
        gaps = theme().px(_LEAST_GAP) * max(len(self._tabs) - 1, 0)
        hint = super().minimumSizeHint()
        return QSize(self._least_width() + gaps, hint.height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Move the tabs together where they have too little room."""
        super().resizeEvent(event)
        free = event.size().width() - self._least_width()
        gap = free // max(len(self._tabs) - 1, 1)
        self._row.setSpacing(min(theme().px(_GAP), max(gap, theme().px(_LEAST_GAP))))

    def _least_width(self) -> int:
        """Return the room of the words and of both ends, without any gap."""
        words = sum(tab.sizeHint().width() for tab in self._tabs)
        return words + theme().px(_MARGIN) + theme().px(_LEAST_END)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw the hairline below all tabs."""
        with painting(self) as painter:
            y = self.height() - 1
            ink = theme().colour("hairline")
            rule(painter, QPointF(0, y), QPointF(self.width(), y), ink)
