# SPDX-License-Identifier: Apache-2.0
"""Recomputed activations: each 4-bit weight is restored twice a step, and none is left behind."""

from __future__ import annotations

import weakref
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from engine.train import nf4
from engine.train.batches import Examples
from engine.train.heldout import held_out_loss
from engine.train.model import LanguageModel
from engine.train.optimizer import AdapterOptimizer
from engine.train.stepping import Stepper
from tests.builders.model_folder import tiny_model_folder
from tests.unit.train.models import load_adapted, load_ours, random_examples

LENGTHS = [12, 30, 7, 25]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model_folder(tmp_path_factory.mktemp("again"), spread=0.12, dtype="float32")


@pytest.fixture
def examples() -> Examples:
    return random_examples(LENGTHS)


def make_stepper(model: LanguageModel, examples: Examples, *, capacity: int = 100) -> Stepper:
    model.net.train()
    return Stepper(
        model=model,
        optimizer=AdapterOptimizer(model.trainable(), weight_decay=0.0),
        examples=examples,
        lengths=examples.lengths,
        supervised=examples.supervised,
        capacity=capacity,
        micro_batch_size=1,
        max_grad_norm=1.0,
        seed=0,
    )


class Restored:
    """Counts how often each weight is restored, and knows which results are still held."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.counts: Counter[int] = Counter()
        self.most_alive = 0
        self._alive: weakref.WeakSet[torch.Tensor] = weakref.WeakSet()
        self._restore = nf4.restore
        monkeypatch.setattr(nf4, "restore", self._counted)

    def _counted(self, weight: nf4.PackedWeight) -> torch.Tensor:
        self.counts[id(weight)] += 1
        result = self._restore(weight)
        self._alive.add(result)
        self.most_alive = max(self.most_alive, len(self._alive))
        return result

    @property
    def alive(self) -> int:
        return len(self._alive)


@pytest.mark.parametrize("has_adapter", [True, False])
def test_step_recomputing_restores_each_weight_twice_and_keeps_none(
    base: Path, examples: Examples, monkeypatch: pytest.MonkeyPatch, has_adapter: bool
) -> None:
    model = load_adapted(base, quantised=True)
    if not has_adapter:
        for path, linear in model.linears.items():
            if "mlp" in path:
                linear.lora_A = linear.lora_B = None
    model.recompute_activations()
    stepper, restored = make_stepper(model, examples), Restored(monkeypatch)
    stepper.accumulate(1, np.arange(4))
    assert len(restored.counts) == len(model.linears)
    assert set(restored.counts.values()) == {2}
    assert restored.alive == 0
    assert restored.most_alive <= len(model.linears) // 2


def test_step_storing_activations_keeps_no_restored_weight(
    base: Path, examples: Examples, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = load_adapted(base, quantised=True)
    stepper, restored = make_stepper(model, examples), Restored(monkeypatch)
    stepper.accumulate(1, np.arange(4))
    assert max(restored.counts.values()) == 2
    assert restored.alive == 0
    assert restored.most_alive == 1


def test_held_out_check_of_a_recomputing_model_restores_once(
    base: Path, examples: Examples, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = load_adapted(base, quantised=True)
    model.recompute_activations()
    restored = Restored(monkeypatch)
    held_out_loss(model, examples, capacity=100)
    assert set(restored.counts.values()) == {1}
    assert (restored.alive, restored.most_alive) == (0, 1)


class Products(TorchDispatchMode):
    """Counts the matrix products that read each weight."""

    def __init__(self, model: LanguageModel) -> None:
        super().__init__()
        self._paths = {one.weight.data_ptr(): path for path, one in model.linears.items()}
        self.counts: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in (torch.ops.aten.mm.default, torch.ops.aten.addmm.default):
            path = self._paths.get(args[-1].data_ptr())
            self.counts.update([path] if path else [])
        return func(*args, **(kwargs or {}))


def test_recomputation_leaves_out_the_last_product_of_each_block(
    base: Path, examples: Examples
) -> None:
    model = load_adapted(base)
    model.recompute_activations()
    stepper = make_stepper(model, examples)
    with Products(model) as products:
        stepper.accumulate(1, np.arange(4))
    layer = "model.layers.1."
    assert products.counts[f"{layer}mlp.down_proj"] == 2
    assert products.counts[f"{layer}mlp.up_proj"] == 3
    assert products.counts[f"{layer}self_attn.o_proj"] == 3


def casts(model: LanguageModel) -> list[object]:
    return [vars(linear)["_cast"] for linear in model.linears.values()]


def test_cast_lives_for_one_step_and_follows_the_update(base: Path, examples: Examples) -> None:
    model = load_adapted(base, dtype=torch.bfloat16, quantised=True)
    stepper = make_stepper(model, examples)
    before = held_out_loss(model, examples, capacity=100)
    stepper.run(1, np.arange(4), learning_rate=0.05)
    after = held_out_loss(model, examples, capacity=100)
    assert casts(model) == [None] * len(model.linears)
    twin = load_adapted(base, dtype=torch.bfloat16, quantised=True)
    with torch.no_grad():
        for name, values in twin.trainable().items():
            values.copy_(model.trainable()[name])
    assert before is not None
    assert after is not None
    assert held_out_loss(twin, examples, capacity=100) == after
    assert after.loss != before.loss


def test_cast_after_a_restore_is_that_of_the_restored_values(
    base: Path, examples: Examples
) -> None:
    model = load_adapted(base, dtype=torch.bfloat16)
    held = {name: one.detach().clone() for name, one in model.trainable().items()}
    before = held_out_loss(model, examples, capacity=100)
    make_stepper(model, examples).run(1, np.arange(4), learning_rate=0.05)
    with torch.no_grad():
        for name, values in model.trainable().items():
            values.copy_(held[name])
    assert held_out_loss(model, examples, capacity=100) == before


def test_cast_is_made_once_for_all_passes_of_a_step(base: Path, examples: Examples) -> None:
    model = load_adapted(base, dtype=torch.bfloat16)
    model.recompute_activations()
    made: list[object] = []
    linear = next(iter(model.linears.values()))
    cast_to = linear.hold_cast

    def hold_cast(dtype: torch.dtype) -> None:
        cast_to(dtype)
        made.append(vars(linear)["_cast"])

    vars(linear)["hold_cast"] = hold_cast
    make_stepper(model, examples, capacity=32).accumulate(1, np.arange(4))
    assert len(made) == 1


def test_cast_is_dropped_where_a_pass_fails(base: Path) -> None:
    model = load_adapted(base, dtype=torch.bfloat16)
    wrong = torch.full((1, 3), -1)
    with pytest.raises(IndexError), model.steady_adapter():
        model.hidden(wrong, wrong)
    assert casts(model) == [None] * len(model.linears)


def test_steady_adapter_model_without_one_is_left_alone(base: Path) -> None:
    model = load_ours(base)
    with model.steady_adapter():
        assert casts(model) == [None] * len(model.linears)
