# SPDX-License-Identifier: Apache-2.0
"""A frozen linear layer with a trainable low-rank update (Hu et al. 2021, arXiv 2106.09685)."""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional

from engine.domain.adapter import AdapterShape
from engine.domain.randomness import seed_of
from engine.train import nf4


class LowRankLinear(nn.Module):
    """y = x W^T + b + scale * dropout(x) A^T B^T, with W and b frozen.

    W is dense, or packed in 4 bits. A and B are kept in 32 bits and cast for computing.

    Attributes:
        in_features: Width of x.
        out_features: Width of y.
        weight: W [out, in]; empty where it is packed.
        packed: W in 4 bits, or None where it is dense.
        bias: b [out], or None.
        lora_A: A [rank, in], or None without an adapter.
        lora_B: B [out, rank], or None without an adapter.
        scale: Factor on the update.
        dropout_ratio: Dropout on the input of A while training.
    """

    def __init__(self, in_features: int, out_features: int, *, bias: bool) -> None:
        """Make the layer on the current default device; weights follow."""
        super().__init__()
        self.in_features = in_features
        self.out_features = out_features
        self.weight = _frozen(torch.empty(out_features, in_features))
        self.bias: nn.Parameter | None = _frozen(torch.empty(out_features)) if bias else None
        self.packed: nf4.PackedWeight | None = None
        self.lora_A: nn.Parameter | None = None
        self.lora_B: nn.Parameter | None = None
        self.scale = 0.0
        self.dropout_ratio = 0.0

    def hold_packed(self, weight: torch.Tensor, *, dtype: torch.dtype) -> None:
        """Take W rounded to 4 bits; `dtype` is the number format of the computation."""
        self.packed = nf4.quantise(weight, dtype=dtype)
        self.weight = _frozen(torch.empty(0, dtype=dtype, device=weight.device))

    def restored_weight(self) -> torch.Tensor:
        """Return W [out, in] as it is computed with."""
        return self.weight if self.packed is None else nf4.restore(self.packed)

    def add_adapter(self, shape: AdapterShape, *, seed: int, device: torch.device) -> None:
        """Add A, drawn uniformly within 1/sqrt(in), and B = 0, so that y does not change yet.

        The bound is that of `kaiming_uniform_(a=sqrt(5))`, as in the reference implementation. The
        numbers are drawn on the CPU, so that they are the same on every device.
        """
        generator = torch.Generator().manual_seed(seed)
        bound = 1.0 / math.sqrt(self.in_features)
        drawn = torch.empty(shape.rank, self.in_features).uniform_(
            -bound, bound, generator=generator
        )
        self.lora_A = nn.Parameter(drawn.to(device))
        self.lora_B = nn.Parameter(torch.zeros(self.out_features, shape.rank, device=device))
        self.scale = shape.scale
        self.dropout_ratio = shape.dropout_ratio

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return y [..., out] for x [..., in]."""
        if self.packed is None:
            y = functional.linear(x, self.weight, self.bias)
        else:
            y = nf4.multiply(x, self.packed, self.bias)
        if self.lora_A is None or self.lora_B is None:
            return y
        thin = functional.dropout(x, self.dropout_ratio, self.training)
        thin = functional.linear(thin, self.lora_A.to(x.dtype)).view(-1, self.lora_A.shape[0])
        wide = self.lora_B.to(x.dtype).t()
        return torch.addmm(y.view(-1, self.out_features), thin, wide, alpha=self.scale).view_as(y)

    def extra_repr(self) -> str:
        """Name sizes and form."""
        form = "nf4" if self.packed is not None else "dense"
        rank = self.lora_A.shape[0] if self.lora_A is not None else 0
        return f"{self.in_features}, {self.out_features}, {form}, rank={rank}"


def _frozen(values: torch.Tensor) -> nn.Parameter:
    return nn.Parameter(values, requires_grad=False)


def adapter_seed(seed: int, path: str) -> int:
    """Return the seed of one layer's A, so that it depends neither on order nor on device."""
    return seed_of("adapter", seed, path)
