# SPDX-License-Identifier: Apache-2.0
"""A process that computes together with the worker of a job, and ends when that ends."""

from __future__ import annotations

import logging
import os
import queue
import signal
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from engine.domain.run import JobInfo
from engine.errors import ProcessLost
from engine.launcher.lines import Line, line_over
from engine.launcher.offline import OfflineGuard
from engine.methods.registry import METHODS
from engine.protocol.job import PeerContext, PeerEntry
from engine.store.documents import read_document
from engine.store.layout import JobFolder
from engine.worker.entries import resolved
from engine.worker.surroundings import let_compile, prepare

EXIT_DONE, EXIT_FAILED = 0, 1
_IN, _OUT, _ERRORS = 0, 1, 2
log = logging.getLogger("worker")


def run_peer(job: Path, rank: int) -> int:
    """Compute for the worker that started this process, until it says that the job is over.

    Args:
        job: Folder of the job.
        rank: Number of this process, from 1.
    """
    return assist(job, rank, _standard_line())


def assist(job: Path, rank: int, line: Line) -> int:
    """Compute for the worker at the other end of a line, until it says that the job is over."""
    prepare(job)
    OfflineGuard()
    _leave_signals_to_the_worker()
    folder = JobFolder(job)
    info = read_document(folder.info, JobInfo)
    context = PeerContext(
        workspace=job.parent.parent,
        folder=job,
        info=info,
        rank=rank,
        line=WatchedLine(line),
        now=lambda: datetime.now(UTC),
    )
    entry = next(one.peer_entry for one in METHODS if one.entry == info.entry)
    let_compile(folder.recipe)
    cast("PeerEntry", resolved(entry))(context)
    return EXIT_DONE


class WatchedLine:
    """A line to the worker that ends this process as soon as the worker is gone.

    So no peer goes on computing, and holding memory of a card, for a worker that was killed.
    """

    def __init__(self, line: Line) -> None:
        """Read from now on, in a thread."""
        self._line = line
        self._came: queue.SimpleQueue[list[bytes]] = queue.SimpleQueue()
        threading.Thread(target=self._read, name="line", daemon=True).start()

    def send(self, parts: Sequence[bytes]) -> None:
        """Send one message."""
        self._line.send(parts)

    def receive(self) -> list[bytes]:
        """Wait for one message and return its parts."""
        return self._came.get()

    def _read(self) -> None:
        status = EXIT_FAILED
        try:
            while True:
                self._came.put(self._line.receive())
        except ProcessLost:
            status = EXIT_DONE
        except MemoryError:
            log.info("no memory for what the worker sends", exc_info=True)
        finally:
            # Whatever ends this thread: without it both processes would wait for each other.
            os._exit(status)


def _standard_line() -> Line:
    """Return a line over the standard pipes, which nothing else may use from now on."""
    reads, writes = os.dup(_IN), os.dup(_OUT)
    with Path(os.devnull).open("rb") as nothing:
        # Any program that a library starts, such as a compiler, has this as its own input.
        os.dup2(nothing.fileno(), _IN)
    os.dup2(_ERRORS, _OUT)
    return line_over(reads, writes)


def _leave_signals_to_the_worker() -> None:
    """Ignore what asks to end: the worker obeys it at its next safe point, for all of them."""
    for name in ("SIGTERM", "SIGINT", "SIGBREAK", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
