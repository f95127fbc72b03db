# SPDX-License-Identifier: Apache-2.0
"""Formulas in plain torch that stand for fused kernels: right ones, to be spoiled by tests."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch.nn import functional

from engine.train.kernels_liger import Formulas

Norm = Callable[[torch.Tensor, torch.Tensor, float], torch.Tensor]


def plain_norm(*, offset: float = 0.0, is_wide: bool = False) -> Norm:
    """Return x / rms(x) * (offset + weight), rounded before the product unless it is wide."""

    def norm(x: torch.Tensor, weight: torch.Tensor, eps: float) -> torch.Tensor:
        """Return the norm of [..., width]."""
        wide = x.float()
        wide = wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + eps)
        if is_wide:
            return (wide * (offset + weight.float())).to(x.dtype)
        return (offset + weight) * wide.to(x.dtype)

    return norm


def half_turned(x: torch.Tensor) -> torch.Tensor:
    """Return (-second half, first half)."""
    first, second = x.chunk(2, dim=-1)
    return torch.cat((-second, first), dim=-1)


def plain_rotary(
    query: torch.Tensor, key: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Turn both by Llama's rotary angles."""
    cos, sin = cos[:, None], sin[:, None]
    found = [(one * cos + half_turned(one) * sin).to(one.dtype) for one in (query, key)]
    return found[0], found[1]


def plain_gate(gate: torch.Tensor, up: torch.Tensor) -> torch.Tensor:
    """Return silu(gate) * up."""
    return functional.silu(gate) * up


def plain_formulas() -> Formulas:
    """Return all of them."""
    return Formulas(
        name="plain",
        norms={
            "llama": plain_norm(),
            "wide": plain_norm(is_wide=True),
            "gemma": plain_norm(offset=1.0, is_wide=True),
        },
        rotary=plain_rotary,
        gates={
            "silu": plain_gate,
            "gelu_tanh": lambda gate, up: functional.gelu(gate, approximate="tanh") * up,
        },
        joined_gates={"silu": lambda both: plain_gate(*both.chunk(2, dim=-1))},
    )
