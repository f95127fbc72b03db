# SPDX-License-Identifier: Apache-2.0
"""Frozen weights in 4 bits: NF4 with double quantisation (Dettmers et al. 2023, arXiv 2305.14314).

bitsandbytes stores and restores the numbers; the matrix product and its gradient are those of
engine.train.linear. Its own `Linear4bit` is not used: on processors with AVX512-BF16 one evaluation
pass repacks its weight in place, after which its gradient is silently missing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import torch

if TYPE_CHECKING:
    from bitsandbytes.functional import QuantState

BLOCK_VALUES = 64
_CPU_CHUNK_VALUES = 1 << 22
"""The CPU kernel needs about 80 bytes of scratch per value, so it is fed 4 Mi values at a time."""


class PackedWeight(msgspec.Struct, frozen=True):
    """A weight matrix in 4 bits.

    Attributes:
        packed: Two values per byte.
        state: Scales, shape, and the number format that it is restored to.
    """

    packed: torch.Tensor
    state: QuantState

    @property
    def size_bytes(self) -> int:
        """Return the memory that it holds."""
        inner = self.state.state2
        scales = [self.state.absmax, *([inner.absmax] if inner is not None else [])]
        return sum(one.numel() * one.element_size() for one in (self.packed, *scales))


def quantise(weight: torch.Tensor, *, dtype: torch.dtype) -> PackedWeight:
    """Round a weight matrix to 4 bits, on the device where it is.

    Args:
        weight: Matrix [out, in] in 16 or 32 bits.
        dtype: Number format that it is restored to for computing.
    """
    from bitsandbytes.functional import QuantState, quantize_4bit, quantize_blockwise

    flat = weight.detach().contiguous().view(-1)
    step = _CPU_CHUNK_VALUES if weight.device.type == "cpu" else flat.numel()
    pieces = [
        quantize_4bit(part, blocksize=BLOCK_VALUES, quant_type="nf4") for part in flat.split(step)
    ]
    scales = torch.cat([state.absmax for _, state in pieces])
    offset = scales.mean()
    scales, inner = quantize_blockwise(scales - offset, blocksize=256)
    state = QuantState(
        absmax=scales,
        shape=weight.shape,
        dtype=dtype,
        blocksize=BLOCK_VALUES,
        code=pieces[0][1].code,
        quant_type="nf4",
        offset=offset,
        state2=inner,
    )
    return PackedWeight(torch.cat([packed for packed, _ in pieces]), state)


def restore(weight: PackedWeight) -> torch.Tensor:
    """Return the matrix [out, in] that the 4 bits stand for."""
    from bitsandbytes.functional import dequantize_4bit

    return dequantize_4bit(weight.packed, weight.state)
