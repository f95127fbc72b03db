# SPDX-License-Identifier: Apache-2.0
"""The queue of runs: what waits, in which order, when it may start, and what follows its end."""

from __future__ import annotations

import re
from enum import StrEnum

import msgspec
from msgspec.structs import replace

_CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")
_HOURS = re.compile(rf"{_CLOCK.pattern}\s*-\s*{_CLOCK.pattern}")


class EntryState(StrEnum):
    """Where an entry of the queue stands.

    `starting` is written before a worker is started and `running` behind it, so that a keeper that
    is killed between them finds out which it was. `yielding` was told to pause because its hours
    are over. `refused` could not be started; it holds up nobody.
    """

    WAITING = "waiting"
    STARTING = "starting"
    RUNNING = "running"
    YIELDING = "yielding"
    REFUSED = "refused"

    @property
    def is_active(self) -> bool:
        """Return whether a worker is busy with it, or may be."""
        return self not in (EntryState.WAITING, EntryState.REFUSED)


class WhenDone(StrEnum):
    """What follows when nothing is left to do."""

    NOTHING = "nothing"
    SLEEP = "sleep"
    SHUT_DOWN = "shut_down"


class WaitsFor(StrEnum):
    """Why the first one that waits was not started at the last look."""

    NOBODY = ""
    HOURS = "hours"
    OTHER_JOB = "other_job"
    DEVICE = "device"


class Hours(msgspec.Struct, frozen=True, kw_only=True):
    """Two times of day between which runs may go, by the clock on the wall; over midnight too.

    Attributes:
        begin: Minutes since midnight.
        end: The same; equal to the begin it means the whole day.
    """

    begin: int
    end: int

    def contain(self, minute: int) -> bool:
        """Return whether a minute of the day lies between them; the end does not."""
        if self.begin == self.end:
            return True
        if self.begin < self.end:
            return self.begin <= minute < self.end
        return minute >= self.begin or minute < self.end

    @property
    def text(self) -> str:
        """Return them as `22:00-06:00`."""
        return f"{clock_text(self.begin)}-{clock_text(self.end)}"


def clock_text(minute: int) -> str:
    """Return a minute of the day as `06:00`."""
    return f"{minute // 60:02d}:{minute % 60:02d}"


def read_hours(text: str) -> Hours:
    """Read `22:00-06:00`.

    Raises:
        ValueError: It is nothing like this.
    """
    found = _HOURS.fullmatch(text.strip())
    if found is None:
        raise ValueError(text)
    begin_h, begin_m, end_h, end_m = (int(one) for one in found.groups())
    return Hours(begin=60 * begin_h + begin_m, end=60 * end_h + end_m)


class QueueEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A run of the queue.

    Attributes:
        run_id: The run.
        state: Where it stands.
        attempt: Workers that the run had had when its start was decided.
        problem: Why it could not be started; empty otherwise.
        remedy: What to do about it.
    """

    run_id: str
    state: EntryState = EntryState.WAITING
    attempt: int = 0
    problem: str = ""
    remedy: str = ""


class Queue(msgspec.Struct, frozen=True, kw_only=True):
    """queue.json. Clients and the keeper change it, each while it holds its lock.

    Attributes:
        schema_version: Version of this document.
        entries: In the order in which they start.
        hours: When runs may go; None means always.
        when_done: What follows when nothing is left to do; once, then it is `nothing` again.
        is_held: Nothing is started until a person lets the queue go on.
        has_worked: Something was started since `when_done` was chosen.
        closing_at: UTC time at which `when_done` happens, ISO 8601; empty while it does not.
        boot_id: The start of the computer in which an entry was started last.
        waits_for: Why the first one that waits was not started at the last look.
    """

    schema_version: int = 1
    entries: tuple[QueueEntry, ...] = ()
    hours: Hours | None = None
    when_done: WhenDone = WhenDone.NOTHING
    is_held: bool = False
    has_worked: bool = False
    closing_at: str = ""
    boot_id: str = ""
    waits_for: WaitsFor = WaitsFor.NOBODY

    def entry(self, run_id: str) -> QueueEntry | None:
        """Return the entry of a run, or None."""
        return next((one for one in self.entries if one.run_id == run_id), None)

    @property
    def first_waiting(self) -> QueueEntry | None:
        """Return the next one to start, or None."""
        return next((one for one in self.entries if one.state is EntryState.WAITING), None)

    @property
    def active(self) -> tuple[QueueEntry, ...]:
        """Return those with which a worker is busy, or may be."""
        return tuple(one for one in self.entries if one.state.is_active)

    @property
    def has_work(self) -> bool:
        """Return whether a keeper has something to look after."""
        is_startable = self.first_waiting is not None and not self.is_held
        return is_startable or bool(self.active) or self.is_closing_due or bool(self.closing_at)

    @property
    def is_closing_due(self) -> bool:
        """Return whether everything is done and something is to follow."""
        is_idle = self.first_waiting is None and not self.active
        return is_idle and self.has_worked and self.when_done is not WhenDone.NOTHING


def added(queue: Queue, run_id: str, *, attempt: int = 0) -> Queue:
    """Put a run at the end, which is not live; one that waits or begins stays where it is.

    Args:
        queue: The queue.
        run_id: The run.
        attempt: Workers that it has had. The entry of one that has ended meanwhile may still be
            there, until the keeper looks again: the run is to go on all the same.
    """
    old = queue.entry(run_id)
    if old is not None and not _is_used_up(old, attempt):
        return queue
    entries = (*without(queue, run_id).entries, QueueEntry(run_id=run_id))
    return replace(queue, entries=entries)


def _is_used_up(entry: QueueEntry, attempt: int) -> bool:
    has_ended = entry.state.is_active and entry.attempt < attempt
    return entry.state is EntryState.REFUSED or has_ended


def without(queue: Queue, run_id: str) -> Queue:
    """Take a run out of the queue; one that is live goes on."""
    return replace(queue, entries=tuple(one for one in queue.entries if one.run_id != run_id))


def moved(queue: Queue, run_id: str, place: int) -> Queue:
    """Put a run at a place, counted from 0; places out of range are the nearest there is."""
    found = queue.entry(run_id)
    if found is None:
        return queue
    rest = list(without(queue, run_id).entries)
    rest.insert(max(0, min(place, len(rest))), found)
    return replace(queue, entries=tuple(rest))


def changed(queue: Queue, entry: QueueEntry) -> Queue:
    """Put a newer form of an entry in; one that was taken out stays out."""
    entries = tuple(entry if one.run_id == entry.run_id else one for one in queue.entries)
    return replace(queue, entries=entries)


def with_when_done(queue: Queue, when_done: WhenDone) -> Queue:
    """Choose what follows the end; what was about to happen does not."""
    return replace(queue, when_done=when_done, closing_at="", has_worked=bool(queue.active))
