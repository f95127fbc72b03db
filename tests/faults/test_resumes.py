# SPDX-License-Identifier: Apache-2.0
"""R7: a run stopped or cut off anywhere ends as the uninterrupted one, to the bit."""

from __future__ import annotations

import contextlib
import random
from dataclasses import dataclass
from typing import Any

import pytest
from msgspec.structs import replace

from engine.protocol.events import (
    AdapterCommitted,
    EvalDone,
    Event,
    Finished,
    PlanChanged,
    StepDone,
    Stopped,
)
from engine.train import loop
from tests.faults.extent import IS_FULL
from tests.unit.train.misfortune import Case, Doom, Interruption, PowerCut, befall
from tests.unit.train.runs import Desk, chat_rows, make_desk

pytestmark = pytest.mark.slow

STEPS = 40
EVERY = 4
"""Steps between two checks; an epoch has ten: stops fall on every place in both."""

OUT_OF_MEMORY = 18, 50
"""From this step on, most tokens that go through the device together."""

POINTS = range(1, STEPS + 1) if IS_FULL else (1, 4, 10, 18, 19, 23, 36, 40)
CHAINS = 50 if IS_FULL else 3
LINKS = 3
SEED = 7


@dataclass(frozen=True, kw_only=True)
class Stop:
    """Asks for a stop behind a step; where a check follows, within it, after some of its rows."""

    step: int
    rows: int


@dataclass
class Runs:
    """A workspace, and what the uninterrupted run in it told."""

    desk: Desk
    expected: list[Event]


def recipe_of(desk: Desk) -> Any:
    return desk.recipe(
        epochs=20.0,
        max_steps=STEPS,
        lora_dropout=0.2,
        effective_batch_size=2,
        schedule="cosine",
        max_length=160,
        eval_every_steps=EVERY,
        checkpoint_every_steps=7,
        sample_rows=1,
    )


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    desk = make_desk(
        tmp_path_factory.mktemp("desk"), rows=chat_rows(24), vocabulary=300, layers=1, spread=0.12
    )
    desk.add_run("whole", recipe_of(desk))
    with pytest.MonkeyPatch.context() as patch:
        befall(patch, Case(recipe={}, budget=OUT_OF_MEMORY))
        expected = attempt(desk, "whole", None, patch)
    assert isinstance(expected[-1], Finished)
    rung = next(at for at, one in enumerate(expected) if is_rung(one))
    assert any(isinstance(one, StepDone) for one in expected[:rung])
    return Runs(desk, expected)


def is_rung(event: Event) -> bool:
    return isinstance(event, PlanChanged) and "tokens_at_once" in event.decisions


def attempt(
    desk: Desk, run_id: str, by: Stop | Interruption | None, patch: pytest.MonkeyPatch
) -> list[Event]:
    """Train until a run is interrupted, or to its end; return what it told."""
    doom = Doom(by if isinstance(by, Interruption) else None)
    context, asked = desk.context(run_id), [0]

    def emit(event: Event) -> None:
        desk.events.append(event)
        if isinstance(event, StepDone):
            asked[0] = 0
        doom.sees(event)

    def stop_requested() -> bool:
        asked[0] += 1
        newest = max((one.step for one in desk.of(StepDone)), default=0)
        return isinstance(by, Stop) and newest == by.step and asked[0] > by.rows

    with patch.context() as inner:
        doom.guard_disk(inner)
        with contextlib.suppress(PowerCut):
            loop.train_adapter(
                replace(context, emit=emit, stop_requested=stop_requested), quantised=False
            )
    return list(desk.events)


def hexed(value: float | None) -> str:
    return "" if value is None else value.hex()


def bits(events: list[Event]) -> tuple[dict[int, Any], dict[int, Any], list[str]]:
    """Return losses, rates and norms of the steps, those of the checks, and the adapter's hash."""
    steps = {
        one.step: (hexed(one.loss), hexed(one.learning_rate), hexed(one.grad_norm))
        for one in events
        if isinstance(one, StepDone)
    }
    checks = {one.step: one.loss.hex() for one in events if isinstance(one, EvalDone)}
    adapters = [one.sha256 for one in events if isinstance(one, AdapterCommitted)]
    return steps, checks, adapters[-1:]


def run_through(
    runs: Runs, run_id: str, interruptions: tuple[Stop | Interruption, ...]
) -> list[list[Event]]:
    """Return what each attempt of an interrupted run told, the last of which ended it."""
    runs.desk.add_run(run_id, recipe_of(runs.desk))
    told: list[list[Event]] = []
    with pytest.MonkeyPatch.context() as patch:
        befall(patch, Case(recipe={}, budget=OUT_OF_MEMORY))
        for one in (*interruptions, None):
            told.append(attempt(runs.desk, run_id, one, patch))
            if isinstance(told[-1][-1], Finished):
                break
    events = [event for one in told for event in one]
    assert events[-1] == runs.expected[-1]
    assert bits(events) == bits(runs.expected)
    return told


@pytest.mark.parametrize("step", POINTS)
def test_run_stopped_at_any_step_ends_with_the_same_bits(runs: Runs, step: int) -> None:
    told = run_through(runs, f"stop-{step}", (Stop(step=step, rows=rows_within(step)),))
    stopped = told[0][-1]
    assert isinstance(stopped, Stopped)
    assert stopped.step == step
    assert len(told) == 2


def rows_within(step: int) -> int:
    """Return how many rows of the check behind a step are done when the stop comes."""
    return step // EVERY % 3 if step % EVERY == 0 else 0


def drawn(chance: random.Random) -> tuple[Stop | Interruption, ...]:
    """Return three interruptions at random places of what is left of a run by then."""
    steps = sorted(chance.sample(range(1, STEPS + 1), LINKS))
    return tuple(
        Stop(step=step, rows=rows_within(step))
        if chance.random() < 0.5
        else Interruption(
            kind=chance.choice(("cut", "cut", "cut on disk")), number=chance.randrange(4, 40)
        )
        for step in steps
    )


@pytest.mark.parametrize("number", range(CHAINS))
def test_run_interrupted_again_and_again_ends_with_the_same_bits(runs: Runs, number: int) -> None:
    told = run_through(runs, f"chain-{number}", drawn(random.Random(SEED + number)))
    assert len(told) > 1
