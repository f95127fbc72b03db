# SPDX-License-Identifier: Apache-2.0
"""The two moments of AdamW in 8 bits by block of 256 (Dettmers et al. 2021, arXiv 2110.02861).

The kernels are those of bitsandbytes, called as functions: its optimizer classes wait for the
device after every tensor and keep a state that is only complete after the first step.
"""

from __future__ import annotations

from functools import lru_cache
from gettext import gettext as _

import msgspec
import torch
from torch import nn

from engine.domain.decision import Decision
from engine.domain.recipe_choices import Optimizer

SMALLEST_VALUES = 4096
"""Smaller tensors stay in 32 bits, as in bitsandbytes (`min_8bit_size`)."""

_BLOCK_VALUES = 256
_SMALLEST_PAGED_VALUES = 100_000
"""Smaller tensors are never paged, as in bitsandbytes (`get_state_buffer`)."""


class Moments8(msgspec.Struct, frozen=True, kw_only=True):
    """Both moments of one tensor of n values.

    Attributes:
        state1, state2: Codes of the first and the second moment, 8 bits, shaped as the tensor.
        absmax1, absmax2: Scale of each block [ceil(n / 256)].
        codes1, codes2: The 256 numbers that the codes stand for.
        step: Updates so far, one 32-bit number on the CPU.
        is_paged: The codes lie in memory that the driver moves to the card when it is used.
    """

    state1: torch.Tensor
    state2: torch.Tensor
    absmax1: torch.Tensor
    absmax2: torch.Tensor
    codes1: torch.Tensor
    codes2: torch.Tensor
    step: torch.Tensor
    is_paged: bool

    def tensors(self) -> dict[str, torch.Tensor]:
        """Return what a checkpoint holds, by part; paged codes are safe to read."""
        if self.is_paged:
            torch.cuda.synchronize(self.absmax1.device)
        return {
            "state1": self.state1,
            "state2": self.state2,
            "absmax1": self.absmax1,
            "absmax2": self.absmax2,
            "step": self.step,
        }

    def update(
        self,
        values: nn.Parameter,
        gradient: torch.Tensor,
        *,
        rate: float,
        betas: tuple[float, float],
        eps: float,
        weight_decay: float,
    ) -> None:
        """Apply a gradient to the parameter that the moments belong to."""
        from bitsandbytes import functional

        if self.is_paged:
            functional.prefetch_tensor(self.state1)
            functional.prefetch_tensor(self.state2)
        functional.optimizer_update_8bit_blockwise(
            "adam",
            gradient.contiguous(),
            values.data,
            self.state1,
            self.state2,
            betas[0],
            betas[1],
            0.0,
            0.0,
            eps,
            int(self.step) + 1,
            rate,
            self.codes1,
            self.codes2,
            self.absmax1,
            self.absmax2,
            weight_decay,
        )
        self.step.add_(1)


def empty_moments(values: nn.Parameter, *, is_paged: bool) -> Moments8:
    """Return moments of zero; they stand for 0 because their scales are 0."""
    is_paged = is_paged and values.numel() >= _SMALLEST_PAGED_VALUES
    codes1, codes2 = _codes(values.device)
    blocks = -(-values.numel() // _BLOCK_VALUES)
    state1, state2 = (
        _pages(values.shape, values.device)
        if is_paged
        else torch.zeros_like(values, dtype=torch.uint8)
        for _number in range(2)
    )
    return Moments8(
        state1=state1,
        state2=state2,
        absmax1=torch.zeros(blocks, dtype=torch.float32, device=values.device),
        absmax2=torch.zeros(blocks, dtype=torch.float32, device=values.device),
        codes1=codes1,
        codes2=codes2,
        step=torch.zeros((), dtype=torch.float32),
        is_paged=is_paged,
    )


def rounded_moments(first: torch.Tensor, second: torch.Tensor, *, updates: int) -> Moments8:
    """Return 32-bit moments rounded to the nearest code of each block."""
    from bitsandbytes.functional import quantize_blockwise

    codes1, codes2 = _codes(first.device)
    state1, scales1 = quantize_blockwise(first, code=codes1, blocksize=_BLOCK_VALUES)
    state2, scales2 = quantize_blockwise(second, code=codes2, blocksize=_BLOCK_VALUES)
    return Moments8(
        state1=state1,
        state2=state2,
        absmax1=scales1.absmax,
        absmax2=scales2.absmax,
        codes1=codes1,
        codes2=codes2,
        step=torch.tensor(float(updates)),
        is_paged=False,
    )


@lru_cache(maxsize=16)
def _codes(device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the numbers behind the codes of both moments; every tensor shares them."""
    from bitsandbytes.functional import create_dynamic_map

    return create_dynamic_map(signed=True).to(device), create_dynamic_map(signed=False).to(device)


def _pages(shape: torch.Size, device: torch.device) -> torch.Tensor:
    """Return zeros in managed memory; only where `why_no_pages` says nothing."""
    from bitsandbytes import functional

    index = device.index if device.index is not None else torch.cuda.current_device()
    found = functional.get_paged(*shape, dtype=torch.uint8, device=torch.device("cuda", index))
    functional.fill(found, 0)
    return found


def why_no_pages(device: torch.device) -> str:
    """Try a tiny allocation that the driver may move; return why it failed, or an empty text.

    Some drivers on Windows and WSL refuse managed memory, which would else end the run later.
    """
    if device.type != "cuda":
        return _("Only a graphics card has memory that can be moved out.")
    try:
        found = _pages(torch.Size([4096]), device)
        torch.cuda.synchronize(device)
        works = not bool(found.any())
    except (RuntimeError, OSError, AttributeError, ValueError) as error:
        return _("The driver refuses memory that it can move: {error}.").format(
            error=str(error).splitlines()[0] if str(error) else type(error).__name__
        )
    return "" if works else _("Memory that the driver can move does not keep its content.")


def choose_optimizer(asked: Optimizer, device: torch.device) -> Decision:
    """Decide how the moments are held; pages that do not work become plain 8 bits."""
    if asked is Optimizer.PAGED_ADAMW_8BIT and (why := why_no_pages(device)):
        return Decision(value=Optimizer.ADAMW_8BIT.value, reason=why, source="hardware")
    reasons = {
        Optimizer.ADAMW: _("Its numbers are kept in 32 bits, which is exact."),
        Optimizer.ADAMW_8BIT: _("Its numbers are kept in 8 bits, a quarter of the memory."),
        Optimizer.PAGED_ADAMW_8BIT: _("Kept in 8 bits, and moved to main memory when need be."),
    }
    return Decision(value=asked.value, reason=reasons[asked], source="recipe")
