# SPDX-License-Identifier: Apache-2.0
"""The trainer learns what a plain transformers and peft loop learns, number for number.

transformers' own Trainer is a second reference. TRL is installed for benchmarks only, so it is
compared there: benchmarks/train_benchmark.py and benchmarks/quality_benchmark.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from msgspec.structs import replace
from peft import LoraConfig, PeftModel, get_peft_model
from torch import nn
from transformers.models.llama.modeling_llama import LlamaRMSNorm

from engine.chat.packing import StepOrder, whole
from engine.hardware.reach import even_length
from engine.train.adapter import commit_adapter, put_tensors, saved_tensors
from engine.train.batches import Examples
from engine.train.heldout import held_out_loss
from engine.train.model import LanguageModel
from engine.train.optimizer import AdapterOptimizer
from engine.train.stepping import StepOutcome, Stepper
from tests.builders.model_folder import LINEARS, tiny_model_folder
from tests.unit.train.models import (
    alone_logits,
    load_adapted,
    load_stock,
    pack,
    packed_logits,
    random_examples,
)

pytestmark = pytest.mark.filterwarnings(
    # peft asks transformers by a name that the latter is about to drop.
    "ignore:.is_gradient_checkpointing. is deprecated:FutureWarning"
)

LENGTHS = [12, 40, 7, 25, 33, 3, 18, 29, 9, 22]
RATE, BATCH, STEPS, CLIP = 0.01, 4, 7, 0.5
IGNORED = -100


def assert_some(tensors: dict[str, torch.Tensor]) -> None:
    """Stand for the check of a delivery: there is something to deliver."""
    assert tensors


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model_folder(tmp_path_factory.mktemp("parity"), spread=0.12, dtype="float32")


@pytest.fixture
def examples() -> Examples:
    return random_examples(LENGTHS)


def make_stepper(
    model: LanguageModel,
    examples: Examples,
    *,
    capacity: int = 48,
    micro_batch_size: int = 1,
) -> Stepper:
    model.net.train()
    return Stepper(
        model=model,
        optimizer=AdapterOptimizer(model.trainable(), weight_decay=0.0),
        examples=examples,
        lengths=examples.lengths,
        supervised=examples.supervised,
        capacity=capacity,
        micro_batch_size=micro_batch_size,
        max_grad_norm=CLIP,
        seed=0,
    )


def order_of(examples: Examples) -> StepOrder:
    return StepOrder(parts=whole(len(examples)), effective_batch_size=BATCH, seed=9)


def train_ours(stepper: Stepper) -> list[StepOutcome]:
    order = order_of(stepper.examples)
    return [
        stepper.run(step, order.members(step), learning_rate=RATE) for step in range(1, STEPS + 1)
    ]


def padded(examples: Examples, members: Any) -> dict[str, torch.Tensor]:
    """Return rows as everybody else batches them: padded, masked, labels -100 where not trained."""
    longest = int(examples.lengths[members].max())
    ids = np.zeros((len(members), longest), np.int64)
    mask, labels = np.zeros_like(ids), np.full_like(ids, IGNORED)
    for row, one in enumerate(members):
        span = slice(int(examples.edges[one]), int(examples.edges[one + 1]))
        length = span.stop - span.start
        ids[row, :length] = examples.ids[span]
        mask[row, :length] = 1
        labels[row, :length] = np.where(examples.trained[span], ids[row, :length], IGNORED)
        labels[row, 0] = IGNORED
    return {
        "input_ids": torch.from_numpy(ids),
        "attention_mask": torch.from_numpy(mask),
        "labels": torch.from_numpy(labels),
    }


def peft_twin(base: Path, ours: LanguageModel) -> PeftModel:
    """Return stock transformers and peft with the very same adapter weights."""
    config = LoraConfig(
        r=4, lora_alpha=8, lora_dropout=0.0, target_modules=list(LINEARS), task_type="CAUSAL_LM"
    )
    twin = get_peft_model(load_stock(base), config)
    places = dict(twin.named_parameters())
    with torch.no_grad():
        for name, values in saved_tensors(ours).items():
            places[name.replace(".weight", ".default.weight")].copy_(values)
    return twin


def test_training_per_step_loss_and_gradient_equal_a_plain_peft_loop(
    base: Path, examples: Examples
) -> None:
    ours = load_adapted(base)
    twin = peft_twin(base, ours).train()
    parameters = [one for one in twin.parameters() if one.requires_grad]
    adam = torch.optim.AdamW(parameters, lr=RATE, weight_decay=0.0)
    outcomes = train_ours(make_stepper(ours, examples))
    order = order_of(examples)
    for step, outcome in enumerate(outcomes, start=1):
        batch = padded(examples, order.members(step))
        tokens = (batch["labels"] != IGNORED).sum()
        loss = twin(**batch, num_items_in_batch=tokens).loss
        loss.backward()
        norm = nn.utils.clip_grad_norm_(parameters, CLIP)
        adam.step()
        adam.zero_grad()
        assert outcome.supervised_tokens == int(tokens)
        assert outcome.loss == pytest.approx(loss.item(), abs=2e-5)
        assert outcome.grad_norm == pytest.approx(norm.item(), rel=1e-3)
    assert outcomes[-1].loss < outcomes[0].loss - 0.1


def test_training_final_adapter_equals_a_plain_peft_loop(base: Path, examples: Examples) -> None:
    ours = load_adapted(base)
    twin = peft_twin(base, ours).train()
    parameters = [one for one in twin.parameters() if one.requires_grad]
    adam = torch.optim.AdamW(parameters, lr=RATE, weight_decay=0.0)
    train_ours(make_stepper(ours, examples))
    order = order_of(examples)
    for step in range(1, STEPS + 1):
        batch = padded(examples, order.members(step))
        twin(**batch, num_items_in_batch=(batch["labels"] != IGNORED).sum()).loss.backward()
        nn.utils.clip_grad_norm_(parameters, CLIP)
        adam.step()
        adam.zero_grad()
    trained = {name.replace(".default", ""): one for name, one in twin.named_parameters()}
    for name, values in saved_tensors(ours).items():
        torch.testing.assert_close(values, trained[name].detach(), rtol=0, atol=2e-3)


def test_training_per_step_loss_equals_transformers_trainer(
    base: Path, examples: Examples, tmp_path: Path
) -> None:
    from torch.utils.data import SequentialSampler
    from transformers import Trainer, TrainerCallback, TrainingArguments

    ours = load_adapted(base)
    twin = peft_twin(base, ours)
    order = order_of(examples)
    rows: Any = [int(one) for step in range(1, 3) for one in order.members(step)]
    losses: list[float] = []

    class Listener(TrainerCallback):
        def on_log(self, *_args: Any, logs: dict[str, float], **_rest: Any) -> None:
            losses.extend([logs["loss"]] if "loss" in logs else [])

    class InOrder(Trainer):
        def _get_train_sampler(self, train_dataset: Any = None) -> Any:
            return SequentialSampler(train_dataset)

    arguments = TrainingArguments(
        output_dir=str(tmp_path),
        per_device_train_batch_size=BATCH // 2,
        gradient_accumulation_steps=2,
        max_steps=2,
        learning_rate=RATE,
        weight_decay=0.0,
        lr_scheduler_type="constant",
        max_grad_norm=CLIP,
        logging_steps=1,
        save_strategy="no",
        report_to=[],
        use_cpu=True,
        disable_tqdm=True,
        remove_unused_columns=False,
        optim="adamw_torch",
        dataloader_pin_memory=False,
    )
    trainer = InOrder(
        model=twin,
        args=arguments,
        train_dataset=rows,
        callbacks=[Listener()],
        data_collator=lambda members: padded(examples, np.asarray(members)),
    )
    trainer.train()
    outcomes = train_ours(make_stepper(ours, examples))
    assert losses[:2] == pytest.approx([one.loss for one in outcomes[:2]], abs=1e-3)


@pytest.mark.parametrize("quantised", [False, True])
def test_packed_logits_equal_those_of_each_example_alone(
    base: Path, examples: Examples, quantised: bool
) -> None:
    model = load_adapted(base, quantised=quantised)
    together = packed_logits(model, pack(examples))
    alone = torch.cat([packed_logits(model, pack(examples, one)) for one in range(len(examples))])
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-5)


@contextmanager
def exact_norms(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let Llama's norm compute in 64 bits; stock code goes through 32, which hides 1e-10."""

    def forward(self: LlamaRMSNorm, hidden_states: torch.Tensor) -> torch.Tensor:
        variance = hidden_states.pow(2).mean(-1, keepdim=True)
        return self.weight * hidden_states * torch.rsqrt(variance + self.variance_epsilon)

    with monkeypatch.context() as patch:
        patch.setattr(LlamaRMSNorm, "forward", forward)
        yield


def gradients(stepper: Stepper) -> torch.Tensor:
    stepper.accumulate(1, order_of(stepper.examples).members(1))
    found = [one.grad for one in stepper.model.trainable().values()]
    flat = torch.cat([one.double().flatten() for one in found if one is not None])
    stepper.optimizer.clear()
    return flat


def test_gradients_equal_whatever_the_split_into_micro_steps(
    base: Path, examples: Examples, monkeypatch: pytest.MonkeyPatch
) -> None:
    with exact_norms(monkeypatch):
        model = load_adapted(base, dtype=torch.float64)
        model.net.double()
        one_by_one = gradients(make_stepper(model, examples, capacity=40))
        all_at_once = gradients(make_stepper(model, examples, capacity=400))
        in_pairs = gradients(make_stepper(model, examples, capacity=40, micro_batch_size=2))
    assert float(one_by_one.norm()) > 0.1
    torch.testing.assert_close(one_by_one, all_at_once, rtol=0, atol=1e-10)
    torch.testing.assert_close(one_by_one, in_pairs, rtol=0, atol=1e-10)


def test_gradients_packed_equal_those_of_each_example_alone(
    base: Path, examples: Examples, monkeypatch: pytest.MonkeyPatch
) -> None:
    with exact_norms(monkeypatch):
        model = load_adapted(base, dtype=torch.float64)
        model.net.double()
        alone = gradients(make_stepper(model, examples, capacity=1))
        packed = gradients(make_stepper(model, examples, capacity=400))
    assert float(alone.norm()) > 0.1
    torch.testing.assert_close(packed, alone, rtol=0, atol=1e-10)


def test_gradients_of_rows_of_even_length_equal_those_as_they_are(
    base: Path, examples: Examples, monkeypatch: pytest.MonkeyPatch
) -> None:
    with exact_norms(monkeypatch):
        model = load_adapted(base, dtype=torch.float64)
        model.net.double()
        plain = gradients(make_stepper(model, examples))
        monkeypatch.setattr(LanguageModel, "wants_even_lengths", property(lambda _self: True))
        lengths = seen_lengths(monkeypatch)
        evened = gradients(make_stepper(model, examples))
    assert lengths == {32, 64}
    torch.testing.assert_close(evened, plain, rtol=0, atol=1e-10)


def seen_lengths(monkeypatch: pytest.MonkeyPatch) -> set[int]:
    """Note the tokens of every row that goes through a model from now on."""
    found: set[int] = set()
    original = LanguageModel.hidden

    def noting(self: LanguageModel, ids: torch.Tensor, *rest: Any, **more: Any) -> torch.Tensor:
        found.add(ids.shape[1])
        return original(self, ids, *rest, **more)

    monkeypatch.setattr(LanguageModel, "hidden", noting)
    return found


@pytest.mark.parametrize(("dtype", "wanted"), [(torch.bfloat16, True), (torch.float32, False)])
def test_even_lengths_are_wanted_in_bf16_on_a_processor_only(
    base: Path,
    examples: Examples,
    monkeypatch: pytest.MonkeyPatch,
    dtype: torch.dtype,
    wanted: bool,
) -> None:
    model = load_adapted(base, dtype=dtype)
    lengths = seen_lengths(monkeypatch)
    train_ours(make_stepper(model, examples))
    held_out_loss(model, examples, capacity=48)
    assert all(one == even_length(one) for one in lengths) == wanted


@pytest.mark.parametrize("quantised", [False, True])
def test_gradients_recomputed_activations_give_the_same_bits(
    base: Path, examples: Examples, quantised: bool
) -> None:
    stored = load_adapted(base, quantised=quantised, dropout=0.3)
    again = load_adapted(base, quantised=quantised, dropout=0.3)
    again.recompute_activations()
    assert torch.equal(
        gradients(make_stepper(stored, examples)), gradients(make_stepper(again, examples))
    )


def test_dropout_same_seed_repeats_and_another_does_not(base: Path, examples: Examples) -> None:
    def losses(seed: int) -> list[float]:
        stepper = make_stepper(load_adapted(base, dropout=0.5), examples)
        return [one.loss for one in train_ours(replace(stepper, seed=seed))]

    assert losses(1) == losses(1)
    assert losses(1) != losses(2)


def test_dropout_another_step_draws_anew(base: Path, examples: Examples) -> None:
    stepper = make_stepper(load_adapted(base, dropout=0.5), examples)
    members = order_of(examples).members(1)
    first, again, later = (float(stepper.accumulate(step, members)) for step in (1, 1, 2))
    assert first == again
    assert first != later


@pytest.mark.parametrize("quantised", [False, True])
def test_training_frozen_weights_do_not_change(
    base: Path, examples: Examples, quantised: bool
) -> None:
    model = load_adapted(base, quantised=quantised)

    def frozen() -> dict[str, torch.Tensor]:
        dense = {
            name: one.detach().clone()
            for name, one in model.net.named_parameters()
            if not one.requires_grad
        }
        restored = {
            path: one.restored_weight().detach().clone() for path, one in model.linears.items()
        }
        return dense | restored

    before = frozen()
    train_ours(make_stepper(model, examples))
    after = frozen()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_saved_adapter_stock_peft_gives_the_same_logits(
    base: Path, examples: Examples, tmp_path: Path
) -> None:
    model = load_adapted(base)
    train_ours(make_stepper(model, examples))
    model.net.eval()
    commit_adapter(tmp_path / "adapter", model, assert_some)
    stock = PeftModel.from_pretrained(load_stock(base), str(tmp_path / "adapter")).eval()
    torch.testing.assert_close(
        packed_logits(model, pack(examples)), alone_logits(stock, examples), rtol=0, atol=1e-5
    )


def test_saved_tensors_put_back_give_the_same_bits(base: Path, examples: Examples) -> None:
    trained, fresh = load_adapted(base), load_adapted(base, fill=False)
    train_ours(make_stepper(trained, examples))
    put_tensors(fresh, saved_tensors(trained))
    assert torch.equal(packed_logits(trained, pack(examples)), packed_logits(fresh, pack(examples)))


def test_even_length_is_the_next_of_few() -> None:
    asked = [1, 32, 33, 256, 257, 512, 513, 2000]
    assert [even_length(one) for one in asked] == [32, 32, 64, 256, 320, 512, 640, 2048]
    assert len({even_length(one) for one in range(1, 2049)}) == 20
