# SPDX-License-Identifier: Apache-2.0
"""One export in place: live with its progress, finished with what was checked, or failed."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from gettext import gettext as _
from pathlib import Path

from msgspec.structs import asdict
from PySide6.QtCore import Qt, Signal

from engine.api.jobs import JobView
from engine.domain.run import JobInfo, JobSnapshot, JobState
from engine.errors import EngineError
from engine.protocol.codec import Envelope
from engine.protocol.events import ExportVerified
from gui.actions.exports import copy_path, open_folder
from gui.actions.runs import stop_job
from gui.bridge.job_feed import JobFeedSignal
from gui.bridge.services import Services
from gui.bridge.tasks import Lane, Outcome
from gui.pages.export.files import read_files
from gui.viewmodels.export import (
    DoneView,
    FileFact,
    LiveView,
    done_view,
    export_failure,
    live_view,
    stopped_words,
)
from gui.widgets.box import Column, Flow, Gap, Panel, Reflow, Row, Stretch, clear_layout
from gui.widgets.buttons import Action, Button
from gui.widgets.card import Card
from gui.widgets.error_panel import ErrorPanel, ErrorText
from gui.widgets.progress import Progress
from gui.widgets.rows import NameValue, SectionTitle
from gui.widgets.text import IconLabel, TextLabel, breakable


class ExportCard(Panel):
    """One export.

    Signals:
        again_requested: Id of the job whose values are wanted in the form again.
    """

    again_requested = Signal(str)

    def __init__(self, services: Services) -> None:
        self._live, self._done, self._error = _Live(), _Done(), ErrorPanel()
        self._stopped = TextLabel("", wrap=True)
        self._close = Button(_("Close"), kind="ghost", size="small")
        close = Row(self._close, gap=0)
        close.addStretch(0)
        ended = Row(IconLabel("status-info", size=20), gap=12)
        ended.add_text(self._stopped)
        self._ended = Panel(Reflow(ended, close, stretches=(1, 0)))
        parts = (self._live, self._done, self._error, self._ended)
        super().__init__(Column(Card(padding=20).add(*parts), gap=0))
        self._services = services
        self._parts = parts
        self._info: JobInfo | None = None
        self._feed: JobFeedSignal | None = None
        self._verified: ExportVerified | None = None
        self._target = ""
        self._is_stopping = False
        self._connect()
        self.hide()

    def _connect(self) -> None:
        self._live.cancel_requested.connect(self._cancel)
        self._done.open_requested.connect(self._open)
        self._done.copy_requested.connect(self._copy)
        self._done.closed.connect(self.clear)
        self._close.clicked.connect(self.clear)
        self._error.action_triggered.connect(self._after_failure)

    @property
    def job_id(self) -> str:
        """Return the id of the shown export, or ""."""
        return self._info.id if self._info is not None else ""

    def clear(self) -> None:
        """Show no export."""
        if self._feed is not None:
            self._feed.stop()
        self._feed, self._info, self._verified = None, None, None
        self._is_stopping = False
        self.hide()

    def show_job(self, job: JobView, target: str) -> None:
        """Follow an export from its first event on; the same one again changes nothing."""
        if job.info.id == self.job_id:
            return
        self.clear()
        self._info, self._target = job.info, target
        if not job.state.is_over:
            self._show_live(job.info.id, job.snapshot)
        feed = self._services.feeds.follow(job.info.id, self)
        feed.events.connect(self._take_events)
        feed.changed.connect(partial(self._on_changed, job.info.id))
        feed.over.connect(self._on_over)
        feed.failed.connect(self._lose)
        self._feed = feed

    # ------------------------------------------------------------------ what comes in

    def _take_events(self, envelopes: list[Envelope]) -> None:
        for one in envelopes:
            if isinstance(one.event, ExportVerified):
                self._verified = one.event

    def _on_changed(self, job_id: str, snapshot: JobSnapshot, state: JobState) -> None:
        if not state.is_over:
            self._show_live(job_id, snapshot)

    def _on_over(self, job: JobView) -> None:
        self._feed = None
        self._services.library.refresh()
        if job.state is JobState.FINISHED and self._verified is not None:
            self._show_done(None)
            self._read_sizes(self._verified)
        elif job.state is JobState.STOPPED:
            self._stopped.set_text(stopped_words(job.info))
            self._show_part(self._ended)
        else:
            self._read_log(job)

    def _lose(self, error: EngineError) -> None:
        self.clear()
        self._services.notices.show_error(error)

    def _read_sizes(self, verified: ExportVerified) -> None:
        folder, names = Path(verified.path), verified.files
        self._services.tasks.run(
            lambda: read_files(folder, names),
            partial(self._take_sizes, verified),
            owner=self,
            lane=Lane.READING,
        )

    def _take_sizes(self, verified: ExportVerified, outcome: Outcome[tuple[FileFact, ...]]) -> None:
        if verified is self._verified and outcome.error is None:
            self._show_done(outcome.value)

    def _read_log(self, job: JobView) -> None:
        api = self._services.api
        self._services.tasks.run(
            lambda: api.jobs.log_tail(job.info.id), partial(self._show_failure, job), owner=self,
            lane=Lane.READING,
        )  # fmt: skip

    # ------------------------------------------------------------------ what is shown

    def _show_part(self, shown: Panel | ErrorPanel) -> None:
        for part in self._parts:
            part.setHidden(part is not shown)
        self.show()

    def _show_live(self, job_id: str, snapshot: JobSnapshot) -> None:
        if self._info is None or job_id != self._info.id:
            return
        self._live.show_view(
            live_view(self._info, snapshot, target=self._target, is_stopping=self._is_stopping)
        )
        self._show_part(self._live)

    def _show_done(self, files: Sequence[FileFact] | None) -> None:
        if self._info is not None and self._verified is not None:
            view = done_view(self._info, self._verified, target=self._target, files=files)
            self._done.show_view(view)
            self._show_part(self._done)

    def _show_failure(self, job: JobView, outcome: Outcome[str]) -> None:
        tail = "" if outcome.error is not None else outcome.value
        view = export_failure(job, log_tail=tail)
        if view is None or job.info.id != self.job_id:
            return
        self._error.set_error(
            ErrorText(**asdict(view)),
            (
                Action(key="again", text=_("Try again…"), icon="undo"),
                Action(key="close", text=_("Close"), kind="ghost"),
            ),
        )
        self._show_part(self._error)

    # ------------------------------------------------------------------ what a person does

    def _cancel(self) -> None:
        if self._info is not None and self._feed is not None:
            self._is_stopping = True
            self._show_live(self._info.id, self._feed.snapshot)
            stop_job(self._services, job_id=self._info.id)

    def _open(self) -> None:
        if self._verified is not None:
            open_folder(self._services, path=Path(self._verified.path))

    def _copy(self) -> None:
        if self._verified is not None:
            copy_path(self._services, path=Path(self._verified.path))

    def _after_failure(self, key: str) -> None:
        job_id = self.job_id
        self.clear()
        if key == "again":
            self.again_requested.emit(job_id)


class _Live(Panel):
    """An export that goes on.

    Signals:
        cancel_requested: A person wants it to end.
    """

    cancel_requested = Signal()

    def __init__(self) -> None:
        self._title = TextLabel("", role="label", elide=True)
        self._words = TextLabel("", colour="text2", elide=True, figures=True)
        self._bar = Progress(name=_("Progress of the export"))
        self._cancel = Button(_("Cancel"), icon="stop")
        words = Column(self._title, self._words, gap=2)
        button = Row(self._cancel, gap=0)
        button.addStretch(0)
        head = Reflow(words, button, gap=16, stretches=(1, 0))
        super().__init__(Column(head, self._bar, gap=12))
        self._cancel.clicked.connect(self.cancel_requested)

    def show_view(self, view: LiveView) -> None:
        """Show how far it is."""
        self._title.set_text(view.title)
        self._words.set_text(view.words)
        self._bar.set_share(view.share)
        self._cancel.set_busy(view.cancel)


class _Done(Panel):
    """A finished export.

    Signals:
        open_requested: Show its folder.
        copy_requested: Copy its path.
        closed: Show it no more.
    """

    open_requested = Signal()
    copy_requested = Signal()
    closed = Signal()

    def __init__(self) -> None:
        self._title = TextLabel("", role="heading", wrap=True)
        self._verdict = TextLabel("", wrap=True)
        self._path = TextLabel("", role="code", colour="text2", wrap=True)
        self._missing = TextLabel("", colour="danger", wrap=True)
        self._open = Button(_("Open folder"), icon="folder")
        self._copy = Button(_("Copy path"), icon="copy")
        self._close = Button(_("Close"), kind="ghost")
        self._files_title = SectionTitle(_("Files"))
        self._facts, self._files = _Rows(), _Rows()
        self._shown: DoneView | None = None
        super().__init__(self._arrange())
        self._open.clicked.connect(self.open_requested)
        self._copy.clicked.connect(self.copy_requested)
        self._close.clicked.connect(self.closed)

    def _arrange(self) -> Column:
        head = Row(gap=12)
        sign = IconLabel("status-ok", role="success", size=22)
        head.addWidget(sign, 0, Qt.AlignmentFlag.AlignTop)
        head.add_text(Column(self._title, self._verdict, gap=2))
        checked = Panel(Column(SectionTitle(_("What was checked")), self._facts, Stretch(), gap=4))
        files = Panel(Column(self._files_title, self._files, Stretch(), gap=4))
        sides = Reflow(checked, files, gap=32, line_gap=16, stretches=(1, 1))
        buttons = Panel(Flow(self._open, self._copy, self._close))
        place = Column(self._path, self._missing, gap=2)
        return Column(head, place, buttons, Gap(4), sides, gap=10)

    def show_view(self, view: DoneView) -> None:
        """Show what there is; the same again moves nothing."""
        if view == self._shown:
            return
        self._shown = view
        self._title.set_text(view.title)
        self._verdict.set_text(view.verdict)
        self._path.set_text(breakable(view.path))
        self._missing.set_text(view.missing)
        self._missing.setHidden(not view.missing)
        self._open.set_reason(view.missing)
        self._files_title.set_meta(view.files_words)
        self._facts.show_rows(view.facts)
        self._files.show_rows(tuple((name, size, "") for name, size in view.files))


class _Rows(Panel):
    """Names and values; where only values are new, nothing moves."""

    def __init__(self) -> None:
        self._column = Column(gap=0)
        super().__init__(self._column)
        self._names: tuple[str, ...] = ()
        self._rows: tuple[NameValue, ...] = ()

    def show_rows(self, rows: tuple[tuple[str, str, str], ...]) -> None:
        """Show these rows, each a name, a value and a unit."""
        names = tuple(name for name, _value, _unit in rows)
        if names != self._names:
            clear_layout(self._column)
            self._names = names
            self._rows = tuple(NameValue(*row) for row in rows)
            self._column.add(*self._rows)
            return
        for shown, (_name, value, unit) in zip(self._rows, rows, strict=True):
            shown.set_value(value, unit)
