# SPDX-License-Identifier: Apache-2.0
"""Imports that go on, with their progress, and imports that ended badly, with the reason."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from gettext import gettext as _

from msgspec.structs import asdict
from PySide6.QtCore import Signal

from engine.api.jobs import JobView
from engine.domain.run import JobSnapshot, JobState
from engine.errors import EngineError
from gui.actions.datasets import dismiss_import, edit_mapping, retry_import
from gui.actions.runs import stop_job
from gui.bridge.job_feed import JobFeedSignal
from gui.bridge.services import Services
from gui.viewmodels.datasets import (
    import_failure,
    import_progress,
    import_request,
    more_failures_words,
)
from gui.widgets.box import Column, Hairline, Panel, clear_layout
from gui.widgets.buttons import Action
from gui.widgets.card import Card
from gui.widgets.error_panel import ErrorPanel, ErrorText
from gui.widgets.rows import JobRow
from gui.widgets.text import TextLabel


class LiveImports(Panel):
    """The imports that go on.

    Signals:
        imported: Id of the dataset that an import made.
    """

    imported = Signal(str)

    def __init__(self, services: Services) -> None:
        self._rows = Column(gap=0)
        super().__init__(Column(Card(padding=12, gap=0).add(self._rows), gap=0))
        self._services = services
        self._feeds: dict[str, JobFeedSignal] = {}
        self._shown: dict[str, JobRow] = {}
        self._stopping: set[str] = set()
        self.hide()

    def set_jobs(self, jobs: Sequence[JobView]) -> None:
        """Follow these imports; those that are followed already go on."""
        for job in reversed(jobs):
            if job.info.id not in self._feeds:
                self._follow_job(job)

    @property
    def count(self) -> int:
        """Return how many imports go on."""
        return len(self._shown)

    def _follow_job(self, job: JobView) -> None:
        job_id = job.info.id
        row = JobRow(job_id, _("Importing {name}").format(name=import_request(job.info).words))
        row.cancel_requested.connect(self._cancel)
        if self._shown:
            self._rows.insertWidget(0, Hairline())
        self._rows.insertWidget(0, row)
        self._shown[job_id] = row
        self._show_progress(job_id, job.snapshot)
        feed = self._services.feeds.follow(job_id, self)
        feed.changed.connect(partial(self._show_progress, job_id))
        feed.over.connect(self._end)
        feed.failed.connect(partial(self._lose, job_id))
        self._feeds[job_id] = feed
        self.show()

    def _show_progress(
        self, job_id: str, snapshot: JobSnapshot, _state: JobState | None = None
    ) -> None:
        row = self._shown.get(job_id)
        if row is not None:
            shown = import_progress(snapshot, is_stopping=job_id in self._stopping)
            row.set_progress(shown.share, shown.words)

    def _cancel(self, job_id: str) -> None:
        self._stopping.add(job_id)
        self._show_progress(job_id, self._feeds[job_id].snapshot)
        stop_job(self._services, job_id=job_id)

    def _end(self, job: JobView) -> None:
        self._forget(job.info.id)
        several = job.snapshot.result.get("datasets", "").split(",")
        if job.state is JobState.FINISHED and len(several) > 1:
            self._services.notices.say(
                _("{count} datasets were imported.").format(count=len(several))
            )
            self._services.library.refresh()
            return
        if job.state is JobState.FINISHED:
            self.imported.emit(job.snapshot.result["dataset_id"])
            return
        if job.state is JobState.STOPPED:
            name = import_request(job.info).words
            self._services.notices.say(
                _("The import of {name} was cancelled. Nothing was kept.").format(name=name)
            )
        self._services.library.refresh()

    def _lose(self, job_id: str, error: EngineError) -> None:
        self._forget(job_id)
        self._services.notices.show_error(error)

    def _forget(self, job_id: str) -> None:
        del self._feeds[job_id]
        self._stopping.discard(job_id)
        del self._shown[job_id]
        kept = list(self._shown.values())
        for row in kept:
            self._rows.removeWidget(row)
        clear_layout(self._rows)
        for i, row in enumerate(reversed(kept)):
            self._rows.add(*((Hairline(), row) if i else (row,)))
        self.setHidden(not kept)


class FailedImports(Panel):
    """The newest import that ended badly, until it is dismissed or tried again."""

    def __init__(self, services: Services) -> None:
        self._panel = ErrorPanel()
        self._more = TextLabel("", role="small", colour="text2")
        super().__init__(Column(Card(padding=20).add(self._panel, self._more), gap=0))
        self._services = services
        self._job: JobView | None = None
        self._panel.action_triggered.connect(self._act)
        self.hide()

    def set_jobs(self, jobs: Sequence[JobView]) -> None:
        """Show the first of these; nothing moves where it is the same as before."""
        self._more.set_text(more_failures_words(len(jobs) - 1))
        self._more.setHidden(len(jobs) < 2)
        self.setHidden(not jobs)
        before, self._job = self._job, jobs[0] if jobs else None
        if self._job is not None and self._job != before:
            self._panel.set_error(
                ErrorText(**asdict(import_failure(self._job))),
                (
                    Action(key="retry", text=_("Try again"), icon="undo"),
                    Action(key="map", text=_("Map columns…")),
                    Action(key="dismiss", text=_("Dismiss"), kind="ghost"),
                ),
            )

    def _act(self, key: str) -> None:
        if self._job is None:
            return
        if key == "retry":
            retry_import(self._services, job=self._job)
        elif key == "map":
            edit_mapping(self._services, job=self._job)
        else:
            dismiss_import(self._services, job_id=self._job.info.id)
