# SPDX-License-Identifier: Apache-2.0
"""How far the preparation of a job is, told as events; every report heeds a stop."""

from __future__ import annotations

from collections.abc import Callable

from engine.protocol.events import ProgressMade
from engine.protocol.job import JobContext
from engine.train.stop import heed_stop


def row_progress(context: JobContext, total: int) -> Callable[[int], None]:
    """Return a reporter of rows, which heeds a stop."""

    def on_rows(done: int) -> None:
        """Tell the rows done so far."""
        heed_stop(context)
        context.emit(ProgressMade(done=done, total=total, unit="rows"))

    return on_rows


def byte_progress(context: JobContext) -> Callable[[int, int], None]:
    """Return a reporter of bytes that speaks at most a hundred times, and heeds a stop."""
    told = -1

    def on_bytes(done: int, total: int) -> None:
        """Tell the bytes read so far, and heed a stop."""
        nonlocal told
        heed_stop(context)
        if (percent := 100 * done // total) > told:
            told = percent
            context.emit(ProgressMade(done=done, total=total, unit="bytes"))

    return on_bytes
