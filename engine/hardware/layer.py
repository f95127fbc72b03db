# SPDX-License-Identifier: Apache-2.0
"""What one decoder layer takes for each token that goes through it, in bytes."""

from __future__ import annotations

from engine.domain.model import ModelShape
from engine.hardware.adapter_form import AdapterForm
from engine.hardware.families import WIDEST_GROUPED_HEAD, Family, adapted, family


def kept_per_token(shape: ModelShape, kind: Family, *, item: int, form: AdapterForm) -> int:
    """Return what the backward pass of one layer keeps, in bytes per token; of the widest one.

    Attention keeps query, output, key and value; each norm its input in 32 bits and one number;
    each adapter its narrow product, and with trained lengths its output; the fused attention kernel
    one 32-bit number per head.
    """
    kinds = shape.layer_kinds()
    return max(_kept_by(one, kind, item=item, form=form) for one, _count in kinds)


def _kept_by(shape: ModelShape, kind: Family, *, item: int, form: AdapterForm) -> int:
    wide, narrow = shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
    each = adapted(shape, kind, form.targets)
    adapters = sum(form.ranks(shape, kind)) + (
        sum(after for _before, after in each) if form.dora else 0
    )
    own = bool(shape.key_value_matrices)
    # Keys and values of wide heads are repeated for each query's (engine.train.attention).
    keys = wide if shape.head_dim > WIDEST_GROUPED_HEAD else narrow * own
    inner = kind.mlp_kept * shape.intermediate
    computed = kind.hidden_kept * shape.hidden + 2 * wide + 2 * keys + inner + adapters
    exact = kind.exact_hidden_kept * (shape.hidden + kind.norm_numbers) + shape.heads
    if shape.fed:
        computed += shape.hidden + 2 * shape.fed
        exact += shape.hidden + kind.norm_numbers
    normed = own * (2 if kind.value_norm else 1)
    heads = shape.heads + normed * shape.kv_heads
    query = {"": 0, "head": kind.norm_numbers * heads, "all": 2}[kind.query_norm]
    exact += query + (wide + normed * narrow if kind.query_norm else 0)
    return item * computed + 4 * exact


def flowing_per_token(shape: ModelShape, kind: Family, *, item: int) -> int:
    """Return the gradients at the widest place of a layer's backward pass, bytes per token."""
    ups = 2 if kind.gated else 1
    widest = max(
        max(ups * one.intermediate, 3 * one.heads * one.head_dim)
        for one, _count in shape.layer_kinds()
    )
    return item * (2 * shape.hidden + widest)


def layer_bytes(
    shape: ModelShape,
    *,
    tokens: int,
    item: int,
    is_high: bool,
    kind: Family | None = None,
    form: AdapterForm | None = None,
) -> int:
    """Return u T: what the backward pass keeps of one layer; high: with the flowing gradients."""
    own = kind or family("llama")
    each = kept_per_token(shape, own, item=item, form=form or AdapterForm(rank=0))
    return tokens * (each + (flowing_per_token(shape, own, item=item) if is_high else 0))


def layers_bytes(
    shape: ModelShape,
    *,
    tokens: int,
    item: int,
    kind: Family,
    form: AdapterForm,
    first: int = 0,
    stop: int | None = None,
) -> int:
    """Return what the backward pass keeps of all layers, or of those of a block."""
    return tokens * sum(
        count * _kept_by(one, kind, item=item, form=form)
        for one, count in shape.layer_kinds(first, stop)
    )
