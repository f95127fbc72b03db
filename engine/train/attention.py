# SPDX-License-Identifier: Apache-2.0
"""Causal attention inside each of several examples that lie side by side in one batch row.

Registered with transformers as one more attention implementation, so its model code is used
unchanged. No mask over the whole row is ever built. transformers makes no mask either, because none
is registered under this name; registering one would make it compare position ids at every pass,
which waits for the device.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import TypedDict, Unpack

import msgspec
import torch
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from engine.train.varlen import PackedEdges, VarlenKernel

NAME = "burnish_segments"
_BLOCK_TOKENS = 1024
"""Longer examples never have all their scores in memory: kernels without them, or blocks."""

_WIDEST_GROUPED_HEAD = 256
"""On a card, the kernels that let several queries share a key end at this width."""

_SHORT_ON_CPU_TOKENS = 256
"""Below this length the CPU's attention kernel is up to three times faster in fp32 than in bf16
(benchmarks/RESULTS.md), and exacter."""


class Segments(msgspec.Struct, frozen=True):
    """Where the examples of a packed row begin and end; made once per batch.

    Attributes:
        edges: 0, the end of the first example, ..., the number of tokens; host numbers.
        packed: The same for the kernel of packed rows, or None on a processor.
    """

    edges: tuple[int, ...]
    packed: PackedEdges | None = None

    def spans(self) -> Iterator[tuple[int, int]]:
        """Yield (start, stop) of each example."""
        return pairwise(self.edges)


class AttentionOptions(TypedDict, total=False):
    """What the model code of transformers, and ours through it, passes by name.

    Attributes:
        dropout: On the attention weights.
        scaling: Of the scores; None means 1/sqrt(width).
        sliding_window: How many tokens back a token sees, itself included; None means all.
        softcap: Scores are squeezed into (-softcap, softcap); None means not at all.
        segments: Examples of the row; None means one.
        varlen: The kernel of packed rows; None attends to one example after the other.
        s_aux: A score of each head that takes its share of attention and gives nothing for it (an
            attention sink); None for none.
    """

    dropout: float
    scaling: float | None
    sliding_window: int | None
    softcap: float | None
    segments: Segments | None
    varlen: VarlenKernel | None
    s_aux: torch.Tensor | None


class _Kernel(msgspec.Struct, frozen=True):
    """What is common to all segments of one call."""

    scale: float | None
    dropout: float
    window: int | None
    softcap: float | None
    grouped: bool
    sinks: torch.Tensor | None = None

    @property
    def needs_scores(self) -> bool:
        """Return whether something is done to the scores that no fused kernel of torch does."""
        return self.softcap is not None or self.sinks is not None


def register() -> None:
    """Make the implementation known to transformers; may be called again."""
    from transformers import AttentionInterface

    AttentionInterface.register(NAME, segment_attention)


def segment_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    **options: Unpack[AttentionOptions],
) -> tuple[torch.Tensor, None]:
    """Return attention [1, T, heads, width] within each segment; the signature is transformers'.

    Args:
        module: The attention layer.
        query: [1, heads, T, width].
        key: [1, kv_heads, S, width]; S = T, or with T = 1 everything cached so far.
        value: As `key`.
        attention_mask: Must be None.
        options: What the layer asks for; names that are not known here are left out.

    Raises:
        ValueError: A mask or a batch was given, or S fits neither training nor decoding.
    """
    tokens, known = query.shape[2], key.shape[2]
    if attention_mask is not None or query.shape[0] != 1 or tokens not in (1, known):
        raise ValueError("packed attention takes one row, without a mask, whole or token by token")
    window = options.get("sliding_window")
    kernel = _Kernel(
        scale=options.get("scaling"),
        dropout=options.get("dropout", 0.0),
        window=window,
        softcap=options.get("softcap"),
        grouped=query.shape[1] != key.shape[1],
        sinks=options.get("s_aux"),
    )
    if tokens == 1:
        first = max(0, known - window) if window else 0
        return _attend(query, key[:, :, first:], value[:, :, first:], kernel).transpose(1, 2), None
    edges = options.get("segments") or Segments((0, tokens))
    varlen = options.get("varlen")
    packed = None if kernel.needs_scores else edges.packed
    if varlen and packed and varlen.can(query, window=window, dropout=kernel.dropout):
        out = varlen.attend(query, key, value, packed, scale=kernel.scale, window=window)
        return out, None
    parts = [
        _segment(query[:, :, a:b], key[:, :, a:b], value[:, :, a:b], kernel)
        for a, b in edges.spans()
    ]
    whole = parts[0] if len(parts) == 1 else torch.cat(parts, dim=2)
    return whole.transpose(1, 2), None


def _segment(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, kernel: _Kernel
) -> torch.Tensor:
    length = query.shape[2]
    if kernel.needs_scores and length > _BLOCK_TOKENS:
        return _in_blocks(query, key, value, kernel, _BLOCK_TOKENS)
    if kernel.window is not None and length > kernel.window:
        return _in_blocks(query, key, value, kernel, kernel.window)
    is_slow = query.device.type == "cpu" and query.dtype == torch.bfloat16
    if is_slow and length < _SHORT_ON_CPU_TOKENS:
        exact = _attend(query.float(), key.float(), value.float(), kernel, is_causal=True)
        return exact.to(query.dtype)
    if query.device.type == "cuda" and length > _BLOCK_TOKENS:
        return _without_square(query, key, value, kernel)
    return _attend(query, key, value, kernel, is_causal=True)


def _without_square(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, kernel: _Kernel
) -> torch.Tensor:
    """Attend by a kernel that never holds all scores of a long example at once."""
    from torch.nn.attention import SDPBackend, sdpa_kernel

    fused = [
        SDPBackend.FLASH_ATTENTION,
        SDPBackend.CUDNN_ATTENTION,
        SDPBackend.EFFICIENT_ATTENTION,
    ]
    try:
        with sdpa_kernel(fused):
            return _attend(query, key, value, kernel, is_causal=True)
    except torch.OutOfMemoryError:
        raise
    except RuntimeError as error:
        if "No available kernel" not in str(error):
            raise
    return _in_blocks(query, key, value, kernel, _BLOCK_TOKENS)


def _in_blocks(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, kernel: _Kernel, size: int
) -> torch.Tensor:
    """Attend in blocks of `size` queries, each to the keys that it can see.

    Where all scores would be kept for the backward pass, each block is computed again in it.
    """
    parts: list[torch.Tensor] = []
    is_again = size == _BLOCK_TOKENS and torch.is_grad_enabled()
    for start in range(0, query.shape[2], size):
        stop = min(query.shape[2], start + size)
        first = 0 if kernel.window is None else max(0, start - kernel.window + 1)
        block = query[:, :, start:stop], key[:, :, first:stop], value[:, :, first:stop]
        parts.append(
            checkpoint(_block, *block, kernel, use_reentrant=False)
            if is_again
            else _block(*block, kernel)
        )
    return torch.cat(parts, dim=2)


def _block(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, kernel: _Kernel
) -> torch.Tensor:
    """Attend with the last queries of what `key` holds."""
    known = key.shape[2]
    positions = torch.arange(known, device=query.device)
    back = positions[known - query.shape[2] :, None] - positions[None]
    mask = back >= 0
    if kernel.window is not None:
        mask &= back < kernel.window
    return _attend(query, key, value, kernel, mask=mask)


def _attend(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    kernel: _Kernel,
    *,
    mask: torch.Tensor | None = None,
    is_causal: bool = False,
) -> torch.Tensor:
    """Attend to all keys, to those of a mask (True: seen), or causally to as many as queries."""
    if kernel.needs_scores:
        if is_causal:
            shape = (query.shape[2], key.shape[2])
            mask = torch.ones(shape, dtype=torch.bool, device=query.device).tril()
        return _with_scores(query, key, value, kernel, mask=mask)
    is_grouped = kernel.grouped
    if is_grouped and query.device.type == "cuda" and query.shape[-1] > _WIDEST_GROUPED_HEAD:
        key, value = _for_each_query(query, key, value)
        is_grouped = False
    return functional.scaled_dot_product_attention(
        query,
        key,
        value,
        attn_mask=mask,
        dropout_p=kernel.dropout,
        is_causal=is_causal,
        scale=kernel.scale,
        enable_gqa=is_grouped,
    )


def _for_each_query(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return keys and values [1, heads, S, width], repeated for the queries that share them."""
    share = query.shape[1] // key.shape[1]
    return key.repeat_interleave(share, dim=1), value.repeat_interleave(share, dim=1)


def _with_scores(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    kernel: _Kernel,
    *,
    mask: torch.Tensor | None,
) -> torch.Tensor:
    """Attend with soft-capped scores (Gemma 2) or sinks (Granite SWA).

    A sink is one more score in the softmax, of a token whose value is zero. This is the same as to
    multiply what comes out by sigmoid(logsumexp(scores) - sink), as the model code of transformers
    does it.
    """
    key, value = _for_each_query(query, key, value)
    scale = kernel.scale if kernel.scale is not None else query.shape[-1] ** -0.5
    scores = query @ key.transpose(2, 3) * (scale / (kernel.softcap or 1.0))
    if kernel.softcap is not None:
        scores = torch.tanh(scores) * kernel.softcap
    if mask is not None:
        scores = scores.masked_fill(~mask, float("-inf"))
    if kernel.sinks is not None:
        sinks = kernel.sinks.to(scores.dtype).view(1, -1, 1, 1).expand(*scores.shape[:3], 1)
        scores = torch.cat([scores, sinks], dim=-1)
    exact = torch.promote_types(scores.dtype, torch.float32)
    weights = torch.softmax(scores, dim=-1, dtype=exact).to(query.dtype)
    return functional.dropout(weights[..., : key.shape[2]], kernel.dropout) @ value
