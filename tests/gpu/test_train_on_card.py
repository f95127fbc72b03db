# SPDX-License-Identifier: Apache-2.0
"""The main promises of the trainer, on a graphics card: parity, isolation, resume, named errors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from engine.errors import NotEnoughMemory
from engine.protocol.events import EvalDone, Event, Finished, PlanResolved, StepDone, Stopped
from engine.store import atomicfs
from engine.train import loop
from engine.train.batches import make_batch
from engine.train.decoding import answer_greedily
from engine.train.device import naming_memory_errors
from engine.train.load import load_model, with_adapter
from engine.train.loss import batch_loss
from engine.train.model import LanguageModel
from engine.train.varlen import choose_kernel, largest_gap
from tests.builders.model_folder import MODEL_TYPES, tiny_model_folder
from tests.unit.train.models import random_examples
from tests.unit.train.runs import Desk, make_desk

pytestmark = pytest.mark.gpu
CARD, CPU = torch.device("cuda"), torch.device("cpu")
LENGTHS = [40, 3, 21, 300, 17]


def load(base: Path, device: torch.device, *, dtype: torch.dtype, quantised: bool) -> LanguageModel:
    model = load_model(base, dtype=dtype, device=device, quantised=quantised)
    return with_adapter(model, rank=4, alpha=8.0, dropout_ratio=0.0, seed=1)


def logits(model: LanguageModel, *members: int) -> torch.Tensor:
    examples = random_examples(LENGTHS)
    chosen = np.asarray(members or range(len(LENGTHS)), np.int64)
    batch = make_batch(examples, chosen, model.device)
    with torch.no_grad():
        found = model.hidden(batch.ids, batch.positions, segments=batch.segments)
        return model.logits(found).float().cpu()


@pytest.mark.parametrize("architecture", MODEL_TYPES)
def test_logits_on_a_card_equal_those_of_the_processor(tmp_path: Path, architecture: str) -> None:
    base = tiny_model_folder(tmp_path, architecture=architecture, spread=0.12)
    card, cpu = (load(base, one, dtype=torch.float32, quantised=False) for one in (CARD, CPU))
    torch.testing.assert_close(logits(card), logits(cpu), rtol=0, atol=2e-3)


@pytest.mark.parametrize("quantised", [False, True])
def test_packed_logits_on_a_card_equal_each_example_alone(tmp_path: Path, quantised: bool) -> None:
    base = tiny_model_folder(tmp_path, spread=0.12)
    model = load(base, CARD, dtype=torch.float32, quantised=quantised)
    alone = torch.cat([logits(model, one) for one in range(len(LENGTHS))])
    torch.testing.assert_close(logits(model), alone, rtol=0, atol=1e-4)


@pytest.mark.parametrize("head_width", [64, 128])
def test_kernel_of_packed_rows_is_right_and_chosen(head_width: int) -> None:
    if torch.cuda.get_device_capability() < (8, 0):
        pytest.skip("the kernel of packed rows needs a card of generation 8.0 or later")
    kernel, choice = choose_kernel(CARD, torch.bfloat16, head_width=head_width)
    assert choice.value == "varlen", choice.reason
    assert kernel is not None
    assert largest_gap(kernel, CARD, torch.bfloat16, head_width=head_width) < 0.05


def test_nf4_on_a_card_holds_the_same_numbers_as_on_the_processor(tmp_path: Path) -> None:
    base = tiny_model_folder(tmp_path, spread=0.12)
    card, cpu = (load(base, one, dtype=torch.float32, quantised=True) for one in (CARD, CPU))
    for path, linear in card.linears.items():
        other = cpu.linears[path].restored_weight()
        torch.testing.assert_close(linear.restored_weight().cpu(), other, rtol=0, atol=1e-3)


@pytest.mark.parametrize("quantised", [False, True])
def test_gradients_in_bf16_point_where_those_in_fp32_do(tmp_path: Path, quantised: bool) -> None:
    base = tiny_model_folder(tmp_path, spread=0.12)
    examples = random_examples(LENGTHS)
    found: list[torch.Tensor] = []
    for dtype in (torch.bfloat16, torch.float32):
        model = load(base, CARD, dtype=dtype, quantised=quantised)
        model.net.train()
        batch = make_batch(examples, np.arange(len(LENGTHS)), CARD)
        batch_loss(model, batch).backward()
        grads = [one.grad for one in model.trainable().values()]
        found.append(torch.cat([one.flatten() for one in grads if one is not None]))
    assert float(torch.cosine_similarity(found[0], found[1], dim=0)) > 0.99


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return make_desk(tmp_path_factory.mktemp("desk"), spread=0.12)


def at_step(step: int) -> Any:
    return lambda event: isinstance(event, StepDone) and event.step == step


def train(desk: Desk, run_id: str, **options: Any) -> list[Event]:
    loop.train_adapter(desk.context(run_id, **options), quantised=True)
    return list(desk.events)


def test_whole_run_on_a_card_learns_and_finishes(desk: Desk) -> None:
    values = {"device": "auto", "dtype": "auto", "method": "sft_qlora", "sample_rows": 1}
    desk.add_run("whole", desk.recipe(**values))
    events = train(desk, "whole")
    decisions = desk.of(PlanResolved)[0].decisions
    assert decisions["device"].value == "cuda"
    checks = desk.of(EvalDone)
    assert checks[-1].loss < checks[0].loss - 0.3
    assert all(0 < one.memory_bytes < 1 << 40 for one in desk.of(StepDone))
    assert isinstance(events[-1], Finished)
    atomicfs.verify_folder(desk.layout.job("whole").adapter)


def test_resume_on_a_card_follows_the_uninterrupted_losses(desk: Desk) -> None:
    values = {"device": "cuda", "dtype": "fp32", "method": "sft_qlora", "lora_dropout": 0.2}
    desk.add_run("one", desk.recipe(**values))
    expected = [one.loss for one in train(desk, "one") if isinstance(one, StepDone)]
    desk.add_run("two", desk.recipe(**values))
    told = train(desk, "two", stop_when=at_step(3))
    assert told[-1] == Stopped(step=3, checkpoint="ck-000003")
    told += train(desk, "two")
    losses = [one.loss for one in told if isinstance(one, StepDone)]
    assert losses == pytest.approx(expected, abs=1e-3)


def test_decoding_on_a_card_equals_the_processor(tmp_path: Path) -> None:
    base = tiny_model_folder(tmp_path, spread=0.12)
    answers = [
        answer_greedily(
            load(base, one, dtype=torch.float32, quantised=False),
            [5, 17, 230], end_ids=frozenset(), limit=12,
        ).ids
        for one in (CARD, CPU)
    ]  # fmt: skip
    assert answers[0] == answers[1]


def test_memory_that_runs_out_on_a_card_is_named_with_numbers() -> None:
    with pytest.raises(NotEnoughMemory, match="graphics card ran out"), naming_memory_errors(CARD):
        torch.empty(1 << 50, dtype=torch.uint8, device=CARD)


def gradients_on_card(base: Path, *, quantised: bool, recompute: bool, dora: bool) -> torch.Tensor:
    model = load_model(base, dtype=torch.bfloat16, device=CARD, quantised=quantised)
    model = with_adapter(model, rank=4, alpha=8.0, dropout_ratio=0.0, seed=1, use_dora=dora)
    for name, values in model.trainable().items():
        if name.endswith("lora_B"):
            values.data.normal_(std=0.05, generator=torch.Generator(CARD).manual_seed(5))
    if recompute:
        model.recompute_activations()
    model.net.train()
    batch = make_batch(random_examples(LENGTHS), np.arange(len(LENGTHS)), CARD)
    with model.steady_adapter():
        batch_loss(model, batch).backward()
    found = [one.grad.flatten() for one in model.trainable().values() if one.grad is not None]
    return torch.cat(found).cpu()


@pytest.mark.parametrize("dora", [False, True])
@pytest.mark.parametrize("quantised", [False, True])
def test_gradients_on_a_card_recomputed_ones_are_those_of_stored_activations(
    tmp_path: Path, quantised: bool, dora: bool
) -> None:
    base = tiny_model_folder(tmp_path, spread=0.12)
    stored, again = (
        gradients_on_card(base, quantised=quantised, recompute=one, dora=dora)
        for one in (False, True)
    )
    assert float((stored - again).norm() / stored.norm()) < 1e-2


def test_recomputation_on_a_card_leaves_no_restored_weight_behind(tmp_path: Path) -> None:
    base = tiny_model_folder(tmp_path, spread=0.12)
    model = load(base, CARD, dtype=torch.bfloat16, quantised=True)
    model.recompute_activations()
    model.net.train()
    batch = make_batch(random_examples(LENGTHS), np.arange(len(LENGTHS)), CARD)
    held: list[int] = []
    for _step in range(3):
        with model.steady_adapter():
            batch_loss(model, batch).backward()
        for values in model.trainable().values():
            values.grad = None
        torch.cuda.synchronize()
        held.append(torch.cuda.memory_allocated(CARD))
    assert held[1] == held[2]
