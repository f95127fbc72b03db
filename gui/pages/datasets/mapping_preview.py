# SPDX-License-Identifier: Apache-2.0
"""What the first rows of files become by a mapping, and one of them in full."""

from __future__ import annotations

from gettext import gettext as _

from engine.domain.dataset import RowKind
from gui.viewmodels import numbers
from gui.viewmodels.dataset_rows import CellSource, row_columns, turn_views
from gui.viewmodels.mapping import PreviewRows
from gui.widgets.box import Column, Panel, clear_layout
from gui.widgets.rows import SectionTitle
from gui.widgets.table import Cell, DataTable
from gui.widgets.table import Column as TableColumn
from gui.widgets.text import TextLabel


def _no_lead(_index: int) -> tuple[str, ...]:
    """Return the cells before the content; the number of the line comes from the preview."""
    return ("",)


class MappingPreview(Panel):
    """A table of rows, with rejected ones in red, and the chosen row below it."""

    def __init__(self) -> None:
        self._rows = PreviewRows(())
        self._cells = CellSource(self._rows, _no_lead)
        self._title = SectionTitle(_("What the first rows become"))
        self._table = DataTable(name=_("What the first rows become"))
        self._table.set_empty_text(_("Say above what every part of a row is."))
        self._turns = Column(gap=8)
        super().__init__(Column(self._title, self._table, self._turns, gap=10))
        self._table.row_chosen.connect(self._show_row)

    def set_rows(self, rows: PreviewRows, kind: RowKind) -> None:
        """Show what rows become."""
        before = max(self._table.current_row(), 0)
        self._rows, self._cells = rows, CellSource(rows, _no_lead)
        columns = [
            TableColumn(
                key=one.key,
                title=_("Line") if one.key == "number" else one.title,
                width=one.width,
                stretch=one.stretch,
                right=one.right,
                muted=one.muted,
            )
            for one in row_columns(kind)
        ]
        self._title.set_meta(rows.words if rows.all else "")
        self._table.set_columns(columns)
        self._table.set_source(len(rows.all), self._cell)
        self._table.set_current(min(before, len(rows.all) - 1))
        self._show_row(min(before, len(rows.all) - 1))

    def _cell(self, row: int, column: int) -> str | Cell:
        one = self._rows.all[row]
        if column == 0:
            return numbers.count(one.line)
        place = self._rows.place(row)
        if place >= 0:
            return self._cells(place, column)
        if column == 1:
            return Cell(text=one.message, colour="danger", icon="status-danger",
                        icon_role="danger", tooltip=one.message)  # fmt: skip
        return ""

    def _show_row(self, row: int) -> None:
        clear_layout(self._turns)
        place = self._rows.place(row)
        if place < 0:
            return
        for turn in turn_views(self._rows.row(place)):
            self._turns.add(
                TextLabel(turn.title, role="label", colour="text2"),
                TextLabel(turn.text, wrap=True, selectable=True),
            )
