# SPDX-License-Identifier: Apache-2.0
"""A job on a dataset while it goes on: what it is at, how far, and a way to stop it."""

from __future__ import annotations

from gettext import gettext as _
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal

from engine.domain.run import JobSnapshot, JobState
from gui.actions.runs import stop_job
from gui.bridge.services import Services
from gui.viewmodels.job import busy_view
from gui.widgets.box import Column, Flow, Panel
from gui.widgets.buttons import Button
from gui.widgets.progress import Progress
from gui.widgets.text import TextLabel

if TYPE_CHECKING:
    from engine.api.jobs import JobView


class JobLine(Panel):
    """Follows one job at a time.

    Args:
        services: Of the window.
        name: What the progress is of.

    Signals:
        over: The JobView of the job that is followed, when it has ended.
    """

    over = Signal(object)

    def __init__(self, services: Services, *, name: str) -> None:
        self._services = services
        self._job_id = ""
        self._words = TextLabel("", colour="text2", wrap=True, figures=True)
        self._progress = Progress(name=name)
        self._stop = Button(_("Stop"))
        super().__init__(Column(self._words, self._progress, Flow(self._stop), gap=12))
        self._stop.clicked.connect(self._end)

    def begin(self) -> None:
        """Show that a job is being started."""
        self._job_id = ""
        self._words.set_text(_("Starting"))
        self._progress.set_share(None)

    def follow(self, job_id: str) -> None:
        """Follow a job that was started."""
        self._job_id = job_id
        feed = self._services.feeds.follow(job_id, self)
        feed.changed.connect(self._show)
        feed.over.connect(self._on_over)

    def forget(self) -> None:
        """Follow no job any more; it goes on."""
        self._job_id = ""

    def _show(self, snapshot: JobSnapshot, _state: JobState) -> None:
        view = busy_view(snapshot)
        self._words.set_text(view.words)
        self._progress.set_share(view.share)

    def _end(self) -> None:
        if self._job_id:
            stop_job(self._services, job_id=self._job_id)

    def _on_over(self, job: JobView) -> None:
        if job.info.id == self._job_id:
            self._job_id = ""
            self.over.emit(job)
