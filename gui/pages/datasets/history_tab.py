# SPDX-License-Identifier: Apache-2.0
"""Every version of a dataset: what was done, a way back to each, and what sets two apart."""

from __future__ import annotations

from datetime import datetime
from gettext import gettext as _
from typing import TYPE_CHECKING

from engine.domain.dataset import DatasetInfo
from engine.domain.version import VersionInfo
from gui.actions.rows import go_to_version
from gui.bridge.services import Services
from gui.bridge.tasks import Lane, Outcome
from gui.pages.datasets.columns import Columns
from gui.viewmodels.history import VersionLine, change_view, difference_words, version_lines
from gui.widgets.box import Column, Gap, Panel, clear_layout
from gui.widgets.buttons import Button
from gui.widgets.fields import Field, SelectField
from gui.widgets.fitting_table import FittingTable
from gui.widgets.page import SideColumn
from gui.widgets.table import Cell
from gui.widgets.table import Column as TableColumn
from gui.widgets.text import TextLabel

if TYPE_CHECKING:
    from engine.api.row_views import RowChange
    from engine.domain.version import VersionDifference

_Compared = tuple["VersionDifference", "list[RowChange]"]
MOST_SHOWN = 20


class HistoryTab(Panel):
    """The table of versions, and at the right the chosen one beside another."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._dataset: DatasetInfo | None = None
        self._lines: tuple[VersionLine, ...] = ()
        self._table = FittingTable(name=_("Versions"))
        self._table.set_ranked_columns(
            [
                (TableColumn(key="number", title=_("Version"), width=84, right=True), 0),
                (TableColumn(key="what", title=_("What was done"), width=160, stretch=True), 0),
                (TableColumn(key="when", title=_("When"), width=150), 2),
                (TableColumn(key="rows", title=_("Rows"), width=88, right=True), 1),
                (TableColumn(key="change", title=_("Change"), width=88, right=True), 1),
            ]
        )
        self._go = Button(_("Go back to this version"), icon="undo")
        self._other = SelectField(name=_("Compare with version"))
        self._words = TextLabel("", colour="text2", wrap=True, figures=True)
        self._rows = Column(gap=8)
        side = SideColumn()
        side.add(
            self._go, Gap(8), Field(_("Compare with version"), self._other), self._words, self._rows
        )
        middle = Column(gap=0, margins=(20, 10, 8, 8))
        middle.addWidget(self._table, 1)
        super().__init__(
            Column(Columns(Panel(middle), right=side, right_width=340, least=440), gap=0)
        )
        self._table.row_chosen.connect(self._show_line)
        self._go.clicked.connect(self._go_to)
        self._other.chosen.connect(self._compare)

    # ------------------------------------------------------------------ what is shown

    def show_dataset(self, dataset: DatasetInfo) -> None:
        """Show the versions of a dataset."""
        if dataset == self._dataset:
            return
        self._dataset = dataset
        self._services.tasks.run(
            lambda: self._services.api.versions.history(dataset.id),
            lambda outcome: self._take(dataset, outcome),
            owner=self,
            lane=Lane.READING,
        )

    def close_dataset(self) -> None:
        """Forget the dataset."""
        self._dataset = None
        self._lines = ()
        self._table.set_rows(())

    def _take(self, dataset: DatasetInfo, outcome: Outcome[list[VersionInfo]]) -> None:
        if self._dataset != dataset:
            return
        if outcome.error is not None:
            self._services.notices.show_error(outcome.error)
            return
        self._lines = version_lines(outcome.value, dataset.version, now=datetime.now().astimezone())
        self._table.set_rows(
            [
                (
                    str(one.number),
                    Cell(text=one.what, sub=_("current") if one.is_current else ""),
                    one.when,
                    one.rows,
                    one.change,
                )
                for one in self._lines
            ]
        )
        current = next((i for i, one in enumerate(self._lines) if one.is_current), 0)
        self._table.set_current(current)
        self._show_line(current)

    def _show_line(self, index: int) -> None:
        if not 0 <= index < len(self._lines):
            return
        line = self._lines[index]
        self._go.set_reason(_("This is the current version.") if line.is_current else "")
        numbers = [one.number for one in self._lines if one.number != line.number]
        self._other.set_options(
            [(str(one), _("Version {number}").format(number=one)) for one in numbers]
        )
        current = next((one.number for one in self._lines if one.is_current), 0)
        before = max((one for one in numbers if one < line.number), default=0)
        self._other.set_value(str(before if line.is_current else current))
        self._other.setEnabled(bool(numbers))
        self._compare()

    # ------------------------------------------------------------------ what can be done

    def _chosen(self) -> VersionLine | None:
        row = self._table.current_row()
        return self._lines[row] if 0 <= row < len(self._lines) else None

    def _go_to(self) -> None:
        line = self._chosen()
        if line is not None and self._dataset is not None:
            go_to_version(self._services, dataset_id=self._dataset.id, number=line.number)

    def _compare(self, _key: str = "") -> None:
        self._words.set_text("")
        clear_layout(self._rows)
        line, dataset, other = self._chosen(), self._dataset, self._other.value()
        if line is None or dataset is None or not other:
            return
        earlier, later = sorted((int(other), line.number))
        api = self._services.api

        def read() -> _Compared:
            """Compare the versions, and read the first rows that differ."""
            difference = api.versions.compare(dataset.id, earlier, later)
            return difference, api.row_views.changes(dataset.id, earlier, later, limit=MOST_SHOWN)

        def done(outcome: Outcome[_Compared]) -> None:
            """Show the comparison where it is still asked for."""
            if self._chosen() != line or self._other.value() != other:
                return
            if outcome.error is not None:
                self._words.set_text(outcome.error.message)
                return
            difference, changes = outcome.value
            self._words.set_text(difference_words(difference, earlier=earlier, later=later))
            for one in changes:
                self._show_change(one)

        self._services.tasks.run(read, done, owner=self, lane=Lane.READING)

    def _show_change(self, change: RowChange) -> None:
        shown = change_view(change.before, change.after)
        self._rows.add(
            TextLabel(shown.title, role="label"),
            TextLabel(shown.text, role="small", colour="text2", wrap=True, selectable=True),
        )
