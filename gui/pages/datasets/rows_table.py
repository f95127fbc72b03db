# SPDX-License-Identifier: Apache-2.0
"""The table of rows: as every table, but drawn in one loop, so that a million rows scroll smoothly.

A delegate in Python is called for each cell with three wrapped objects, and the style for each
cell's ground: half of the time of a frame. One loop over what is seen needs neither.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
from PySide6.QtCore import QEvent, QItemSelection, QItemSelectionModel, QRect, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QAbstractItemView

from gui.widgets.table import Cell, Column, DataTable
from gui.widgets.theme.paint import LEFT, RIGHT
from gui.widgets.theme.theme import follow_theme, theme

_PAD = 12
_MOST_KEPT = 4_096


class _Look(msgspec.Struct, frozen=True, kw_only=True):
    """What all cells of a column share."""

    left: int
    width: int
    font: QFont
    metrics: QFontMetricsF
    ink: QColor
    align: Qt.AlignmentFlag


class RowsTable(DataTable):
    """A table of plain texts. Rows are asked for when they are seen, and drawn in one loop.

    Signals:
        chosen_changed: Other rows are chosen: with Shift, Ctrl, or all with Ctrl+A.
    """

    chosen_changed = Signal()

    def __init__(self, *, name: str) -> None:
        self._shown_columns: tuple[Column, ...] = ()
        self._text_at: Callable[[int, int], str | Cell] | None = None
        self._ends_group: Callable[[int], bool] | None = None
        self._shortened: dict[tuple[int, int], str] = {}
        self._looks: list[_Look] = []
        self._pointed = -1
        super().__init__(name=name)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.selectionModel().selectionChanged.connect(self._on_selection)
        self.horizontalHeader().sectionResized.connect(self._forget)
        follow_theme(self, self._forget)

    def set_columns(self, columns: Sequence[Column]) -> None:
        """Show these columns."""
        self._shown_columns = tuple(columns)
        super().set_columns(columns)
        self._forget()

    def set_source(self, count: int, cell_at: Callable[[int, int], str | Cell]) -> None:
        """Show `count` rows; `cell_at` is asked for the cells that are seen."""
        self._text_at = cell_at
        super().set_source(count, cell_at)
        self._forget()

    def set_groups(self, ends_group: Callable[[int], bool] | None) -> None:
        """Set the groups that rows are in apart by lines; the first column is of the groups.

        Args:
            ends_group: Returns whether a row is the last one of its group; None has no groups.
        """
        self._ends_group = ends_group
        self.viewport().update()

    def chosen_count(self) -> int:
        """Return how many rows are chosen."""
        return sum(last - first + 1 for first, last in self._spans())

    def chosen_rows(self) -> list[int]:
        """Return the rows that are chosen, ascending."""
        spans = sorted(self._spans())
        return [row for first, last in spans for row in range(first, last + 1)]

    def choose_also(self, rows: Sequence[int]) -> None:
        """Choose more rows, given ascending; the current one stays the current one."""
        model, chosen = self.model(), QItemSelection()
        first = last = -1
        for row in (*rows, -1):
            if row != last + 1 or first < 0:
                if first >= 0:
                    chosen.select(model.index(first, 0), model.index(last, 0))
                first = row
            last = row
        flags = QItemSelectionModel.SelectionFlag
        self.selectionModel().select(chosen, flags.Select | flags.Rows)

    def _spans(self) -> list[tuple[int, int]]:
        chosen = self.selectionModel().selection()
        ranges = [chosen.at(i) for i in range(chosen.count())]
        return [(one.top(), one.bottom()) for one in ranges]

    def _on_selection(self) -> None:
        self.viewport().update()
        self.chosen_changed.emit()

    def _forget(self) -> None:
        """Measure anew: columns, widths, rows or the theme are others."""
        self._shortened = {}
        self._looks = []
        self.viewport().update()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Follow the pointer with the ground of a row."""
        super().mouseMoveEvent(event)
        self._point_at(self.rowAt(event.position().toPoint().y()))

    def leaveEvent(self, event: QEvent) -> None:
        """Point at no row."""
        super().leaveEvent(event)
        self._point_at(-1)

    def _point_at(self, row: int) -> None:
        for one in {row, self._pointed} - {-1}:
            top = self.rowViewportPosition(one)
            self.viewport().update(0, top, self.viewport().width(), self.rowHeight(one))
        self._pointed = row

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the rows that are seen."""
        rows = self.model().rowCount()
        text_at = self._text_at
        if text_at is None or not rows:
            super().paintEvent(event)
            return
        if not self._looks:
            self._looks = self._measure()
        first = max(self.rowAt(event.rect().top()), 0)
        last = self.rowAt(event.rect().bottom())
        painter = QPainter(self.viewport())
        self._paint_grounds(painter, first, last if last >= 0 else rows - 1)
        for column, look in enumerate(self._looks):
            painter.setFont(look.font)
            painter.setPen(look.ink)
            for row in range(first, (last if last >= 0 else rows - 1) + 1):
                text = self._shortened.get((row, column))
                if text is None:
                    text = self._shorten(text_at, row, column, look)
                rect = QRectF(
                    look.left, self.rowViewportPosition(row), look.width, self.rowHeight(row) - 1
                )
                painter.drawText(rect, look.align, text)
        painter.end()

    def _paint_grounds(self, painter: QPainter, first: int, last: int) -> None:
        current, wide = theme(), self.viewport().width()
        line, border = current.colour("hairline"), current.colour("outline")
        inset = self.columnWidth(0) if self._ends_group is not None else 0
        spans = self._spans()
        for row in range(first, last + 1):
            rect = QRect(0, self.rowViewportPosition(row), wide, self.rowHeight(row))
            is_chosen = any(top <= row <= bottom for top, bottom in spans)
            ground = "accent_soft" if is_chosen else "hover" if row == self._pointed else ""
            if ground:
                painter.fillRect(rect, current.colour(ground))
            ends = self._ends_group is not None and self._ends_group(row)
            left = 0 if ends else inset
            painter.fillRect(left, rect.bottom(), wide - left, 1, border if ends else line)

    def _measure(self) -> list[_Look]:
        current = theme()
        pad = current.px(_PAD)
        looks: list[_Look] = []
        for i, column in enumerate(self._shown_columns):
            font = current.font("code" if column.code else "body", figures=column.right)
            looks.append(
                _Look(
                    left=self.columnViewportPosition(i) + pad,
                    width=self.columnWidth(i) - 2 * pad,
                    font=font,
                    metrics=QFontMetricsF(font),
                    ink=current.colour("text2" if column.muted else "text"),
                    align=(RIGHT if column.right else LEFT) | Qt.TextFlag.TextSingleLine,
                )
            )
        return looks

    def _shorten(
        self, text_at: Callable[[int, int], str | Cell], row: int, column: int, look: _Look
    ) -> str:
        """Return the text of a cell as far as it fits, and keep it for the next frame."""
        if len(self._shortened) >= _MOST_KEPT:
            self._shortened.clear()
        found = text_at(row, column)
        text = found.text if isinstance(found, Cell) else found
        if look.metrics.horizontalAdvance(text) > look.width:
            text = look.metrics.elidedText(text, Qt.TextElideMode.ElideRight, look.width)
        self._shortened[row, column] = text
        return text
