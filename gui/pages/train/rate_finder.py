# SPDX-License-Identifier: Apache-2.0
"""Find a rate: a short trial beside the learning rate, with progress, a chart and a suggestion."""

from __future__ import annotations

from gettext import gettext as _
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal

from engine.api.jobs import JobView
from engine.domain.rate_sweep import SWEEP_STEPS, RateSweep
from engine.domain.run import JobState
from engine.errors import EngineError
from gui.actions.chart_files import ask_to_save_chart
from gui.actions.rates import drop_trial, start_trial, take_trial
from gui.actions.runs import stop_job
from gui.bridge.job_feed import JobFeedSignal
from gui.bridge.services import Services
from gui.viewmodels import numbers
from gui.viewmodels.job import unfinished_words
from gui.viewmodels.rate import (
    FoundView,
    explanation,
    found_view,
    trial_csv,
    trial_view,
    try_words,
)
from gui.widgets.box import Column, Panel, Row, Stretch
from gui.widgets.buttons import Button
from gui.widgets.progress import Progress
from gui.widgets.text import TextLabel

if TYPE_CHECKING:
    from gui.pages.train.planner import Planned
    from gui.widgets.charts.line_chart import LineChart


class RateFinder(Panel):
    """The button, then how far the trial is, then what it tells.

    Signals:
        rate_taken: A person takes the suggested rate.
    """

    rate_taken = Signal(float)

    def __init__(self, services: Services) -> None:
        self._services = services
        self._planned: Planned | None = None
        self._job_id = ""
        self._feed: JobFeedSignal | None = None
        self._found: FoundView | None = None
        self._chart: LineChart | None = None
        self._find = Button(_("Find a rate…"), icon="search", size="small")
        self._what = TextLabel(explanation(), role="small", colour="text2", wrap=True)
        self._progress = Progress(name=_("Trial of learning rates"))
        self._words = TextLabel("", role="small", figures=True, wrap=True)
        self._cancel = Button(_("Cancel"), size="small")
        self._title = TextLabel("", role="section")
        self._text = TextLabel("", role="small", colour="text2", wrap=True)
        self._at = TextLabel("", role="small", colour="text2", figures=True)
        self._use = Button(_("Use this rate"), size="small")
        self._close = Button(_("Close"), kind="ghost", size="small")
        self._chart_room = Column(gap=4)
        idle = Row(self._find, gap=12)
        idle.addWidget(self._what, 1)
        self._idle = Panel(idle)
        running = Row(gap=12)
        running.addLayout(Column(self._words, self._progress, gap=6), 1)
        running.addWidget(self._cancel)
        self._running = Panel(running)
        self._result = Panel(
            Column(
                self._title,
                self._text,
                Row(self._use, self._close, self._at, Stretch(), gap=8),
                self._chart_room,
                gap=6,
            )
        )
        super().__init__(Column(self._idle, self._running, self._result, margins=(0, 10, 0, 10)))
        self._connect()
        self._show()

    def _connect(self) -> None:
        self._find.clicked.connect(self._on_find)
        self._cancel.clicked.connect(self._on_cancel)
        self._use.clicked.connect(self._on_use)
        self._close.clicked.connect(self._on_close)

    def show_planned(self, planned: Planned | None, reason: str) -> None:
        """Take the draft as it is planned now; a reason says why nothing can be tried."""
        self._planned = planned
        waiting = _("The plan is being worked out.") if planned is None else ""
        self._find.set_reason(reason or waiting)

    # ------------------------------------------------------------------ the trial

    def _on_find(self) -> None:
        if self._planned is None:
            return
        self._find.set_busy(_("Starting…"))
        start_trial(
            self._services,
            recipe=self._planned.recipe,
            beginning=self._planned.draft.beginning,
            started=self._on_started,
        )

    def _on_started(self, job_id: str) -> None:
        self._find.set_busy("")
        if not job_id:
            return
        self._job_id = job_id
        self._found = None
        feed = self._services.feeds.follow(job_id, self)
        feed.changed.connect(self._on_changed)
        feed.over.connect(self._on_over)
        feed.failed.connect(self._on_failed)
        self._feed = feed
        self._on_changed()
        self._show()
        self._cancel.setFocus()

    def _on_changed(self, *_news: object) -> None:
        if self._feed is not None:
            view = trial_view(self._feed.snapshot)
            self._words.set_text(view.words)
            self._progress.set_share(view.share)

    def _on_cancel(self) -> None:
        self._cancel.set_busy(_("Stopping…"))
        stop_job(self._services, job_id=self._job_id)

    def _on_over(self, job: JobView) -> None:
        if job.state is JobState.FINISHED:
            take_trial(self._services, job_id=job.info.id, taken=self._on_taken)
            return
        self._end()
        stopped = _("The trial was stopped; nothing of it is kept.")
        self._what.set_text(unfinished_words(job, stopped=stopped))
        drop_trial(self._services, job_id=job.info.id)

    def _on_failed(self, error: EngineError) -> None:
        """Leave a trial whose events cannot be read; the next one takes it away."""
        self._end()
        self._services.notices.show_error(error, title=_("The trial cannot be followed"))

    def _on_taken(self, found: RateSweep | None) -> None:
        self._end()
        if found is not None:
            self._found = found_view(found)
            self._show_found(self._found)
        self._show()

    def _end(self) -> None:
        self._job_id, self._feed = "", None
        self._cancel.set_busy("")
        self._what.set_text(explanation())
        self._show()

    # ------------------------------------------------------------------ what it tells

    def _show(self) -> None:
        self._idle.setVisible(not self._job_id and self._found is None)
        self._running.setVisible(bool(self._job_id))
        self._result.setVisible(not self._job_id and self._found is not None)

    def _show_found(self, view: FoundView) -> None:
        self._title.set_text(view.title)
        self._text.set_text(view.text)
        self._use.setHidden(view.rate is None)
        chart = self._chart or self._make_chart()
        chart.set_points(view.tries, view.smoothed)
        chart.set_held_out(view.tries, view.changes)
        chart.clear_best()
        if view.rate is not None and view.best:
            label = numbers.learning_rate(view.rate)
            chart.set_best(view.best, view.smoothed[view.best - 1], label, view.sub)
        self._at.set_text("")
        (self._close if view.rate is None else self._use).setFocus()

    def _make_chart(self) -> LineChart:
        from gui.widgets.charts.line_chart import LineChart

        chart = LineChart(
            title=_("Change of loss"),
            x_name=_("Try"),
            y_name=numbers.loss_unit(),
            is_smoothed=False,
            is_of_run=False,
        )
        chart.set_names(_("smooth"), _("tries"))
        chart.set_total(SWEEP_STEPS + 1)
        chart.set_to_come_text(_("not tried"))
        chart.set_empty_text(_("The loss exploded at the first rate"))
        chart.step_hovered.connect(self._on_hovered)
        chart.save_requested.connect(self._on_save)
        self._chart_room.addWidget(chart)
        self._chart = chart
        return chart

    def _on_hovered(self, step: int) -> None:
        if self._found is not None:
            self._at.set_text(try_words(self._found, step))

    def _on_save(self, kind: str) -> None:
        view, chart = self._found, self._chart
        if view is not None and chart is not None:
            ask_to_save_chart(
                self._services,
                parent=self,
                kind=kind,
                name="learning-rate",
                picture=chart.picture,
                numbers=lambda: trial_csv(view),
            )

    def _on_use(self) -> None:
        if self._found is not None and self._found.rate is not None:
            self.rate_taken.emit(self._found.rate)
        self._on_close()

    def _on_close(self) -> None:
        self._found = None
        self._show()
        self._find.setFocus()
