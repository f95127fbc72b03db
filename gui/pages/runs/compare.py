# SPDX-License-Identifier: Apache-2.0
"""Runs side by side: their curves in one chart, what came of each, what differs."""

from __future__ import annotations

from collections.abc import Sequence
from gettext import gettext as _
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QStackedWidget, QWidget

from engine.domain.run import JobSnapshot
from gui.actions.chart_files import ask_to_save_chart
from gui.bridge.services import Services
from gui.bridge.tasks import Lane, Outcome
from gui.pages.runs.details import Plain
from gui.pages.runs.run_table import state_cell
from gui.viewmodels import numbers
from gui.viewmodels.run_compare import (
    CurveView,
    DifferenceRow,
    ResultRow,
    curve_view,
    difference_rows,
    result_rows,
    short_name,
    title_words,
)
from gui.viewmodels.run_query import (
    LEAST_COMPARED,
    RunQuery,
    find_runs,
    sort_choices,
    state_choices,
)
from gui.widgets.box import Column, Flow, Panel
from gui.widgets.charts.compare_chart import CompareChart, RunLine
from gui.widgets.fields import SearchField, SelectField
from gui.widgets.fitting_table import FittingTable
from gui.widgets.page import Header
from gui.widgets.table import Cell
from gui.widgets.table import Column as TableColumn
from gui.widgets.tabs import TabBar
from gui.widgets.theme.theme import follow_theme, theme

if TYPE_CHECKING:
    from engine.api.run_curves import CurveReader
    from engine.api.runs import RunView

_Read = tuple[JobSnapshot, CurveView]
"""The curves of a run, and where it stood when they were read."""

_TABS = ("curves", "results", "recipes")
_SEARCH_WIDTH = 240


class ResultsTab(Plain):
    """What came of each run; a row opens its run.

    Signals:
        run_chosen: Id of the run to open.
    """

    run_chosen = Signal(str)

    def __init__(self) -> None:
        super().__init__(scroll=False)
        self._runs: tuple[RunView, ...] = ()
        self._rows: tuple[ResultRow, ...] = ()
        self._search = SearchField(placeholder=_("Search the compared runs"))
        self._state = SelectField(name=_("State"))
        self._sort = SelectField(name=_("Order"))
        self._table = FittingTable(name=_("Results"))
        self._state.set_options(state_choices())
        self._sort.set_options(sort_choices())
        self._table.set_ranked_columns(_result_columns())
        self._table.set_empty_text(_("No run is like this"))
        self.add(Panel(Flow(self._search, self._state, self._sort)))
        self.body.addWidget(self._table, 1)
        self._search.textChanged.connect(self._on_query)
        self._state.chosen.connect(self._on_query)
        self._sort.chosen.connect(self._on_query)
        self._table.row_activated.connect(self._open)
        follow_theme(self, self._follow)

    def _follow(self) -> None:
        self._search.setFixedWidth(theme().px(_SEARCH_WIDTH))

    def show_runs(self, runs: Sequence[RunView]) -> None:
        """Show these runs."""
        self._runs = tuple(runs)
        self._show()

    def _on_query(self, _word: str) -> None:
        self._show()

    def _open(self, row: int) -> None:
        self.run_chosen.emit(self._rows[row].key)

    def _show(self) -> None:
        query = RunQuery(
            text=self._search.text(), state=self._state.value(), sort=self._sort.value()
        )
        self._rows = result_rows(find_runs(self._runs, query))
        self._table.set_rows([_result_cells(one) for one in self._rows])


def _result_columns() -> tuple[tuple[TableColumn, int], ...]:
    tip = numbers.loss_words()
    return (
        (TableColumn(key="name", title=_("Run"), width=170, stretch=True), 0),
        (TableColumn(key="state", title=_("State"), width=180), 4),
        (TableColumn(key="steps", title=_("Steps"), width=80, right=True), 3),
        (TableColumn(key="training", title=_("Training loss"), width=110, right=True, tip=tip), 2),
        (
            TableColumn(
                key="before", title=_("Held-out loss before"), width=160, right=True, tip=tip
            ),
            1,
        ),
        (TableColumn(key="best", title=_("Best held-out loss"), width=150, right=True, tip=tip), 0),
        (TableColumn(key="change", title=_("Change"), width=90, right=True), 0),
    )


def _result_cells(row: ResultRow) -> tuple[Cell, ...]:
    return (
        Cell(text=row.name, sub=row.tags, strong=True, tooltip=row.name),
        state_cell(row.state),
        Cell(text=row.steps),
        Cell(text=row.training),
        Cell(text=row.before),
        Cell(text=row.best),
        Cell(text=row.change),
    )


class RecipesTab(Plain):
    """What differs between the recipes, a column for each run."""

    def __init__(self) -> None:
        super().__init__(scroll=False)
        self._names: tuple[str, ...] = ()
        self._table = FittingTable(name=_("What differs between the recipes"))
        self._table.set_empty_text(_("Their recipes are the same"))
        self.body.addWidget(self._table, 1)

    def show_differences(self, names: Sequence[str], rows: Sequence[DifferenceRow]) -> None:
        """Show what differs between runs of these names."""
        if tuple(names) != self._names:
            self._names = tuple(names)
            title = TableColumn(key="title", title=_("Setting"), width=180, muted=True)
            runs = [
                TableColumn(key=str(i), title=short_name(name), width=120, stretch=True)
                for i, name in enumerate(names)
            ]
            self._table.set_ranked_columns([(one, 0) for one in (title, *runs)])
        self._table.set_rows([(one.title, *one.values) for one in rows])


class CompareView(QWidget):
    """The page of a comparison.

    Signals:
        back_requested: A person wants the list.
        run_chosen: Id of the run to open.
    """

    back_requested = Signal()
    run_chosen = Signal(str)

    def __init__(self, services: Services) -> None:
        super().__init__()
        self._services = services
        self._keys: tuple[str, ...] = ()
        self._read: dict[str, _Read] = {}
        self._readers: dict[str, CurveReader] = {}
        self._is_reading = False
        self._header = Header("", back=_("Runs"))
        self._tabs = TabBar(name=_("Views of the comparison"))
        self._stack = QStackedWidget()
        self._chart = CompareChart(title=_("Loss"), x_name=_("Step"), y_name=numbers.loss_unit())
        self._results = ResultsTab()
        self._recipes = RecipesTab()
        self._set_up()

    def _set_up(self) -> None:
        curves = Plain(scroll=False)
        curves.body.addWidget(self._chart, 1)
        words = (_("Curves"), _("Results"), _("Recipes"))
        self._tabs.set_tabs(list(zip(_TABS, words, strict=True)))
        for page in (curves, self._results, self._recipes):
            self._stack.addWidget(page)
        whole = Column(self._header, self._tabs, gap=0)
        whole.addWidget(self._stack, 1)
        self.setLayout(whole)
        self._chart.set_value_format(numbers.loss)
        self._chart.set_empty_text(_("None of these runs has done a step yet"))
        self._header.back_clicked.connect(self.back_requested)
        self._tabs.chosen.connect(self._on_tab)
        self._chart.save_requested.connect(self._on_save)
        self._results.run_chosen.connect(self.run_chosen)
        self._services.library.runs_changed.connect(self._show)

    def show_runs(self, keys: Sequence[str]) -> None:
        """Compare these runs, in this order."""
        if tuple(keys) != self._keys:
            self._keys = tuple(keys)
            self._read = {}
            self._readers = {}
            self._chart.set_runs(())
            self._tabs.set_value(_TABS[0])
            self._stack.setCurrentIndex(0)
        self._show()

    def _on_tab(self, key: str) -> None:
        self._stack.setCurrentIndex(_TABS.index(key))

    def _show(self) -> None:
        known = [self._services.library.run(key) for key in self._keys]
        runs = [one for one in known if one is not None]
        self._header.set_title(title_words(len(runs)))
        self._header.set_meta(", ".join(one.job.info.name for one in runs))
        self._results.show_runs(runs)
        is_enough = len(runs) >= LEAST_COMPARED
        rows = difference_rows(runs, self._dataset_name) if is_enough else ()
        self._recipes.show_differences([one.job.info.name for one in runs], rows)
        self._read_curves(runs)

    def _dataset_name(self, dataset_id: str) -> str:
        found = self._services.library.dataset(dataset_id)
        return found.name if found is not None else dataset_id

    def showEvent(self, event: QShowEvent) -> None:
        """Take in what happened while nobody looked."""
        super().showEvent(event)
        self._show()

    def _read_curves(self, runs: Sequence[RunView]) -> None:
        """Read the curves of runs that have gone on since, one reading at a time."""
        due = [one for one in runs if self._stand(one.id) != one.job.snapshot]
        if not due or self._is_reading or not self.isVisible():
            return
        self._is_reading = True
        keys, api, readers = self._keys, self._services.api, self._readers

        def read() -> tuple[tuple[str, ...], dict[str, _Read]]:
            found: dict[str, _Read] = {}
            for one in due:
                # A run that goes on is read from where the last reading ended.
                reader = readers.pop(one.id, None) or api.curves.follow(one.id)
                if not one.state.is_over:
                    readers[one.id] = reader
                found[one.id] = (one.job.snapshot, curve_view(one.job.info.name, reader.read()))
            return keys, found

        self._services.tasks.run(read, self._take_curves, owner=self, lane=Lane.READING)

    def _stand(self, key: str) -> JobSnapshot | None:
        return self._read[key][0] if key in self._read else None

    def _take_curves(self, outcome: Outcome[tuple[tuple[str, ...], dict[str, _Read]]]) -> None:
        self._is_reading = False
        if outcome.error is not None:
            self._services.notices.show_error(outcome.error, title=_("The runs cannot be compared"))
            return
        keys, found = outcome.value
        if keys != self._keys:
            # Others were chosen meanwhile.
            self._show()
            return
        self._read |= found
        self._chart.set_runs([_line(self._read[one][1]) for one in keys if one in self._read])

    def _on_save(self, kind: str) -> None:
        ask_to_save_chart(
            self._services,
            parent=self,
            kind=kind,
            name=_("comparison"),
            runs=self._keys,
            picture=self._chart.picture,
        )


def _line(view: CurveView) -> RunLine:
    return RunLine(
        name=view.name,
        steps=view.steps,
        losses=view.losses,
        checks=view.checks,
        held_out=view.held_out,
    )
