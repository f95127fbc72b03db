# SPDX-License-Identifier: Apache-2.0
"""What saves memory on a graphics card: layer inputs in main memory, 8-bit and paged moments."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from engine.domain.recipe_choices import Optimizer
from engine.protocol.events import Finished, StepDone
from engine.protocol.events import Warned as WarnedEvent
from engine.train import loop, microsteps
from engine.train.batches import make_batch
from engine.train.load import load_model, with_adapter
from engine.train.loss import batch_loss
from engine.train.model import LanguageModel
from engine.train.moments8 import choose_optimizer
from engine.train.offload import CardPassage, Offload
from engine.train.optimizer import AdapterOptimizer
from tests.builders.model_folder import tiny_model_folder
from tests.unit.train.models import random_examples
from tests.unit.train.runs import make_desk

pytestmark = pytest.mark.gpu
CARD = torch.device("cuda")
LAYERS = 8


def load(base: Path) -> LanguageModel:
    model = load_model(base, dtype=torch.bfloat16, device=CARD, quantised=True)
    model = with_adapter(model, rank=8, alpha=16.0, dropout_ratio=0.0, seed=1)
    model.net.train()
    return model


def gradients(model: LanguageModel, lengths: list[int]) -> torch.Tensor:
    examples = random_examples(lengths)
    for _number in range(3):
        batch = make_batch(examples, torch.arange(len(lengths)).numpy(), CARD)
        batch_loss(model, batch).backward()
    found = [one.grad for one in model.trainable().values()]
    return torch.cat([one.flatten() for one in found if one is not None])


def test_offload_on_a_card_gives_nearly_the_same_gradients(tmp_path: Path) -> None:
    base = tiny_model_folder(tmp_path, spread=0.12, layers=LAYERS)
    plain, moved = load(base), load(base)
    plain.recompute_activations()
    moved.recompute_activations(offload=Offload(CardPassage()))
    lengths = [700, 40, 900]
    torch.testing.assert_close(
        gradients(moved, lengths), gradients(plain, lengths), rtol=0.02, atol=1e-3
    )


def test_offload_on_a_card_needs_less_of_its_memory(tmp_path: Path) -> None:
    base = tiny_model_folder(tmp_path, layers=32, hidden=512)
    peaks: list[int] = []
    for offload in (None, Offload(CardPassage())):
        model = load(base)
        model.recompute_activations(offload=offload)
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        gradients(model, [4096])
        peaks.append(torch.cuda.max_memory_allocated() - before)
        del model
    inputs = 32 * 4096 * 512 * 2
    assert peaks[0] - peaks[1] > 0.8 * inputs * 29 / 32


@pytest.mark.parametrize("asked", [Optimizer.ADAMW_8BIT, Optimizer.PAGED_ADAMW_8BIT])
def test_optimizer_on_a_card_saves_and_resumes_with_the_same_bits(asked: Optimizer) -> None:
    kind = Optimizer(choose_optimizer(asked, CARD).value)

    def start() -> dict[str, nn.Parameter]:
        generator = torch.Generator().manual_seed(0)
        return {"a": nn.Parameter(torch.randn(400, 300, generator=generator).to(CARD))}

    def train(optimizer: AdapterOptimizer, values: dict[str, nn.Parameter], number: int) -> None:
        generator = torch.Generator().manual_seed(number)
        values["a"].grad = torch.randn(400, 300, generator=generator).to(CARD)
        optimizer.step(0.01)
        optimizer.clear()

    whole, resumed = start(), start()
    first = AdapterOptimizer(whole, weight_decay=0.1, kind=kind)
    second = AdapterOptimizer(resumed, weight_decay=0.1, kind=kind)
    train(first, whole, 1)
    second.load({name: one.clone() for name, one in first.tensors().items()})
    with torch.no_grad():
        resumed["a"].copy_(whole["a"])
    train(first, whole, 2)
    train(second, resumed, 2)
    assert torch.equal(whole["a"], resumed["a"])


def test_run_on_a_card_without_memory_gives_something_up_and_finishes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of the first passes asks for more than any card has, so that all rungs are taken."""
    desk = make_desk(tmp_path, spread=0.12)
    values = {"device": "cuda", "dtype": "bf16", "max_length": 400, "max_steps": 3}
    desk.add_run("run", desk.recipe(**values, lora_rank=64, uncheckpointed_layers=1))
    original, calls = microsteps.batch_loss, itertools.count(1)

    def greedy(*args: Any) -> torch.Tensor:
        if next(calls) <= 4:
            torch.empty(1 << 50, dtype=torch.uint8, device=CARD)
        return original(*args)

    monkeypatch.setattr(microsteps, "batch_loss", greedy)
    loop.train_adapter(desk.context("run"), quantised=True)
    assert [one.code for one in desk.of(WarnedEvent)] == [
        "memory_recompute", "memory_offload", "memory_split", "memory_optimizer",
    ]  # fmt: skip
    assert isinstance(desk.events[-1], Finished)
    assert all(one.loss is not None for one in desk.of(StepDone))
