# SPDX-License-Identifier: Apache-2.0
"""Which rows are trained and which are held out, and how to part them anew."""

from __future__ import annotations

from gettext import gettext as _
from typing import TYPE_CHECKING

from engine.domain.dataset import DatasetInfo
from engine.domain.run import JobState
from engine.domain.split import SplitRule
from gui.actions.rows import undo_change
from gui.actions.split import freeze_eval, start_split
from gui.bridge.services import Services
from gui.bridge.tasks import Lane, Outcome
from gui.pages.datasets.columns import Columns
from gui.pages.datasets.job_line import JobLine
from gui.pages.datasets.split_form import SplitForm
from gui.viewmodels.dataset import split_findings, split_shares
from gui.viewmodels.job import failure_view
from gui.viewmodels.split import current_rule, freeze_view, split_sentences
from gui.widgets.box import Column, Gap, Panel, Stretch, clear_layout
from gui.widgets.choices import Switch
from gui.widgets.error_panel import ErrorPanel, ErrorText
from gui.widgets.page import Scroll, SideColumn
from gui.widgets.rows import BarRow, FindingRow, SectionTitle
from gui.widgets.text import TextLabel

if TYPE_CHECKING:
    from engine.api.jobs import JobView

_Known = tuple[str, list[str], list[str]]
"""Rule of the split, names of the fields of the rows, tags."""


class SplitTab(Panel):
    """The parts of a dataset, how large they are, why they are sound, and how to part it anew."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._dataset: DatasetInfo | None = None
        self._findings = Column(gap=0)
        self._freeze = Switch(
            name=_("Freeze the held-out rows"), on=_("Frozen"), off=_("Not frozen")
        )
        self._freeze_words = TextLabel("", role="small", colour="text2", wrap=True)
        self._form = SplitForm()
        self._job = JobLine(services, name=_("Progress of the split"))
        self._error = ErrorPanel()
        self._side = SideColumn()
        frozen = Column(
            SectionTitle(_("Freeze the held-out rows")), self._freeze, self._freeze_words, gap=8
        )
        middle = Column(
            SectionTitle(_("Which rows are for what")),
            self._findings,
            Gap(16),
            frozen,
            Gap(20),
            self._form,
            self._job,
            self._error,
            Stretch(),
            gap=0,
            margins=(32, 20, 24, 20),
        )
        columns = Columns(Scroll(Panel(middle)), right=self._side, right_width=304, least=440)
        super().__init__(Column(columns, gap=0))
        self._show(self._form)
        self._form.split_requested.connect(self._split)
        self._job.over.connect(self._on_over)
        self._freeze.clicked.connect(self._on_freeze)

    # ------------------------------------------------------------------ what is shown

    def show_dataset(self, dataset: DatasetInfo) -> None:
        """Show the split of a dataset."""
        if self._dataset is None or self._dataset.id != dataset.id:
            self._job.forget()
            self._show(self._form)
        self._dataset = dataset
        self._show_findings(dataset)
        frozen = freeze_view(dataset)
        self._freeze.setChecked(frozen.is_on)
        self._freeze.setEnabled(not frozen.reason)
        self._freeze.setToolTip(frozen.reason)
        self._freeze_words.set_text(frozen.reason or frozen.words)
        self._read(dataset)

    def _show_findings(self, dataset: DatasetInfo) -> None:
        clear_layout(self._findings)
        for one in split_findings(dataset):
            self._findings.add(
                FindingRow(
                    icon_kind=one.kind,
                    title=one.title,
                    text=one.text,
                    number=one.number,
                    unit=one.unit,
                )
            )

    def close_dataset(self) -> None:
        """Forget the dataset; a job that was begun goes on."""
        self._dataset = None
        self._job.forget()
        clear_layout(self._findings)
        self._side.clear()

    def _show(self, part: Panel | ErrorPanel) -> None:
        for one in (self._form, self._job):
            one.setHidden(one is not part)
        self._error.setHidden(True)

    def _read(self, dataset: DatasetInfo) -> None:
        api = self._services.api

        def read() -> _Known:
            """Read what the form and the side need to know."""
            rule = current_rule(api.versions.history(dataset.id), dataset.version)
            names = api.datasets.field_names(dataset.id)
            return rule, names, sorted(api.versions.tags(dataset.id))

        self._services.tasks.run(
            read, lambda outcome: self._take(dataset, outcome), owner=self, lane=Lane.READING
        )

    def _take(self, dataset: DatasetInfo, outcome: Outcome[_Known]) -> None:
        if self._dataset != dataset:
            return
        if outcome.error is not None:
            self._services.notices.show_error(outcome.error)
            return
        rule, names, tags = outcome.value
        self._form.show_dataset(dataset, names=names, tags=tags)
        self._side.clear()
        self._side.add_title(_("Shares"))
        for share in split_shares(dataset):
            self._side.add(Gap(4), BarRow(share.name, share.value, share.share))
        self._side.add_rule()
        self._side.add_title(_("How it is made"))
        for sentence in split_sentences(dataset, rule):
            self._side.add(TextLabel(sentence, colour="text2", wrap=True))

    # ------------------------------------------------------------------ what can be done

    def _on_freeze(self) -> None:
        if self._dataset is not None:
            on = self._freeze.isChecked()
            freeze_eval(self._services, dataset_id=self._dataset.id, on=on)

    def _split(self, rule: SplitRule) -> None:
        if self._dataset is not None:
            self._job.begin()
            self._show(self._job)
            dataset_id = self._dataset.id
            start_split(self._services, dataset_id=dataset_id, rule=rule, started=self._follow)

    def _follow(self, job_id: str) -> None:
        if self._dataset is None:
            return
        if job_id:
            self._job.follow(job_id)
        else:
            self._show(self._form)

    def _on_over(self, job: JobView) -> None:
        self._show(self._form)
        failed = failure_view(job)
        if failed is not None:
            self._error.set_error(
                ErrorText(
                    title=failed.title, cause=failed.cause, safe=failed.safe,
                    remedy=failed.remedy, code=failed.code, details=failed.details,
                ),
                (),
            )  # fmt: skip
            self._error.show()
            return
        if job.state is JobState.FINISHED:
            self._services.notices.say(
                _("The rows were split again."), undo_text=_("Undo"), undo=self._take_back
            )
            self._services.library.refresh()

    def _take_back(self) -> None:
        if self._dataset is not None:
            undo_change(self._services, dataset_id=self._dataset.id)
