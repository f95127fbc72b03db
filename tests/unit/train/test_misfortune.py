# SPDX-License-Identifier: Apache-2.0
"""Runs of random settings, in which random things go wrong, interrupted at random places.

Each must end as the uninterrupted one, to the bit: losses, rates, checks, the adapter, the
optimizer, and what the guards remember. A failure names the number of its case; `draw(number)` is
that case again. `BURNISH_MISFORTUNES=500` runs so many cases instead of a few.
"""

from __future__ import annotations

import os
from typing import Any

import pytest
from msgspec.structs import replace
from msgspec.structs import replace as changed

from engine.domain.checkpoint import CheckpointState
from engine.errors import DiskFull, EngineError
from engine.protocol.events import (
    AdapterCommitted,
    EvalDone,
    Event,
    Failed,
    Finished,
    RolledBack,
    StepDone,
    Stopped,
)
from engine.train import loop
from engine.train.adapter import WEIGHTS, read_tensors
from engine.train.checkpoint import checkpoint_folders, read_checkpoint
from tests.unit.train.misfortune import Case, Doom, Interruption, PowerCut, befall, draw, same
from tests.unit.train.runs import Desk, chat_rows, make_desk, write_dataset

QUICK = (0, 1, 5, 7, 8, 11, 12)
"""Between them every kind of interruption, and everything that can go wrong within a run."""

_MANY = os.environ.get("BURNISH_MISFORTUNES")
CASES = range(int(_MANY)) if _MANY else QUICK


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    found = make_desk(tmp_path_factory.mktemp("desk"), rows=chat_rows(14), spread=0.12)
    rows = chat_rows(40)
    write_dataset(found.layout, rows[:12], dataset_id="none held out", eval_ratio=0.0)
    write_dataset(found.layout, rows[20:28], dataset_id="other")
    write_dataset(found.layout, rows[30:38], dataset_id="general")
    return found


def attempt(
    desk: Desk, run_id: str, case: Case, one: Interruption | None, patch: pytest.MonkeyPatch
) -> tuple[list[Event], bool]:
    """Return the events of an attempt, and whether the interruption came to pass."""
    doom = Doom(one)
    context = desk.context(run_id)
    asked: list[bool] = []

    def emit(event: Event) -> None:
        desk.events.append(event)
        if doom.sees(event):
            asked.append(True)

    with patch.context() as inner:
        doom.guard_disk(inner)
        try:
            loop.train_adapter(
                replace(context, emit=emit, stop_requested=lambda: bool(asked)),
                quantised=case.quantised,
            )
        except PowerCut:
            pass
        except EngineError as error:
            if not (doom.has_struck and isinstance(error, DiskFull)):
                desk.events.append(Failed(code=error.code, message=error.message, remedy=""))
    return list(desk.events), doom.has_struck


def is_over(events: list[Event]) -> bool:
    return isinstance(events[-1], (Finished, Failed))


def kept(events: list[Event]) -> tuple[list[Any], list[Any]]:
    """Return steps and checks that count in the end, as a client reads them."""
    steps, checks = dict[int, Any](), dict[int, Any]()
    for one in events:
        if isinstance(one, RolledBack):
            steps = {step: found for step, found in steps.items() if step <= one.to_step}
            checks = {step: found for step, found in checks.items() if step <= one.to_step}
        elif isinstance(one, StepDone):
            steps[one.step] = (one.loss, one.learning_rate, one.grad_norm, one.tokens_seen)
        elif isinstance(one, EvalDone):
            checks[one.step] = (one.loss, one.is_best)
    return sorted(steps.items()), sorted(checks.items())


def newest(desk: Desk, run_id: str) -> tuple[CheckpointState, Any]:
    found = read_checkpoint(checkpoint_folders(desk.layout.job(run_id).checkpoints)[-1])
    return changed(found.state, run_id=""), (found.adapter, found.optimizer)


def check_promises(desk: Desk, run_id: str, events: list[Event]) -> None:
    """Check what holds behind every attempt."""
    folder = desk.layout.job(run_id)
    assert not [one for one in folder.root.iterdir() if one.name.startswith((".tmp", ".del"))]
    if isinstance(events[-1], Stopped) and events[-1].checkpoint:
        read_checkpoint(folder.checkpoints / events[-1].checkpoint)
    if not isinstance(events[-1], Finished):
        return
    step = int(events[-1].result["step"])
    committed = next(one for one in reversed(events) if isinstance(one, AdapterCommitted))
    delivered = read_tensors(folder.adapter / WEIGHTS)
    assert committed.step == step
    assert same(delivered, read_checkpoint(folder.checkpoints / f"ck-{step:06d}").adapter)


@pytest.mark.parametrize("number", CASES)
def test_interrupted_run_of_any_kind_ends_as_the_uninterrupted_one(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    case = draw(number)
    befall(monkeypatch, case)
    recipe = desk.recipe(**case.recipe)
    whole, broken = f"whole-{number}", f"broken-{number}"
    for run_id in (whole, broken):
        desk.add_run(run_id, recipe)
    expected, _struck = attempt(desk, whole, case, None, monkeypatch)
    told: list[Event] = []
    for one in (*case.interruptions, None):
        events, _struck = attempt(desk, broken, case, one, monkeypatch)
        told += events
        check_promises(desk, broken, events)
        if is_over(events):
            break
    assert is_over(told)
    assert type(told[-1]) is type(expected[-1])
    if isinstance(told[-1], Failed):
        assert told[-1] == expected[-1]
        return
    assert told[-1] == expected[-1]
    assert kept(told) == kept(expected)
    ours, theirs = newest(desk, broken), newest(desk, whole)
    assert ours[0] == theirs[0]
    assert all(same(one, other) for one, other in zip(ours[1], theirs[1], strict=True))
    delivered = [read_tensors(desk.layout.job(one).adapter / WEIGHTS) for one in (whole, broken)]
    assert same(delivered[0], delivered[1])
