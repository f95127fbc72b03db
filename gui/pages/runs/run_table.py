# SPDX-License-Identifier: Apache-2.0
"""The table of runs: a click opens one, the box before it or Space marks it for comparing."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from gettext import gettext as _

from PySide6.QtCore import QModelIndex, Qt, Signal
from PySide6.QtGui import QKeyEvent

from gui.viewmodels import numbers
from gui.viewmodels.job import ChipView
from gui.viewmodels.runs import RunRow
from gui.widgets.fitting_table import FittingTable
from gui.widgets.table import Cell, Column

_ROLES = {"accent": "accent_text", "success": "success", "warning": "warning", "danger": "danger"}


class RunTable(FittingTable):
    """Runs as rows.

    Signals:
        row_opened: Place of the row to open.
        row_marked: Place of the row whose mark is to change.
    """

    row_opened = Signal(int)
    row_marked = Signal(int)

    def __init__(self) -> None:
        super().__init__(name=_("Runs"))
        tip = numbers.loss_words()
        self.set_ranked_columns(
            (
                (Column(key="mark", title=_("Compare"), width=92), 0),
                (Column(key="name", title=_("Run"), width=180, stretch=True), 0),
                (Column(key="state", title=_("State"), width=200), 0),
                (Column(key="progress", title=_("Progress"), width=160), 1),
                (
                    Column(
                        key="held_out", title=_("Held-out loss"), width=130, right=True, tip=tip
                    ),
                    2,
                ),
                (Column(key="time", title=_("Started"), width=140, right=True, muted=True), 3),
            )
        )
        self.row_activated.connect(self.row_opened)
        self.clicked.connect(self._on_clicked)

    def show_runs(self, rows: Sequence[RunRow], marked: Collection[str]) -> None:
        """Show these runs; those whose keys are in `marked` have a mark."""
        self.set_rows([_cells(one, is_marked=one.key in marked) for one in rows])

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Space changes the mark of a row."""
        if event.key() == Qt.Key.Key_Space and self.current_row() >= 0:
            self.row_marked.emit(self.current_row())
        else:
            super().keyPressEvent(event)

    def _on_clicked(self, index: QModelIndex) -> None:
        if index.column() == 0:
            self.row_marked.emit(index.row())
        else:
            self.row_opened.emit(index.row())


def _cells(row: RunRow, *, is_marked: bool) -> tuple[Cell, ...]:
    sub = f"{row.sub} · {row.tags}" if row.tags else row.sub
    return (
        _mark_cell(is_marked=is_marked),
        Cell(text=row.name, sub=sub, strong=True, tooltip=f"{row.name}: {sub}"),
        state_cell(row.state),
        Cell(text=row.progress),
        Cell(text=row.held_out),
        Cell(text=row.time),
    )


def _mark_cell(*, is_marked: bool) -> Cell:
    words = _("Marked for comparing") if is_marked else _("Mark for comparing")
    spoken = words if is_marked else _("Not marked")
    return Cell(text="", checked=is_marked, tooltip=words, spoken=spoken)


def state_cell(chip: ChipView) -> Cell:
    """Return the state of a run as a cell."""
    role = _ROLES.get(chip.kind, "text2")
    icon = chip.icon or ("runs" if chip.dot else "")
    return Cell(text=chip.text, icon=icon, icon_role=role, colour=role)
