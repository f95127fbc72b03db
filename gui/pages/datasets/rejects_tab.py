# SPDX-License-Identifier: Apache-2.0
"""Rows that were not accepted at the import, each with its place and its reason."""

from __future__ import annotations

from gettext import gettext as _

from engine.domain.dataset import DatasetInfo, Reject
from engine.errors import EngineError
from gui.bridge.services import Services
from gui.bridge.tasks import Lane, Outcome
from gui.pages.datasets.columns import Columns
from gui.viewmodels.dataset import (
    MOST_REJECTS,
    reject_lines,
    reject_meta,
    reject_reasons,
    reject_title,
)
from gui.widgets.box import Column, Panel, Row, Stretch
from gui.widgets.empty import EmptyState, Skeleton
from gui.widgets.error_panel import ErrorPanel, ErrorText
from gui.widgets.fitting_table import FittingTable
from gui.widgets.page import SideColumn, Stack
from gui.widgets.table import Cell
from gui.widgets.table import Column as TableColumn
from gui.widgets.text import TextLabel


class RejectsTab(Panel):
    """The table of rejected rows, and at the right how often each reason was given."""

    def __init__(self, services: Services) -> None:
        self._title = TextLabel("", role="section", elide=True)
        self._meta = TextLabel("", role="small", colour="text2")
        self._table = FittingTable(name=_("Rejected rows"))
        self._reasons = SideColumn()
        self._empty = EmptyState(icon="check")
        self._error = ErrorPanel()
        self._skeleton = Skeleton(rows=4)
        self._stack = Stack()
        super().__init__(Column(self._stack, gap=0))
        self._services = services
        self._dataset: DatasetInfo | None = None
        self._fill()

    def _fill(self) -> None:
        self._table.set_ranked_columns(
            [
                (TableColumn(key="file", title=_("File"), width=150), 1),
                (TableColumn(key="line", title=_("Line"), width=92, right=True), 0),
                (TableColumn(key="reason", title=_("Reason"), width=260, stretch=True), 0),
                (TableColumn(
                    key="excerpt", title=_("How it begins"), width=220, stretch=True, code=True,
                    muted=True,
                ), 2),
            ]
        )  # fmt: skip
        self._empty.set_content(
            _("No row was rejected"),
            _("Every row of the files was read and understood."),
        )
        head = Row(gap=16, margins=(12, 0, 12, 0))
        head.addWidget(self._title, 1)
        head.add(self._meta)
        middle = Column(head, gap=4, margins=(20, 16, 8, 8))
        middle.addWidget(self._table, 1)
        columns = Columns(Panel(middle), right=self._reasons, right_width=280, least=480)
        waiting = Panel(Column(self._skeleton, Stretch(), gap=0, margins=(32, 16, 32, 16)))
        error = Panel(Column(self._error, Stretch(), gap=0, margins=(32, 20, 32, 20)))
        for page in (waiting, columns, self._empty, error):
            self._stack.addWidget(page)

    def show_dataset(self, dataset: DatasetInfo) -> None:
        """Show the rejected rows of a dataset."""
        before, self._dataset = self._dataset, dataset
        if before is not None and before.id == dataset.id:
            return
        if not dataset.rejects:
            self._stack.setCurrentWidget(self._empty)
            return
        self._stack.setCurrentIndex(0)
        self._skeleton.start()
        self._services.tasks.run(
            lambda: self._services.api.datasets.rejects(dataset.id, limit=MOST_REJECTS),
            lambda outcome: self._take(dataset, outcome),
            owner=self,
            lane=Lane.READING,
        )

    def close_dataset(self) -> None:
        """Forget the dataset."""
        self._dataset = None

    def _take(self, dataset: DatasetInfo, outcome: Outcome[list[Reject]]) -> None:
        if self._dataset is None or self._dataset.id != dataset.id:
            return
        self._skeleton.stop()
        if outcome.error is not None:
            self._fail(outcome.error)
            return
        rejects = outcome.value
        self._title.set_text(reject_title(dataset))
        self._meta.set_text(reject_meta(dataset, len(rejects)))
        self._table.set_rows(
            [
                (one.file, one.line, Cell(text=one.reason, tooltip=one.reason),
                 Cell(text=one.excerpt, tooltip=one.excerpt))
                for one in reject_lines(rejects)
            ]
        )  # fmt: skip
        self._show_reasons(rejects)
        self._stack.setCurrentIndex(1)

    def _show_reasons(self, rejects: list[Reject]) -> None:
        self._reasons.clear()
        self._reasons.add_title(_("Reasons"))
        for count, sentence in reject_reasons(rejects):
            self._reasons.add(
                TextLabel(count, role="value", figures=True),
                TextLabel(sentence, role="small", colour="text2", wrap=True),
            )
        self._reasons.add_rule()
        self._reasons.add(
            TextLabel(
                _("Nothing of these rows is trained. Correct the file and import it again."),
                role="small",
                colour="text2",
                wrap=True,
            )
        )

    def _fail(self, error: EngineError) -> None:
        self._error.set_error(
            ErrorText(
                title=_("The rejected rows cannot be shown"),
                cause=error.message,
                remedy=error.remedy,
                code=error.code,
                details=error.detail,
            )
        )
        self._stack.setCurrentIndex(3)
