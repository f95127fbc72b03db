# SPDX-License-Identifier: Apache-2.0
"""Compares a faster way to compute with the plain one: outputs and gradients, on the run's device.

Single formulas are held to a few roundings of the number format, row by row; whole layers, which
round many times, to a share of the length of what they return. All numbers are drawn by generators
of their own, so that a run draws the same ones with and without a trial.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from gettext import gettext as _
from typing import Any

import numpy as np
import torch
from torch import nn

from engine.train.architecture import decoder_layers
from engine.train.batches import join_examples, make_batch
from engine.train.device import is_out_of_memory
from engine.train.model import LanguageModel

Outputs = torch.Tensor | tuple[torch.Tensor, ...]
_Tensors = list[torch.Tensor]

_LOG = logging.getLogger(__name__)
_SEED = 0
_EXAMPLES = (21, 5, 38)
"""Tokens of the examples in a trial of whole layers: three lengths, none of them round."""

_BITS_LEFT = {torch.float32: 13, torch.bfloat16: 6, torch.float16: 8}
"""A formula may differ by 2^-bits of the largest number in a row: of the 24, 8 and 11 bits that a
number has, so many as two roundings in another order leave, with two to spare."""

_LAYER_BITS_LEFT = {torch.float32: 10, torch.bfloat16: 5, torch.float16: 7}
"""A whole layer may differ by 2^-bits of the length of what it returns."""


def tolerance(dtype: torch.dtype) -> float:
    """Return the largest gap of a single formula."""
    return 2.0 ** -_BITS_LEFT[dtype]


def layer_tolerance(dtype: torch.dtype) -> float:
    """Return the largest gap of a whole layer."""
    return 2.0 ** -_LAYER_BITS_LEFT[dtype]


def drawn(
    *shape: int, device: torch.device, dtype: torch.dtype, number: int = 0, uneven: bool = False
) -> torch.Tensor:
    """Return normal random numbers, the same at every call.

    Args:
        shape: Their shape.
        device: Where they go.
        dtype: Their number format.
        number: Tells several draws of one trial apart.
        uneven: Every other row is a thousandth as long, so that a small constant added to it shows.
    """
    generator = torch.Generator().manual_seed(_SEED + number)
    found = torch.randn(shape, generator=generator)
    if uneven:
        found.view(-1, shape[-1])[::2] *= 1e-3
    return found.to(device, dtype)


def formula_gap(
    plain: Callable[..., Outputs], fast: Callable[..., Outputs], inputs: Sequence[torch.Tensor]
) -> float:
    """Return the largest gap of outputs and of the gradients of all inputs.

    A gap is the largest difference in a row by its largest number; it is infinite where something
    is not a number, has another shape, or is missing.

    Args:
        plain: Of `inputs` to one or several tensors.
        fast: As `plain`; it may write over its inputs.
        inputs: Tensors, each of which needs a gradient.
    """
    expected, found = (_outcome(one, inputs) for one in (plain, fast))
    return max(_row_gap(*pair) for pair in zip(found, expected, strict=True))


def _outcome(function: Callable[..., Outputs], inputs: Sequence[torch.Tensor]) -> _Tensors:
    leaves = [one.detach().clone().requires_grad_() for one in inputs]
    with torch.enable_grad():
        # A function may write over what it is given, which torch forbids for leaves.
        made = function(*(one * 1 for one in leaves))
        outputs = list(made) if isinstance(made, tuple) else [made]
        return outputs + _gradients(outputs, leaves)


def _gradients(outputs: _Tensors, leaves: _Tensors) -> _Tensors:
    upstream = [
        drawn(*one.shape, device=one.device, dtype=one.dtype, number=100 + number)
        for number, one in enumerate(outputs)
    ]
    found = torch.autograd.grad(outputs, leaves, upstream, allow_unused=True)
    return [torch.zeros_like(a) if b is None else b for a, b in zip(leaves, found, strict=True)]


def _row_gap(found: torch.Tensor, expected: torch.Tensor) -> float:
    if found.shape != expected.shape:
        return math.inf
    one, other = (each.detach().double().reshape(-1, each.shape[-1]) for each in (found, expected))
    most = other.abs().amax(dim=1).clamp_min(1e-30)
    return _finite(float(((one - other).abs().amax(dim=1) / most).max()))


def _length_gap(found: torch.Tensor, expected: torch.Tensor) -> float:
    if found.shape != expected.shape:
        return math.inf
    one, other = (each.detach().double() for each in (found, expected))
    length = float(other.norm())
    return _finite(float((one - other).norm()) / (length or 1.0))


def _finite(gap: float) -> float:
    return gap if math.isfinite(gap) else math.inf


def tried(measure: Callable[[], float], *, most: float) -> tuple[float, str]:
    """Return the gap of something faster, and half a sentence on what is wrong, empty if nothing.

    Raises:
        torch.OutOfMemoryError: Memory ran out.
    """
    try:
        gap = measure()
    except Exception as error:
        # Compilers, drivers and interpreters raise what they like; none of it may end a run.
        if is_out_of_memory(error):
            raise
        _LOG.info("what is tried does not run here", exc_info=True)
        return math.inf, _("it does not run here ({error})").format(error=type(error).__name__)
    if gap <= most:
        return gap, ""
    return gap, _("the result differs by {gap:.2g}").format(gap=gap)


class LayerTrial:
    """What each kind of layer of a model returned before something was changed in it."""

    def __init__(self, model: LanguageModel, *, in_training: bool = False) -> None:
        """Pass three short examples through the model, and keep what its layers are given.

        Args:
            model: With its adapter.
            in_training: Try the layers as they are in training, but for recomputing; they may draw
                numbers then, and draw the same ones at each trial.
        """
        self._in_training = in_training
        self._calls = _recorded_calls(model)
        self._expected = [self._tried(*one) for one in self._calls]

    def gap(self) -> float:
        """Return the largest gap of outputs, of the gradient of inputs, and of the adapter's.

        A gap is the length of the difference by the length of what was returned before.
        """
        largest = 0.0
        for call, expected in zip(self._calls, self._expected, strict=True):
            found = self._tried(*call)
            gaps = [_length_gap(*pair) for pair in zip(found, expected, strict=True)]
            largest = max(largest, *gaps)
        return largest

    def _tried(self, layer: Any, arguments: Any, options: dict[str, Any]) -> _Tensors:
        before = layer.training, layer.gradient_checkpointing
        layer.gradient_checkpointing = False
        layer.train(self._in_training)
        device = arguments[0].device
        try:
            with torch.random.fork_rng([device] if device.type == "cuda" else []):
                torch.manual_seed(_SEED)
                return self._outcome(layer, arguments, options)
        finally:
            layer.train(before[0])
            layer.gradient_checkpointing = before[1]

    def _outcome(self, layer: nn.Module, arguments: Any, options: dict[str, Any]) -> _Tensors:
        hidden, *others = arguments
        given = hidden.detach().clone().requires_grad_()
        own = [one for one in layer.parameters() if one.requires_grad]
        with torch.enable_grad():
            made = layer(given * 1, *others, **options)
            outputs = [made[0] if isinstance(made, tuple) else made]
            return outputs + _gradients(outputs, [given, *own])


def _recorded_calls(
    model: LanguageModel,
) -> list[tuple[nn.Module, tuple[Any, ...], dict[str, Any]]]:
    """Return one layer of each kind with what it is given in a pass."""
    seen: dict[Any, tuple[nn.Module, tuple[Any, ...], dict[str, Any]]] = {}

    def keep(layer: nn.Module, arguments: tuple[Any, ...], options: dict[str, Any]) -> None:
        """Keep the first call of each kind; a hook before a layer runs."""
        sizes = tuple(tuple(one.shape) for one in layer.parameters())
        kind = (type(layer), getattr(layer, "attention_type", None), sizes)
        seen.setdefault(kind, (layer, arguments, dict(options)))

    vocabulary = model.net.config.vocab_size
    rows = [
        (np.arange(count, dtype=np.int32) * 7 % vocabulary, np.ones(count, np.bool_))
        for count in _EXAMPLES
    ]
    batch = make_batch(join_examples(rows), np.arange(len(rows)), model.device)
    layers = decoder_layers(model.net)[1]
    hooks = [one.register_forward_pre_hook(keep, with_kwargs=True) for one in layers]
    try:
        with torch.no_grad():
            model.hidden(batch.ids, batch.positions, segments=batch.segments)
    finally:
        for hook in hooks:
            hook.remove()
    return list(seen.values())
