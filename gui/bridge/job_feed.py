# SPDX-License-Identifier: Apache-2.0
"""Following jobs: a thread reads their event logs, at most ten times a second, and signals."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

import msgspec
import shiboken6
from PySide6.QtCore import QObject, Qt, Signal

from engine.domain.run import JobSnapshot, JobState
from engine.errors import EngineError, unforeseen
from gui.bridge.tasks import Outcome, Tasks

if TYPE_CHECKING:
    from engine.api.facade import Api
    from engine.api.jobs import JobView
    from engine.protocol.codec import Envelope

LOOK_EVERY_S = 0.1
_BATCH = 1_000
"""Events in one signal: the window stays smooth while it takes in a long log."""
_ON_THE_WAY = 1
"""Signals that wait for the window: it does other things between two, and never has the whole of a
log of a million events in memory."""
_PARTS_IN_A_TURN = 10
_NAP_S = 0.005
log = logging.getLogger("bridge")


class _Feed(Protocol):
    """What a reader of one job offers."""

    snapshot: JobSnapshot

    def poll(self, limit: int | None = None) -> list[Envelope]: ...

    def state(self) -> JobState: ...


class JobFeedSignal(QObject):
    """What happens in one job, in the window's thread.

    Attributes:
        is_behind: It still tells the past: the snapshot is not the newest state yet.

    Signals:
        events: New events in order, a list of Envelope. The first ones tell the whole past.
        changed: JobSnapshot and JobState after them.
        over: The JobView, once no worker is expected to write any more.
        failed: The EngineError that ended the reading.
    """

    events = Signal(list)
    changed = Signal(object, object)
    over = Signal(object)
    failed = Signal(object)

    def __init__(self, job_id: str, owner: QObject) -> None:
        super().__init__(owner)
        self.job_id = job_id
        self.snapshot = JobSnapshot()
        self.state = JobState.STARTING
        self.is_over = False
        self.is_behind = True
        self.stopped = threading.Event()

    @property
    def is_stopped(self) -> bool:
        """Return whether nobody listens any more."""
        return self.stopped.is_set()

    def stop(self) -> None:
        """End the following; no signal comes after this."""
        self.stopped.set()
        self.deleteLater()


class _Batch(msgspec.Struct, frozen=True, kw_only=True):
    """News of one job on their way into the window's thread."""

    number: int
    envelopes: list[Envelope] = msgspec.field(default_factory=list["Envelope"])
    snapshot: JobSnapshot
    state: JobState
    is_behind: bool = False
    error: EngineError | None = None


class _Following(msgspec.Struct, kw_only=True):
    """A reader and the event that ends it."""

    number: int
    open: Callable[[], _Feed]
    stopped: threading.Event
    feed: _Feed | None = None


class JobFeeds(QObject):
    """Follows any number of jobs on one thread."""

    _arrived = Signal(object)

    def __init__(self, api: Api, tasks: Tasks) -> None:
        super().__init__()
        self._api = api
        self._tasks = tasks
        self._signals: dict[int, JobFeedSignal] = {}
        self._followings: list[_Following] = []
        self._wake = threading.Condition()
        self._room = threading.Semaphore(_ON_THE_WAY)
        self._closed = False
        self._count = 0
        self._thread = threading.Thread(target=self._read, name="burnish-feeds", daemon=True)
        self._arrived.connect(self._deliver, Qt.ConnectionType.QueuedConnection)

    def follow(self, job_id: str, owner: QObject) -> JobFeedSignal:
        """Follow a job from its first event on, until it is over or the owner is gone."""
        # Of those that were stopped, or whose page is gone, nothing comes that would take them out.
        known = self._signals.items()
        self._signals = {number: one for number, one in known if shiboken6.isValid(one)}
        signal = JobFeedSignal(job_id, owner)
        self._count += 1
        self._signals[self._count] = signal
        stopped = signal.stopped
        signal.destroyed.connect(stopped.set)
        with self._wake:
            self._followings.append(
                _Following(
                    number=self._count, open=lambda: self._api.jobs.feed(job_id), stopped=stopped
                )
            )
            self._wake.notify()
        if self._thread.ident is None:
            self._thread.start()
        return signal

    def close(self) -> None:
        """End the thread."""
        with self._wake:
            self._closed = True
            self._wake.notify()
        if self._thread.ident is not None:
            self._thread.join(2.0)

    # ------------------------------------------------------------------ in the reading thread

    def _read(self) -> None:
        while not self._closed:
            began = time.monotonic()
            with self._wake:
                self._wake.wait_for(lambda: self._closed or bool(self._followings))
                now = list(self._followings)
            over = [one for one in now if one.stopped.is_set() or self._look(one)]
            with self._wake:
                self._followings = [one for one in self._followings if one not in over]
                rest = LOOK_EVERY_S - (time.monotonic() - began)
                self._wake.wait_for(lambda: self._closed, max(0.0, rest))

    def _look(self, one: _Following) -> bool:
        """Pass on what is new; return whether the job is over."""
        try:
            one.feed = one.feed or one.open()
            found = self._pass_past(one, one.feed)
            if found is None:
                return False
            state = one.feed.state()
            if state.is_over:
                # The closing event may have come between the poll and the look at the worker.
                found += one.feed.poll()
            self._pass_on(one, found, one.feed.snapshot, state)
            return state.is_over
        except EngineError as error:
            failure = error
        except Exception as error:
            log.info("a feed failed unforeseen", exc_info=error)
            failure = unforeseen(error)
        self._send(
            one,
            _Batch(
                number=one.number, snapshot=JobSnapshot(), state=JobState.STARTING, error=failure
            ),
        )
        return True

    def _pass_past(self, one: _Following, feed: _Feed) -> list[Envelope] | None:
        """Pass on what has gathered, a part at a time; return the last part, to go with the state.

        As long as there is more, the job is told to run: its end comes with its last event. After
        some parts the other jobs have their turn, and None is returned.
        """
        for _i in range(_PARTS_IN_A_TURN):
            found = feed.poll(_BATCH)
            if len(found) < _BATCH:
                return found
            self._pass_on(one, found, feed.snapshot, JobState.RUNNING, is_behind=True)
            time.sleep(_NAP_S)
        return None

    def _pass_on(
        self,
        one: _Following,
        found: list[Envelope],
        snapshot: JobSnapshot,
        state: JobState,
        *,
        is_behind: bool = False,
    ) -> None:
        batch = _Batch(
            number=one.number,
            envelopes=found,
            snapshot=snapshot,
            state=state,
            is_behind=is_behind,
        )
        self._send(one, batch)

    def _send(self, one: _Following, batch: _Batch) -> None:
        """Send a batch once the window has taken in those before it; not where nobody listens."""
        while not (one.stopped.is_set() or self._closed):
            if self._room.acquire(timeout=LOOK_EVERY_S):
                self._arrived.emit(batch)
                return

    # ------------------------------------------------------------------ in the window's thread

    def _deliver(self, batch: _Batch) -> None:
        self._room.release()
        signal = self._signals.get(batch.number)
        if signal is None or not shiboken6.isValid(signal) or signal.is_stopped:
            self._signals.pop(batch.number, None)
            return
        if batch.error is not None:
            self._signals.pop(batch.number)
            signal.failed.emit(batch.error)
            return
        is_news = bool(batch.envelopes) or batch.state is not signal.state
        signal.snapshot, signal.state = batch.snapshot, batch.state
        signal.is_behind = batch.is_behind
        if batch.envelopes:
            signal.events.emit(batch.envelopes)
        if is_news:
            signal.changed.emit(batch.snapshot, batch.state)
        if batch.state.is_over:
            self._signals.pop(batch.number)
            self._tell_over(signal)

    def _tell_over(self, signal: JobFeedSignal) -> None:
        job_id = signal.job_id

        def done(outcome: Outcome[JobView]) -> None:
            signal.is_over = True
            if outcome.error is not None:
                signal.failed.emit(outcome.error)
            elif not signal.is_stopped:
                signal.over.emit(outcome.value)

        self._tasks.run(lambda: self._api.jobs.get(job_id), done, owner=signal)
