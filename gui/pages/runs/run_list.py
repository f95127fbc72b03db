# SPDX-License-Identifier: Apache-2.0
"""The list of all runs, live ones first."""

from __future__ import annotations

from datetime import datetime
from gettext import gettext as _

from PySide6.QtCore import QModelIndex, Signal

from gui.actions.runs import remove_run
from gui.bridge.services import Services
from gui.viewmodels.job import ChipView
from gui.viewmodels.runs import RunRow, run_rows
from gui.widgets.buttons import Action, Button
from gui.widgets.empty import EmptyState, Skeleton
from gui.widgets.fitting_table import FittingTable
from gui.widgets.page import Page
from gui.widgets.table import Cell, Column

_ROLES = {"accent": "accent_text", "success": "success", "warning": "warning", "danger": "danger"}


class RunList(Page):
    """All runs as a table; Enter or a click opens one.

    Signals:
        run_chosen: Id of the run to open.
    """

    run_chosen = Signal(str)

    def __init__(self, services: Services) -> None:
        super().__init__(_("Runs"), scroll=False)
        self._services = services
        self._rows: tuple[RunRow, ...] = ()
        self._new = Button(_("New run…"), kind="primary", icon="plus")
        self._skeleton = Skeleton(rows=3)
        self._table = FittingTable(name=_("Runs"))
        self._empty = EmptyState(icon="runs")
        self._set_up()
        self._show()

    def _set_up(self) -> None:
        self.header.set_actions(self._new)
        self._table.set_ranked_columns(
            (
                (Column(key="name", title=_("Run"), width=180, stretch=True), 0),
                (Column(key="state", title=_("State"), width=200), 0),
                (Column(key="progress", title=_("Progress"), width=160), 1),
                (Column(key="held_out", title=_("Held-out loss"), width=130, right=True), 2),
                (Column(key="time", title=_("Started"), width=140, right=True, muted=True), 3),
            )
        )
        self._empty.set_content(
            _("No run yet"),
            _("A run trains a model on a dataset. It goes on when you close the window."),
            Action(key="new", text=_("New run…"), icon="plus"),
            Action(key="home", text=_("Try it in a minute")),
        )
        self.add(self._skeleton, self._empty)
        self.body.addWidget(self._table, 1)
        library = self._services.library
        self._new.clicked.connect(lambda: self._services.navigator.go("train"))
        self._empty.action_triggered.connect(self._on_empty_action)
        self._table.row_activated.connect(self._open)
        self._table.clicked.connect(self._on_clicked)
        self._table.remove_requested.connect(self._remove)
        library.runs_changed.connect(self._show)
        library.loaded.connect(self._show)
        self._skeleton.start()

    def _show(self) -> None:
        library = self._services.library
        is_loaded, has_runs = library.is_loaded, bool(library.runs)
        self._skeleton.setHidden(is_loaded)
        self._empty.setHidden(not is_loaded or has_runs)
        self._table.setHidden(not has_runs)
        self._new.setHidden(not has_runs)
        self._rows = run_rows(library.runs, now=datetime.now().astimezone())
        self._table.set_rows([_cells(one) for one in self._rows])

    def _on_clicked(self, index: QModelIndex) -> None:
        self._open(index.row())

    def _open(self, row: int) -> None:
        self.run_chosen.emit(self._rows[row].key)

    def _remove(self, row: int) -> None:
        remove_run(self._services, run_id=self._rows[row].key)

    def _on_empty_action(self, key: str) -> None:
        self._services.navigator.go("home" if key == "home" else "train")


def _cells(row: RunRow) -> tuple[Cell, ...]:
    return (
        Cell(text=row.name, sub=row.sub, strong=True, tooltip=f"{row.name}: {row.sub}"),
        _state_cell(row.state),
        Cell(text=row.progress),
        Cell(text=row.held_out),
        Cell(text=row.time),
    )


def _state_cell(chip: ChipView) -> Cell:
    role = _ROLES.get(chip.kind, "text2")
    icon = chip.icon or ("runs" if chip.dot else "")
    return Cell(text=chip.text, icon=icon, icon_role=role, colour=role)
