# SPDX-License-Identifier: Apache-2.0
"""torch's attention kernel for examples of many lengths side by side, behind one signature.

`torch.nn.attention.varlen.varlen_attn` is flash attention over cumulative lengths. Its signature
has changed: torch 2.10 takes `is_causal`; later versions take `window_size` and `scale`, and from
2.12 on `enable_gqa`. What a version lacks is made up for here. It runs on NVIDIA cards from
generation 8.0 on, in 16 bits; whether it gives the right numbers is tried before it is used.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from gettext import gettext as _
from itertools import pairwise
from typing import Any

import msgspec
import torch
from msgspec.structs import replace
from torch.nn import functional

from engine.domain.decision import Decision

_LEAST_CAPABILITY = (8, 0)
_WIDEST_HEAD = 256
_TRIED_EDGES = (0, 70, 71, 200)
_TRIED_WINDOW = 37
_FAULTS = (RuntimeError, TypeError, ValueError, AssertionError)
"""What a kernel may answer where it does not run; errors of CUDA are RuntimeErrors."""

_TOLERANCE = 0.05
"""Of outputs and gradients of about 1 in bf16, which has 8 bits behind the leading one."""


class PackedEdges(msgspec.Struct, frozen=True, kw_only=True):
    """Where the examples of a packed row begin and end, as the kernel takes it.

    Attributes:
        cumulative: 0, the end of the first example, ... on the device, int32 [examples + 1].
        longest: Tokens of the longest example.
    """

    cumulative: torch.Tensor
    longest: int


class VarlenKernel(msgspec.Struct, frozen=True, kw_only=True):
    """The kernel with what its version takes.

    Attributes:
        call: `varlen_attn`.
        names: Its parameters.
        is_right_in_windows: Its numbers are right where tokens see only so far back.
    """

    call: Callable[..., Any]
    names: frozenset[str]
    is_right_in_windows: bool = True

    def can(self, query: torch.Tensor, *, window: int | None, dropout: float) -> bool:
        """Return whether this query [1, heads, T, width] can go through the kernel."""
        width = query.shape[-1]
        is_fit = query.is_floating_point() and query.element_size() == 2
        is_sized = width % 8 == 0 and width <= _WIDEST_HEAD
        is_seen = window is None or (self._has_window and self.is_right_in_windows)
        return is_fit and is_sized and dropout == 0.0 and is_seen

    @property
    def _has_window(self) -> bool:
        return "window_size" in self.names

    def attend(
        self,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        edges: PackedEdges,
        *,
        scale: float | None,
        window: int | None,
    ) -> torch.Tensor:
        """Return causal attention [1, T, heads, width] inside each example.

        Args:
            query: [1, heads, T, width].
            key: [1, kv_heads, T, width].
            value: As `key`.
            edges: Where the examples are.
            scale: Of the scores; None means 1/sqrt(width).
            window: How many tokens back a token sees, itself included; None means all.
        """
        width = query.shape[-1]
        options: dict[str, Any] = {}
        if self._has_window:
            options["window_size"] = (-1 if window is None else window - 1, 0)
        else:
            options["is_causal"] = True
        if "scale" in self.names:
            options["scale"] = scale
        elif scale is not None:
            query = query * (scale * width**0.5)
        if query.shape[1] != key.shape[1]:
            if "enable_gqa" in self.names:
                options["enable_gqa"] = True
            else:
                share = query.shape[1] // key.shape[1]
                key, value = (one.repeat_interleave(share, dim=1) for one in (key, value))
        packed = (one[0].transpose(0, 1) for one in (query, key, value))
        lengths = (edges.cumulative, edges.cumulative, edges.longest, edges.longest)
        return self.call(*packed, *lengths, **options)[None]


def find_kernel() -> VarlenKernel | None:
    """Return the kernel of this version of torch; None where there is none."""
    try:
        from torch.nn.attention.varlen import varlen_attn
    except ImportError:
        return None
    return VarlenKernel(
        call=varlen_attn, names=frozenset(inspect.signature(varlen_attn).parameters)
    )


def choose_kernel(
    device: torch.device, dtype: torch.dtype, *, head_width: int
) -> tuple[VarlenKernel | None, Decision]:
    """Return the kernel if it can be used here and is right, and the choice with its reason.

    Args:
        device: Where the run computes.
        dtype: Number format of the computation.
        head_width: Numbers of one attention head.
    """
    kernel = find_kernel()
    reason = _why_not(kernel, device, dtype, head_width)
    if kernel is not None and not reason:
        scales = (None, 0.5 * head_width**-0.5)
        reason = _fault_of(kernel, device, dtype, head_width, scales=scales)
    if kernel is None or reason:
        return None, Decision(value="segments", reason=reason, source="hardware")
    text = _("One flash kernel computes all packed rows; tried against plain attention at start.")
    if _fault_of(kernel, device, dtype, head_width, scales=(None,), window=_TRIED_WINDOW):
        kernel = replace(kernel, is_right_in_windows=False)
        text = _(
            "One flash kernel computes all packed rows; tried against plain attention at start. "
            "Layers with a sliding window do without it: it computes none, or wrong ones, here."
        )
    return kernel, Decision(value="varlen", reason=text, source="hardware")


def choose_kernel_of_all(
    devices: Sequence[torch.device], dtype: torch.dtype, *, head_width: int
) -> tuple[VarlenKernel | None, Decision]:
    """Return the kernel if it can be used on all of some devices, and the choice with its reason.

    Args:
        devices: Where the run computes, one at least.
        dtype: Number format of the computation.
        head_width: Numbers of one attention head.
    """
    found = [choose_kernel(one, dtype, head_width=head_width) for one in devices]
    # The first without a kernel, else the first that has least of it.
    return min(found, key=lambda one: (one[0] is not None, one[0] and one[0].is_right_in_windows))


def _why_not(
    kernel: VarlenKernel | None, device: torch.device, dtype: torch.dtype, head_width: int
) -> str:
    if device.type != "cuda":
        return _("On a processor each row is attended to by itself; nothing is wasted.")
    if kernel is None:
        return _("This version of torch has no kernel for packed rows.")
    if torch.cuda.get_device_capability(device) < _LEAST_CAPABILITY:
        return _("This graphics card is older than the kernel for packed rows.")
    if dtype.itemsize != 2:
        return _("The kernel for packed rows computes in 16 bits only.")
    if head_width % 8 or head_width > _WIDEST_HEAD:
        return _("The attention heads of this model do not fit the kernel for packed rows.")
    return ""


def _fault_of(
    kernel: VarlenKernel,
    device: torch.device,
    dtype: torch.dtype,
    head_width: int,
    *,
    scales: Sequence[float | None],
    window: int | None = None,
) -> str:
    """Return what is wrong with outputs or gradients of the kernel; empty if they are right."""
    try:
        gap = max(
            largest_gap(kernel, device, dtype, head_width=head_width, scale=one, window=window)
            for one in scales
        )
    except _FAULTS as error:
        text = _("The kernel for packed rows does not run here ({error}).")
        return text.format(error=type(error).__name__)
    if gap < _TOLERANCE:
        return ""
    text = _("The kernel for packed rows is off by {gap:.2g} from plain attention here.")
    return text.format(gap=gap)


def largest_gap(
    kernel: VarlenKernel,
    device: torch.device,
    dtype: torch.dtype,
    *,
    head_width: int,
    scale: float | None = None,
    window: int | None = None,
) -> float:
    """Return the largest difference of outputs and gradients from plain attention in 32 bits.

    Args:
        kernel: The kernel.
        device: Where it is tried.
        dtype: In which number format.
        head_width: Numbers of one attention head.
        scale: Of the scores; None means 1/sqrt(width).
        window: How many tokens back a token sees, itself included; None means all.
    """
    generator = torch.Generator().manual_seed(0)
    tokens = _TRIED_EDGES[-1]
    shapes = [(1, 4, tokens, head_width), (1, 2, tokens, head_width), (1, 2, tokens, head_width)]
    drawn = [torch.randn(shape, generator=generator) for shape in shapes]
    upstream = torch.randn(1, tokens, 4, head_width, generator=generator)
    found = [one.to(device, dtype).requires_grad_() for one in drawn]
    exact = [one.to(dtype).float().requires_grad_() for one in drawn]
    cumulative = torch.tensor(_TRIED_EDGES, dtype=torch.int32, device=device)
    edges = PackedEdges(
        cumulative=cumulative, longest=max(stop - start for start, stop in pairwise(_TRIED_EDGES))
    )
    ours = kernel.attend(found[0], found[1], found[2], edges, scale=scale, window=window)
    spans = pairwise(_TRIED_EDGES)
    plain = torch.cat([_plain(exact, *one, scale=scale, window=window) for one in spans], dim=1)
    ours.backward(upstream.to(device, dtype))
    plain.backward(upstream)
    gaps = [(ours.detach().float().cpu() - plain.detach()).abs().max()]
    for one, other in zip(found, exact, strict=True):
        if one.grad is None or other.grad is None:
            return float("inf")
        gaps.append((one.grad.float().cpu() - other.grad).abs().max())
    return float(torch.stack(gaps).max())


def _plain(
    parts: list[torch.Tensor], start: int, stop: int, *, scale: float | None, window: int | None
) -> torch.Tensor:
    query, key, value = (one[:, :, start:stop] for one in parts)
    seen = torch.ones(stop - start, stop - start, dtype=torch.bool).tril()
    if window is not None:
        seen = seen.triu(1 - window)
    out = functional.scaled_dot_product_attention(
        query, key, value, attn_mask=seen, scale=scale, enable_gqa=True
    )
    return out.transpose(1, 2)
