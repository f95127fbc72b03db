# SPDX-License-Identifier: Apache-2.0
"""Decoder layers compiled by torch, for long runs, where what comes out is what goes in.

What torch's compiler cannot look into stays outside and is called as it is: our linears, whose
gradient is written out, and attention, whose segments change with every batch and would make it
compile anew each time. Between them it fuses norms, rotary angles, activations and sums. One
compiled form serves all layers of a class and all lengths of rows.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from collections.abc import Callable
from gettext import gettext as _
from typing import Any, cast

import msgspec
import torch
from torch import nn

from engine.domain.decision import Decision
from engine.train.architecture import decoder_layers, hands_segments_down
from engine.train.attention import AttentionOptions, segment_attention
from engine.train.kernels_trial import LayerTrial, layer_tolerance, tried
from engine.train.model import LanguageModel

_NAME = "burnish_segments_outside"
_CARRIED = "carried"
_COMPILERS = ("g++", "clang++", "c++")

Backend = str | Callable[..., Any]


class _Carried(msgspec.Struct):
    """What attention needs of a batch, handed past the compiler: for it this never changes.

    Attributes:
        options: Of the layer that computes now.
    """

    options: AttentionOptions = msgspec.field(default_factory=AttentionOptions)


def compile_layers(
    model: LanguageModel,
    *,
    backend: Backend = "inductor",
    find_fault: Callable[[torch.device], str] | None = None,
) -> Decision:
    """Compile the layers of a model for training, or say why they are left as they are.

    Args:
        model: With its adapter, not in training; its layers are changed.
        backend: Of `torch.compile`.
        find_fault: Returns what a device lacks for compiling, empty where nothing.
    """
    reason = (find_fault or missing_compiler)(model.device)
    if len(model.devices) > 1:
        reason = _("The layers are on several cards.")
    if not reason and not hands_segments_down(model.net):
        reason = _("The attention of this model family cannot be kept out of the compiler.")
    if not reason and getattr(model.net.config, "num_kv_shared_layers", None) is not None:
        # A layer that is computed again would be another graph, and the run would end in an error.
        reason = _("The layers of this model leave keys and values to later ones.")
    if reason:
        return Decision(value=False, reason=reason, source="hardware")
    if backend == "inductor":
        from torch._inductor import config

        # It would start processes of its own, which outlive a trainer that is killed.
        config.compile_threads = 1
    trial = LayerTrial(model, in_training=True)
    undo = _change(model, backend)
    _gap, fault = tried(trial.gap, most=layer_tolerance(model.dtype))
    if fault:
        undo()
        text = _("A compiled layer was tried at start: {why}.").format(why=fault)
        return Decision(value=False, reason=text, source="hardware")
    reason = _("Asked for; a compiled layer gave the result of a plain one at start.")
    return Decision(value=True, reason=reason, source="recipe")


def missing_compiler(device: torch.device) -> str:
    """Return what is not installed of what torch compiles with; empty where all is there."""
    if device.type == "cuda" and importlib.util.find_spec("triton") is None:
        return _("Triton is not installed.")
    named = os.environ.get("CXX")
    names = [named] if named else ["cl"] if sys.platform == "win32" else _COMPILERS
    if device.type == "cpu" and not any(map(shutil.which, names)):
        return _("No C++ compiler was found.")
    return ""


def _change(model: LanguageModel, backend: Backend) -> Callable[[], None]:
    """Give the layers a compiled forward pass; return what takes it away again."""
    from transformers import AttentionInterface

    AttentionInterface.register(_NAME, torch.compiler.disable(_attend_outside))
    config, before = model.net.config, model.net.config._attn_implementation
    carried = _Carried()
    layers = decoder_layers(model.net)[1]
    kinds = {type(one): _compiled_kind(type(one), carried, backend) for one in layers}
    linears = list(model.linears.values())
    for linear in linears:
        vars(linear)["forward"] = torch.compiler.disable(linear.forward)
    for layer in layers:
        layer.__class__ = kinds[type(layer)]
    config._attn_implementation = _NAME

    def undo() -> None:
        """Make everything as it was."""
        config._attn_implementation = before
        for linear in linears:
            del vars(linear)["forward"]
        for layer in layers:
            layer.__class__ = type(layer).__bases__[0]

    return undo


def _compiled_kind(kind: type[nn.Module], carried: _Carried, backend: Backend) -> type[nn.Module]:
    """Return a class of layers whose forward pass is compiled, where gradients are wanted.

    transformers puts the recomputation of a layer around the forward pass of its class, so that of
    a subclass has it outside, as it must be.
    """
    plain: Callable[..., Any] = kind.forward
    compiled = torch.compile(plain, backend=backend, dynamic=True)

    def forward(self: nn.Module, *arguments: Any, **options: Any) -> Any:
        """Return what the layer returns."""
        if not torch.is_grad_enabled() or options.get("past_key_values") is not None:
            return plain(self, *arguments, **options)
        carried.options = AttentionOptions(
            segments=options.pop("segments", None), varlen=options.pop("varlen", None)
        )
        return compiled(self, *arguments, **options, **{_CARRIED: carried})

    return cast("type[nn.Module]", type(kind.__name__, (kind,), {"forward": forward}))


def _attend_outside(
    module: nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    **options: Any,
) -> tuple[torch.Tensor, None]:
    """Attend inside the segments that were carried here; as `segment_attention` otherwise."""
    carried: _Carried | None = options.pop(_CARRIED, None)
    given = {**options, **carried.options} if carried else options
    return segment_attention(module, query, key, value, attention_mask, **given)
