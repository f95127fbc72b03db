# SPDX-License-Identifier: Apache-2.0
"""What a worker tells of itself: its start, a sleep between two events, and why it failed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import pytest

from engine.errors import EngineError, GpuLost
from engine.launcher.identity import Heartbeat
from engine.launcher.offline import OfflineGuard
from engine.protocol.events import Event, Failed, PhaseChanged, Warned, WorkerStarted
from engine.store.documents import read_document
from engine.store.eventlog import EventReader, EventWriter
from engine.worker import heartbeat
from engine.worker.account import Account
from engine.worker.heartbeat import beating
from engine.worker.wakefulness import SleepWatch, Wakefulness

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)


class Guard:
    """A guard whose tries a test writes."""

    attempts = 0
    last_attempt, last_caller = "socket.__new__", "library.module.call_home"
    is_kernel_filter_active = True


class Desk:
    """An account in a log of its own, on a computer that can be put to sleep."""

    def __init__(self, root: Path, wakefulness: Wakefulness = Wakefulness.HELD) -> None:
        self.slept_s = 0.0
        self.path = root / "events.jsonl"
        self.writer = EventWriter(self.path, now=lambda: MOMENT)
        watch = SleepWatch(slept=lambda: self.slept_s, clock=lambda: 0.0)
        self.guard = Guard()
        guard = cast("OfflineGuard", self.guard)
        self.account = Account(self.writer, guard, wakefulness, watch)

    def events(self) -> list[Event | None]:
        return [one.event for one in EventReader(self.path).poll()]


@pytest.fixture
def make_desk(tmp_path: Path) -> Iterator[Callable[..., Desk]]:
    """Return what makes a desk; its log is closed afterwards."""
    made: list[Desk] = []

    def make(wakefulness: Wakefulness = Wakefulness.HELD) -> Desk:
        made.append(Desk(tmp_path, wakefulness))
        return made[-1]

    yield make
    for one in made:
        one.writer.close()


@pytest.fixture
def desk(make_desk: Callable[..., Desk]) -> Desk:
    return make_desk()


def test_start_tells_that_sleep_is_held_off(desk: Desk) -> None:
    desk.account.open(2)
    (started,) = desk.events()
    assert isinstance(started, WorkerStarted)
    assert started.attempt == 2
    assert started.versions["sleep"] == "held off"
    assert started.versions["network"] == "refused by the kernel"


@pytest.mark.parametrize("found", [one for one in Wakefulness if one.may_sleep])
def test_start_warns_where_the_computer_may_sleep(
    make_desk: Callable[..., Desk], found: Wakefulness
) -> None:
    desk = make_desk(found)
    desk.account.open(1)
    warned = desk.events()[-1]
    assert isinstance(warned, Warned)
    assert warned.code == "may_sleep"
    assert found.value in warned.message


def test_sleep_between_two_events_is_told_before_the_second(desk: Desk) -> None:
    desk.account.emit(PhaseChanged(phase="a"))
    desk.slept_s += 600
    desk.account.emit(PhaseChanged(phase="b"))
    desk.account.emit(PhaseChanged(phase="c"))
    told = [one.code if isinstance(one, Warned) else "" for one in desk.events()]
    assert told == ["", "computer_slept", "", ""]


def test_card_that_fails_after_a_sleep_failed_because_of_it(desk: Desk) -> None:
    desk.slept_s += 600
    desk.account.report_unraised(RuntimeError("CUDA error: unspecified launch failure"))
    failed = desk.events()[-1]
    assert isinstance(failed, Failed)
    assert failed.code == "computer_slept"
    assert "slept shortly before: 600 s" in failed.detail


@pytest.mark.parametrize("error", [OSError(5, "Input/output error"), GpuLost("It is gone.")])
def test_failure_that_the_log_cannot_take_goes_to_standard_error(
    desk: Desk,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: Exception,
) -> None:
    def refuse(_event: Event) -> None:
        raise error

    monkeypatch.setattr(desk.writer, "append", refuse)
    desk.account.report(cast("EngineError", GpuLost("It is lost.")))
    assert capsys.readouterr().err == "gpu_lost: It is lost.\n"


def test_sign_of_life_holds_the_steady_clock_and_the_counters(tmp_path: Path) -> None:
    path = tmp_path / "heartbeat.json"
    with beating(path, now=lambda: MOMENT, refused=lambda: 3):
        pass
    beat = read_document(path, Heartbeat)
    assert (beat.count >= 1, beat.refused) == (True, 3)
    assert beat.monotonic_s is not None
    assert all(one >= 0 for one in beat.oom_kills.values())


def test_first_sign_of_life_is_there_before_anybody_knows_of_the_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that is suspended right at its start is told to be silent only by what it wrote."""
    write = heartbeat.write_document

    def slowly(path: Path, beat: Heartbeat, *, durable: bool) -> None:
        time.sleep(0.1)
        write(path, beat, durable=durable)

    monkeypatch.setattr(heartbeat, "write_document", slowly)
    path = tmp_path / "heartbeat.json"
    with beating(path, now=lambda: MOMENT, refused=lambda: 0):
        assert read_document(path, Heartbeat).count == 1


def test_refused_try_is_told_before_the_next_event_and_each_count_once(desk: Desk) -> None:
    desk.guard.attempts = 1
    desk.account.emit(PhaseChanged(phase="training"))
    desk.account.emit(PhaseChanged(phase="evaluating"))
    desk.account.tell_attempts()
    desk.guard.attempts = 3
    desk.account.tell_attempts()
    told = [one.message for one in desk.events() if isinstance(one, Warned)]
    assert [one.partition(" ")[0] for one in told] == ["1", "3"]
    assert all("library.module.call_home" in one for one in told)
    assert isinstance(desk.events()[0], Warned)
    assert desk.account.snapshot.network_refused == told[-1]
