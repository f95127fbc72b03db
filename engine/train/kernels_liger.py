# SPDX-License-Identifier: Apache-2.0
"""The formulas of liger-kernel (Hsu et al. 2024, arXiv 2410.10989), each as one fused kernel.

Only its functions are taken. What it offers to patch a whole model with would put its own attention
arguments, loss and head in the place of ours. The kernels are written in Triton, which comes with
torch for CUDA on Linux; neither is needed for anything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from gettext import gettext as _
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import msgspec
import torch

Pair = tuple[torch.Tensor, torch.Tensor]


class Formulas(msgspec.Struct, frozen=True, kw_only=True):
    """Fast forms of what a decoder layer computes between its linears; each has a gradient.

    Attributes:
        name: Where they are from.
        norms: `(x, weight, eps)` to x / rms(x) * weight, in each way to round and to count the
            weight, by name; the weight is frozen.
        rotary: `(query, key, cos, sin)` to both turned by Llama's rotary angles. They may be
            written over: [1, heads, T, width], angles [1, T, width].
        gates: `(gate, up)` to act(gate) * up by the name of the activation. Both may be written
            over in the backward pass.
        joined_gates: The same for `[gate, up]` side by side in one tensor.
    """

    name: str
    norms: Mapping[str, Callable[[torch.Tensor, torch.Tensor, float], torch.Tensor]]
    rotary: Callable[[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor], Pair]
    gates: Mapping[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]]
    joined_gates: Mapping[str, Callable[[torch.Tensor], torch.Tensor]]


def find_liger(device: torch.device) -> tuple[Formulas | None, str]:
    """Return the formulas of liger-kernel, or why there are none here."""
    if device.type != "cuda":
        return None, _("No graphics card computes here.")
    if find_spec("triton") is None:
        return None, _("Triton is not installed.")
    if find_spec("liger_kernel") is None:
        return None, _("liger-kernel is not installed.")
    try:
        return load_liger(), ""
    except (ImportError, AttributeError, RuntimeError, OSError) as error:
        text = _("liger-kernel does not load here ({error}).")
        return None, text.format(error=type(error).__name__)


def load_liger() -> Formulas:
    """Return the formulas of liger-kernel, which must be installed.

    Raises:
        ImportError: It, or something that it needs, cannot be imported.
        AttributeError: This version of it has no such formula.
    """
    norm = _function("rms_norm", "LigerRMSNormFunction")
    rotary = _function("rope", "LigerRopeFunction")
    silu = _function("swiglu", "LigerSiLUMulFunction")
    gelu = _function("geglu", "LigerGELUMulFunction")
    joined = _function("swiglu", "LigerFusedGateUpSiLUMulFunction")

    def on_rows(both: torch.Tensor) -> torch.Tensor:
        """Return the product of rows in one list: its gradient has that form, however they lie."""
        return joined(both.flatten(0, -2)).unflatten(0, both.shape[:-1])

    def normed(offset: float, casting: str) -> Callable[..., torch.Tensor]:
        """Return one form of the norm; its gradient never overwrites what others may hold."""
        return lambda x, weight, eps: norm(x, weight, eps, offset, casting, False)

    return Formulas(
        name="liger-kernel",
        norms={
            "llama": normed(0.0, "llama"),
            "wide": normed(0.0, "gemma"),
            "gemma": normed(1.0, "gemma"),
        },
        rotary=rotary,
        gates={
            "silu": silu,
            "gelu_tanh": gelu,
        },
        joined_gates={"silu": on_rows},
    )


def _function(module: str, name: str) -> Callable[..., Any]:
    return getattr(import_module(f"liger_kernel.ops.{module}"), name).apply
