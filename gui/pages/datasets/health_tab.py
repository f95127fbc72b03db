# SPDX-License-Identifier: Apache-2.0
"""What the checks found in the rows, and the repairs that can be taken back."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from gettext import gettext as _
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal

from engine.domain.dataset import DatasetInfo
from engine.domain.run import JobState
from gui.actions.health import start_check, start_fix
from gui.actions.rows import undo_change
from gui.bridge.services import Services
from gui.bridge.tasks import Lane, Outcome
from gui.pages.datasets.columns import Columns
from gui.pages.datasets.job_line import JobLine
from gui.viewmodels.health import (
    REPAIR,
    HealthLine,
    HealthView,
    health_view,
    repaired_words,
)
from gui.viewmodels.job import failure_view
from gui.widgets.box import Column, Flow, Panel, Stretch, clear_layout
from gui.widgets.buttons import Action, Button
from gui.widgets.empty import EmptyState, Skeleton
from gui.widgets.error_panel import ErrorPanel, ErrorText
from gui.widgets.page import Scroll, SideColumn, Stack
from gui.widgets.rows import BarRow, FindingRow, SectionTitle
from gui.widgets.text import TextLabel

if TYPE_CHECKING:
    from engine.api.jobs import JobView
    from engine.api.reports import Report

_Found = tuple["Report | None", "HealthView | None", list[str]]


class HealthTab(Panel):
    """The report of the current version, or the way to one.

    Signals:
        show_requested: Id of a check whose rows are to be shown.
    """

    show_requested = Signal(str)

    def __init__(self, services: Services) -> None:
        self._services = services
        self._dataset: DatasetInfo | None = None
        self._is_busy = False
        self._is_fix = False
        self._lines = Column(gap=0)
        self._title = SectionTitle("")
        self._side = SideColumn()
        # The same below the findings, where there is no room beside them.
        self._below = SideColumn()
        self._below.set_unrolled(True)
        self._empty = EmptyState(icon="status-info")
        self._error = ErrorPanel()
        self._skeleton = Skeleton(rows=6)
        self._job = JobLine(services, name=_("Progress of the check"))
        self._safe = Button(_("Repair all that is safe"), icon="check")
        self._again = Button(_("Check again"), kind="ghost")
        self._undo = Button(_("Undo the last change"), kind="ghost", icon="undo")
        self._stack = Stack()
        super().__init__(Column(self._stack, gap=0))
        self._fill()
        self._connect()

    def _fill(self) -> None:
        self._empty.set_content(
            _("These rows were not checked yet"),
            _(
                "The check looks for copies, personal data, broken turns and garbled text in every "
                "row. It changes nothing."
            ),
            Action(key="check", text=_("Check the rows"), kind="primary"),
        )
        running = Column(gap=12, margins=(32, 20, 32, 20))
        running.add(self._job, Stretch())
        buttons = Flow(self._safe, self._again, self._undo)
        middle = Column(
            self._title, self._lines, self._below, Stretch(), gap=0, margins=(32, 12, 24, 20)
        )
        whole = Column(gap=0)
        head = Panel(Column(buttons, gap=0, margins=(32, 16, 32, 0)))
        whole.add(head)
        columns = Columns(Scroll(Panel(middle)), right=self._side, right_width=304, least=440)
        columns.folded.connect(self._below.setVisible)
        self._below.setVisible(columns.is_folded)
        whole.addWidget(columns, 1)
        error = Column(self._error, Stretch(), gap=0, margins=(32, 20, 32, 20))
        waiting = Panel(Column(self._skeleton, Stretch(), gap=0, margins=(32, 16, 32, 16)))
        for page in (self._empty, Panel(running), Panel(whole), Panel(error), waiting):
            self._stack.addWidget(page)

    def _connect(self) -> None:
        self._empty.action_triggered.connect(self._check)
        self._again.clicked.connect(self._check)
        self._safe.clicked.connect(lambda: self._repair(()))
        self._undo.clicked.connect(self._take_back)
        self._job.over.connect(self._end_of_job)
        self._error.action_triggered.connect(self._check)

    # ------------------------------------------------------------------ what is shown

    def show_dataset(self, dataset: DatasetInfo) -> None:
        """Show the report of the current version of a dataset."""
        before, self._dataset = self._dataset, dataset
        if before is None or before.id != dataset.id:
            self._rest()
            self._skeleton.start()
            self._stack.setCurrentIndex(4)
        if not self._is_busy:
            self._load(dataset)

    def close_dataset(self) -> None:
        """Forget the dataset; a job that was begun goes on."""
        self._dataset = None
        self._rest()

    def _rest(self) -> None:
        self._job.forget()
        self._is_busy = False

    def _load(self, dataset: DatasetInfo) -> None:
        api = self._services.api

        def read() -> _Found:
            """Read the report and what follows from it."""
            from engine.api.advice import advice

            report = api.reports.get(dataset.id)
            if report is None:
                return None, None, []
            now = datetime.now().astimezone()
            shown = health_view(report, api.reports.checks(), api.reports.fix_of, now=now)
            return report, shown, advice(dataset, report)

        self._services.tasks.run(
            read, lambda outcome: self._take(dataset, outcome), owner=self, lane=Lane.READING
        )

    def _take(self, dataset: DatasetInfo, outcome: Outcome[_Found]) -> None:
        if self._dataset is None or self._dataset.id != dataset.id or self._is_busy:
            return
        self._skeleton.stop()
        if outcome.error is not None:
            error = outcome.error
            title = _("The report cannot be shown")
            self._fail(
                ErrorText(
                    title=title, cause=error.message, remedy=error.remedy, code=error.code,
                    details=error.detail,
                )
            )  # fmt: skip
            return
        _report, shown, lines = outcome.value
        if shown is None:
            self._stack.setCurrentIndex(0)
            return
        self._show(shown, lines, dataset)

    def _show(self, shown: HealthView, lines: list[str], dataset: DatasetInfo) -> None:
        self._title.set_text(shown.title)
        self._title.set_meta(shown.meta)
        self._safe.set_reason(shown.safe_reason)
        is_import = dataset.version == 1
        self._undo.set_reason(_("This is the dataset as it was imported.") if is_import else "")
        clear_layout(self._lines)
        for line in shown.lines:
            self._lines.add(self._row(line))
        for side in (self._side, self._below):
            _fill_side(side, shown, lines)
        self._stack.setCurrentIndex(2)

    def _row(self, line: HealthLine) -> FindingRow:
        row = FindingRow(
            icon_kind=line.kind,
            title=line.title,
            text=line.text,
            number=line.number,
            unit=line.unit,
            links=line.links,
        )
        row.setToolTip("\n\n".join(one for one in (line.text, line.hint) if one))
        row.link_clicked.connect(partial(self._on_link, line.check))
        return row

    def _on_link(self, check: str, key: str) -> None:
        if key == REPAIR:
            self._repair((check,))
        else:
            self.show_requested.emit(check)

    def _fail(self, error: ErrorText) -> None:
        again = Action(key="check", text=_("Check again"))
        self._error.set_error(error, (again,))
        self._stack.setCurrentIndex(3)

    # ------------------------------------------------------------------ what can be done

    def _check(self, _key: object = None) -> None:
        if self._dataset is not None and not self._is_busy:
            self._begin(is_fix=False)
            start_check(self._services, dataset_id=self._dataset.id, started=self._follow)

    def _repair(self, checks: tuple[str, ...]) -> None:
        if self._dataset is not None and not self._is_busy:
            self._begin(is_fix=True)
            dataset_id = self._dataset.id
            start_fix(self._services, dataset_id=dataset_id, checks=checks, started=self._follow)

    def _begin(self, *, is_fix: bool) -> None:
        self._is_busy, self._is_fix = True, is_fix
        self._job.begin()
        self._stack.setCurrentIndex(1)

    def _follow(self, job_id: str) -> None:
        if self._dataset is None:
            return
        if not job_id:
            self._rest()
            self._load(self._dataset)
            return
        self._job.follow(job_id)

    def _end_of_job(self, job: JobView) -> None:
        if self._dataset is None:
            return
        self._rest()
        failed = failure_view(job)
        if failed is not None:
            self._fail(
                ErrorText(
                    title=failed.title, cause=failed.cause, safe=failed.safe,
                    remedy=failed.remedy, code=failed.code, details=failed.details,
                )
            )  # fmt: skip
            return
        if self._is_fix and job.state is JobState.FINISHED:
            self._tell_repaired(job)
            self._services.library.refresh(self._check)
            return
        self._load(self._dataset)

    def _tell_repaired(self, job: JobView) -> None:
        result = job.snapshot.result
        words = repaired_words(int(result["edited"]), int(result["removed"]))
        self._services.notices.say(words, undo_text=_("Undo"), undo=self._take_back)

    def _take_back(self) -> None:
        if self._dataset is not None:
            undo_change(self._services, dataset_id=self._dataset.id)


def _fill_side(side: SideColumn, shown: HealthView, lines: list[str]) -> None:
    """Say what to do first, and how many rows are in which language."""
    side.clear()
    side.add_title(_("What to do first"))
    for sentence in lines or [_("Nothing comes to mind. Look at what will be trained.")]:
        side.add(TextLabel(sentence, colour="text2", wrap=True))
    if shown.languages:
        side.add_rule().add_title(_("Rows by language"))
        side.add(*(BarRow(one.name, one.value, one.share) for one in shown.languages))
