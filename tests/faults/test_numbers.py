# SPDX-License-Identifier: Apache-2.0
"""R14: losses, gradients and weights that are no numbers, or explode, at any step of a run."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Any

import pytest
import torch

from engine.errors import LossNotFiniteError
from engine.protocol.events import CheckpointCommitted, Event, Finished, LossNotFinite, StepDone
from engine.train import ladder, loop, stepping
from engine.train.adapter import WEIGHTS, read_tensors
from engine.train.checkpoint import checkpoint_folders, read_checkpoint
from engine.train.guards import NON_FINITE_LIMIT
from tests.faults.extent import IS_FULL
from tests.unit.train.runs import Desk, chat_rows, make_desk

pytestmark = pytest.mark.slow

EACH = 25 if IS_FULL else 2
"""Faults of each kind; there are eight kinds."""

STEPS = 8
Spoil = Callable[[stepping.Stepper, torch.Tensor, random.Random], torch.Tensor]


def _in_a_gradient(value: float) -> Spoil:
    def spoil(one: stepping.Stepper, loss: torch.Tensor, chance: random.Random) -> torch.Tensor:
        gradients = [found.grad for found in one.model.trainable().values()]
        chosen = chance.choice([found for found in gradients if found is not None])
        chosen.view(-1)[chance.randrange(chosen.numel())] = value
        return loss

    return spoil


def _gradients_times(factor: float) -> Spoil:
    def spoil(one: stepping.Stepper, loss: torch.Tensor, _chance: random.Random) -> torch.Tensor:
        for found in one.model.trainable().values():
            if found.grad is not None:
                found.grad.mul_(factor)
        return loss

    return spoil


SKIPPED: dict[str, Spoil] = {
    "loss is no number": lambda _one, loss, _chance: loss * math.nan,
    "loss is infinite": lambda _one, loss, _chance: loss * math.inf,
    "a gradient is no number": _in_a_gradient(math.nan),
    "a gradient is infinite": _in_a_gradient(-math.inf),
    "gradients overflow": _gradients_times(1e38),
}
"""What leaves an update out; three in a row end the run."""


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    folder = tmp_path_factory.mktemp("desk")
    return make_desk(folder, rows=chat_rows(14), vocabulary=300, layers=1, spread=0.12)


class Watched:
    """One run whose checkpoints are read as they are announced, and whose updates are counted."""

    def __init__(self, desk: Desk, run_id: str, *, every: int) -> None:
        self._desk, self._run_id = desk, run_id
        self.applied: dict[int, bool] = {}
        desk.add_run(
            run_id,
            desk.recipe(
                max_steps=STEPS,
                epochs=9.0,
                effective_batch_size=2,
                eval_every_steps=4,
                checkpoint_every_steps=every,
                keep_checkpoints=2,
            ),
        )

    def train(self, patch: pytest.MonkeyPatch) -> list[Event]:
        step = ladder.Ladder.step

        def noting(one: ladder.Ladder, number: int, *args: Any, **options: Any) -> Any:
            before = _flat(one)
            outcome = step(one, number, *args, **options)
            self.applied[number] = not torch.equal(before, _flat(one))
            return outcome

        patch.setattr(ladder.Ladder, "step", noting)
        loop.train_adapter(self._desk.context(self._run_id, stop_when=self._look), quantised=False)
        return list(self._desk.events)

    def _look(self, event: Event) -> bool:
        if isinstance(event, CheckpointCommitted):
            self.check(event.name)
        return False

    def check(self, name: str) -> None:
        found = read_checkpoint(self._desk.layout.job(self._run_id).checkpoints / name)
        tensors = (*found.adapter.values(), *found.optimizer.values())
        assert all(bool(torch.isfinite(one).all()) for one in tensors)

    def check_all(self) -> None:
        """Check what is on the disk, whoever wrote it."""
        folder = self._desk.layout.job(self._run_id)
        for one in checkpoint_folders(folder.checkpoints):
            self.check(one.name)
        if folder.adapter.exists():
            tensors = read_tensors(folder.adapter / WEIGHTS).values()
            assert all(bool(torch.isfinite(one).all()) for one in tensors)

    def newest_step(self) -> int:
        return max((one.step for one in self._desk.of(StepDone)), default=0)

    def left_out(self) -> list[int]:
        return [one.step for one in self._desk.of(LossNotFinite)]


def _flat(one: ladder.Ladder) -> torch.Tensor:
    values = one._run.stepper.model.trainable().values()
    return torch.cat([found.detach().flatten() for found in values])


def spoil_steps(
    patch: pytest.MonkeyPatch, steps: range, spoil: Spoil, chance: random.Random
) -> None:
    original = stepping.Stepper.accumulate

    def accumulate(self: stepping.Stepper, step: int, members: Any) -> torch.Tensor:
        loss = original(self, step, members)
        return spoil(self, loss, chance) if step in steps else loss

    patch.setattr(stepping.Stepper, "accumulate", accumulate)


def check_named(error: LossNotFiniteError) -> None:
    assert error.code == "loss_not_finite"
    assert error.message
    assert error.remedy


@pytest.mark.parametrize("kind", SKIPPED)
def test_step_without_a_number_is_left_out_and_the_third_in_a_row_ends_the_run(
    desk: Desk, kind: str, tell: Callable[[str], None]
) -> None:
    chance, ended = random.Random(kind), 0
    for number in range(EACH):
        first, count = chance.randrange(1, STEPS + 1), chance.randrange(1, 5)
        steps = range(first, min(first + count, STEPS + 1))
        run = Watched(desk, f"{list(SKIPPED).index(kind)}-{number}", every=chance.choice((0, 1, 3)))
        with pytest.MonkeyPatch.context() as patch:
            spoil_steps(patch, steps, SKIPPED[kind], chance)
            if len(steps) < NON_FINITE_LIMIT:
                assert isinstance(run.train(patch)[-1], Finished)
                assert run.left_out() == list(steps)
            else:
                ended += 1
                with pytest.raises(LossNotFiniteError) as caught:
                    run.train(patch)
                check_named(caught.value)
                assert run.newest_step() == steps[NON_FINITE_LIMIT - 1]
        assert not any(run.applied[step] for step in steps if step in run.applied)
        run.check_all()
        if len(steps) >= NON_FINITE_LIMIT:
            with pytest.MonkeyPatch.context() as patch:
                assert isinstance(run.train(patch)[-1], Finished)
            run.check_all()
    tell(f"{kind}: {EACH} runs, {ended} ended by name at the third step and then resumed")


def test_gradients_that_explode_are_cut_and_the_run_goes_on(
    desk: Desk, tell: Callable[[str], None]
) -> None:
    chance = random.Random(5)
    for number in range(EACH):
        run = Watched(desk, f"explodes-{number}", every=1)
        step = chance.randrange(1, STEPS + 1)
        with pytest.MonkeyPatch.context() as patch:
            factor = 10.0 ** chance.randrange(3, 15)
            spoil_steps(patch, range(step, step + 1), _gradients_times(factor), chance)
            assert isinstance(run.train(patch)[-1], Finished)
        assert run.left_out() == []
        run.check_all()
    tell(f"gradients that explode: {EACH} runs went on with numbers")


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_weights_that_are_no_numbers_are_never_saved_and_end_the_run_within_three_steps(
    desk: Desk, value: float, tell: Callable[[str], None]
) -> None:
    """As a fault of memory or of a kernel leaves them: the loss before it was a number."""
    chance = random.Random(6)
    for number in range(EACH):
        run = Watched(desk, f"weights-{value}-{number}", every=chance.choice((0, 1, 3)))
        step = chance.randrange(1, STEPS + 1)
        with pytest.MonkeyPatch.context() as patch:
            spoil_weights(patch, step, value, chance)
            with pytest.raises(LossNotFiniteError) as caught:
                run.train(patch)
        check_named(caught.value)
        assert step <= run.newest_step() <= step + NON_FINITE_LIMIT
        run.check_all()
        with pytest.MonkeyPatch.context() as patch:
            assert isinstance(run.train(patch)[-1], Finished)
        run.check_all()
    tell(f"weights become {value}: {EACH} runs ended by name, none was saved, each resumed")


def spoil_weights(
    patch: pytest.MonkeyPatch, step: int, value: float, chance: random.Random
) -> None:
    original = stepping.Stepper.apply
    applied: list[int] = []

    def apply(self: stepping.Stepper, outcome: Any, *, learning_rate: float) -> None:
        original(self, outcome, learning_rate=learning_rate)
        applied.append(1)
        if len(applied) == step:
            chosen = chance.choice([*self.model.trainable().values()])
            with torch.no_grad():
                chosen.view(-1)[chance.randrange(chosen.numel())] = value

    patch.setattr(stepping.Stepper, "apply", apply)
