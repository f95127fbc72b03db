# SPDX-License-Identifier: Apache-2.0
"""Work off the window's thread: what it returns, or why it failed, comes back into it."""

from __future__ import annotations

import logging
import queue
import threading
import time
import weakref
from collections.abc import Callable
from enum import StrEnum
from typing import Any, Generic, TypeVar

import msgspec
import shiboken6
from PySide6.QtCore import QObject, Qt, Signal

from engine.errors import EngineError, unforeseen

T = TypeVar("T")
log = logging.getLogger("bridge")


class Outcome(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """What became of a piece of work: a value, or an error."""

    _value: T | None = None
    error: EngineError | None = None

    @property
    def value(self) -> T:
        """Return what the work returned.

        Raises:
            EngineError: The work failed.
        """
        if self.error is not None:
            raise self.error
        return self._value  # type: ignore[return-value]  # no error: the work returned it


class Lane(StrEnum):
    """Which worker thread does a piece of work; each does one after the other.

    `WORKSPACE` is for everything that touches jobs, datasets and models: one thread, so that two
    pieces of work never meet. `READING` is for what only reads files, and whose answer a page waits
    for. `LONG` is for what may take minutes and meets neither, so that nobody waits for it.
    """

    WORKSPACE = "workspace"
    READING = "reading"
    LONG = "long"


class _Piece(msgspec.Struct, kw_only=True):
    """Work that is under way, kept in the window's thread until its outcome is delivered."""

    work: Callable[[], Any]
    done: Callable[[Outcome[Any]], None]
    owner: weakref.ref[QObject]
    outcome: Outcome[Any] = msgspec.field(default_factory=Outcome[Any])


class _LaneThread:
    """A daemon thread with a queue of work."""

    def __init__(self, name: str) -> None:
        self._queue: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)

    def put(self, work: Callable[[], None]) -> None:
        """Queue work; the first starts the thread."""
        if self._thread.ident is None:
            self._thread.start()
        self._queue.put(work)

    def close(self, wait_s: float) -> None:
        """Finish what is queued, for at most so long."""
        if self._thread.ident is not None:
            self._queue.put(None)
            self._thread.join(wait_s)

    def _work(self) -> None:
        while (work := self._queue.get()) is not None:
            work()


class Tasks(QObject):
    """Runs work on a serial thread for each lane and brings the outcomes back.

    Attributes:
        closing: Set where the window closes; long work that may be ended heeds it.
    """

    _finished = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self._lanes = {lane: _LaneThread(f"burnish-{lane.value}") for lane in Lane}
        self._pieces: dict[int, _Piece] = {}
        self._count = 0
        self.closing = threading.Event()
        self._finished.connect(self._deliver, Qt.ConnectionType.QueuedConnection)

    @property
    def is_idle(self) -> bool:
        """Return whether every outcome has been delivered."""
        return not self._pieces

    def run(
        self,
        work: Callable[[], T],
        done: Callable[[Outcome[T]], None],
        *,
        owner: QObject,
        lane: Lane = Lane.WORKSPACE,
    ) -> None:
        """Do work on a lane and call `done` in the window's thread.

        Args:
            work: Takes nothing; what it returns becomes the outcome's value.
            done: Called with the outcome, unless the owner is gone by then.
            owner: The object that the result is for.
            lane: Which thread does it.
        """
        self._count += 1
        number = self._count
        self._pieces[number] = _Piece(work=work, done=done, owner=weakref.ref(owner))
        self._lanes[lane].put(lambda: self._do(number))

    def close(self, wait_s: float = 10.0) -> None:
        """Let what was asked for happen before the process ends, such as a run just started."""
        self.closing.set()
        until = time.monotonic() + wait_s
        for lane in self._lanes.values():
            lane.close(max(0.0, until - time.monotonic()))

    def _do(self, number: int) -> None:
        """Do a piece of work in its lane, and keep nothing of it there.

        What is called, and an error by its traceback, mostly hold a page: a lane that was the last
        to let go of it would destroy widgets outside of the thread that they live in.
        """
        self._pieces[number].outcome = _attempt(self._pieces[number].work)
        self._finished.emit(number)

    def _deliver(self, number: int) -> None:
        piece = self._pieces.pop(number)
        owner = piece.owner()
        if owner is not None and shiboken6.isValid(owner):
            piece.done(piece.outcome)


def _attempt(work: Callable[[], T]) -> Outcome[T]:
    try:
        return Outcome(_value=work())
    except EngineError as error:
        return Outcome(error=error)
    except Exception as error:
        log.info("a task failed unforeseen", exc_info=error)
        return Outcome(error=unforeseen(error))
