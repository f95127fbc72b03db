# SPDX-License-Identifier: Apache-2.0
"""The exact terms of a run's memory, in bytes: what follows from sizes alone, and from no count.

They are W, E, A, M, C, D and G of engine.hardware.memory, and what loading holds. Where the layers
of a model are not alike, sums go over all of them, and what is there once over the widest.
"""

from __future__ import annotations

from engine.domain.model import ModelShape
from engine.hardware.adapter_form import AdapterForm
from engine.hardware.families import Family, family, matrices, small_parameters

_NF4_BYTES = (4 + 8 / 64 + 32 / (64 * 256)) / 8
"""Bytes per weight: 4 bits, an 8-bit scale per 64 and a 32-bit scale per 64 x 256 of them
(Dettmers et al. 2023, arXiv 2305.14314, section 3)."""

MASTER_BYTES, _GRADIENT_BYTES = 4, 4
"""Of each weight of the adapter."""

_MOMENT_BYTES = 4 + 4
_SMALL_MOMENT_BYTES = 1 + 1 + 2 * 4 / 256
"""8-bit Adam: two moments of one byte, each with a 32-bit scale per 256 values (bitsandbytes)."""

_SMALLEST_8_BIT_VALUES = 4096
"""Tensors with fewer values keep 32-bit moments (bitsandbytes, `min_8bit_size`)."""

_HEAD_CHUNK_BYTES, _LOGIT_BYTES = 192 << 20, 12
"""As engine.train.loss: logits, their 32-bit copy, its softmax, and the gradient in 16 bits."""

_FEWEST_HEAD_ROWS, _MOST_HEAD_ROWS = 64, 4096
_LOADED_AT_ONCE = 2
"""Tensors that are on the device while one is rounded to 4 bits: as it came, and its copy."""

_SCALE_BYTES = 4 / 64
"""Per weight while a matrix is restored: its scales in 32 bits."""


def adapter_parameters(shape: ModelShape, form: AdapterForm, kind: Family) -> int:
    """Return the number of weights that are trained."""
    return sum(count * sum(form.tensors(one, kind)) for one, count in shape.layer_kinds())


def linear_bytes(shape: ModelShape, *, quantised: bool, item: int) -> int:
    """Return W: the layers' matrices, in 4 bits or whole."""
    return int(shape.linear_parameters * (_NF4_BYTES if quantised else item))


def embedding_bytes(shape: ModelShape, kind: Family, *, item: int, on_card: bool = False) -> int:
    """Return E: embedding, head (none where it is tied), norms and biases.

    The embedding that feeds the layers stays in main memory where a card computes; what projects
    and norms what comes out of it does not.
    """
    embeddings = shape.vocabulary * shape.hidden * (1 if shape.tied else 2)
    all_fed = shape.layers * shape.fed
    feeding = all_fed * shape.hidden + shape.fed + (0 if on_card else all_fed * shape.fed_rows)
    return (embeddings + feeding + small_parameters(shape, kind) + shape.hidden) * item


def weight_bytes(
    shape: ModelShape,
    *,
    quantised: bool,
    item: int,
    kind: Family | None = None,
    on_card: bool = False,
) -> int:
    """Return what the frozen model takes: W + E."""
    others = embedding_bytes(shape, kind or family("llama"), item=item, on_card=on_card)
    return linear_bytes(shape, quantised=quantised, item=item) + others


def adapter_bytes(shape: ModelShape, kind: Family, *, form: AdapterForm, item: int) -> int:
    """Return A: adapter weights in 32 bits, their gradients, and their copy that is computed with.

    The copy is made once per step; where 32 bits are computed with, there is none.
    """
    copy = item if item < MASTER_BYTES else 0
    return adapter_parameters(shape, form, kind) * (MASTER_BYTES + _GRADIENT_BYTES + copy)


def moment_bytes(shape: ModelShape, kind: Family, *, form: AdapterForm, eight_bit: bool) -> int:
    """Return M: two moments per adapter weight; small tensors keep 32 bits."""
    return sum(
        count * _moments_of(size, eight_bit=eight_bit)
        for one, count in shape.layer_kinds()
        for size in form.tensors(one, kind)
    )


def _moments_of(size: int, *, eight_bit: bool) -> int:
    is_small = eight_bit and size >= _SMALLEST_8_BIT_VALUES
    return int(size * _SMALL_MOMENT_BYTES) if is_small else size * _MOMENT_BYTES


def input_bytes(shape: ModelShape, *, tokens: int, item: int, layers: int, offload: bool) -> int:
    """Return C: the inputs of the layers that are computed again; offloaded, two of them."""
    return (min(2, layers) if offload else layers) * tokens * shape.hidden * item


def handed_bytes(shape: ModelShape, *, tokens: int, item: int) -> int:
    """Return what layers are handed besides hidden states, from the first pass to the last.

    That is what each is fed, and the keys and values that layers take of an earlier one, with their
    gradients.
    """
    borrowed = {
        (one.kv_heads, one.head_dim)
        for one, _count in shape.layer_kinds()
        if not one.key_value_matrices
    }
    narrow = sum(2 * 2 * heads * width for heads, width in borrowed)
    return tokens * item * (shape.layers * shape.fed + narrow)


def restored_bytes(shape: ModelShape, kind: Family, *, item: int, shared: bool) -> int:
    """Return D: matrices as they are computed with, and the scales of the largest in 32 bits.

    Args:
        shape: Sizes of the model.
        kind: Its family.
        item: Bytes per number of the computation.
        shared: The layer is computed again: all of its matrices are restored once for that and for
            its backward pass. Else one at a time.
    """
    each = [
        [before * after for before, after in matrices(one, kind)]
        for one, _count in shape.layer_kinds()
    ]
    return max(
        int((sum(sizes) if shared else max(sizes)) * item + max(sizes) * _SCALE_BYTES)
        for sizes in each
    )


def head_bytes(shape: ModelShape, *, tokens: int, item: int) -> int:
    """Return G: one chunk of logits; hidden states of the supervised tokens, and their gradient."""
    rows = _HEAD_CHUNK_BYTES // (_LOGIT_BYTES * shape.vocabulary)
    rows = min(max(rows, _FEWEST_HEAD_ROWS), _MOST_HEAD_ROWS, tokens)
    return rows * shape.vocabulary * _LOGIT_BYTES + tokens * shape.hidden * 2 * item


def loading_bytes(shape: ModelShape, kind: Family, *, item: int) -> int:
    """Return what is held beside W and E while the largest matrix is rounded to 4 bits."""
    return _LOADED_AT_ONCE * _largest(shape, kind) * max(item, 2)


def _largest(shape: ModelShape, kind: Family) -> int:
    kinds = shape.layer_kinds()
    return max(before * after for one, _count in kinds for before, after in matrices(one, kind))


def cache_bytes(shape: ModelShape, *, tokens: int, item: int) -> int:
    """Return the keys and values of all layers that make their own."""
    own = [(one, count) for one, count in shape.layer_kinds() if one.key_value_matrices]
    return tokens * item * sum(2 * one.kv_heads * one.head_dim * count for one, count in own)
