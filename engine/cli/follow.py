# SPDX-License-Identifier: Apache-2.0
"""Following a job on the terminal: a progress bar on standard error, the outcome as a value."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from gettext import gettext as _

from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.text import Text

from engine.api.jobs import JobView
from engine.cli.session import Session
from engine.domain.phase import Phase, phase_title
from engine.domain.run import JobSnapshot, JobState
from engine.errors import Cancelled, EngineError, WorkerDied, error_from
from engine.protocol.codec import Envelope
from engine.protocol.events import Event, Warned

_LOOK_EVERY_S = 0.1
_AT_ONCE = 10_000
"""Events in memory at a time: following a log of a million needs no more room than a short one."""


class TimeLeftColumn(ProgressColumn):
    """The worker's own estimate of the time that is left."""

    def render(self, task: object) -> Text:
        """Return the text of one bar."""
        eta_s = getattr(task, "fields", {}).get("eta_s")
        if eta_s is None:
            return Text("")
        return Text(_("{time} left").format(time=duration(eta_s)))


def duration(seconds: float) -> str:
    """Return a time as people say it: `42 s`, `3 min 5 s`, `2 h 10 min`."""
    whole = round(seconds)
    if whole < 60:
        return _("{s} s").format(s=whole)
    if whole < 3600:
        return _("{m} min {s} s").format(m=whole // 60, s=whole % 60)
    return _("{h} h {m} min").format(h=whole // 3600, m=whole % 3600 // 60)


def follow(
    session: Session,
    job_id: str,
    *,
    title: str,
    on_event: Callable[[Event], None] | None = None,
    detach: bool = False,
) -> JobView:
    """Follow a job to its end and return it.

    Args:
        session: Where the workspace and the terminal are.
        job_id: What to follow.
        title: Word before the bar.
        on_event: Called with each event.
        detach: Ctrl-C leaves the job running and returns its state; else it asks it to stop.

    Raises:
        EngineError: The job failed; it is the job's own error.
        WorkerDied: The worker ended without a word.
        Cancelled: Ctrl-C stopped it.
    """
    try:
        _watch(session, job_id, title, on_event)
    except KeyboardInterrupt:
        if detach:
            return session.api.jobs.get(job_id)
        session.api.jobs.stop(job_id)
        _watch(session, job_id, _("Stopping"), on_event)
    view = session.api.jobs.get(job_id)
    _raise_failure(session, view)
    if view.state is JobState.STOPPED and not detach:
        raise Cancelled(_("It was stopped. Nothing that existed before has changed."))
    return view


def _watch(
    session: Session, job_id: str, title: str, on_event: Callable[[Event], None] | None
) -> None:
    feed = session.api.jobs.feed(job_id)
    with _bars(session) as bars:
        task = bars.add_task(title, total=None, words="", eta_s=None)
        while True:
            # The state is asked before the poll, so that the last poll misses no event.
            is_over = feed.state().is_over
            while found := feed.poll(_AT_ONCE):
                _tell(bars, found, on_event)
                _show(bars, task, feed.snapshot)
            _show(bars, task, feed.snapshot)
            if is_over:
                return
            time.sleep(_LOOK_EVERY_S)


def _tell(
    bars: Progress, found: Sequence[Envelope], on_event: Callable[[Event], None] | None
) -> None:
    for envelope in found:
        if isinstance(envelope.event, Warned):
            bars.console.print(f"! {envelope.event.message}", markup=False)
        if on_event and envelope.event:
            on_event(envelope.event)


def _bars(session: Session) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TimeLeftColumn(),
        TextColumn("{task.fields[words]}"),
        console=session.progress,
        transient=True,
        disable=not session.progress.is_terminal,
    )


def _show(bars: Progress, task: TaskID, snapshot: JobSnapshot) -> None:
    words = phase_title(snapshot.phase)
    is_stepping = snapshot.phase in (Phase.TRAINING, Phase.TRYING_RATES)
    if is_stepping and snapshot.loss is not None:
        words = _("step {step} of {total}, loss {loss}").format(
            step=snapshot.step, total=snapshot.total_steps, loss=f"{snapshot.loss:.3f}"
        )
        done, total = snapshot.step, snapshot.total_steps
    else:
        done, total = snapshot.done, snapshot.total
    bars.update(task, completed=done, total=total or None, words=words, eta_s=snapshot.eta_s)


def _raise_failure(session: Session, view: JobView) -> None:
    if view.state is JobState.FAILED and view.snapshot.failure is not None:
        failure = view.snapshot.failure
        error: EngineError = error_from(
            failure.code, failure.message, failure.remedy, failure.detail
        )
        raise error
    if view.state is JobState.INTERRUPTED:
        output = session.api.jobs.log_tail(view.info.id, 4096)
        if view.cause is None:
            raise WorkerDied(
                _("The worker process ended without saying why. Finished checkpoints are safe."),
                detail=output,
            )
        cause = view.cause
        detail = f"{cause.detail}\n\n{output}".strip()
        raise error_from(cause.code, cause.message, cause.remedy, detail)
