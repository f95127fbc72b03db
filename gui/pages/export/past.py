# SPDX-License-Identifier: Apache-2.0
"""The list of all exports of the workspace."""

from __future__ import annotations

from gettext import gettext as _

from PySide6.QtCore import QModelIndex, Signal

from gui.viewmodels.export import PastLine, past_meta
from gui.viewmodels.job import ChipView
from gui.widgets.box import Column, Panel
from gui.widgets.fitting_table import FittingTable
from gui.widgets.rows import SectionTitle
from gui.widgets.table import Cell
from gui.widgets.table import Column as TableColumn
from gui.widgets.theme.theme import follow_theme, theme

_ROLES = {"accent": "accent_text", "success": "success", "warning": "warning", "danger": "danger"}
_MOST_ROWS = 8


class PastExports(Panel):
    """Exports, newest first.

    Signals:
        export_chosen: Id of the job of an export.
        removal_asked: The same, of one that shall go into the trash (the key Delete).
    """

    export_chosen = Signal(str)
    removal_asked = Signal(str)

    def __init__(self) -> None:
        self._title = SectionTitle(_("Exports"))
        self._table = FittingTable(name=_("Exports"))
        self._lines: tuple[PastLine, ...] = ()
        whole = Column(self._title, gap=4)
        whole.addWidget(self._table, 1)
        super().__init__(whole)
        self._table.set_ranked_columns(
            [
                (TableColumn(key="run", title=_("Run"), width=150), 0),
                (TableColumn(key="target", title=_("Form"), width=130), 2),
                (TableColumn(key="state", title=_("State"), width=200), 1),
                (TableColumn(key="path", title=_("Folder"), width=160, stretch=True), 3),
                (TableColumn(key="when", title=_("When"), width=140, right=True, muted=True), 4),
            ]
        )
        self._table.row_activated.connect(self._choose)
        self._table.remove_requested.connect(self._ask_to_remove)
        self._table.clicked.connect(self._on_clicked)
        follow_theme(self, self._follow)

    def show_lines(self, lines: tuple[PastLine, ...]) -> None:
        """Show these exports; the same again moves nothing."""
        if lines == self._lines:
            return
        self._lines = lines
        self._title.set_meta(past_meta(len(lines)))
        self._table.set_rows([_cells(one) for one in lines])
        self._follow()

    def _follow(self) -> None:
        """Be as high as some rows, so that a short list scrolls with the page only."""
        rows = min(max(len(self._lines), 1), _MOST_ROWS)
        self._table.setMinimumHeight(theme().px(34 + 40 * rows) + 4)

    def _on_clicked(self, index: QModelIndex) -> None:
        self._choose(index.row())

    def _ask_to_remove(self, row: int) -> None:
        self.removal_asked.emit(self._lines[row].key)

    def _choose(self, row: int) -> None:
        self.export_chosen.emit(self._lines[row].key)


def _cells(line: PastLine) -> tuple[str | Cell, ...]:
    return (
        Cell(text=line.run, strong=True, tooltip=line.run),
        line.target,
        _state(line.state),
        Cell(text=line.path, tooltip=line.path),
        line.when,
    )


def _state(chip: ChipView) -> Cell:
    role = _ROLES.get(chip.kind, "text2")
    return Cell(
        text=chip.text,
        icon=chip.icon or ("runs" if chip.dot else ""),
        icon_role=role,
        colour=role,
        tooltip=chip.text,
    )
