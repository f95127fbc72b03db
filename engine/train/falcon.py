# SPDX-License-Identifier: Apache-2.0
"""Falcon's attention, inside each example of a packed row.

transformers' Falcon does not ask its attention interface: it computes attention in its own module,
and its layers take no further arguments. So its options travel with the rotary angles, which each
layer does hand down, and the module's forward pass is replaced by the same one over segments.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from engine.train.attention import NAME, AttentionOptions, segment_attention
from engine.train.carrier import Carrier

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def attend_in_segments(net: PreTrainedModel) -> None:
    """Let a Falcon without position biases (ALiBi) attend inside segments."""
    from transformers.models.falcon.modeling_falcon import FalconAttention, FalconMLP

    # Under this name transformers makes no mask.
    net.config._attn_implementation = NAME
    base = net.base_model
    carrier = Carrier()
    base.register_forward_pre_hook(carrier.take, with_kwargs=True)
    base.get_submodule("rotary_emb").register_forward_hook(partial(_joined, carrier))
    for module in base.modules():
        if isinstance(module, FalconAttention):
            vars(module)["forward"] = partial(_attend, module)
        elif isinstance(module, FalconMLP) and net.config.bias:
            module.register_forward_hook(_own_copy)


def _own_copy(_module: nn.Module, _arguments: Any, output: torch.Tensor) -> torch.Tensor:
    """Return a copy: the layer adds to this in place, which a product with a bias forbids."""
    return output.clone()


def _joined(
    carrier: Carrier,
    _module: nn.Module,
    _arguments: Any,
    angles: tuple[torch.Tensor, torch.Tensor],
) -> tuple[torch.Tensor, torch.Tensor, AttentionOptions]:
    """Add the options to the rotary angles; the hook after these were computed."""
    return (*angles, carrier.options)


def _attend(
    module: Any,
    hidden_states: torch.Tensor,
    *,
    position_embeddings: tuple[torch.Tensor, torch.Tensor, AttentionOptions],
    layer_past: Any = None,
    **_options: Any,
) -> tuple[torch.Tensor, None]:
    """Return what `FalconAttention.forward` does, without weights of attention.

    Falcon applies no dropout to its attention weights where it has rotary positions.
    """
    from transformers.models.falcon.modeling_falcon import apply_rotary_pos_emb

    cos, sin, options = position_embeddings
    parts = module._split_heads(module.query_key_value(hidden_states))
    query, key, value = (one.transpose(1, 2) for one in parts)
    query, key = apply_rotary_pos_emb(query, key, cos, sin)
    if layer_past is not None:
        key, value = layer_past.update(key, value, module.layer_idx)
    found, _none = segment_attention(module, query, key, value, None, **options)
    return module.dense(found.flatten(2)), None
