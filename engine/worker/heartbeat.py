# SPDX-License-Identifier: Apache-2.0
"""The worker's sign of life, written by a thread of its own."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Generator
from datetime import datetime
from pathlib import Path

from engine.errors import EngineError
from engine.launcher.identity import Heartbeat
from engine.store.documents import write_document
from engine.store.eventlog import timestamp

BEAT_EVERY_S = 2.0


@contextlib.contextmanager
def beating(path: Path, *, now: Callable[[], datetime]) -> Generator[None, None, None]:
    """Rewrite heartbeat.json every two seconds while the block runs."""
    done = threading.Event()
    thread = threading.Thread(target=_beat, args=(path, done, now), name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _beat(path: Path, done: threading.Event, now: Callable[[], datetime]) -> None:
    count = 0
    while True:
        count += 1
        beat = Heartbeat(count=count, written_at=timestamp(now()))
        with contextlib.suppress(EngineError, OSError):
            # A full disk must not end the run for a sign of life; the next beat tries again.
            write_document(path, beat, durable=False)
        if done.wait(BEAT_EVERY_S):
            return
