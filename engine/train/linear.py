# SPDX-License-Identifier: Apache-2.0
"""A frozen linear layer with a trainable low-rank update (Hu et al. 2021, arXiv 2106.09685).

Forward and backward are written out, so that a layer keeps x and A x for the backward pass and
nothing else: neither y, nor a copy of x in another number format, nor its restored 4-bit weight.
"""

from __future__ import annotations

import math
from typing import Any

import msgspec
import torch
from torch import nn
from torch.nn import functional

from engine.domain.adapter import AdapterShape
from engine.domain.randomness import seed_of
from engine.train import nf4

MAGNITUDE = "lora_magnitude_vector"
TRAINED_PARTS = ("lora_A", "lora_B", MAGNITUDE)
"""What an adapter trains of a layer, by the names of attributes, which are peft's."""

_NORM_VALUES = 1 << 24
"""Weights whose row lengths are taken at a time: 64 MiB in 32 bits."""


class LowRankLinear(nn.Module):
    """y = x W^T + b + scale * dropout(x) A^T B^T, with W and b frozen.

    W is dense, or packed in 4 bits. A and B are kept in 32 bits and cast for computing. With
    magnitudes m (DoRA, Liu et al. 2024, arXiv 2402.09353), y = x V^T + b where V are the rows of
    W + scale B A, each brought to its length in m; for the gradient, their lengths before count as
    constant (section 4.3 there).

    Attributes:
        in_features: Width of x.
        out_features: Width of y.
        weight: W [out, in]; empty where it is packed.
        packed: W in 4 bits, or None where it is dense.
        bias: b [out], or None.
        lora_A: A [rank, in], or None without an adapter.
        lora_B: B [out, rank], or None without an adapter.
        lora_magnitude_vector: m [out], or None without DoRA.
        scale: Factor on the update.
        dropout_ratio: Dropout on the input of A while training.
        keeps_restored: Whether a restored 4-bit weight is kept for the backward pass. Only for
            layers whose activations are computed again: there it lives from the second forward
            pass of its block to the backward pass right behind, and is restored once for both.
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
        self.lora_magnitude_vector: nn.Parameter | None = None
        self.scale = 0.0
        self.dropout_ratio = 0.0
        self.keeps_restored = False
        self._cast: _Cast | None = None

    def hold_packed(self, weight: torch.Tensor, *, dtype: torch.dtype) -> None:
        """Take W rounded to 4 bits; `dtype` is the number format of the computation."""
        self.take_packed(nf4.quantise(weight, dtype=dtype), dtype=dtype)

    def take_packed(self, packed: nf4.PackedWeight, *, dtype: torch.dtype) -> None:
        """Take W as it was rounded before; `dtype` is the number format of the computation."""
        self.packed = packed
        self.weight = _frozen(torch.empty(0, dtype=dtype, device=packed.packed.device))

    def restored_weight(self) -> torch.Tensor:
        """Return W [out, in] as it is computed with."""
        return self.weight if self.packed is None else nf4.restore(self.packed)

    def add_adapter(
        self, shape: AdapterShape, *, seed: int, device: torch.device, path: str = ""
    ) -> None:
        """Add A, drawn uniformly within 1/sqrt(in), B = 0 and m, so that y does not change yet.

        The bound is that of `kaiming_uniform_(a=sqrt(5))`, as in the reference implementation. The
        numbers are drawn on the CPU, so that they are the same on every device.

        Args:
            shape: What adapters of this model are like.
            seed: Of the random numbers.
            device: Where to put it.
            path: Of this layer in the model, which a pattern may name.
        """
        rank = shape.rank_of(path)
        generator = torch.Generator().manual_seed(seed)
        bound = 1.0 / math.sqrt(self.in_features)
        drawn = torch.empty(rank, self.in_features).uniform_(-bound, bound, generator=generator)
        self.lora_A = nn.Parameter(drawn.to(device))
        self.lora_B = nn.Parameter(torch.zeros(self.out_features, rank, device=device))
        self.scale = shape.scale_of(path)
        self.dropout_ratio = shape.dropout_ratio
        if shape.use_dora:
            self.lora_magnitude_vector = nn.Parameter(self._row_lengths())

    def hold_cast(self, dtype: torch.dtype) -> None:
        """Cast A and B once for all passes until `drop_cast`; they must not change in between."""
        self._cast = self._cast_to(dtype)

    def drop_cast(self) -> None:
        """Forget the cast A and B."""
        self._cast = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return y [..., out] for x [..., in]."""
        cast = self._cast or self._cast_to(x.dtype)
        ratio = self.dropout_ratio if self.training else 0.0
        if cast is None or cast.row_lengths is None or self.lora_magnitude_vector is None:
            return self._product(x, cast, self.bias, ratio)
        # As in peft: what the dropout takes away goes through W, what it leaves through V.
        left = functional.dropout(x, ratio) if ratio else x
        factors = self.lora_magnitude_vector / cast.row_lengths
        y = (self._product(left, cast, None, 0.0) * factors).to(x.dtype)
        if ratio:
            return y + self._product(x - left, None, self.bias, 0.0)
        return y if self.bias is None else y + self.bias

    def _product(
        self, x: torch.Tensor, cast: _Cast | None, bias: nn.Parameter | None, ratio: float
    ) -> torch.Tensor:
        if cast is None and self.packed is None:
            return functional.linear(x, self.weight, bias)
        one = _Pass(linear=self, cast=cast, bias=bias, dropout_ratio=ratio)
        a, b = (None, None) if cast is None else (self.lora_A, self.lora_B)
        weight = self.restored_weight()
        place, thin = _Backward.apply(x, a, b, weight, one)
        return _Forward.apply(place, x.detach(), thin, weight, one)

    def _cast_to(self, dtype: torch.dtype) -> _Cast | None:
        if self.lora_A is None or self.lora_B is None:
            return None
        lengths = None if self.lora_magnitude_vector is None else self._row_lengths()
        return _Cast(self.lora_A.detach().to(dtype), self.lora_B.detach().to(dtype), lengths)

    def _row_lengths(self) -> torch.Tensor:
        """Return the length of each row of W + scale B A [out], summed in 32 bits or more."""
        if self.lora_A is None or self.lora_B is None:
            raise ValueError("the layer has no adapter")
        a, b = self.lora_A.detach(), self.lora_B.detach()
        count = max(1, _NORM_VALUES // self.in_features)
        pairs = zip(self.restored_weight().split(count), b.split(count), strict=True)
        rows = [
            (weight.to(a.dtype) + self.scale * (some @ a)).norm(dim=1) for weight, some in pairs
        ]
        return torch.cat(rows)

    def extra_repr(self) -> str:
        """Name sizes and form."""
        form = "nf4" if self.packed is not None else "dense"
        rank = self.lora_A.shape[0] if self.lora_A is not None else 0
        return f"{self.in_features}, {self.out_features}, {form}, rank={rank}"


class _Cast(msgspec.Struct, frozen=True):
    """A and B in the number format that is computed in, and the lengths of the rows for DoRA."""

    a: torch.Tensor
    b: torch.Tensor
    row_lengths: torch.Tensor | None = None


class _Pass(msgspec.Struct, frozen=True, kw_only=True):
    """One pass through a layer, with what of it takes part."""

    linear: LowRankLinear
    cast: _Cast | None
    bias: nn.Parameter | None
    dropout_ratio: float


class _Backward(torch.autograd.Function):
    """The node of the graph that holds what the backward pass needs, and does it.

    It stands before the product, not behind, because recomputation ends at the last tensor that is
    kept: so the last product of a block, a quarter of its work, is not computed again for nothing.
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: torch.Tensor,
        _a: nn.Parameter | None,
        _b: nn.Parameter | None,
        weight: torch.Tensor,
        one: _Pass,
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Return a stand-in for y that takes no memory, and A x [..., rank]."""
        thin, kept = None, list[torch.Tensor]()
        if one.cast is not None:
            noise = _noise(x, one.dropout_ratio)
            thin = functional.linear(x if noise is None else x * noise, one.cast.a)
            kept = [x, thin] if noise is None else [x, thin, noise != 0]
            ctx.mark_non_differentiable(thin)
        ctx.one = one
        ctx.has_weight = one.linear.keeps_restored and one.linear.packed is not None
        ctx.save_for_backward(*kept, *([weight] if ctx.has_weight else []))
        ctx.set_materialize_grads(False)
        return x.new_empty(1).expand(*x.shape[:-1], one.linear.out_features), thin

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        """Return the gradients of x, A and B.

        With g = dL/dy: dx = g W + scale g B A, dA = scale (g B)^T x, dB = scale g^T (A x).
        """
        one: _Pass = ctx.one
        linear, kept = one.linear, list(ctx.saved_tensors)
        weight = kept.pop() if ctx.has_weight else None
        wide = gradients[0].reshape(-1, linear.out_features)
        dx = da = db = None
        if ctx.needs_input_grad[0]:
            dx = wide @ (linear.restored_weight() if weight is None else weight)
        if one.cast is not None:
            x, thin, *mask = (each.reshape(-1, each.shape[-1]) for each in kept)
            noise = mask[0].to(x.dtype).div_(1 - one.dropout_ratio) if mask else None
            da, db = _low_rank_gradients(one.cast, linear.scale, wide, (x, thin, noise), dx)
        shaped = None if dx is None else dx.view(*gradients[0].shape[:-1], -1)
        return shaped, da, db, None, None


class _Forward(torch.autograd.Function):
    """The product itself; its gradient goes to the stand-in as it comes, so it keeps nothing."""

    @staticmethod
    def forward(
        ctx: Any,
        place: torch.Tensor,
        x: torch.Tensor,
        thin: torch.Tensor | None,
        weight: torch.Tensor,
        one: _Pass,
    ) -> torch.Tensor:
        """Return y [..., out]."""
        y = functional.linear(x, weight, one.bias)
        if one.cast is not None and thin is not None:
            flat = y.view(-1, y.shape[-1])
            narrow = thin.view(-1, thin.shape[-1])
            flat.addmm_(narrow, one.cast.b.t(), alpha=one.linear.scale)
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        """Pass the gradient of y on."""
        return gradients[0], None, None, None, None


def _low_rank_gradients(
    cast: _Cast,
    scale: float,
    wide: torch.Tensor,
    kept: tuple[torch.Tensor, torch.Tensor, torch.Tensor | None],
    dx: torch.Tensor | None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the gradients of A and B in 32 bits or more, and add the update's part to dx.

    Args:
        cast: A and B.
        scale: Factor on B A.
        wide: Gradient of y [n, out].
        kept: x [n, in], A x [n, rank] and the factors of the dropout [n, in] or None.
        dx: g W [n, in], or None where x needs no gradient.
    """
    x, thin, noise = kept
    form = torch.promote_types(x.dtype, torch.float32)
    narrow = wide @ cast.b
    # The scale comes last, so that a product in 16 bits is rounded once.
    db = (wide.t() @ thin).to(form).mul_(scale)
    da = (narrow.t() @ (x if noise is None else x * noise)).to(form).mul_(scale)
    if dx is not None and noise is None:
        dx.addmm_(narrow, cast.a, alpha=scale)
    elif dx is not None and noise is not None:
        dx.add_((narrow @ cast.a).mul_(noise), alpha=scale)
    return da, db


def _noise(x: torch.Tensor, ratio: float) -> torch.Tensor | None:
    """Return factors of 0 and 1 / (1 - ratio) in the shape of x, drawn as torch's dropout does."""
    if ratio == 0.0:
        return None
    return torch.empty_like(x).bernoulli_(1 - ratio).div_(1 - ratio)


def _frozen(values: torch.Tensor) -> nn.Parameter:
    return nn.Parameter(values, requires_grad=False)


def adapter_seed(seed: int, path: str) -> int:
    """Return the seed of one layer's A, so that it depends neither on order nor on device."""
    return seed_of("adapter", seed, path)
