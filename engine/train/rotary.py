# SPDX-License-Identifier: Apache-2.0
"""Rotary angles that depend on the length of an example, computed for each example by itself.

Two kinds of scaling (longrope, dynamic) choose their frequencies by the longest position in the
row. In a packed row that would let one long example turn the angles of its short neighbours, and
the dynamic kind would remember the longest example of the run.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import torch

from engine.train.carrier import Carrier

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_BY_LENGTH = ("longrope", "dynamic")

Angles = tuple[torch.Tensor, ...]


def turn_by_segment(net: PreTrainedModel) -> None:
    """Let a model whose angles depend on length compute them within segments."""
    base = net.base_model
    rotary: Any = getattr(base, "rotary_emb", None)
    kinds = getattr(rotary, "rope_type", None)
    named = kinds.values() if isinstance(kinds, dict) else [kinds]
    if not any(one in _BY_LENGTH for one in named):
        return
    carrier = Carrier()
    base.register_forward_pre_hook(carrier.take, with_kwargs=True)
    vars(rotary)["forward"] = partial(_turn, rotary, carrier, rotary.forward)


def _turn(
    rotary: Any,
    carrier: Carrier,
    forward: Callable[..., Angles],
    x: torch.Tensor,
    position_ids: torch.Tensor,
    **options: Any,
) -> Angles:
    """Return cosines and sines [1, T, width]."""
    segments = carrier.options.get("segments")
    spans = list(segments.spans()) if segments else [(0, position_ids.shape[1])]
    parts: list[Angles] = []
    for start, stop in spans:
        _forget_lengths(rotary)
        parts.append(forward(x[:, start:stop], position_ids[:, start:stop], **options))
    return tuple(torch.cat(one, dim=1) for one in zip(*parts, strict=True))


def _forget_lengths(rotary: Any) -> None:
    """Undo what the dynamic kind keeps of the longest example so far."""
    if rotary.rope_type == "dynamic":
        rotary.max_seq_len_cached = rotary.original_max_seq_len
        rotary.register_buffer("inv_freq", rotary.original_inv_freq, persistent=False)
