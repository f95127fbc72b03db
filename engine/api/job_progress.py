# SPDX-License-Identifier: Apache-2.0
"""What the jobs on datasets share: progress in rows, a stop that is heeded, options."""

from __future__ import annotations

import contextlib
from collections.abc import Generator
from datetime import datetime, timedelta
from gettext import gettext as _
from typing import TypeVar

import msgspec

from engine.errors import Cancelled
from engine.protocol.events import ProgressMade, Stopped
from engine.protocol.job import JobContext

TELL_EVERY = timedelta(seconds=0.2)
Options = TypeVar("Options", bound=msgspec.Struct)


def is_time_again(now: datetime, last: datetime | None, every: timedelta) -> bool:
    """Return whether so much time has gone by; a clock that was set back does not put it off."""
    return last is None or abs(now - last) >= every


class RowProgress:
    """Says how many rows are done, a few times a second, and ends the work where asked to."""

    def __init__(self, context: JobContext, total: int) -> None:
        """Count up to a number of rows."""
        self._context = context
        self._total = total
        self._told_at: datetime | None = None

    def seen(self, done: int) -> None:
        """Hear how many rows are done.

        Raises:
            Cancelled: The job was asked to stop.
        """
        heed_stop(self._context)
        now = self._context.now()
        if is_time_again(now, self._told_at, TELL_EVERY):
            self._told_at = now
            done = min(done, self._total)
            self._context.emit(ProgressMade(done=done, total=self._total, unit="rows"))


def heed_stop(context: JobContext) -> None:
    """End the work where the job was asked to stop.

    Raises:
        Cancelled: It was.
    """
    if context.stop_requested():
        raise Cancelled(_("It was stopped. Nothing that existed before has changed."))


@contextlib.contextmanager
def ending_stopped(context: JobContext) -> Generator[None, None, None]:
    """Say of work that was cancelled that it stopped."""
    try:
        yield
    except Cancelled:
        context.emit(Stopped(step=0, checkpoint=""))


def options_of(context: JobContext, kind: type[Options]) -> Options:
    """Return the options of a job."""
    plain = {name: msgspec.json.decode(raw) for name, raw in context.info.options.items()}
    return msgspec.convert(plain, kind)
