# SPDX-License-Identifier: Apache-2.0
"""The keeper's decisions, look by look, with runs that only exist in the test."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from engine.api.facade import open_api
from engine.api.queue import QueueDesk
from engine.api.queue_keeping import AWAKE_FOR_DEVICE, Keeper, WorkspaceRunner, has_room
from engine.domain import queue as rules
from engine.domain.decision import Decision
from engine.domain.plan import MemoryNeed, Plan
from engine.domain.queue import EntryState, Hours, Queue, WaitsFor, WhenDone, read_hours
from engine.domain.run import JobKind, JobState
from engine.errors import AlreadyRunning, ModelNotFound, PowerRefused, RunNotFound, WorkerDied
from engine.hardware.power import change_power, power_command
from engine.launcher.identity import own_identity
from engine.protocol.events import WorkerStarted
from engine.store import atomicfs
from engine.store.documents import write_document
from engine.store.eventlog import EventWriter
from engine.store.layout import Layout
from engine.store.workspace import open_workspace

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
NIGHT = read_hours("22:00-06:00")


class Killed(BaseException):
    """Stands for the death of the keeper."""


@dataclass
class Runs:
    """Runs of a test: their states, and what was done with them."""

    states: dict[str, JobState] = field(default_factory=dict[str, JobState])
    attempts: dict[str, int] = field(default_factory=dict[str, int])
    refusals: dict[str, str] = field(default_factory=dict[str, str])
    told: set[str] = field(default_factory=set[str])
    reason: WaitsFor = WaitsFor.NOBODY
    is_idle_now: bool = True
    paused: list[str] = field(default_factory=list[str])
    on_start: Callable[[str], None] = lambda _run_id: None
    on_look: Callable[[], None] = lambda: None

    def state(self, run_id: str) -> tuple[JobState, int]:
        found = self.states[run_id], self.attempts[run_id]
        self.on_look()
        return found

    def was_told(self, run_id: str) -> bool:
        return run_id in self.told

    def refusal(self, run_id: str) -> tuple[str, str]:
        return self.refusals.get(run_id, ""), "Do this."

    def waits_for(self, run_id: str) -> WaitsFor:
        del run_id
        return self.reason

    def is_idle(self) -> bool:
        return self.is_idle_now

    def start(self, run_id: str, after: int) -> None:
        if self.attempts[run_id] != after:
            raise AlreadyRunning("It was started.")
        self.on_start(run_id)
        self.attempts[run_id] += 1
        self.states[run_id] = JobState.RUNNING
        self.told.discard(run_id)

    def pause(self, run_id: str) -> None:
        self.paused.append(run_id)
        self.told.add(run_id)


class Night:
    """A queue with its runs, a clock, and a computer that is never really shut down."""

    def __init__(self, root: Path, *runs: str) -> None:
        self.layout: Layout = open_workspace(root, now=NOON)
        self.desk = QueueDesk(self.layout)
        self.runs = Runs()
        self.now = NOON
        self.boot = "first"
        self.done: list[WhenDone] = []
        for one in runs:
            folder = self.layout.job(one)
            folder.root.mkdir()
            atomicfs.write_file(folder.info, b"{}")
            self.runs.states[one], self.runs.attempts[one] = JobState.WAITING, 0
            self.change(lambda queue, one=one: rules.added(queue, one))

    def change(self, step: Callable[[Queue], Queue]) -> None:
        self.desk.change(step)

    def look(self, keeper: Keeper | None = None) -> None:
        (keeper or self.keeper()).look()

    def keeper(self) -> Keeper:
        return Keeper(
            self.desk,
            self.runs,
            now=lambda: self.now,
            power=self.done.append,
            boot=lambda: self.boot,
        )

    @property
    def states(self) -> dict[str, EntryState]:
        return {one.run_id: one.state for one in self.desk.read().entries}

    def end(self, run_id: str, state: JobState = JobState.FINISHED, *, told: bool = False) -> None:
        self.runs.states[run_id] = state
        if told:
            self.runs.told.add(run_id)


def test_runs_start_one_after_the_other_in_their_order(tmp_path: Path) -> None:
    night = Night(tmp_path / "w", "a", "b")
    night.change(lambda queue: rules.moved(queue, "b", 0))
    night.look()
    assert night.states == {"b": EntryState.RUNNING, "a": EntryState.WAITING}
    night.look()
    assert night.runs.attempts == {"a": 0, "b": 1}
    night.end("b")
    night.look()
    assert night.states == {"a": EntryState.RUNNING}
    night.end("a", JobState.FAILED)
    night.look()
    assert night.states == {}
    assert not night.desk.read().has_work


@pytest.mark.parametrize("is_while_looking", [False, True])
def test_paused_run_that_is_put_in_before_the_next_look_goes_on(
    tmp_path: Path, is_while_looking: bool
) -> None:
    night = Night(tmp_path / "w", "a", "b")
    night.look()
    night.end("a", JobState.PAUSED, told=True)

    def put_in() -> None:
        night.runs.on_look = lambda: None
        night.change(lambda queue: rules.added(queue, "a", attempt=1))

    if is_while_looking:
        night.runs.on_look = put_in
    else:
        put_in()
    night.look()
    assert night.states["a"] is EntryState.WAITING
    for _ in range(3):
        night.look()
        night.end("b")
    assert (night.runs.states["a"], night.runs.attempts) == (JobState.RUNNING, {"a": 2, "b": 1})


def test_run_taken_out_while_it_is_to_yield_is_not_paused(tmp_path: Path) -> None:
    night = Night(tmp_path / "w", "a")
    night.look()
    night.change(lambda queue: replace(queue, hours=NIGHT))
    night.runs.on_look = lambda: night.change(lambda queue: rules.without(queue, "a"))
    night.look()
    assert (night.states, night.runs.paused) == ({}, [])


def test_run_that_cannot_start_is_told_and_holds_up_nobody(tmp_path: Path) -> None:
    night = Night(tmp_path / "w", "a", "b", "c")
    night.runs.refusals["a"] = "Its base model is gone."

    def fail(run_id: str) -> None:
        if run_id == "b":
            raise WorkerDied("It died.")

    night.runs.on_start = fail
    night.look()
    night.look()
    assert night.states == {
        "a": EntryState.REFUSED,
        "b": EntryState.REFUSED,
        "c": EntryState.RUNNING,
    }
    told = [(one.problem, one.remedy) for one in night.desk.read().entries[:2]]
    assert told == [("Its base model is gone.", "Do this."), ("It died.", WorkerDied("").remedy)]


def test_run_whose_look_fails_is_told_too(tmp_path: Path) -> None:
    night = Night(tmp_path / "w", "a", "b")

    def gone(run_id: str) -> tuple[str, str]:
        if run_id == "a":
            raise ModelNotFound("No such model.")
        return "", ""

    night.runs.refusal = gone
    night.look()
    assert night.states == {"a": EntryState.REFUSED, "b": EntryState.RUNNING}


@pytest.mark.parametrize("reason", [WaitsFor.DEVICE, WaitsFor.OTHER_JOB])
def test_run_waits_for_the_device_and_the_queue_says_so(tmp_path: Path, reason: WaitsFor) -> None:
    night = Night(tmp_path / "w", "a")
    night.runs.reason = reason
    night.look()
    assert night.states == {"a": EntryState.WAITING}
    assert night.desk.read().waits_for is reason
    night.runs.reason = WaitsFor.NOBODY
    night.look()
    assert night.states == {"a": EntryState.RUNNING}
    assert night.desk.read().waits_for is WaitsFor.NOBODY


def test_held_queue_starts_nothing_and_goes_on(tmp_path: Path) -> None:
    night = Night(tmp_path / "w", "a")
    night.change(lambda queue: replace(queue, is_held=True))
    night.look()
    assert night.states == {"a": EntryState.WAITING}
    night.change(lambda queue: replace(queue, is_held=False))
    night.look()
    assert night.states == {"a": EntryState.RUNNING}


def test_run_goes_at_night_only_is_paused_by_day_and_goes_on(tmp_path: Path) -> None:
    night = Night(tmp_path / "w", "a", "b")
    night.change(lambda queue: replace(queue, hours=NIGHT))
    night.look()
    assert night.desk.read().waits_for is WaitsFor.HOURS
    night.now = NOON.replace(hour=23)
    night.look()
    assert night.states["a"] is EntryState.RUNNING
    night.now = NOON.replace(hour=6) + timedelta(days=1)
    keeper = night.keeper()
    for _ in range(3):
        night.look(keeper)
    assert night.runs.paused == ["a"]
    assert night.states["a"] is EntryState.YIELDING
    night.end("a", JobState.PAUSED)
    night.look(keeper)
    assert night.states == {"a": EntryState.WAITING, "b": EntryState.WAITING}
    night.now = night.now.replace(hour=22)
    night.look(keeper)
    assert night.states["a"] is EntryState.RUNNING
    assert night.runs.attempts == {"a": 2, "b": 0}


def test_new_keeper_asks_again_for_a_pause_that_may_not_have_been_asked_for(
    tmp_path: Path,
) -> None:
    night = Night(tmp_path / "w", "a")
    night.look()
    night.change(lambda queue: replace(queue, hours=NIGHT))
    night.look()
    night.look()
    assert night.runs.paused == ["a", "a"]


@pytest.mark.parametrize("end", [JobState.PAUSED, JobState.STOPPED, JobState.INTERRUPTED])
def test_run_that_a_person_ended_leaves_the_queue(tmp_path: Path, end: JobState) -> None:
    night = Night(tmp_path / "w", "a", "b")
    night.look()
    night.end("a", end, told=True)
    night.look()
    assert night.states == {"b": EntryState.RUNNING}


@pytest.mark.parametrize("end", [JobState.PAUSED, JobState.INTERRUPTED])
def test_run_that_a_person_ended_before_a_restart_leaves_the_queue(
    tmp_path: Path, end: JobState
) -> None:
    night = Night(tmp_path / "w", "a", "b")
    night.look()
    night.end("a", end, told=True)
    night.boot = "second"
    night.look()
    assert night.states == {"b": EntryState.RUNNING}


def test_run_that_the_end_of_a_session_paused_goes_on_with_the_next_keeper(tmp_path: Path) -> None:
    night = Night(tmp_path / "w", "a", "b")
    keeper = night.keeper()
    night.look(keeper)
    night.look(keeper)
    night.end("a", JobState.PAUSED)
    night.look()
    assert night.states == {"a": EntryState.RUNNING, "b": EntryState.WAITING}
    assert night.runs.attempts == {"a": 2, "b": 0}


def test_run_whose_worker_alone_was_ended_leaves_the_queue(tmp_path: Path) -> None:
    night = Night(tmp_path / "w", "a", "b")
    keeper = night.keeper()
    night.look(keeper)
    night.look(keeper)
    night.end("a", JobState.PAUSED)
    night.look(keeper)
    assert night.states == {"b": EntryState.RUNNING}


@pytest.mark.parametrize("end", [JobState.PAUSED, JobState.INTERRUPTED])
def test_run_that_a_restart_cut_off_goes_on(tmp_path: Path, end: JobState) -> None:
    night = Night(tmp_path / "w", "a", "b")
    night.look()
    night.end("a", end)
    night.boot = "second"
    night.look()
    night.look()
    assert night.states == {"a": EntryState.RUNNING, "b": EntryState.WAITING}
    assert night.runs.attempts["a"] == 2


def test_run_that_a_restart_cut_off_while_it_was_to_pause_waits_for_its_hours(
    tmp_path: Path,
) -> None:
    night = Night(tmp_path / "w", "a")
    night.look()
    night.change(lambda queue: replace(queue, hours=NIGHT))
    night.look()
    assert night.states == {"a": EntryState.YIELDING}
    night.end("a", JobState.INTERRUPTED)
    night.boot = "second"
    night.look()
    assert night.states == {"a": EntryState.WAITING}


def test_run_that_died_while_it_was_to_pause_leaves_the_queue(tmp_path: Path) -> None:
    night = Night(tmp_path / "w", "a")
    night.look()
    night.change(lambda queue: replace(queue, hours=NIGHT))
    night.look()
    night.end("a", JobState.INTERRUPTED)
    night.look()
    assert night.states == {}


def test_run_that_a_person_started_is_not_started_again(tmp_path: Path) -> None:
    night = Night(tmp_path / "w", "a", "b")
    night.runs.start("a", 0)
    night.look()
    night.look()
    assert night.states == {"a": EntryState.RUNNING, "b": EntryState.WAITING}
    assert night.runs.attempts == {"a": 1, "b": 0}


def test_run_that_a_person_started_and_paused_stays_paused(tmp_path: Path) -> None:
    night = Night(tmp_path / "w", "a", "b")
    night.runs.start("a", 0)
    night.look()
    night.end("a", JobState.PAUSED, told=True)
    night.look()
    assert night.states == {"b": EntryState.RUNNING}
    assert night.runs.attempts == {"a": 1, "b": 1}


def test_run_that_a_person_started_goes_on_after_a_restart(tmp_path: Path) -> None:
    night = Night(tmp_path / "w", "a")
    night.runs.start("a", 0)
    night.look()
    night.end("a", JobState.INTERRUPTED)
    night.boot = "second"
    night.look()
    night.look()
    assert night.runs.attempts == {"a": 2}


@pytest.mark.parametrize("is_before", [True, False])
def test_keeper_killed_around_a_start_starts_once(tmp_path: Path, is_before: bool) -> None:
    night = Night(tmp_path / "w", "a")

    def die(run_id: str) -> None:
        if not is_before:
            night.runs.attempts[run_id] += 1
            night.runs.states[run_id] = JobState.FINISHED
        raise Killed

    night.runs.on_start = die
    with pytest.raises(Killed):
        night.look()
    assert night.states == {"a": EntryState.STARTING}
    night.runs.on_start = lambda _run_id: None
    night.look()
    assert night.runs.attempts == {"a": 1}
    assert night.states == ({"a": EntryState.RUNNING} if is_before else {})


def test_run_taken_out_while_it_is_decided_is_not_started(tmp_path: Path) -> None:
    night = Night(tmp_path / "w", "a")

    def take_out(run_id: str) -> WaitsFor:
        night.change(lambda queue: rules.without(queue, run_id))
        return WaitsFor.NOBODY

    night.runs.waits_for = take_out
    night.look()
    assert night.runs.attempts == {"a": 0}


# ---------------------------------------------------------------------- staying awake


def test_computer_stays_awake_from_one_run_to_the_next_and_not_behind_the_last(
    tmp_path: Path,
) -> None:
    night = Night(tmp_path / "w", "a", "b")
    keeper, seen = night.keeper(), list[bool]()
    for over in ("", "a", "b"):
        if over:
            night.end(over)
        night.look(keeper)
        seen.append(keeper.keeps_awake())
    # Behind the start of b nothing waits: its worker keeps the computer awake.
    assert seen == [True, False, False]


@pytest.mark.parametrize(
    ("hours", "is_held", "is_awake"),
    [(None, False, True), (NIGHT, False, False), (None, True, False)],
)
def test_computer_may_sleep_while_nothing_may_start(
    tmp_path: Path, hours: Hours | None, is_held: bool, is_awake: bool
) -> None:
    night = Night(tmp_path / "w", "a")
    night.runs.reason = WaitsFor.OTHER_JOB
    night.change(lambda queue: replace(queue, hours=hours, is_held=is_held))
    keeper = night.keeper()
    night.look(keeper)
    assert keeper.keeps_awake() is is_awake


def test_card_that_others_hold_keeps_the_computer_awake_for_a_while_only(tmp_path: Path) -> None:
    night = Night(tmp_path / "w", "a", "b")
    night.runs.reason = WaitsFor.DEVICE
    keeper, seen = night.keeper(), list[bool]()
    for wait in (timedelta(0), AWAKE_FOR_DEVICE - timedelta(seconds=1), timedelta(seconds=1)):
        night.now += wait
        night.look(keeper)
        seen.append(keeper.keeps_awake())
    night.runs.reason = WaitsFor.NOBODY
    night.look(keeper)
    seen.append(keeper.keeps_awake())
    night.end("a")
    night.runs.reason = WaitsFor.DEVICE
    night.look(keeper)
    seen.append(keeper.keeps_awake())
    assert seen == [True, True, False, True, True]


def test_run_that_a_person_starts_ends_the_wait_for_the_card(tmp_path: Path) -> None:
    night = Night(tmp_path / "w", "a", "b")
    night.runs.reason = WaitsFor.DEVICE
    keeper = night.keeper()
    night.look(keeper)
    assert keeper.keeps_awake()
    night.now += AWAKE_FOR_DEVICE
    night.runs.start("a", 0)
    night.look(keeper)
    assert keeper.keeps_awake()


# ---------------------------------------------------------------------- what follows the end


def closing(tmp_path: Path, *runs: str) -> Night:
    night = Night(tmp_path / "w", "a", *runs)
    night.change(lambda queue: rules.with_when_done(queue, WhenDone.SHUT_DOWN))
    night.look()
    night.end("a")
    night.look()
    return night


def test_end_is_announced_a_minute_before_and_happens_once(tmp_path: Path) -> None:
    night = closing(tmp_path)
    assert night.desk.read().closing_at == "2026-11-21T12:01:00.000Z"
    night.now += timedelta(seconds=59)
    night.look()
    assert night.done == []
    night.now += timedelta(seconds=1)
    night.look()
    night.look()
    assert night.done == [WhenDone.SHUT_DOWN]
    assert night.desk.read() == Queue(boot_id="first")


def test_end_that_is_called_off_does_not_happen(tmp_path: Path) -> None:
    night = closing(tmp_path)
    night.change(lambda queue: rules.with_when_done(queue, WhenDone.NOTHING))
    night.now += timedelta(seconds=61)
    night.look()
    assert night.done == []


def test_end_waits_for_a_run_that_was_added_in_its_minute(tmp_path: Path) -> None:
    night = closing(tmp_path, "b")
    assert night.desk.read().closing_at == ""
    night.end("b")
    night.look()
    night.runs.is_idle_now = False
    night.now += timedelta(minutes=2)
    night.look()
    assert night.desk.read().closing_at == ""
    night.runs.is_idle_now = True
    night.look()
    night.now += timedelta(minutes=1)
    night.look()
    assert night.done == [WhenDone.SHUT_DOWN]


def test_end_of_an_earlier_start_of_the_computer_does_not_happen(tmp_path: Path) -> None:
    night = closing(tmp_path)
    night.now += timedelta(minutes=4)
    night.look()
    assert night.done == []
    assert night.desk.read().when_done is WhenDone.NOTHING


def test_keeper_killed_before_the_shutdown_does_not_do_it_at_the_next_start(
    tmp_path: Path,
) -> None:
    night = closing(tmp_path)
    night.now += timedelta(minutes=1)

    def die(_what: WhenDone) -> None:
        raise Killed

    keeper = Keeper(night.desk, night.runs, now=lambda: night.now, power=die, boot=lambda: "first")
    with pytest.raises(Killed):
        keeper.look()
    night.look()
    assert night.done == []


def test_queue_without_work_shuts_nothing_down(tmp_path: Path) -> None:
    night = Night(tmp_path / "w")
    night.change(lambda queue: rules.with_when_done(queue, WhenDone.SHUT_DOWN))
    night.look()
    night.now += timedelta(minutes=1)
    night.look()
    assert night.done == []
    assert not night.desk.read().has_work


@pytest.mark.parametrize(
    ("platform", "what", "there", "expected"),
    [
        ("linux", WhenDone.SLEEP, "systemctl", ("/bin/systemctl", "suspend")),
        ("linux", WhenDone.SHUT_DOWN, "loginctl", ("/bin/loginctl", "poweroff")),
        ("win32", WhenDone.SHUT_DOWN, "shutdown.exe", ("/bin/shutdown.exe", "/s", "/t", "0")),
        ("linux", WhenDone.SLEEP, "", ()),
        ("win32", WhenDone.SLEEP, "", ()),
        ("linux", WhenDone.NOTHING, "systemctl", ()),
    ],
)
def test_power_command_is_the_systems_own(
    platform: str, what: WhenDone, there: str, expected: tuple[str, ...]
) -> None:
    found = power_command(
        what, platform=platform, find=lambda name: f"/bin/{name}" if name == there else None
    )
    assert found == expected


def test_power_that_is_refused_is_told() -> None:
    with pytest.raises(PowerRefused):
        change_power(WhenDone.SLEEP, command=lambda _what: ())
    with pytest.raises(PowerRefused):
        change_power(WhenDone.SLEEP, command=lambda _what: ("x",), run=lambda _command: 1)
    asked: list[object] = []
    change_power(
        WhenDone.SLEEP, command=lambda _what: ("x",), run=lambda one: asked.append(one) or 0
    )
    assert asked == [("x",)]


# ---------------------------------------------------------------------- other work of Burnish


@pytest.mark.parametrize(
    ("kind", "device_is_free"),
    [
        (JobKind.IMPORT, True),
        (JobKind.DATASET, True),
        (JobKind.TRAIN, False),
        (JobKind.EXPORT, False),
    ],
)
def test_work_off_the_device_holds_off_the_end_but_no_run(
    tmp_path: Path, kind: JobKind, device_is_free: bool
) -> None:
    api = open_api(tmp_path / "w")
    folder = api.layout.job(api.jobs.create(kind, "busy", "os:abort", {}))
    writer = EventWriter(folder.events, now=lambda: NOON)
    writer.append(WorkerStarted(attempt=1, pid=1))
    writer.close()
    write_document(folder.identity, own_identity(folder, "t"))
    runner = WorkspaceRunner(api.jobs, api.runs)
    assert not runner.is_idle()
    if device_is_free:
        with pytest.raises(RunNotFound):
            runner.waits_for("none")
    else:
        assert runner.waits_for("none") is WaitsFor.OTHER_JOB


# ---------------------------------------------------------------------- room on a card


@pytest.mark.parametrize(
    ("device", "high", "other", "has_it"),
    [("cuda", 10, 5, True), ("cuda", 10, 15, False), ("cuda", 30, 1, True), ("cuda", 30, 3, False),
     ("cpu", 30, 23, True)],
)  # fmt: skip
def test_room_is_the_plans_need_or_most_of_the_card(
    device: str, high: int, other: int, has_it: bool
) -> None:
    memory = MemoryNeed(
        other=other, weights=high, adapter=0, optimizer=0, activations_low=0, activations_high=0,
        reserve=0, capacity=24,
    )  # fmt: skip
    plan = Plan(
        decisions={"device": Decision(value=device, reason="", source="hardware")},
        memory=memory, disk_bytes=0, train_rows=0, eval_rows=0, total_steps=0, problems=(),
        statement=(),
    )  # fmt: skip
    assert has_room(plan) is has_it
