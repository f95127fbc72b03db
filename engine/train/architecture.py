# SPDX-License-Identifier: Apache-2.0
"""The model code of transformers, made ours: no memory yet, our linears, packed attention.

Families differ in where their layers are, in how their matrices are stored, and in whether their
code hands the segments of a packed row down to attention. What differs is settled here; whether it
came out right is checked in probe.py, after the weights are in place.
"""

from __future__ import annotations

from gettext import gettext as _
from typing import TYPE_CHECKING, Any

import msgspec
import torch
from torch import nn

from engine.errors import ArchitectureUnsupported, ModelInvalid
from engine.store.decoders import DECODERS
from engine.store.modelfolder_config import library_config
from engine.train import attention, falcon
from engine.train.carrier import carry_into
from engine.train.linear import LowRankLinear
from engine.train.rotary import turn_by_segment

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_OWN_ATTENTION = ("falcon",)
"""Families whose code looks the attention up in a table of its own."""

_DROPS_SEGMENTS = ("stablelm", "nemotron")
"""Families whose layers hand attention only the arguments that they know."""


class Skeleton(msgspec.Struct, frozen=True, kw_only=True):
    """A model without memory whose decoder linears are ours.

    Attributes:
        net: The whole model.
        head: Its map from hidden states to logits.
        linears: Every decoder linear by its path, in the order of the model.
        is_transposed: The files hold the weights of these linears as [in, out].
        other_names: Modules that the files name differently: their name there, and here.
    """

    net: PreTrainedModel
    head: nn.Module
    linears: dict[str, LowRankLinear]
    is_transposed: bool
    other_names: dict[str, str]


def build_skeleton(config: dict[str, Any], dtype: torch.dtype) -> Skeleton:
    """Build the model of an allowed config.

    Args:
        config: As `modelfolder.safe_config` returns it.
        dtype: Number format of the computation.

    Raises:
        ModelInvalid: transformers does not take the configuration.
        ArchitectureUnsupported: Its layers hold weights that are not plain linears.
    """
    net = _empty_net(config, dtype)
    head = net.get_output_embeddings()
    if head is None:
        raise ArchitectureUnsupported(_("This model has no output layer that predicts tokens."))
    here = next(name for name, module in net.named_modules() if module is head)
    linears, is_transposed = _replace_linears(net)
    _carry_segments(net)
    # GPT-2 looks for padding at every pass, which waits for the device; packed rows have none.
    vars(net.base_model)["warn_if_padding_and_no_attention_mask"] = _find_no_padding
    return Skeleton(
        net=net,
        head=head,
        linears=linears,
        is_transposed=is_transposed,
        other_names={DECODERS[config["architectures"][0]].head: here},
    )


def _empty_net(config: dict[str, Any], dtype: torch.dtype) -> PreTrainedModel:
    from transformers import AutoConfig, AutoModelForCausalLM

    attention.register()
    is_by_hand = config["model_type"] in _OWN_ATTENTION
    try:
        known = AutoConfig.for_model(**library_config(config))
        with torch.device("meta"):
            net = AutoModelForCausalLM.from_config(
                known, dtype=dtype, attn_implementation="eager" if is_by_hand else attention.NAME
            )
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ModelInvalid(
            _("The sizes in config.json do not fit together."), detail=str(error)
        ) from error
    return net


def decoder_layers(net: PreTrainedModel) -> tuple[str, nn.ModuleList]:
    """Return path and list of the decoder layers.

    Raises:
        ArchitectureUnsupported: There is no one list of them.
    """
    from transformers.modeling_layers import GradientCheckpointingLayer

    found = [
        (name, module)
        for name, module in net.named_modules()
        if isinstance(module, nn.ModuleList)
        and len(module)
        and all(isinstance(one, GradientCheckpointingLayer) for one in module)
    ]
    if len(found) != 1:
        raise ArchitectureUnsupported(_("This model is not one stack of decoder layers."))
    return found[0]


def _replace_linears(net: PreTrainedModel) -> tuple[dict[str, LowRankLinear], bool]:
    from transformers.pytorch_utils import Conv1D

    prefix, layers = decoder_layers(net)
    found: dict[str, LowRankLinear] = {}
    is_transposed = False
    for name, module in list(layers.named_modules()):
        if isinstance(module, Conv1D):
            sizes, has_bias = (module.weight.shape[0], module.nf), True
            is_transposed = True
        elif isinstance(module, nn.Linear):
            sizes, has_bias = (module.in_features, module.out_features), module.bias is not None
        else:
            continue
        with torch.device("meta"):
            ours = LowRankLinear(*sizes, bias=has_bias)
        net.set_submodule(f"{prefix}.{name}", ours)
        found[f"{prefix}.{name}"] = ours
    others = [name for name, values in layers.named_parameters() if values.dim() > 2]
    if others or not found:
        raise ArchitectureUnsupported(
            _("The layers of this model hold weights that Burnish cannot train: {names}.").format(
                names=", ".join(others[:3]) or _("no linear layers")
            )
        )
    return found, is_transposed


def _carry_segments(net: PreTrainedModel) -> None:
    """Bring the segments to attention where the model code drops them on the way."""
    turn_by_segment(net)
    kind = net.config.model_type
    if kind in _OWN_ATTENTION:
        falcon.attend_in_segments(net)
    elif kind in _DROPS_SEGMENTS:
        for layer in decoder_layers(net)[1]:
            carry_into(layer, layer.get_submodule("self_attn"))


def hands_segments_down(net: PreTrainedModel) -> bool:
    """Return whether the model code itself brings the segments to its attention."""
    return net.config.model_type not in (*_OWN_ATTENTION, *_DROPS_SEGMENTS)


def _find_no_padding(_input_ids: torch.Tensor, _attention_mask: torch.Tensor | None) -> None:
    """Stand for transformers' search for padding."""
