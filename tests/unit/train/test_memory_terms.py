# SPDX-License-Identifier: Apache-2.0
"""The terms of the memory estimate against the bytes that the engine really holds."""

from __future__ import annotations

import gc
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from engine.chat.packing import micro_steps
from engine.domain.model import ModelShape
from engine.domain.recipe import Recipe
from engine.domain.recipe_choices import Optimizer
from engine.hardware.adapter_form import AdapterForm
from engine.hardware.families import (
    ATTENTION_BLOCK_TOKENS,
    WIDEST_GROUPED_HEAD,
    Family,
    family,
)
from engine.hardware.held import (
    adapter_bytes,
    adapter_parameters,
    embedding_bytes,
    input_bytes,
    linear_bytes,
    moment_bytes,
    weight_bytes,
)
from engine.hardware.layer import kept_per_token, layers_bytes
from engine.hardware.memory import (
    MainMemory,
    estimate,
)
from engine.hardware.reach import Reach
from engine.store.modelfolder import inspect_model
from engine.train import attention
from engine.train.attention import Segments
from engine.train.load import load_model, with_adapter
from engine.train.model import LanguageModel
from engine.train.optimizer import AdapterOptimizer
from tests.builders.decoders import CASES, decoder_folder
from tests.builders.model_folder import MODEL_TYPES, tiny_model_folder
from tests.unit.train.models import CPU

RANK = 4
SHORT, LONG = 256, 384
"""Tokens; below 256 the attention of a processor computes in 32 bits, which a card never does."""

EXACT = 0.01
KINDS = {kind: architecture for architecture, kind in MODEL_TYPES.items()}


def shape_of(folder: Path) -> ModelShape:
    return inspect_model(folder, model_id="m", name="tiny", added_at="").shape


def load(folder: Path, dtype: torch.dtype, *, quantised: bool) -> LanguageModel:
    model = load_model(folder, dtype=dtype, device=CPU, quantised=quantised)
    return with_adapter(model, rank=RANK, alpha=8.0, dropout_ratio=0.0, seed=1)


def size(values: torch.Tensor) -> int:
    return values.numel() * values.element_size()


def frozen_bytes(model: LanguageModel) -> tuple[int, int]:
    """Return what the linears hold, and what everything else does that is not trained."""
    linears = {id(one.weight) for one in model.linears.values()}
    others = sum(
        size(one)
        for one in model.net.parameters()
        if not one.requires_grad and id(one) not in linears
    )
    held = sum(
        one.packed.size_bytes if one.packed is not None else size(one.weight)
        for one in model.linears.values()
    )
    return held, others


def forward(model: LanguageModel, tokens: int) -> torch.Tensor:
    ids = torch.arange(tokens)[None] % 200
    positions = torch.arange(tokens)[None]
    return model.hidden(ids, positions, segments=Segments((0, tokens)))


def kept_bytes(model: LanguageModel, tokens: int) -> int:
    """Return what the backward pass keeps of a whole pass, each storage once."""
    weights = {one.untyped_storage().data_ptr() for one in model.net.parameters()}
    found: dict[int, int] = {}
    alive: list[torch.Tensor] = []

    def note(values: torch.Tensor) -> torch.Tensor:
        storage = values.untyped_storage()
        if storage.data_ptr() not in weights:
            found[storage.data_ptr()] = storage.nbytes()
        alive.append(values)
        return values

    with torch.autograd.graph.saved_tensors_hooks(note, lambda one: one):
        forward(model, tokens)
    return sum(found.values())


def live_bytes() -> int:
    """Return the bytes of every tensor that something holds, each storage once."""
    tensors = [one for one in gc.get_objects() if type(one) in (torch.Tensor, nn.Parameter)]
    return sum({one.untyped_storage().data_ptr(): size(one) for one in tensors}.values())


@pytest.mark.parametrize("kind", sorted(KINDS))
@pytest.mark.parametrize("quantised", [True, False])
def test_weights_of_each_family_are_those_of_the_formula(
    tmp_path: Path, kind: str, quantised: bool
) -> None:
    folder = tiny_model_folder(tmp_path / "m", architecture=KINDS[kind], tied=False)
    shape, known = shape_of(folder), family(kind)
    linears, others = frozen_bytes(load(folder, torch.bfloat16, quantised=quantised))
    assert linear_bytes(shape, quantised=quantised, item=2) == pytest.approx(linears, rel=EXACT)
    assert embedding_bytes(shape, known, item=2) == others
    total = weight_bytes(shape, quantised=quantised, item=2, kind=known)
    assert total == pytest.approx(linears + others, rel=EXACT)


def test_tied_head_is_counted_once(tmp_path: Path) -> None:
    folder = tiny_model_folder(tmp_path / "m", tied=True)
    _linears, others = frozen_bytes(load(folder, torch.float32, quantised=True))
    assert embedding_bytes(shape_of(folder), family("llama"), item=4) == others


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_adapter_gradients_and_copy_are_those_of_the_formula(
    tmp_path: Path, dtype: torch.dtype
) -> None:
    folder = tiny_model_folder(tmp_path / "m")
    model = load(folder, dtype, quantised=True)
    item = dtype.itemsize
    model.net.train()
    forward(model, SHORT).float().sum().backward()
    trained = model.trainable().values()
    held = sum(size(one) + size(one.grad) for one in trained if one.grad is not None)
    copies = sum(one.numel() * item for one in trained) if item < 4 else 0
    found = adapter_bytes(shape_of(folder), family("llama"), form=AdapterForm(rank=RANK), item=item)
    assert found == held + copies


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_ranks_of_single_layers_are_counted(tmp_path: Path, kind: str) -> None:
    folder = tiny_model_folder(tmp_path / "m", architecture=KINDS[kind])
    model = load_model(folder, dtype=torch.float32, device=CPU, quantised=True)
    pattern = (("o_proj", 7.0), ("down_proj", 2.0))
    model = with_adapter(
        model, rank=RANK, alpha=8.0, dropout_ratio=0.0, seed=1, rank_pattern=pattern
    )
    form = AdapterForm(rank=RANK, rank_pattern=pattern)
    held = sum(one.numel() for one in model.trainable().values())
    assert adapter_parameters(shape_of(folder), form, family(kind)) == held


@pytest.mark.parametrize("kind", [Optimizer.ADAMW, Optimizer.ADAMW_8BIT])
def test_moments_are_those_of_the_formula(tmp_path: Path, kind: Optimizer) -> None:
    folder = tiny_model_folder(tmp_path / "m", hidden=128)
    model = load_model(folder, dtype=torch.float32, device=CPU, quantised=False)
    model = with_adapter(model, rank=64, alpha=8.0, dropout_ratio=0.0, seed=1)
    optimizer = AdapterOptimizer(model.trainable(), weight_decay=0.0, kind=kind)
    state = optimizer.tensors()
    held = sum(size(one) for name, one in state.items() if not name.startswith("step"))
    eight_bit = kind is not Optimizer.ADAMW
    found = moment_bytes(
        shape_of(folder), family("llama"), form=AdapterForm(rank=64), eight_bit=eight_bit
    )
    assert found == pytest.approx(held, rel=EXACT)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
@pytest.mark.parametrize("kind", ["llama", "granite", "qwen2", "qwen3", "olmo2"])
def test_what_a_layer_keeps_per_token_is_what_the_table_says(
    tmp_path: Path, kind: str, dtype: torch.dtype
) -> None:
    known = family(kind)
    per_token: list[float] = []
    for layers in (2, 3):
        folder = tiny_model_folder(tmp_path / str(layers), architecture=KINDS[kind], layers=layers)
        model = load(folder, dtype, quantised=True)
        model.net.train()
        few, many = kept_bytes(model, SHORT), kept_bytes(model, LONG)
        per_token.append((many - few) / (LONG - SHORT))
    shape = shape_of(folder)
    found = kept_per_token(shape, known, item=dtype.itemsize, form=AdapterForm(rank=RANK))
    assert found == pytest.approx(per_token[1] - per_token[0], rel=EXACT)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_what_layers_that_are_not_alike_keep_is_what_the_table_says(
    tmp_path: Path, dtype: torch.dtype
) -> None:
    sizes = {"max_position_embeddings": 1024, "sliding_window": 1024, "hidden_size": 64}
    folder = decoder_folder(tmp_path / "m", "gemma4", **sizes)
    model = load(folder, dtype, quantised=True)
    model.net.train()
    few, many = kept_bytes(model, SHORT), kept_bytes(model, LONG)
    shape, item = shape_of(folder), dtype.itemsize
    form = AdapterForm(rank=RANK)
    found = layers_bytes(shape, tokens=1, item=item, kind=family("gemma4_text"), form=form)
    angles = 2 * (8 + 16)
    found += item * (shape.layers * shape.fed + angles)
    assert found == (many - few) / (LONG - SHORT)


@pytest.mark.parametrize("name", ["gemma4", "gemma4_unfed", "gemma4_unified"])
def test_weights_and_adapter_of_layers_that_are_not_alike_are_those_of_the_formula(
    name: str, tmp_path: Path
) -> None:
    folder = decoder_folder(tmp_path / "m", name)
    model = load(folder, torch.bfloat16, quantised=True)
    shape, known = shape_of(folder), family(CASES[name].model_type)
    linears, others = frozen_bytes(model)
    factors = 2 * shape.layers  # they are buffers
    assert linear_bytes(shape, quantised=True, item=2) == pytest.approx(linears, rel=0.02)
    assert embedding_bytes(shape, known, item=2) == others + factors
    table = 2 * shape.fed_rows * shape.fed * shape.layers
    assert embedding_bytes(shape, known, item=2, on_card=True) == others + factors - table
    held = sum(one.numel() for one in model.trainable().values())
    assert adapter_parameters(shape, AdapterForm(rank=RANK), known) == held


def test_inputs_of_layers_that_are_computed_again_are_those_of_the_formula(
    tmp_path: Path,
) -> None:
    held: dict[tuple[int, int], int] = {}
    for layers in (2, 4):
        folder = tiny_model_folder(tmp_path / str(layers), layers=layers)
        model = load(folder, torch.bfloat16, quantised=True)
        model.net.train()
        model.recompute_activations()
        for tokens in (SHORT, LONG):
            out = forward(model, tokens)
            held[layers, tokens] = live_bytes()
            del out
    slope = np.diff([held[one, LONG] - held[one, SHORT] for one in (2, 4)])[0] / (LONG - SHORT)
    shape = shape_of(tmp_path / "2")
    wanted = input_bytes(shape, tokens=1, item=2, layers=2, offload=False)
    assert slope == pytest.approx(wanted, rel=EXACT)


def test_families_that_are_counted_are_those_that_are_trained() -> None:
    assert all(isinstance(family(kind), Family) for kind in KINDS)


def test_blocks_of_attention_are_those_of_the_formula() -> None:
    assert attention._BLOCK_TOKENS == ATTENTION_BLOCK_TOKENS
    assert attention._WIDEST_GROUPED_HEAD == WIDEST_GROUPED_HEAD


@pytest.mark.parametrize("kind", ["granite", "llama", "olmo2", "qwen3"])
def test_plan_for_counted_rows_is_never_below_what_their_longest_step_keeps(
    tmp_path: Path, kind: str
) -> None:
    folder = tiny_model_folder(tmp_path / "m", architecture=KINDS[kind])
    model = load(folder, torch.float32, quantised=True)
    model.net.train()
    recipe = Recipe(
        dataset_id="d", model_id="m", max_length=2048, micro_batch_size=2, lora_rank=RANK,
        effective_batch_size=3, gradient_checkpointing=False,
    )  # fmt: skip
    lengths = np.asarray([90, 40, 120, 60, 110, 30], np.int64)
    together = micro_steps(
        np.asarray([0, 2, 4]), lengths, capacity=recipe.max_length, micro_batch_size=2
    )
    longest = max(int(lengths[one].sum()) for one in together)
    reach = Reach(longest=(120, 110, 90), is_checked=False)
    planned = [
        estimate(
            shape_of(folder), recipe, quantised=True, gpu=None, model_type=kind, reach=one,
            host=MainMemory(total_bytes=1 << 34, free_bytes=1 << 33),
        )
        for one in (reach, None)
    ]  # fmt: skip
    # What the last norm keeps of it is counted with the head.
    assert kept_bytes(model, longest) <= planned[0].activations_high + planned[0].head
    assert planned[0].high_bytes < planned[1].high_bytes
