# SPDX-License-Identifier: Apache-2.0
"""Memorised text of the chosen run: not checked, being checked, or what the check told."""

from __future__ import annotations

from datetime import datetime
from gettext import gettext as _
from typing import TYPE_CHECKING

from engine.api.jobs import JobView
from engine.domain.run import JobState
from engine.errors import EngineError
from gui.actions.memorised import look_up_check, start_check
from gui.actions.runs import stop_job
from gui.bridge.job_feed import JobFeedSignal
from gui.bridge.services import Services
from gui.viewmodels.job import busy_view, unfinished_words
from gui.viewmodels.memorised import MemorisedView, column_titles, memorised_view
from gui.widgets.box import Column, Panel, Reflow, Row
from gui.widgets.buttons import Button
from gui.widgets.fitting_table import FittingTable
from gui.widgets.progress import Progress
from gui.widgets.table import Column as TableColumn
from gui.widgets.text import IconLabel, TextLabel
from gui.widgets.theme.theme import follow_theme, theme

if TYPE_CHECKING:
    from engine.api.memorisation import Checked

_RANKS = (0, 1, 3, 0, 2)
"""Which columns go first where it is narrow: the strictest count, then the base model."""


class MemorisedText(Panel):
    """What is known of memorised text of one run, and the button that finds out."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._run_id, self._job_id, self._told = "", "", ""
        self._feed: JobFeedSignal | None = None
        self._shown: MemorisedView | None = None
        self._sign = IconLabel("status-info", size=20)
        self._title = TextLabel("", elide=True)
        self._text = TextLabel("", role="small", colour="text2", wrap=True)
        self._check = Button(_("Check for memorised text"), icon="search")
        self._words = TextLabel("", role="small", figures=True, wrap=True)
        self._progress = Progress(name=_("Check for memorised text"))
        self._cancel = Button(_("Cancel"), size="small")
        self._table = FittingTable(name=_("Memorised text"))
        super().__init__(self._arrange())
        titles = zip(column_titles(), _RANKS, strict=True)
        self._table.set_ranked_columns(
            [
                (
                    TableColumn(
                        key=str(place),
                        title=title,
                        width=130 if place else 180,
                        right=bool(place),
                        stretch=not place,
                    ),
                    rank,
                )
                for place, (title, rank) in enumerate(titles)
            ]
        )
        self._check.clicked.connect(self._on_check)
        self._cancel.clicked.connect(self._on_cancel)
        follow_theme(self, self._follow)
        self._take(None)

    def _arrange(self) -> Column:
        title = Row(self._sign, gap=12)
        title.addWidget(self._title, 1)
        buttons = Row(self._check, gap=4)
        buttons.addStretch(0)
        head = Reflow(title, buttons, gap=16, stretches=(1, 0))
        self._known = Panel(Column(head, self._text, gap=6))
        running = Row(gap=12)
        running.addLayout(Column(self._words, self._progress, gap=6), 1)
        running.addWidget(self._cancel)
        self._asking = Panel(running)
        label = TextLabel(_("Memorised text"), role="label")
        return Column(label, self._known, self._asking, self._table, gap=8)

    def show_run(self, run_id: str) -> None:
        """Show what is known of a run; the same one again changes nothing."""
        if run_id != self._run_id:
            self._run_id, self._told = run_id, ""
            self._leave()
            self._take(None)
            self.look_again()

    def look_again(self) -> None:
        """Look up what is known now."""
        if self._run_id and not self._job_id:
            run_id = self._run_id

            def known(checked: Checked | None, busy: str) -> None:
                if run_id == self._run_id:
                    self._take(checked)
                    if busy and not self._job_id:
                        self._follow_job(busy)

            look_up_check(self._services, run_id=run_id, known=known)

    # ------------------------------------------------------------------ the check

    def _on_check(self) -> None:
        run_id = self._run_id

        def started(job_id: str) -> None:
            self._check.set_busy("")
            if job_id and run_id == self._run_id:
                self._follow_job(job_id)
                self._cancel.setFocus()

        self._told = ""
        self._check.set_busy(_("Starting…"))
        start_check(self._services, run_id=run_id, started=started)

    def _follow_job(self, job_id: str) -> None:
        self._job_id = job_id
        feed = self._services.feeds.follow(job_id, self)
        feed.changed.connect(self._on_changed)
        feed.over.connect(self._on_over)
        feed.failed.connect(self._on_failed)
        self._feed = feed
        self._on_changed()
        self._show()

    def _on_changed(self, *_news: object) -> None:
        if self._feed is not None:
            view = busy_view(self._feed.snapshot)
            self._words.set_text(view.words)
            self._progress.set_share(view.share)

    def _on_cancel(self) -> None:
        self._cancel.set_busy(_("Stopping…"))
        stop_job(self._services, job_id=self._job_id)

    def _on_over(self, job: JobView) -> None:
        had_focus = self._cancel.hasFocus()
        stopped = _("The check was stopped; nothing of it is kept.")
        is_done = job.state is JobState.FINISHED
        self._told = "" if is_done else unfinished_words(job, stopped=stopped)
        self._leave()
        self.look_again()
        if had_focus:
            self._check.setFocus()

    def _on_failed(self, error: EngineError) -> None:
        """Leave a check whose events cannot be read; the next one takes it away."""
        self._leave()
        self._services.notices.show_error(error, title=_("The check cannot be followed"))

    def _leave(self) -> None:
        """Follow no job any more."""
        if self._feed is not None:
            self._feed.stop()
        self._job_id, self._feed = "", None
        self._cancel.set_busy("")
        self._show()

    # ------------------------------------------------------------------ what is seen

    def _take(self, checked: Checked | None) -> None:
        view = memorised_view(checked, now=datetime.now().astimezone())
        if view != self._shown:
            self._shown = view
            self._table.set_rows(view.lines)
            self._follow()
        self._show()

    def _show(self) -> None:
        view = self._shown
        if view is None:
            return
        self._sign.set_icon(view.icon, view.colour)
        self._title.set_text(view.title)
        self._text.set_text(" ".join(one for one in (self._told, view.text) if one))
        self._check.set_text(view.button)
        self._known.setVisible(not self._job_id)
        self._asking.setVisible(bool(self._job_id))
        self._table.setVisible(not self._job_id and bool(view.lines))

    def _follow(self) -> None:
        lines = len(self._shown.lines) if self._shown is not None else 0
        self._table.setFixedHeight(theme().px(34 + 40 * lines) + 4)
