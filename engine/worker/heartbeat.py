# SPDX-License-Identifier: Apache-2.0
"""The worker's sign of life, written by a thread of its own."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Generator, Sequence
from datetime import datetime
from pathlib import Path

from engine.domain.timestamp import timestamp
from engine.errors import EngineError
from engine.hardware.uptime import oom_counters, oom_kills
from engine.launcher.identity import Heartbeat
from engine.store.documents import write_document

BEAT_EVERY_S = 2.0


@contextlib.contextmanager
def beating(
    path: Path,
    *,
    now: Callable[[], datetime],
    refused: Callable[[], int],
    besides: Callable[[], None] = lambda: None,
) -> Generator[None, None, None]:
    """Rewrite heartbeat.json every two seconds while the block runs, and once more at its end.

    The first is written when the block begins: who knows of a worker can tell when it falls silent.

    Args:
        path: The file.
        now: The time, UTC.
        refused: How many tries to reach the network were refused so far.
        besides: Done at every beat.
    """
    begun, done = threading.Event(), threading.Event()
    told = (path, begun, done, now, oom_counters(), refused, besides)
    thread = threading.Thread(target=_beat, args=told, name="heartbeat", daemon=True)
    thread.start()
    begun.wait(BEAT_EVERY_S)
    try:
        yield
    finally:
        done.set()
        thread.join()


def _beat(
    path: Path,
    begun: threading.Event,
    done: threading.Event,
    now: Callable[[], datetime],
    counters: Sequence[Path],
    refused: Callable[[], int],
    besides: Callable[[], None],
) -> None:
    count = 0
    while True:
        count += 1
        is_last = done.is_set()
        beat = Heartbeat(
            count=count,
            written_at=timestamp(now()),
            monotonic_s=time.monotonic(),
            oom_kills=oom_kills(counters),
            refused=refused(),
        )
        with contextlib.suppress(EngineError, OSError):
            # A full disk must not end the run for a sign of life; the next beat tries again.
            write_document(path, beat, durable=False)
        begun.set()
        besides()
        if is_last:
            return
        done.wait(BEAT_EVERY_S)
