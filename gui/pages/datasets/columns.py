# SPDX-License-Identifier: Apache-2.0
"""Columns of a tab behind hairlines; those at the sides fold away where the window is narrow."""

from __future__ import annotations

from PySide6.QtCore import QSize, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QWidget

from gui.widgets.box import Hairline, Row
from gui.widgets.theme.theme import follow_theme, theme


class Columns(QWidget):
    """A middle column that comes first, and one at each side while there is room for it.

    Signals:
        folded: Whether the right column is folded away now.

    Args:
        middle: Takes the room that is left.
        left: Folds away first.
        right: Folds away second; `show_right` puts it in the place of the middle then.
        left_width, right_width: At 100 %.
        least: Room that the middle needs before a side is shown, at 100 %.
    """

    folded = Signal(bool)

    def __init__(
        self,
        middle: QWidget,
        *,
        left: QWidget | None = None,
        right: QWidget | None = None,
        left_width: float = 264,
        right_width: float = 264,
        least: float = 380,
    ) -> None:
        super().__init__()
        self._middle = middle
        self._left, self._right = left, right
        self._widths = (left_width, right_width)
        self._least = least
        self._lines = (Hairline(vertical=True), Hairline(vertical=True))
        self._is_folded = False
        self._is_alone = False
        row = Row(gap=0)
        if left is not None:
            row.add(left, self._lines[0])
        row.addWidget(middle, 1)
        if right is not None:
            row.add(self._lines[1])
            row.addWidget(right)
        self.setLayout(row)
        follow_theme(self, self._fit)

    @property
    def is_folded(self) -> bool:
        """Return whether there is no room for the right column."""
        return self._is_folded

    def show_right(self, alone: bool) -> None:
        """Show the folded right column in the place of all others, or go back."""
        self._is_alone = alone
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Fold and unfold."""
        super().resizeEvent(event)
        self._fit()

    def minimumSizeHint(self) -> QSize:
        """Return the least room of the middle: the sides can fold."""
        return self._middle.minimumSizeHint()

    def _fit(self) -> None:
        px, (left_width, right_width) = theme().px, self._widths
        free = self.width() - px(self._least)
        shows_right = self._right is not None and free >= px(right_width)
        free -= px(right_width) if shows_right else 0
        shows_left = self._left is not None and free >= px(left_width)
        alone = self._is_alone and not shows_right
        self._place(self._left, self._lines[0], px(left_width), shows_left and not alone)
        self._place(self._right, self._lines[1], px(right_width), shows_right or alone)
        self._middle.setHidden(alone)
        if alone and self._right is not None:
            self._lines[1].hide()
            self._right.setMinimumWidth(0)
            self._right.setMaximumWidth(16_777_215)
        self._tell(self._right is not None and not shows_right)

    def _place(self, side: QWidget | None, line: QWidget, width: int, shown: bool) -> None:
        line.setHidden(not shown)
        if side is not None:
            side.setHidden(not shown)
            side.setFixedWidth(width)

    def _tell(self, is_folded: bool) -> None:
        if is_folded != self._is_folded:
            self._is_folded = is_folded
            if not is_folded:
                self._is_alone = False
            self.folded.emit(is_folded)
