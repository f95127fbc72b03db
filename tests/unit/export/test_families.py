# SPDX-License-Identifier: Apache-2.0
"""Every family from training to delivery: what stock peft and transformers load is what learned."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file

from engine.export import adapter as adapter_target
from engine.export import base as base_module
from engine.export import merged as merged_target
from engine.train.adapter import WEIGHTS, commit_adapter, put_tensors, read_tensors, saved_tensors
from engine.train.batches import Examples
from engine.train.load import with_adapter
from engine.train.model import LanguageModel
from engine.train.optimizer import AdapterOptimizer
from engine.train.stepping import Stepper
from tests.builders.decoders import CASES, DecoderFolders
from tests.unit.export.exporting import PEFT_WARNING, MakeJob
from tests.unit.train.models import (
    alone_logits,
    load_adapted,
    load_ours,
    load_stock,
    pack,
    packed_logits,
    random_examples,
)

pytestmark = pytest.mark.filterwarnings(PEFT_WARNING)
RATE, STEPS = 0.02, 5


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> DecoderFolders:
    return DecoderFolders(tmp_path_factory.mktemp("families"))


@pytest.fixture
def examples() -> Examples:
    return random_examples([14, 9, 20, 5])


def accept(_tensors: dict[str, torch.Tensor]) -> None:
    """Stand for the check of a delivery."""


def train(model: LanguageModel, examples: Examples) -> list[float]:
    """Take five steps on the same packed examples; return the losses."""
    model.recompute_activations()
    model.net.train()
    stepper = Stepper(
        model=model,
        optimizer=AdapterOptimizer(model.trainable(), weight_decay=0.0),
        examples=examples,
        lengths=examples.lengths,
        supervised=examples.supervised,
        capacity=32,
        micro_batch_size=1,
        max_grad_norm=1.0,
        seed=0,
    )
    members = np.arange(len(examples), dtype=np.int64)
    losses = [stepper.run(step, members, learning_rate=RATE).loss for step in range(1, STEPS + 1)]
    model.net.eval()
    return losses


def stock_tuned(base: Path, adapter: Path) -> PeftModel:
    """Load base and adapter as anybody would; nothing may be warned of."""
    return PeftModel.from_pretrained(load_stock(base), str(adapter)).eval()


@pytest.mark.parametrize("name", CASES)
def test_family_trained_saved_reloaded_and_merged_answers_alike_everywhere(
    name: str, folders: DecoderFolders, examples: Examples, make_job: MakeJob, tmp_path: Path
) -> None:
    base, source = folders[name], tmp_path / "adapter"
    model = load_adapted(base)
    losses = train(model, examples)
    assert losses[-1] < losses[0]
    ours = packed_logits(model, pack(examples))
    commit_adapter(source, model, accept)
    again = load_adapted(base, fill=False)
    put_tensors(again, read_tensors(source / WEIGHTS))
    assert torch.equal(packed_logits(again, pack(examples)), ours)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        tuned = stock_tuned(base, source)
    torch.testing.assert_close(alone_logits(tuned, examples), ours, rtol=0, atol=5e-5)
    stock_merged: Any = tuned.merge_and_unload()
    torch.testing.assert_close(alone_logits(stock_merged, examples), ours, rtol=0, atol=5e-5)
    job = make_job(base, source)
    merged_target.export(job.context())
    assert job.verified().mean_kl < 1e-6
    torch.testing.assert_close(alone_logits(load_stock(job.out), examples), ours, rtol=0, atol=5e-5)


@pytest.mark.parametrize("name", CASES)
def test_family_trained_in_four_bits_learns_and_comes_back_to_the_bit(
    name: str, folders: DecoderFolders, examples: Examples
) -> None:
    model = load_adapted(folders[name], quantised=True)
    losses = train(model, examples)
    assert losses[-1] < losses[0]
    again = load_adapted(folders[name], quantised=True, fill=False)
    put_tensors(again, saved_tensors(model))
    assert torch.equal(packed_logits(again, pack(examples)), packed_logits(model, pack(examples)))


@pytest.mark.parametrize("name", ["gpt2", "falcon", "gpt_neox", "phi3"])
def test_family_with_matrices_of_its_own_exports_its_adapter(
    name: str, folders: DecoderFolders, make_job: MakeJob, tmp_path: Path
) -> None:
    commit_adapter(tmp_path / "adapter", load_adapted(folders[name], quantised=True), accept)
    job = make_job(folders[name], tmp_path / "adapter", target="adapter")
    adapter_target.export(job.context())
    assert job.verified().mean_kl < 1e-6


def test_gpt2_files_without_the_prefix_train_and_merge_alike(
    folders: DecoderFolders, examples: Examples, make_job: MakeJob, tmp_path: Path
) -> None:
    whole, bare = DecoderFolders(tmp_path)["gpt2"], tmp_path / "bare"
    whole.rename(bare)
    file = bare / "model.safetensors"
    tensors = {key.removeprefix("transformer."): values for key, values in load_file(file).items()}
    # As OpenAI's own files have it: a mask that no version of the code reads any more.
    tensors["h.0.attn.bias"] = torch.ones(1, 1, 8, 8)
    save_file(tensors, file, metadata={"format": "pt"})
    model = load_adapted(bare)
    train(model, examples)
    ours = packed_logits(model, pack(examples))
    commit_adapter(tmp_path / "adapter", model, accept)
    job = make_job(bare, tmp_path / "adapter")
    merged_target.export(job.context())
    found = alone_logits(load_stock(job.out), examples)
    torch.testing.assert_close(found, ours, rtol=0, atol=5e-5)


@pytest.mark.parametrize("block_bytes", [512, 1 << 20])
@pytest.mark.parametrize("options", [{}, {"use_rslora": True, "rank_pattern": (("c_fc", 2.0),)}])
def test_dora_of_transposed_weights_is_that_of_peft(
    options: dict[str, Any],
    block_bytes: int,
    folders: DecoderFolders,
    examples: Examples,
    make_job: MakeJob,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(base_module, "BLOCK_BYTES", block_bytes)
    base, source = folders["gpt2"], tmp_path / "adapter"
    model = with_adapter(
        load_ours(base), rank=4, alpha=8.0, dropout_ratio=0.0, seed=1, use_dora=True, **options
    )
    losses = train(model, examples)
    assert losses[-1] < losses[0]
    ours = packed_logits(model, pack(examples))
    commit_adapter(source, model, accept)
    tuned = stock_tuned(base, source)
    torch.testing.assert_close(alone_logits(tuned, examples), ours, rtol=0, atol=5e-5)
    stock_merged: Any = tuned.merge_and_unload()
    job = make_job(base, source)
    merged_target.export(job.context())
    assert job.verified().mean_kl < 1e-6
    found = load_stock(job.out).state_dict()
    for name, values in stock_merged.state_dict().items():
        torch.testing.assert_close(found[name], values, rtol=0, atol=1e-5)
