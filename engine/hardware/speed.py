# SPDX-License-Identifier: Apache-2.0
"""How long a run will take: by the speed of an earlier run, else roughly by what the card can do.

Work of a trained token, in floating-point operations, with P matrix weights (frozen, so their
gradient is never made), and everything computed again once:

    forward 2 P + gradient of the input 2 P + forward again 2 P, + the head 2 V H twice,
    + attention: 2 L a d s for a sequence of s tokens forward, 3.5 times that in all, + adapters.
"""

from __future__ import annotations

from engine.domain.model import ModelShape
from engine.hardware.gpu import Gpu

_REACHED: tuple[tuple[str, float], ...] = (
    ("H200", 643e12),
    ("H100", 643e12),
    ("A100", 218e12),
    ("5090", 168e12),
    ("4090", 133e12),
    ("4060", 25e12),
    ("3090", 58e12),
)
"""Operations per second that matrix products reach at best in 16 bits: 65 to 70 % of the maker's
figure for data-centre cards, 80 to 90 % for others. The 4060's follows from published runs."""

_SLOWEST_SHARE = 0.4
"""Published training runs reach 40 % to all of what matrix products alone do."""


def token_operations(
    shape: ModelShape, *, sequence_tokens: int, adapter_parameters: int, recomputed: bool
) -> float:
    """Return the floating-point operations of one trained token.

    Args:
        shape: Sizes of the model.
        sequence_tokens: Length of the sequence that it attends within.
        adapter_parameters: Weights of the adapter.
        recomputed: Layers are computed again in the backward pass.
    """
    passes = 3 if recomputed else 2
    linear = 2 * passes * shape.linear_parameters
    head = 4 * shape.vocabulary * shape.hidden
    wide = sum(count * one.heads * one.head_dim for one, count in shape.layer_kinds())
    once = 2 * wide * sequence_tokens
    attention = once * (4.5 if recomputed else 3.5)
    return linear + head + attention + (8 if recomputed else 6) * adapter_parameters


def rough_speed(gpu: Gpu | None, operations: float) -> tuple[float, float] | None:
    """Return slow and fast tokens per second on a card; None where it is not in the table."""
    if gpu is None:
        return None
    reached = next((each for name, each in _REACHED if name in gpu.name.upper()), None)
    if reached is None:
        return None
    return _SLOWEST_SHARE * reached / operations, reached / operations
