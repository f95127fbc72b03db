# SPDX-License-Identifier: Apache-2.0
"""One run: where it is, what it learns, and what can be done with it; live at ten hertz."""

from __future__ import annotations

from gettext import gettext as _
from typing import TYPE_CHECKING

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QStackedWidget, QWidget

from engine.api.jobs import JobView
from engine.domain.problem import Problem
from engine.domain.run import JobSnapshot, JobState
from engine.protocol.codec import Envelope
from gui.actions.chart_files import ask_to_save_chart
from gui.actions.continuing import continue_run, train_again
from gui.actions.queue import queue_run
from gui.actions.run_files import ask_to_save_run
from gui.actions.runs import end_run, pause_run, remove_run, resume_run, stop_run
from gui.bridge.job_feed import JobFeedSignal
from gui.bridge.services import Services
from gui.bridge.tasks import Lane, Outcome
from gui.pages.runs.charts import Charts
from gui.pages.runs.details import FilesTab, LogTab, Plain, SetupTab, StepTable, local_now
from gui.pages.runs.notes_tab import NotesTab
from gui.pages.runs.samples import Samples
from gui.viewmodels.job import FailureView, failure_view
from gui.viewmodels.run_notes import NoteView, note_view
from gui.viewmodels.run_setup import setup_parts
from gui.viewmodels.runs import (
    RunHead,
    file_rows,
    progress_view,
    prompt_views,
    run_head,
)
from gui.viewmodels.trace import RunTrace
from gui.widgets.banner import Banner
from gui.widgets.box import Column, Panel
from gui.widgets.buttons import Action, Button, MenuItem
from gui.widgets.error_panel import ErrorPanel, ErrorText
from gui.widgets.page import Header
from gui.widgets.progress import RunProgress
from gui.widgets.tabs import TabBar

if TYPE_CHECKING:
    from engine.api.runs import RunView as Run

DRAW_EVERY_MS = 100
PAST_EVERY_TICKS = 5
"""A past that is still being read is drawn less often, so that the window stays smooth."""
CLOCK_EVERY_MS = 1_000


class RunView(QWidget):
    """The page of one run.

    Signals:
        back_requested: A person wants the list.
    """

    back_requested = Signal()

    def __init__(self, services: Services) -> None:
        super().__init__()
        self._services = services
        self._run: Run | None = None
        self._run_id = ""
        self._feed: JobFeedSignal | None = None
        self._trace = RunTrace()
        self._blockers: list[Problem] | None = None
        self._is_watched = False
        self._is_dirty = False
        self._ticks = 0
        self._menu: list[MenuItem] = []
        self._output = ""
        self._shown_note: NoteView | None = None
        self._shown_failure: object = None
        self._make_widgets()
        self._arrange()
        self._make_timers()
        self._connect()

    # ------------------------------------------------------------------ arrangement

    def _make_widgets(self) -> None:
        self._header = Header("", back=_("Runs"))
        self._pause = Button(_("Pause"), icon="pause")
        self._stop = Button(_("Stop"), icon="stop")
        self._more = Button(_("More"), kind="ghost")
        self._resume = Button(_("Resume"), icon="play")
        self._export = Button(_("Export…"), kind="primary", icon="export")
        self._progress = RunProgress()
        self._error = ErrorPanel()
        self._charts = Charts()
        self._note = Banner()
        self._samples = Samples()
        self._table = StepTable()
        self._log = LogTab(self._read_output)
        self._setup = SetupTab()
        self._notes = NotesTab(self._services)
        self._files = FilesTab()
        self._tabs = TabBar(name=_("Views of the run"))
        self._stack = QStackedWidget()

    def _arrange(self) -> None:
        self._header.set_actions(self._more, self._pause, self._stop, self._resume, self._export)
        live = Plain(scroll=True)
        live.body.addWidget(self._error)
        live.body.addWidget(self._charts, 1)
        live.add(self._note, self._samples)
        tabs = (
            ("charts", _("Charts"), live),
            ("table", _("Table"), self._table),
            ("log", _("Log"), self._log),
            ("setup", _("Setup"), self._setup),
            ("notes", _("Notes"), self._notes),
            ("files", _("Files"), self._files),
        )
        self._tabs.set_tabs([(key, text) for key, text, _page in tabs])
        for _key, _text, page in tabs:
            self._stack.addWidget(page)
        progress = Panel(Column(self._progress, gap=0, margins=(32, 0, 32, 0)))
        whole = Column(self._header, progress, self._tabs, gap=0)
        whole.addWidget(self._stack, 1)
        self.setLayout(whole)
        buttons = (self._pause, self._stop, self._resume, self._export)
        for one in (self._error, self._note, *buttons):
            one.hide()

    def _make_timers(self) -> None:
        self._drawing = QTimer(self)
        self._drawing.setInterval(DRAW_EVERY_MS)
        self._drawing.timeout.connect(self._draw_if_dirty)
        self._clock = QTimer(self)
        self._clock.setInterval(CLOCK_EVERY_MS)
        self._clock.timeout.connect(self._show_progress)

    def _connect(self) -> None:
        services = self._services
        self._header.back_clicked.connect(self.back_requested)
        self._pause.clicked.connect(self._on_pause)
        self._stop.clicked.connect(self._on_stop)
        self._resume.clicked.connect(self._on_resume)
        self._export.clicked.connect(lambda: services.navigator.go("export", self._run_id))
        self._more.picked.connect(self._on_more)
        self._tabs.chosen.connect(self._on_tab)
        self._files.continue_requested.connect(self._on_checkpoint)
        self._charts.save_requested.connect(self._on_save_chart)
        self._note.action_triggered.connect(self._on_note_action)
        self._note.dismissed.connect(self._note.hide)
        self._error.action_triggered.connect(self._on_resume)
        services.library.runs_changed.connect(self._on_library)
        services.library.loaded.connect(self._on_library)

    # ------------------------------------------------------------------ which run

    def show_run(self, run_id: str) -> None:
        """Show a run from its first event on; the same run again changes nothing."""
        if run_id != self._run_id:
            self._run_id = run_id
            self._run = None
            self._tabs.set_value("charts")
            self._on_tab("charts")
            self._follow()
        self._on_library()

    def set_watched(self, is_watched: bool) -> None:
        """Draw what happens, or only take it in while nobody looks."""
        self._is_watched = is_watched
        if is_watched:
            self._drawing.start()
            self._clock.start()
            self.draw()
        else:
            self._drawing.stop()
            self._clock.stop()
            self._notes.save()

    def _follow(self) -> None:
        if self._feed is not None:
            self._feed.stop()
        self._trace = RunTrace()
        self._blockers = None
        self._output = ""
        self._shown_failure = None
        self._charts.clear()
        self._end_busy()
        feed = self._services.feeds.follow(self._run_id, self)
        feed.events.connect(self._on_events)
        feed.changed.connect(self._on_changed)
        feed.over.connect(self._on_over)
        feed.failed.connect(self._services.notices.show_error)
        self._feed = feed
        self._mark()

    # ------------------------------------------------------------------ what comes in

    def _on_events(self, envelopes: list[Envelope]) -> None:
        self.take_events(envelopes)

    def take_events(self, envelopes: list[Envelope]) -> None:
        """Take in what happened; it is drawn at the next tick."""
        changed_from = self._trace.take(envelopes)
        if changed_from is not None:
            self._charts.take(self._trace, changed_from)
        self._mark()

    def _on_changed(self, _snapshot: JobSnapshot, _state: JobState) -> None:
        self._mark()

    def _end_busy(self) -> None:
        for one in (self._pause, self._stop, self._resume):
            one.set_busy("")

    def _on_over(self, _job: object) -> None:
        self._end_busy()
        # It may have been resumed since: then the list knows it as live, and says nothing new.
        self._services.library.refresh(self._on_library)
        self._mark()

    def _on_library(self) -> None:
        run = self._services.library.run(self._run_id)
        if run is None:
            return
        was, self._run = self._run, run
        if run.state.is_over and (was is None or not was.state.is_over or was != run):
            self._read_blockers(run)
        if not run.state.is_over and self._feed is not None and self._feed.is_over:
            # It was resumed: read it again from the first event on.
            self._follow()
        self._mark()

    def _read_blockers(self, run: Run) -> None:
        api = self._services.api
        self._services.tasks.run(
            lambda: api.runs.resume_blockers(run), self._take_blockers, owner=self
        )

    def _take_blockers(self, outcome: Outcome[list[Problem]]) -> None:
        self._blockers = [] if outcome.error is not None else outcome.value
        self._mark()

    def _read_output(self) -> None:
        run_id, api = self._run_id, self._services.api
        self._services.tasks.run(
            lambda: api.jobs.log_tail(run_id), self._take_output, owner=self, lane=Lane.READING
        )

    def _take_output(self, outcome: Outcome[str]) -> None:
        error = outcome.error
        self._output = error.message if error is not None else outcome.value
        self._log.show_output(self._output)
        self._mark()

    # ------------------------------------------------------------------ drawing

    def _mark(self) -> None:
        self._is_dirty = True

    def _draw_if_dirty(self) -> None:
        self._ticks += 1
        is_behind = self._feed is not None and self._feed.is_behind
        if self._is_dirty and not (is_behind and self._ticks % PAST_EVERY_TICKS):
            self.draw()

    def draw(self) -> None:
        """Show the run as it is known now."""
        self._is_dirty = False
        run, job = self._run, self._job()
        if run is None or job is None:
            return
        self._show_head(run, job)
        self._show_progress()
        self._show_tab()

    def _job(self) -> JobView | None:
        """Return the run's job as newly as it is known: the list's until its past has been read."""
        feed, run = self._feed, self._run
        if run is None or feed is None:
            return None
        if (feed.snapshot.attempt and not feed.is_behind) or feed.is_over:
            cause = run.job.cause if feed.state is JobState.INTERRUPTED else None
            return JobView(
                info=run.job.info,
                snapshot=feed.snapshot,
                state=feed.state,
                cause=cause,
                is_silent=run.job.is_silent,
            )
        return run.job

    def _show_head(self, run: Run, job: JobView) -> None:
        head = run_head(run, job, self._blockers)
        chip = head.chip
        self._header.set_title(head.title)
        self._header.set_chip(chip.text, chip.kind, chip.icon, dot=chip.dot)
        self._header.set_meta(head.meta)
        self._pause.setHidden(not head.pause.is_offered)
        self._stop.setHidden(not head.stop.is_offered)
        self._resume.setHidden(not head.resume.is_offered or head.is_resume_in_panel)
        self._resume.set_reason(head.resume.reason)
        self._export.setHidden(not head.export.is_offered)
        self._export.set_reason(head.export.reason)
        menu = _more_items(head)
        if menu != self._menu:
            self._menu = menu
            self._more.set_menu(menu)

    def _show_progress(self) -> None:
        run, job = self._run, self._job()
        if run is None or job is None:
            return
        view = progress_view(job.snapshot, job.state, self._trace, run.recipe, now=local_now())
        self._progress.set_progress(view.step, view.total)
        self._progress.set_checkpoints(view.checkpoints)
        self._progress.set_words(view.left, view.right)
        self._progress.set_now(view.now)

    def _show_tab(self) -> None:
        run, job, tab = self._run, self._job(), self._tabs.value()
        if run is None or job is None:
            return
        if tab == "charts":
            self._show_charts(run, job)
        elif tab == "table":
            self._table.show_trace(self._trace)
        elif tab == "log":
            self._log.show_trace(self._trace)
        elif tab == "setup":
            self._setup.show_parts(setup_parts(run, self._trace))
        elif tab == "notes":
            self._notes.show_note(run.id, run.note)
        else:
            folder = self._services.api.layout.job(run.id).root
            self._files.show_files(file_rows(run, self._trace, now=local_now()), folder)

    def _show_charts(self, run: Run, job: JobView) -> None:
        self._charts.show_trace(self._trace, job.snapshot, job.state)
        self._samples.set_prompts(prompt_views(self._trace))
        note = note_view(self._trace, job.state, is_silent=job.is_silent)
        if note != self._shown_note:
            self._shown_note = note
            self._show_note(note)
        self._show_failure(run, job)

    def _show_note(self, note: NoteView | None) -> None:
        self._note.setHidden(note is None)
        if note is not None:
            self._note.set_kind(note.kind)
            self._note.set_content(note.strong, note.text, _note_actions(note))

    def _show_failure(self, run: Run, job: JobView) -> None:
        failure = failure_view(job, log_tail=self._output)
        self._error.setHidden(failure is None)
        self._charts.setHidden(failure is not None and not self._trace.steps)
        head = run_head(run, job, self._blockers)
        shown = (failure, head.resume, head.resume_text)
        if failure is None or shown == self._shown_failure:
            return
        self._shown_failure = shown
        self._error.set_error(_error_text(failure), (_resume_action(head),))
        if not self._output:
            self._read_output()

    # ------------------------------------------------------------------ what a person does

    def _on_tab(self, key: str) -> None:
        keys = ("charts", "table", "log", "setup", "notes", "files")
        self._stack.setCurrentIndex(keys.index(key))
        self._show_tab()

    def _on_save_chart(self, kind: str) -> None:
        if self._run is not None:
            ask_to_save_chart(
                self._services,
                parent=self,
                kind=kind,
                name=self._run.job.info.name,
                runs=(self._run.id,),
                picture=self._charts.picture,
            )

    def _on_pause(self) -> None:
        self._pause.set_busy(_("Pausing…"))
        pause_run(self._services, run_id=self._run_id)

    def _on_note_action(self, key: str) -> None:
        if key == "end":
            end_run(self._services, run_id=self._run_id)
        else:
            self._on_stop()

    def _on_stop(self, _key: object = None) -> None:
        self._stop.set_busy(_("Stopping…"))
        stop_run(self._services, run_id=self._run_id)

    def _on_resume(self, _key: object = None) -> None:
        self._resume.set_busy(_("Resuming…"))
        resume_run(self._services, run_id=self._run_id)

    def _on_more(self, key: str) -> None:
        if key == "queue":
            queue_run(self._services, run_id=self._run_id)
        elif key == "remove":
            remove_run(self._services, run_id=self._run_id)
        elif self._run is not None and key == "save":
            name = self._run.job.info.name
            ask_to_save_run(self._services, parent=self, run_id=self._run_id, name=name)
        elif self._run is not None and key == "continue":
            continue_run(self._services, run_id=self._run_id)
        elif self._run is not None:
            train_again(self._services, run=self._run)

    def _on_checkpoint(self, name: str) -> None:
        continue_run(self._services, run_id=self._run_id, checkpoint=name)


def _note_actions(note: NoteView) -> tuple[Action, ...]:
    if note.can_end:
        return (Action(key="end", text=_("End it now")),)
    return (Action(key="stop", text=_("Stop now")),) if note.can_stop else ()


def _resume_action(head: RunHead) -> Action:
    return Action(
        key="resume",
        text=head.resume_text,
        kind="primary",
        icon="play",
        enabled=not head.resume.reason,
        reason=head.resume.reason,
    )


def _more_items(head: RunHead) -> list[MenuItem]:
    return [
        MenuItem(
            key="continue",
            text=_("Continue training…"),
            icon="play",
            enabled=not head.go_on.reason,
            reason=head.go_on.reason,
        ),
        MenuItem(key="again", text=_("New run like this…"), icon="plus"),
        MenuItem(
            key="queue",
            text=_("Add to the queue"),
            icon="clock",
            enabled=not head.queue.reason,
            reason=head.queue.reason,
        ),
        MenuItem(
            key="save",
            text=_("Save the run as a file…"),
            icon="file",
            enabled=not head.save.reason,
            reason=head.save.reason,
        ),
        MenuItem(
            key="remove",
            text=_("Remove the run"),
            icon="close",
            danger=True,
            enabled=not head.remove.reason,
            reason=head.remove.reason,
        ),
    ]


def _error_text(failure: FailureView) -> ErrorText:
    return ErrorText(
        title=failure.title,
        cause=failure.cause,
        safe=failure.safe,
        remedy=failure.remedy,
        code=failure.code,
        details=failure.details,
    )
