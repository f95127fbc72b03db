# SPDX-License-Identifier: Apache-2.0
"""AdamW over the adapter, with a state that is complete from the first step and saved by name."""

from __future__ import annotations

from collections.abc import Mapping
from gettext import gettext as _

import torch
from torch import nn

from engine.errors import CheckpointDamaged

_PARTS = ("exp_avg", "exp_avg_sq", "step")


class AdapterOptimizer:
    """AdamW (Loshchilov and Hutter 2017, arXiv 1711.05101) with betas 0.9 and 0.999."""

    def __init__(self, parameters: Mapping[str, nn.Parameter], *, weight_decay: float) -> None:
        """Start with empty moments for every parameter, so that a checkpoint always holds all."""
        self._parameters = dict(parameters)
        self._adam = torch.optim.AdamW(
            list(self._parameters.values()),
            lr=0.0,
            betas=(0.9, 0.999),
            eps=1e-8,
            weight_decay=weight_decay,
            fused=True,
        )
        for values in self._parameters.values():
            self._adam.state[values] = {
                "step": torch.zeros((), dtype=torch.float32, device=values.device),
                "exp_avg": torch.zeros_like(values),
                "exp_avg_sq": torch.zeros_like(values),
            }

    def clip(self, limit: float) -> torch.Tensor:
        """Scale the gradients to at most `limit`; return their length before, without waiting."""
        return nn.utils.clip_grad_norm_(self._parameters.values(), limit)

    def step(self, learning_rate: float) -> None:
        """Apply the gradients."""
        for group in self._adam.param_groups:
            group["lr"] = learning_rate
        self._adam.step()

    def clear(self) -> None:
        """Forget the gradients."""
        self._adam.zero_grad(set_to_none=True)

    def tensors(self) -> dict[str, torch.Tensor]:
        """Return the state on the CPU by `<part>/<parameter>`."""
        return {
            f"{part}/{name}": self._adam.state[values][part].detach().to("cpu").contiguous()
            for name, values in self._parameters.items()
            for part in _PARTS
        }

    def load(self, tensors: Mapping[str, torch.Tensor]) -> None:
        """Take over a saved state; strict both ways.

        Raises:
            CheckpointDamaged: A part is missing, unknown, or of another shape.
        """
        places = {
            f"{part}/{name}": self._adam.state[values][part]
            for name, values in self._parameters.items()
            for part in _PARTS
        }
        wrong = sorted(places.keys() ^ tensors.keys()) or sorted(
            name for name, values in tensors.items() if values.shape != places[name].shape
        )
        if wrong:
            raise CheckpointDamaged(
                _("The saved optimizer state does not fit this run: {names}.").format(
                    names=", ".join(wrong[:3])
                )
            )
        for name, values in tensors.items():
            places[name].copy_(values)
