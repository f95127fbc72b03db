# SPDX-License-Identifier: Apache-2.0
"""How much memory a run will need, from the sizes of the model and the recipe alone.

The terms follow what engine.train holds: frozen weights (4-bit or whole), adapters in 32 bits with
gradient and two moments, the inputs of all layers, one layer while it is computed again, and the
output head in chunks. What the sizes do not tell (library buffers, unfused temporaries) is the gap
between the low and the high estimate; the reserve covers the allocator and the driver.
"""

from __future__ import annotations

from engine.domain.model import ModelShape
from engine.domain.plan import MemoryNeed
from engine.domain.recipe import Dtype, Recipe
from engine.hardware.gpu import Gpu

_NF4_BYTES = (4 + 8 / 64 + 32 / (64 * 256)) / 8
"""Bytes per weight: 4 bits, an 8-bit scale per 64 and a 32-bit scale per 64 x 256 of them
(Dettmers et al. 2023, arXiv 2305.14314, section 3)."""

_ADAPTER_BYTES, _MOMENT_BYTES = 4 + 4, 4 + 4
_NORM_BYTES = 16
"""Per hidden value: two norms, each with a 32-bit copy of its input and of its result."""

_HEAD_CHUNK_BYTES, _LOGIT_BYTES = 192 << 20, 12
_FEWEST_HEAD_ROWS, _MOST_HEAD_ROWS = 64, 4096
_QUANTISE_BYTES = 2 + 4
"""Per weight, while one layer is rounded to 4 bits: as it came, and once more in 32 bits."""

_CPU_STORE_SHARE = 0.25
"""On a processor nothing is computed again while storing it takes less of the free memory."""

_CUDA_BASE_BYTES = 500 << 20
"""Context, kernels and the matrix library's workspace; 300 to 500 MB are usual."""

_PROCESS_BASE_BYTES = 700 << 20
"""A Python process with the training libraries loaded."""

_FRAGMENTATION_SHARE = 0.05


def estimate(
    shape: ModelShape,
    recipe: Recipe,
    *,
    quantised: bool,
    gpu: Gpu | None,
    host_total_bytes: int,
    host_free_bytes: int,
) -> MemoryNeed:
    """Return what a run will need on the graphics card, or in main memory where there is none.

    Args:
        shape: Sizes of the base model.
        recipe: The recipe.
        quantised: The base model is held in 4 bits.
        gpu: The card that the run will use, or None for the processor.
        host_total_bytes: Main memory.
        host_free_bytes: Main memory that is free now.
    """
    item = item_bytes(recipe.dtype, gpu)
    adapter = adapter_parameters(shape, recipe.lora_rank)
    weights = weight_bytes(shape, quantised=quantised, item=item)
    free = gpu.free_bytes if gpu else host_free_bytes
    low, high = (
        _activations(
            shape,
            recipe,
            quantised=quantised,
            item=item,
            is_high=is_high,
            stores_all=_stores_all(shape, recipe, item, gpu, free),
        )
        for is_high in (False, True)
    )
    need = weights + adapter * (_ADAPTER_BYTES + _MOMENT_BYTES) + high
    base = _CUDA_BASE_BYTES if gpu else _PROCESS_BASE_BYTES
    return MemoryNeed(
        other=gpu.used_bytes if gpu else host_total_bytes - host_free_bytes,
        weights=weights,
        adapter=adapter * _ADAPTER_BYTES,
        optimizer=adapter * _MOMENT_BYTES,
        activations_low=low,
        activations_high=high,
        reserve=base + int(need * _FRAGMENTATION_SHARE),
        capacity=gpu.total_bytes if gpu else host_total_bytes,
    )


def item_bytes(dtype: Dtype, gpu: Gpu | None) -> int:
    """Return the bytes per number of the computation.

    Left to Burnish, a card of generation 8.0 or later computes in 2 bytes; for processors 4 are
    assumed, since those with bf16 need less, never more.
    """
    if dtype is not Dtype.AUTO:
        return 2 if dtype is Dtype.BF16 else 4
    return 2 if gpu is not None and gpu.compute_capability >= (8, 0) else 4


def adapter_parameters(shape: ModelShape, rank: int) -> int:
    """Return the number of adapter weights when every linear layer of the model has one."""
    wide, narrow = shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
    attention = 2 * (shape.hidden + wide) + 2 * (shape.hidden + narrow)
    mlp = 3 * (shape.hidden + shape.intermediate)
    return shape.layers * rank * (attention + mlp)


def weight_bytes(shape: ModelShape, *, quantised: bool, item: int) -> int:
    """Return what the frozen model takes: linear layers, embedding, head and norms."""
    linear = shape.linear_parameters * (_NF4_BYTES if quantised else item)
    embeddings = shape.vocabulary * shape.hidden * (1 if shape.tied else 2)
    norms = (2 * shape.layers + 1) * shape.hidden
    return int(linear) + (embeddings + norms) * item


def layer_bytes(shape: ModelShape, *, tokens: int, item: int, is_high: bool) -> int:
    """Return what the backward pass needs of one layer: all that its forward pass made."""
    attention = (shape.heads + 2 * shape.kv_heads) * shape.head_dim
    mlp = shape.intermediate * (5 if is_high else 4)
    per_token = item * (6 * shape.hidden + attention + mlp)
    return tokens * (per_token + (_NORM_BYTES * shape.hidden if is_high else 0))


def _stores_all(
    shape: ModelShape, recipe: Recipe, item: int, gpu: Gpu | None, free_bytes: int
) -> bool:
    if not recipe.gradient_checkpointing:
        return True
    tokens = recipe.micro_batch_size * recipe.max_length
    everything = shape.layers * layer_bytes(shape, tokens=tokens, item=item, is_high=True)
    return gpu is None and everything < _CPU_STORE_SHARE * free_bytes


def _activations(
    shape: ModelShape,
    recipe: Recipe,
    *,
    quantised: bool,
    item: int,
    is_high: bool,
    stores_all: bool,
) -> int:
    """Return the working memory at its peak, which is in the layers, in the head, or in loading."""
    tokens = recipe.micro_batch_size * recipe.max_length
    one_layer = layer_bytes(shape, tokens=tokens, item=item, is_high=is_high)
    inputs = shape.layers * tokens * shape.hidden * item
    kept = shape.layers * one_layer if stores_all else inputs
    block = (0 if stores_all else one_layer) + (_restored(shape, item) if quantised else 0)
    rows = _HEAD_CHUNK_BYTES // (_LOGIT_BYTES * shape.vocabulary)
    rows = min(max(rows, _FEWEST_HEAD_ROWS), _MOST_HEAD_ROWS, tokens)
    head = rows * shape.vocabulary * _LOGIT_BYTES + tokens * shape.hidden * 2 * item
    loading = _QUANTISE_BYTES * _largest_linear(shape) if quantised else 0
    return max(kept + max(block, head), loading)


def _largest_linear(shape: ModelShape) -> int:
    return shape.hidden * max(shape.intermediate, shape.heads * shape.head_dim)


def _restored(shape: ModelShape, item: int) -> int:
    """Return what one 4-bit layer takes while it is computed with: its weights and its scales."""
    largest = _largest_linear(shape)
    return largest * item + largest * 4 // 64
