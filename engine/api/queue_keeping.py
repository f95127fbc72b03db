# SPDX-License-Identifier: Apache-2.0
"""What the keeper of the queue does at each look: end, pause, start, and close at last.

Everything that it decides stands in queue.json before it is done, so that a keeper that is killed
at any moment is followed by one that finds out what was done.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Protocol

from msgspec.structs import replace

from engine.api.jobs import Jobs
from engine.api.queue import QueueDesk
from engine.api.runs import Runs, RunView
from engine.domain import queue as rules
from engine.domain.plan import Plan
from engine.domain.problem import errors_of
from engine.domain.queue import EntryState, Queue, QueueEntry, WaitsFor, WhenDone
from engine.domain.run import JobKind, JobState
from engine.domain.timestamp import timestamp
from engine.errors import AlreadyRunning, EngineError
from engine.hardware.power import change_power
from engine.hardware.uptime import start_name

NOTICE = timedelta(minutes=1)
"""Between the notice and the sleep or shutdown; a person may call it off."""

TOO_LATE = timedelta(minutes=2)
"""A notice that is older was of another start of the computer, or of a keeper that was killed."""

AWAKE_FOR_DEVICE = timedelta(minutes=15)
"""The computer is kept awake for a card that others hold so long; they may need hours."""

_MOST_OF_A_CARD = 0.9
_ON_THE_DEVICE = (
    JobKind.TRAIN,
    JobKind.RATE,
    JobKind.EXPORT,
    JobKind.GENERATE,
    JobKind.MEMORISATION,
)
log = logging.getLogger("keeper")


class Runner(Protocol):
    """What the keeper needs to know of runs, and does with them."""

    def state(self, run_id: str) -> tuple[JobState, int]:
        """Return where a run stands, and how many workers it has had."""
        ...

    def was_told(self, run_id: str) -> bool:
        """Return whether a run was asked to end; the system ends it without asking so."""
        ...

    def refusal(self, run_id: str) -> tuple[str, str]:
        """Return why a run cannot be started and what to do; empty where it can."""
        ...

    def waits_for(self, run_id: str) -> WaitsFor:
        """Return what a run has to wait for on this computer now."""
        ...

    def is_idle(self) -> bool:
        """Return whether nothing is live that an end of the computer would cut off."""
        ...

    def start(self, run_id: str, after: int) -> None:
        """Start a run, or let it go on, if it has had so many workers."""
        ...

    def pause(self, run_id: str) -> None:
        """Ask a run to free the device."""
        ...


class Keeper:
    """Looks after one queue; one process per workspace holds the lock that makes it the keeper."""

    def __init__(
        self,
        desk: QueueDesk,
        runner: Runner,
        *,
        now: Callable[[], datetime],
        power: Callable[[WhenDone], None] = change_power,
        boot: Callable[[], str] = start_name,
    ) -> None:
        """Look after a queue.

        Args:
            desk: Where the queue stands.
            runner: Knows and starts the runs.
            now: The time, with the zone of the clock on the wall.
            power: Puts the computer to sleep or shuts it down.
            boot: Names the present start of the computer.
        """
        self._desk = desk
        self._runner = runner
        self._now = now
        self._power = power
        self._boot = boot
        self._asked: set[str] = set()
        self._seen_live: set[str] = set()
        self._device_since: datetime | None = None

    def look(self) -> None:
        """Do what is to be done now.

        Raises:
            EngineError: The queue can neither be read nor written.
        """
        queue = self._desk.read()
        for entry in queue.active:
            self._look_at(queue, entry)
        queue = self._desk.read()
        if not queue.active:
            self._start_next(queue)
        self._close(self._desk.read())

    def keeps_awake(self) -> bool:
        """Return whether the computer should not sleep now, because a run is to start soon.

        While a run goes and others wait it is true as well: a desktop that nobody has touched for
        hours sleeps at once when the worker of that run lets go. What follows the end is not held
        off, and a run without others behind it keeps the computer awake by itself.

        Raises:
            EngineError: The queue cannot be read.
        """
        queue = self._desk.read()
        if queue.waits_for is not WaitsFor.DEVICE or queue.active:
            self._device_since = None
        elif self._device_since is None:
            self._device_since = self._now()
        if queue.first_waiting is None or queue.is_held or not self._is_within_hours(queue):
            return False
        since = self._device_since
        return since is None or self._now() - since < AWAKE_FOR_DEVICE

    # ------------------------------------------------------------------ what is live

    def _look_at(self, queue: Queue, entry: QueueEntry) -> None:
        try:
            state, attempt = self._runner.state(entry.run_id)
        except EngineError as error:
            self._refuse(entry, error.message, error.remedy)
            return
        if entry.state is EntryState.STARTING and attempt <= entry.attempt:
            self._start(entry)
        elif not state.is_over:
            self._seen_live.add(entry.run_id)
            self._look_at_hours(queue, entry)
        elif self._goes_on(queue, entry, state):
            self._asked.discard(entry.run_id)
            self._put(entry, replace(entry, state=EntryState.WAITING))
        else:
            self._put(entry, None)

    def _look_at_hours(self, queue: Queue, entry: QueueEntry) -> None:
        if entry.state is EntryState.STARTING:
            entry = self._put(entry, replace(entry, state=EntryState.RUNNING)) or entry
        if entry.state is EntryState.RUNNING and not self._is_within_hours(queue):
            entry = self._put(entry, replace(entry, state=EntryState.YIELDING)) or entry
        if entry.state is EntryState.YIELDING and entry.run_id not in self._asked:
            # A keeper that was killed may have decided it and not asked: then it is asked again.
            self._asked.add(entry.run_id)
            self._runner.pause(entry.run_id)

    def _goes_on(self, queue: Queue, entry: QueueEntry, state: JobState) -> bool:
        """Return whether a run that is over is to go on: its hours or the computer cut it off.

        The end of a session takes the keeper along. A run that the system paused while this very
        keeper looked on was ended by somebody who meant that run, as by `kill`.
        """
        is_yielding = entry.state is EntryState.YIELDING
        if state is JobState.PAUSED and is_yielding:
            return True
        was_cut_off = queue.boot_id != self._boot()
        if state is JobState.PAUSED:
            was_cut_off = was_cut_off or entry.run_id not in self._seen_live
        is_cut_off = was_cut_off and state in (JobState.PAUSED, JobState.INTERRUPTED)
        return is_cut_off and (is_yielding or not self._runner.was_told(entry.run_id))

    def _is_within_hours(self, queue: Queue) -> bool:
        now = self._now()
        return queue.hours is None or queue.hours.contain(60 * now.hour + now.minute)

    # ------------------------------------------------------------------ what waits

    def _start_next(self, queue: Queue) -> None:
        """Start the first that waits; those that cannot be started are told, and passed over."""
        for entry in queue.entries:
            if entry.state is not EntryState.WAITING or queue.is_held:
                continue
            if not self._is_within_hours(queue):
                self._note(WaitsFor.HOURS)
                return
            if not self._is_passed_over(entry):
                return

    def _is_passed_over(self, entry: QueueEntry) -> bool:
        try:
            state, attempt = self._runner.state(entry.run_id)
            if state is JobState.FINISHED:
                self._put(entry, None)
                return True
            if not state.is_over:
                # A person was faster.
                taken = replace(entry, state=EntryState.RUNNING, attempt=attempt - 1)
                self._put(entry, taken, boot_id=self._boot(), has_worked=True)
                return False
            problem, remedy = self._runner.refusal(entry.run_id)
            reason = WaitsFor.NOBODY if problem else self._runner.waits_for(entry.run_id)
        except EngineError as error:
            problem, remedy, reason, attempt = error.message, error.remedy, WaitsFor.NOBODY, 0
        if problem:
            self._refuse(entry, problem, remedy)
            return True
        self._note(reason)
        if reason is WaitsFor.NOBODY:
            decided = replace(entry, state=EntryState.STARTING, attempt=attempt)
            if self._put(entry, decided, boot_id=self._boot(), has_worked=True) == decided:
                self._start(decided)
        return False

    def _start(self, entry: QueueEntry) -> None:
        try:
            self._runner.start(entry.run_id, entry.attempt)
        except AlreadyRunning:
            # A worker has it, or had it since: the next look tells which.
            log.info("run %s is taken", entry.run_id)
            return
        except EngineError as error:
            self._refuse(entry, error.message, error.remedy)
            return
        self._put(entry, replace(entry, state=EntryState.RUNNING))

    def _refuse(self, entry: QueueEntry, problem: str, remedy: str) -> None:
        log.info("run %s is refused", entry.run_id)
        refused = replace(entry, state=EntryState.REFUSED, problem=problem, remedy=remedy)
        self._put(entry, refused)

    def _put(self, old: QueueEntry, new: QueueEntry | None, **facts: object) -> QueueEntry | None:
        """Put a newer form of an entry in, or take it out; return what stands there now.

        What a person changed since the look, the next look sees first.
        """
        queue = self._desk.change(partial(_with_entry, old=old, new=new, facts=facts))
        return queue.entry(old.run_id)

    def _note(self, reason: WaitsFor) -> None:
        self._desk.change(lambda queue: replace(queue, waits_for=reason))

    # ------------------------------------------------------------------ the end

    def _close(self, queue: Queue) -> None:
        """Give notice when everything is done, and a minute later do what was chosen."""
        now = self._now().astimezone(UTC)
        if not queue.closing_at:
            if queue.is_closing_due and self._runner.is_idle():
                self._set_closing(timestamp(now + NOTICE))
            return
        if not queue.is_closing_due or not self._runner.is_idle():
            self._set_closing("")
            return
        late = now - datetime.fromisoformat(queue.closing_at)
        if late >= timedelta(0):
            # Written down first: after the next start of the computer it must not happen again.
            self._desk.change(partial(rules.with_when_done, when_done=WhenDone.NOTHING))
            if late < TOO_LATE:
                self._change_power(queue.when_done)

    def _set_closing(self, moment: str) -> None:
        self._desk.change(
            lambda queue: replace(queue, closing_at=moment if queue.is_closing_due else "")
        )

    def _change_power(self, when_done: WhenDone) -> None:
        try:
            self._power(when_done)
        except EngineError as error:
            log.warning("%s: %s %s", error.code, error.message, error.detail)


def _with_entry(
    queue: Queue, *, old: QueueEntry, new: QueueEntry | None, facts: Mapping[str, object]
) -> Queue:
    """Put an entry and some facts in, where the old one stands as it was looked at."""
    if queue.entry(old.run_id) != old:
        return queue
    if new is None:
        return rules.without(queue, old.run_id)
    return replace(rules.changed(queue, new), **facts)


class WorkspaceRunner:
    """The runs of one workspace, as the keeper needs them."""

    def __init__(self, jobs: Jobs, runs: Runs) -> None:
        """Look at the jobs of one workspace."""
        self._jobs = jobs
        self._runs = runs

    def state(self, run_id: str) -> tuple[JobState, int]:
        """Return where a run stands, and how many workers it has had."""
        view = self._jobs.get(run_id)
        return view.state, view.snapshot.attempt

    def was_told(self, run_id: str) -> bool:
        """Return whether a run was asked to end; the system ends it without asking so."""
        return self._jobs.was_told(run_id)

    def refusal(self, run_id: str) -> tuple[str, str]:
        """Return why a run cannot be started and what to do; empty where it can."""
        run = self._runs.get(run_id)
        found = self._runs.resume_blockers(run)
        if not found:
            found = errors_of(list(self._runs.plan(run.recipe).problems))
        messages = " ".join(one.message for one in found)
        return messages, " ".join(one.remedy for one in found if one.remedy)

    def waits_for(self, run_id: str) -> WaitsFor:
        """Return what a run has to wait for on this computer now."""
        if not self._live().isdisjoint(_ON_THE_DEVICE):
            return WaitsFor.OTHER_JOB
        run: RunView = self._runs.get(run_id)
        return WaitsFor.NOBODY if has_room(self._runs.plan(run.recipe)) else WaitsFor.DEVICE

    def is_idle(self) -> bool:
        """Return whether no job of this workspace is live, of whatever kind."""
        return not self._live()

    def _live(self) -> set[JobKind]:
        return {one.info.kind for one in self._jobs.list() if not one.state.is_over}

    def start(self, run_id: str, after: int) -> None:
        """Start a run, or let it go on, if it has had so many workers."""
        self._jobs.start(run_id, after=after)

    def pause(self, run_id: str) -> None:
        """Ask a run to free the device."""
        self._jobs.pause(run_id)


def has_room(plan: Plan) -> bool:
    """Return whether a run has room on its device now.

    On a card the plan's high estimate counts, or most of the card where even that would not do. On
    the processor runs go one at a time, and the system's memory is no card that others hold.
    """
    if plan.decisions["device"].value != "cuda":
        return True
    need = plan.memory
    return need.capacity - need.other >= min(need.high_bytes, _MOST_OF_A_CARD * need.capacity)
