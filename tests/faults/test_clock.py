# SPDX-License-Identifier: Apache-2.0
"""R12: a clock that jumps by days, stands in 1970, or goes through a change to summer time."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from engine.api.job_progress import is_time_again
from engine.api.run_curves import fold_curves
from engine.domain.recipe import Recipe
from engine.domain.run import JobState
from engine.protocol.events import AdapterCommitted, StepDone, WorkerStarted
from engine.protocol.fold import fold_all
from engine.store.eventlog import EventReader, EventWriter
from engine.train import sft_lora
from gui.viewmodels import numbers
from gui.viewmodels.runs import progress_view
from gui.viewmodels.trace import RunTrace
from tests.fakes.api import a_step
from tests.faults.extent import IS_FULL
from tests.unit.train.runs import Desk, chat_rows, make_desk

CLOCKS = 50 if IS_FULL else 5
STARTS = (
    datetime(1970, 1, 1, tzinfo=UTC),
    datetime(2026, 3, 29, 0, 59, 50, tzinfo=UTC),  # an hour is left out in Berlin
    datetime(2026, 10, 25, 0, 59, 50, tzinfo=UTC),  # an hour comes twice
    datetime(2026, 11, 20, tzinfo=UTC),
)
JUMPS = (timedelta(days=2), timedelta(days=-2), timedelta(hours=1), timedelta(hours=-1))
STEPS = 60


def jumping(chance: random.Random) -> Callable[[], datetime]:
    """Return a clock that goes on by a second with every look, and jumps now and then."""
    moment = [chance.choice(STARTS) + timedelta(days=3)]

    def now() -> datetime:
        moment[0] += timedelta(seconds=1)
        if chance.random() < 0.1:
            moment[0] += chance.choice(JUMPS)
        moment[0] = max(moment[0], STARTS[0])
        return moment[0]

    return now


@pytest.fixture(params=["UTC", "Europe/Berlin", "Pacific/Apia"])
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    if not hasattr(time, "tzset"):
        pytest.skip("the zone of a process cannot be set here")
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield request.param
    monkeypatch.undo()
    time.tzset()


def written(path: Path, now: Callable[[], datetime]) -> EventWriter:
    path.parent.mkdir()
    writer = EventWriter(path, now=now)
    writer.append(WorkerStarted(attempt=1, pid=1))
    for step in range(1, STEPS + 1):
        writer.append(a_step(step, total=STEPS))
    writer.close()
    return writer


@pytest.mark.usefixtures("zone")
def test_events_are_in_order_of_their_numbers_and_no_time_is_negative(
    tmp_path: Path, tell: Callable[[str], None]
) -> None:
    chance = random.Random(12)
    for number in range(CLOCKS):
        now = jumping(chance)
        writer = written(tmp_path / str(number) / "events.jsonl", now)
        found = EventReader(tmp_path / str(number) / "events.jsonl").poll()
        assert [one.seq for one in found] == list(range(1, STEPS + 2))
        assert fold_all(type(writer.snapshot)(), found) == writer.snapshot
        trace = RunTrace()
        trace.take(found)
        assert list(trace.steps) == [one.step for one in fold_curves(found).points]
        assert list(trace.steps) == list(range(1, STEPS + 1))
        for at in (None, now().astimezone(), STARTS[0].astimezone()):
            assert trace.worked_s(at) >= 0.0
        view = progress_view(
            writer.snapshot,
            JobState.RUNNING,
            trace,
            Recipe(dataset_id="d", model_id="m"),
            now=STARTS[0].astimezone(),
        )
        assert "-" not in view.right + view.left
        assert all(numbers.local_moment(one.t) is not None for one in found)
    tell(f"{CLOCKS} clocks that jump: {CLOCKS * (STEPS + 1)} events in order, no negative time")


@pytest.mark.parametrize("jump", JUMPS)
def test_clock_that_jumps_puts_nothing_off(jump: timedelta) -> None:
    every, last = timedelta(seconds=5), STARTS[-1]
    assert not is_time_again(last + timedelta(seconds=1), last, every)
    assert is_time_again(last + jump, last, every)
    assert is_time_again(last, None, every)


def trained(desk: Desk, run_id: str, now: Callable[[], datetime]) -> tuple[list[str], str]:
    """Train and return each loss, to the last digit, and the hash of the adapter."""
    desk.events.clear()
    desk.add_run(run_id, desk.recipe(max_steps=4, eval_every_steps=2, sample_rows=1))
    sft_lora.train(replace(desk.context(run_id), now=now))
    losses = [(one.loss or math.nan).hex() for one in desk.of(StepDone)]
    assert all(one.step_s >= 0.0 and one.eta_s >= 0.0 for one in desk.of(StepDone))
    return losses, desk.of(AdapterCommitted)[-1].sha256


def test_training_under_a_jumping_clock_is_the_same_training(tmp_path: Path) -> None:
    desk = make_desk(tmp_path, rows=chat_rows(12), vocabulary=300, layers=1)
    steady = trained(desk, "steady", lambda: STARTS[-1])
    assert len(steady[0]) == 4
    for number in range(2):
        assert trained(desk, f"jumping{number}", jumping(random.Random(number))) == steady
