# SPDX-License-Identifier: Apache-2.0
"""Draws runs, what goes wrong within them, and how they are interrupted.

What goes wrong within a run is a function of what the run is doing, never of how often it was asked
or of the process: the uninterrupted run meets the very same.
"""

from __future__ import annotations

import errno
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

import numpy as np
import pytest
import torch

from engine.domain.mix import MixedDataset, Replay
from engine.protocol.events import Event
from engine.store import atomicfs
from engine.train import decoding, guards, heldout, ladder, loop, resolve, samples, stepping
from engine.train.heldout import HeldOutLoss
from engine.train.schedule import learning_rate
from tests.unit.train.runs import DATASET
from tests.unit.train.spoiling import spoil_loss

STEPS = 11
RATE = 2e-2
LONGEST = 160
"""Of a row, in tokens."""


class PowerCut(BaseException):
    """The process ends at this very point."""


@dataclass(frozen=True, kw_only=True)
class Interruption:
    """What ends an attempt.

    Attributes:
        kind: "stop" asks for a stop behind an event, "cut" ends the process there; "cut on disk"
            and "full disk" strike before a name on the disk is made durable.
        number: Which event, or which name, from 1.
    """

    kind: str
    number: int


@dataclass(frozen=True, kw_only=True)
class Case:
    """A run, what goes wrong in it, and how it is interrupted.

    Attributes:
        recipe: Fields of the recipe that differ from the plainest.
        quantised: In 4 bits.
        recomputes: As on a device with little memory.
        budget: From a step on, most tokens that go through the device together, or None.
        check_budget: The same for held-out checks from the beginning.
        torn: Step at which a learning rate as high as the recipe's tears the weights, or 0.
        spoiled: Steps whose loss is no number.
        checks: Held-out loss by step, as if it was found; none leaves what was found.
        answers_fail: Memory runs out in the midst of a sample answer.
        interruptions: In order.
    """

    recipe: dict[str, Any]
    quantised: bool = False
    recomputes: bool = False
    budget: tuple[int, int] | None = None
    check_budget: int | None = None
    torn: int = 0
    spoiled: frozenset[int] = frozenset()
    checks: dict[int, float] = field(default_factory=dict[int, float])
    answers_fail: bool = False
    interruptions: tuple[Interruption, ...] = ()


def draw(seed: int) -> Case:
    """Return the case of a number."""
    chance = Random(seed)
    every = chance.choice((0, 1, 2, 3, 4))
    checks = dict[int, float]()
    if every and chance.random() < 0.5:
        usual = [chance.uniform(1.0, 3.0) for _step in range(STEPS + 1)]
        checks = {
            step: math.nan if chance.random() < 0.15 else loss for step, loss in enumerate(usual)
        }
    first = chance.randrange(2, STEPS)
    return Case(
        recipe=_recipe(chance, every),
        quantised=chance.random() < 0.25,
        recomputes=chance.random() < 0.3,
        budget=(first, chance.randrange(50, 200)) if chance.random() < 0.4 else None,
        check_budget=chance.randrange(40, 160) if chance.random() < 0.25 else None,
        torn=chance.randrange(6, STEPS - 2) if chance.random() < 0.5 else 0,
        spoiled=frozenset(chance.sample(range(1, STEPS), 2)) if chance.random() < 0.25 else (
            frozenset()
        ),
        checks=checks,
        answers_fail=chance.random() < 0.2,
        interruptions=tuple(
            Interruption(
                kind=chance.choice(("stop", "stop", "cut", "cut", "cut on disk", "full disk")),
                number=chance.randrange(1, 40),
            )
            for _number in range(chance.randrange(1, 5))
        ),
    )  # fmt: skip


def _recipe(chance: Random, every: int) -> dict[str, Any]:
    rank = chance.choice((4, 64))
    values: dict[str, Any] = {
        "lora_rank": rank,
        "lora_alpha": 2.0 * rank,
        "lora_dropout": chance.choice((0.0, 0.2)),
        "use_dora": chance.random() < 0.25,
        "use_rslora": chance.random() < 0.25,
        "loraplus_lr_ratio": chance.choice((1.0, 1.0, 4.0)),
        "lora_targets": chance.choice(("all", "all", "attention")),
        "optimizer": chance.choice(("adamw", "adamw", "adamw_8bit", "paged_adamw_8bit")),
        "weight_decay": chance.choice((0.0, 0.1)),
        "max_grad_norm": chance.choice((0.1, 1.0)),
        "learning_rate": RATE,
        "schedule": chance.choice(("constant", "cosine", "linear", "stable_decay")),
        "warmup_ratio": chance.choice((0.0, 0.2)),
        "effective_batch_size": chance.choice((3, 4)),
        "micro_batch_size": chance.choice((1, 2)),
        "max_length": LONGEST,
        "uncheckpointed_layers": chance.choice((0, 0, 1)),
        "activation_offload": chance.random() < 0.2,
        "epochs": 10.0,
        "max_steps": STEPS,
        "eval_every_steps": every,
        "dataset_id": chance.choice((DATASET, DATASET, DATASET, "none held out")),
        "eval_rows": 4,
        "sample_rows": chance.choice((0, 1)),
        "early_stopping_patience": chance.choice((0, 0, 2, 3)),
        "deliver_best": chance.random() < 0.5,
        "divergence_guard": chance.random() < 0.8,
        "checkpoint_every_steps": chance.choice((0, 1, 2, 5)),
        "keep_checkpoints": chance.choice((1, 2)),
        "dtype": chance.choice(("fp32", "fp32", "bf16")),
        "seed": chance.randrange(100),
    }
    if chance.random() < 0.3:
        values["mix"] = [MixedDataset(dataset_id="other", weight=chance.choice((0.5, 2.0)))]
    if chance.random() < 0.2:
        values["replay"] = Replay(dataset_id="general", ratio=0.3)
    return values


# ---------------------------------------------------------------------- within a run


def befall(monkeypatch: pytest.MonkeyPatch, case: Case) -> None:
    """Let all that goes wrong within the run of a case go wrong."""
    _look_closer(monkeypatch)
    if case.recomputes:
        monkeypatch.setattr(resolve, "_SPARE_SHARE", 0.0)
    if case.budget:
        _shrink_memory(monkeypatch, *case.budget)
    if case.check_budget:
        _shrink_checks(monkeypatch, case.check_budget)
    if case.torn:
        _tear(monkeypatch, case.torn)
    if case.spoiled:
        spoil_loss(monkeypatch, set(case.spoiled))
    if case.checks:
        _script_checks(monkeypatch, case.checks)
    if case.answers_fail:
        _break_answers(monkeypatch)


def _look_closer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a run find in eleven steps what takes hundreds, and answer with four tokens."""
    for name, value in (("WINDOW", 6), ("LEAST", 4), ("STREAK", 2), ("SPREADS", 2.0)):
        monkeypatch.setattr(guards, name, value)
    monkeypatch.setattr(guards, "LEAST_RISE", 0.3)
    monkeypatch.setattr(guards, "LEAST_ANCHOR_STEPS", 4)
    monkeypatch.setattr(samples, "ANSWER_TOKENS", 4)


def _shrink_memory(monkeypatch: pytest.MonkeyPatch, first: int, most: int) -> None:
    """Let steps fail that hold too much: stored layers count twice, large moments 60 tokens."""
    original = stepping.Stepper.accumulate

    def accumulate(self: stepping.Stepper, step: int, members: Any) -> torch.Tensor:
        found = original(self, step, members)
        tokens = max(int(self.lengths[one].sum()) for one in self.groups(members))
        held = tokens * (2 if self.model.stored_layers else 1)
        held += 60 if self.optimizer.has_large_32_bit_moments else 0
        alone = int(self.lengths[members].max())
        if step >= first and held > max(most, alone):
            raise torch.OutOfMemoryError("no room")
        return found

    monkeypatch.setattr(stepping.Stepper, "accumulate", accumulate)


def _shrink_checks(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    original = heldout.batch_loss

    def loss(model: Any, batch: Any) -> torch.Tensor:
        if batch.ids.shape[1] > most and len(batch.segments.edges) > 2:
            raise RuntimeError("CUDA error: out of memory")
        return original(model, batch)

    monkeypatch.setattr(heldout, "batch_loss", loss)


def _tear(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    original = ladder.Ladder.step

    def run(self: ladder.Ladder, number: int, members: Any, *, learning_rate: float) -> Any:
        is_torn = number == step and learning_rate > 0.75 * _full_rate(self, number)
        factor = 200.0 if is_torn else 1.0
        return original(self, number, members, learning_rate=factor * learning_rate)

    monkeypatch.setattr(ladder.Ladder, "step", run)


def _full_rate(of: ladder.Ladder, step: int) -> float:
    recipe = of._run.recipe
    return learning_rate(
        step,
        total_steps=of._run.total_steps,
        peak=recipe.learning_rate,
        schedule=recipe.schedule,
        warmup_ratio=recipe.warmup_ratio,
        min_ratio=recipe.min_learning_rate_ratio,
    )


def _script_checks(monkeypatch: pytest.MonkeyPatch, losses: dict[int, float]) -> None:
    checked, found_by = loop._Training._check, ladder.Ladder.held_out
    steps: list[int] = []

    def check(self: Any, *args: Any, **options: Any) -> None:
        steps.append(self._now.step)
        checked(self, *args, **options)

    def held_out(self: ladder.Ladder, should_stop: Callable[[], bool]) -> HeldOutLoss | None:
        found = found_by(self, should_stop)
        return found and HeldOutLoss(
            loss=losses[steps[-1]],
            supervised_tokens=found.supervised_tokens,
            examples=found.examples,
        )

    monkeypatch.setattr(loop._Training, "_check", check)
    monkeypatch.setattr(ladder.Ladder, "held_out", held_out)


def _break_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    original = decoding._next_logits

    def logits(model: Any, fresh: Any, start: int, cache: Any) -> torch.Tensor:
        if start and model.adapter is not None:
            raise torch.OutOfMemoryError("no room for another token")
        return original(model, fresh, start, cache)

    monkeypatch.setattr(decoding, "_next_logits", logits)


# ---------------------------------------------------------------------- from outside


class Doom:
    """Ends one attempt as an interruption says.

    Attributes:
        has_struck: It did.
    """

    def __init__(self, interruption: Interruption | None) -> None:
        """Wait for the moment; None never comes."""
        self.has_struck = False
        self._interruption = interruption
        self._events = self._names = 0

    def sees(self, _event: Event) -> bool:
        """Count an event; return whether a stop is asked for from now on.

        Raises:
            PowerCut: Now.
        """
        self._events += 1
        one = self._interruption
        if one is None or one.number != self._events or one.kind not in ("stop", "cut"):
            return False
        self.has_struck = True
        if one.kind == "cut":
            raise PowerCut
        return True

    def guard_disk(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Strike at the disk, if that is what is to come."""
        original, one = atomicfs.sync_folder, self._interruption
        if one is None or "disk" not in one.kind:
            return

        def sync(path: Any) -> None:
            self._names += 1
            if self._names == one.number:
                self.has_struck = True
                raise PowerCut if one.kind == "cut on disk" else OSError(errno.ENOSPC, "full")
            original(path)

        monkeypatch.setattr(atomicfs, "sync_folder", sync)


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    """Return whether two sets of tensors are the same to the bit."""
    return one.keys() == other.keys() and all(
        np.array_equal(values.numpy(), other[name].numpy(), equal_nan=True)
        for name, values in one.items()
    )
