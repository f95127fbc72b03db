# SPDX-License-Identifier: Apache-2.0
"""Following a job: its events, their fold, and whether a worker still writes them."""

from __future__ import annotations

import time
from gettext import gettext as _

from engine.domain.run import JobSnapshot, JobState
from engine.errors import AlreadyRunning, DocumentDamaged
from engine.launcher.identity import Heartbeat, has_worker
from engine.protocol.codec import Envelope
from engine.protocol.fold import fold
from engine.store.documents import read_document
from engine.store.eventlog import EventReader
from engine.store.layout import JobFolder

LEAVE_LIMIT_S = 30.0
"""A worker that has closed its job may still take this long to free its device and end."""

SILENT_AFTER_S = 30.0
"""A living worker without a sign of life for this long is slow or suspended, never dead."""

_LOOK_EVERY_S = 0.02


class JobFeed:
    """One reader of one job. Each poll returns what is new; the snapshot is the fold so far."""

    def __init__(self, folder: JobFolder) -> None:
        """Start before the first event."""
        self._folder = folder
        self._reader = EventReader(folder.events)
        self.snapshot = JobSnapshot()

    def poll(self) -> list[Envelope]:
        """Return the events since the last poll, in order.

        Raises:
            VersionUnknown: A newer Burnish wrote them.
        """
        found = self._reader.poll()
        for envelope in found:
            self.snapshot = fold(self.snapshot, envelope)
        return found

    def state(self) -> JobState:
        """Return where the job stands; `interrupted` when its worker died without a word.

        A job that nobody has tried to start is `waiting`.

        A worker's last event may come between the poll and the look at the process, so the state
        is only called interrupted when a second poll brings nothing that closes the job.
        """
        claimed = self.snapshot.state
        if claimed.is_over or has_worker(self._folder):
            return claimed
        latest = self._peek()
        if latest.state.is_over:
            return latest.state
        was_started = bool(latest.updated_at) or self._folder.log.exists()
        return JobState.INTERRUPTED if was_started else JobState.WAITING

    def _peek(self) -> JobSnapshot:
        """Return the fold after the events that nobody has polled yet; they stay to be polled."""
        ahead = JobFeed(self._folder)
        ahead.snapshot = self.snapshot
        ahead._reader.go_to(self._reader)
        ahead.poll()
        return ahead.snapshot


def is_silent(folder: JobFolder, *, now_s: float | None = None) -> bool:
    """Return whether a living worker has given no sign of life for a while.

    Args:
        folder: The job's.
        now_s: The system's steady clock; None reads it.
    """
    try:
        beat = read_document(folder.heartbeat, Heartbeat)
    except DocumentDamaged:
        return False
    if beat.monotonic_s is None:
        return False
    now = time.monotonic() if now_s is None else now_s
    return now - beat.monotonic_s >= SILENT_AFTER_S


def wait_until_free(folder: JobFolder) -> None:
    """Return when no worker is busy with the job; wait for one that has closed it already.

    Raises:
        AlreadyRunning: A worker is busy with it.
    """
    deadline = time.monotonic() + LEAVE_LIMIT_S
    while has_worker(folder):
        feed = JobFeed(folder)
        feed.poll()
        if not feed.snapshot.state.is_over or time.monotonic() > deadline:
            raise AlreadyRunning(_("A worker is busy with this. Nothing was changed."))
        time.sleep(_LOOK_EVERY_S)
