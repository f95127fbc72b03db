# SPDX-License-Identifier: Apache-2.0
"""The rows of a dataset in a table of any length, and beside it one row to read in full."""

from __future__ import annotations

from functools import partial
from gettext import gettext as _
from typing import TYPE_CHECKING

from PySide6.QtCore import QTimer, Signal

from engine.domain.dataset import DatasetInfo
from engine.domain.split import TRAIN
from engine.errors import EngineError
from gui.pages.datasets.columns import Columns
from gui.pages.datasets.open_rows import OpenRows
from gui.pages.datasets.rows_table import RowsTable
from gui.viewmodels.dataset import split_parts
from gui.viewmodels.dataset_rows import CellSource, row_columns, row_view
from gui.widgets.box import Column, Panel, Row, Stretch
from gui.widgets.choices import SegmentedControl
from gui.widgets.empty import Skeleton
from gui.widgets.error_panel import ErrorPanel, ErrorText
from gui.widgets.page import SideColumn, Stack
from gui.widgets.table import Column as TableColumn
from gui.widgets.text import LinkLabel, TextLabel

if TYPE_CHECKING:
    from engine.api.datasets import RowTable

_PAUSE_MS = 50
"""While the keyboard runs through the table no row is laid out to read."""


class RowsTab(Panel):
    """The table of rows."""

    def __init__(self, rows: OpenRows) -> None:
        self._parts = SegmentedControl(name=_("Part of the rows"))
        self.table = RowsTable(name=_("Rows"))
        self._error = ErrorPanel()
        self._skeleton = Skeleton(rows=8)
        self._reader = RowReader()
        self._stack = Stack()
        self._columns = Columns(self._middle(), right=self._reader, right_width=340, least=440)
        super().__init__(Column(self._columns, gap=0))
        self._rows = rows
        self._dataset: DatasetInfo | None = None
        self._open: RowTable | None = None
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(_PAUSE_MS)
        self._pause.timeout.connect(lambda: self._read(self.table.current_row()))
        self._parts.chosen.connect(self._show_part)
        self.table.row_chosen.connect(self._read_soon)
        self.table.row_activated.connect(self._read_alone)
        self._reader.back_clicked.connect(lambda: self._columns.show_right(alone=False))
        self._columns.folded.connect(self._reader.set_alone)
        self._reader.set_alone(self._columns.is_folded)

    def _middle(self) -> Panel:
        top = Row(self._parts, Stretch(), gap=0, margins=(32, 14, 20, 10))
        error = Column(self._error, Stretch(), gap=0, margins=(32, 20, 32, 20))
        self._stack.addWidget(Panel(Column(self.table, gap=0, margins=(20, 0, 8, 0))))
        self._stack.addWidget(Panel(error))
        waiting = Column(self._skeleton, Stretch(), gap=0, margins=(32, 4, 32, 8))
        self._stack.addWidget(Panel(waiting))
        column = Column(top, gap=0)
        column.addWidget(self._stack, 1)
        return Panel(column)

    def show_dataset(self, dataset: DatasetInfo) -> None:
        """Show the rows of a dataset from the first on; the same one stays as it is."""
        before, self._dataset = self._dataset, dataset
        if before is not None and before.id == dataset.id:
            return
        parts = split_parts(dataset)
        self._parts.set_parts(parts)
        self._parts.set_value(parts[0][0] if parts else TRAIN)
        self._show_part(self._parts.value())

    def close_dataset(self) -> None:
        """Forget the rows before their files are closed."""
        self._dataset = self._open = None
        self.table.set_rows(())
        self._reader.clear()

    def _show_part(self, split: str) -> None:
        self._columns.show_right(alone=False)
        self._stack.setCurrentIndex(2)
        self._skeleton.start()
        self._rows.open(split, partial(self._take, split), self._fail)

    def _take(self, split: str, rows: RowTable) -> None:
        dataset = self._dataset
        if dataset is None or split != self._parts.value():
            return
        self._open = rows
        self.table.set_columns(
            [
                TableColumn(
                    key=one.key,
                    title=one.title,
                    width=one.width,
                    stretch=one.stretch,
                    right=one.right,
                    muted=one.muted,
                )
                for one in row_columns(dataset.kind)
            ]
        )
        self.table.set_source(len(rows), CellSource(rows))
        self.table.scrollToTop()
        self._skeleton.stop()
        self._stack.setCurrentIndex(0)
        if len(rows):
            self.table.set_current(0)
            self._read(0)

    def _fail(self, error: EngineError) -> None:
        self._skeleton.stop()
        self._stack.setCurrentIndex(1)
        self._reader.clear()
        self._error.set_error(
            ErrorText(
                title=_("The rows cannot be shown"),
                cause=error.message,
                remedy=error.remedy,
                code=error.code,
                details=error.detail,
            )
        )

    def _read_soon(self, _index: int) -> None:
        self._pause.start()

    def _read(self, index: int) -> None:
        if self._open is not None and index >= 0:
            self._reader.show_row(self._open, index)

    def _read_alone(self, index: int) -> None:
        self._read(index)
        if self._columns.is_folded:
            self._columns.show_right(alone=True)
            self._reader.focus_back()


class RowReader(Panel):
    """One row in full, turn by turn.

    Signals:
        back_clicked: Go back to the table, where this stands in its place.
    """

    back_clicked = Signal()

    def __init__(self) -> None:
        self._side = SideColumn()
        self._back = LinkLabel(_("All rows"), back=True)
        self._back_row = Panel(Row(self._back, Stretch(), gap=0, margins=(20, 12, 20, 0)))
        super().__init__(Column(self._back_row, self._side, gap=0))
        self._back.clicked.connect(self.back_clicked)
        self._back_row.hide()

    def set_alone(self, alone: bool) -> None:
        """Offer a way back, where the table is not beside it."""
        self._back_row.setHidden(not alone)

    def focus_back(self) -> None:
        """Put the keyboard on the way back."""
        self._back.setFocus()

    def clear(self) -> None:
        """Show nothing."""
        self._side.clear()

    def show_row(self, rows: RowTable, index: int) -> None:
        """Show a row from its beginning."""
        shown = row_view(rows, index)
        self._side.clear()
        self._side.add_title(shown.title)
        self._side.add(TextLabel(shown.source, role="small", colour="text2", elide=True))
        for turn in shown.turns:
            self._side.add_rule()
            self._side.add_title(turn.title)
            self._side.add(TextLabel(turn.text, wrap=True, selectable=True))
            if turn.more:
                self._side.add(TextLabel(turn.more, role="small", colour="text2", wrap=True))
