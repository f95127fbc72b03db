# SPDX-License-Identifier: Apache-2.0
"""Following a job: its events, their fold, and whether a worker still writes them."""

from __future__ import annotations

import time
from gettext import gettext as _

from engine.domain.run import JobSnapshot, JobState
from engine.errors import AlreadyRunning, DocumentDamaged
from engine.launcher.force import end_by_force
from engine.launcher.identity import Heartbeat, has_worker, is_being_started
from engine.protocol.codec import Envelope
from engine.protocol.fold import fold_all
from engine.store.documents import read_document
from engine.store.eventlog import EventReader
from engine.store.kept_fold import read_kept, write_kept
from engine.store.layout import JobFolder

LEAVE_LIMIT_S = 15.0
"""A worker that has closed its job may still take this long to free its device and end: its own
grace, after which it ends itself, and 5 s. Longer it only takes where it is suspended, or hangs
within the system; then it is ended, since it has nothing left to do."""

SILENT_AFTER_S = 30.0
"""A living worker without a sign of life for this long is slow or suspended, never dead."""

_LOOK_EVERY_S = 0.02
_AT_ONCE = 10_000
_WORTH_KEEPING = 20_000
"""Events whose reading takes longer (0.1 s) than anybody should wait for a list."""


class JobFeed:
    """One reader of one job. Each poll returns what is new; the snapshot is the fold so far.

    Attributes:
        snapshot: The fold over what was read.
        unkept: How many events it has folded since the fold that is kept beside the log.
    """

    def __init__(self, folder: JobFolder, *, from_kept: bool = False) -> None:
        """Start before the first event.

        Args:
            folder: The job's.
            from_kept: Start at the fold that is kept beside the log, where there is one: for those
                who want the state and not the events.
        """
        self._folder = folder
        self._reader = EventReader(folder.events)
        self.snapshot = JobSnapshot()
        self.unkept = 0
        kept = read_kept(folder) if from_kept else None
        if kept is not None:
            self._reader.go_to(kept.place)
            self.snapshot = kept.snapshot

    def poll(self, limit: int | None = None) -> list[Envelope]:
        """Return the events since the last poll, in order.

        Args:
            limit: At most so many; the rest comes with the next poll. None for all.

        Raises:
            VersionUnknown: A newer Burnish wrote them.
        """
        found = self._reader.poll(limit=limit)
        self.snapshot = fold_all(self.snapshot, found)
        self.unkept += len(found)
        return found

    def catch_up(self) -> None:
        """Fold all that is new without holding it in memory.

        Raises:
            VersionUnknown: A newer Burnish wrote it.
        """
        while self.poll(_AT_ONCE):
            pass

    def keep(self) -> None:
        """Keep the fold beside the log for the next who wants the state, where that is worth it."""
        if self.unkept >= _WORTH_KEEPING:
            write_kept(self._folder, self._reader.place, self.snapshot)
            self.unkept = 0

    def state(self) -> JobState:
        """Return where the job stands; `interrupted` when its worker died without a word.

        A job that nobody has tried to start is `waiting`.

        A worker's last event may come between the poll and the look at the process, so the state
        is only called interrupted when a second poll brings nothing that closes the job.
        """
        claimed = self.snapshot.state
        has_log = self._folder.log.exists()
        if claimed.is_over or has_worker(self._folder):
            return claimed
        latest = self._peek()
        if latest.state.is_over:
            return latest.state
        was_started = bool(latest.updated_at) or has_log
        return JobState.INTERRUPTED if was_started else JobState.WAITING

    def _peek(self) -> JobSnapshot:
        """Return the fold after the events that nobody has polled yet; they stay to be polled."""
        ahead = JobFeed(self._folder)
        ahead.snapshot = self.snapshot
        ahead._reader.go_to(self._reader.place)
        ahead.catch_up()
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
    """Return when no worker is busy with the job; one that has closed it already is waited for.

    Raises:
        AlreadyRunning: A worker is busy with it.
    """
    deadline = time.monotonic() + LEAVE_LIMIT_S
    while has_worker(folder):
        feed = JobFeed(folder, from_kept=True)
        feed.catch_up()
        is_closed = feed.snapshot.state.is_over and not is_being_started(folder)
        is_late = time.monotonic() > deadline
        if not is_closed or (is_late and not end_by_force(folder)):
            raise AlreadyRunning(_("A worker is busy with this. Nothing was changed."))
        time.sleep(_LOOK_EVERY_S)
