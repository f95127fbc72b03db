# SPDX-License-Identifier: Apache-2.0
"""AdamW over the adapter, with a state that is complete from the first step and saved by name."""

from __future__ import annotations

from collections.abc import Mapping
from gettext import gettext as _
from typing import Any

import torch
from torch import nn

from engine.domain.recipe_choices import Optimizer
from engine.errors import CheckpointDamaged
from engine.train.moments8 import SMALLEST_VALUES, Moments8, empty_moments, rounded_moments

_BETAS, _EPS = (0.9, 0.999), 1e-8
_PARTS = ("exp_avg", "exp_avg_sq", "step")


class AdapterOptimizer:
    """AdamW (Loshchilov and Hutter 2017, arXiv 1711.05101) with betas 0.9 and 0.999.

    Its moments are kept in 32 bits, or those of large tensors in 8 bits by block.
    """

    def __init__(
        self,
        parameters: Mapping[str, nn.Parameter],
        *,
        weight_decay: float,
        kind: Optimizer = Optimizer.ADAMW,
        rate_factors: Mapping[str, float] | None = None,
    ) -> None:
        """Start with empty moments for every parameter, so that a checkpoint always holds all.

        Args:
            parameters: What is trained, by name.
            weight_decay: Decoupled decay.
            kind: How the moments are held; pages must have been probed before.
            rate_factors: What the learning rate of a parameter is multiplied with, by name; 1.0
                for those that are not named.
        """
        self._parameters = dict(parameters)
        self._weight_decay = weight_decay
        self._factors = {name: (rate_factors or {}).get(name, 1.0) for name in self._parameters}
        self._in_8_bits: dict[str, Moments8] = {}
        self._rounded: set[str] = set()
        self._updated: set[str] = set()
        self._updates = 0
        self._adam = torch.optim.AdamW(
            self._groups(), lr=0.0, betas=_BETAS, eps=_EPS, weight_decay=weight_decay, fused=True
        )
        is_paged = kind is Optimizer.PAGED_ADAMW_8BIT
        for name, values in self._parameters.items():
            if kind is not Optimizer.ADAMW and values.numel() >= SMALLEST_VALUES:
                self._in_8_bits[name] = empty_moments(values, is_paged=is_paged)
                self._leave_adam(name)
                continue
            self._adam.state[values] = {
                "step": torch.zeros((), dtype=torch.float32, device=values.device),
                "exp_avg": torch.zeros_like(values),
                "exp_avg_sq": torch.zeros_like(values),
            }

    def _groups(self) -> list[dict[str, Any]]:
        by_factor: dict[float, list[nn.Parameter]] = {}
        for name, values in self._parameters.items():
            by_factor.setdefault(self._factors[name], []).append(values)
        return [{"params": held, "factor": factor} for factor, held in by_factor.items()]

    def _leave_adam(self, name: str) -> None:
        values = self._parameters[name]
        self._adam.state.pop(values, None)
        for group in self._adam.param_groups:
            group["params"] = [one for one in group["params"] if one is not values]

    @property
    def has_large_32_bit_moments(self) -> bool:
        """Return whether `round_to_8_bits` would free memory."""
        return any(values.numel() >= SMALLEST_VALUES for values in self._adam.state)

    def round_to_8_bits(self) -> None:
        """Hold the moments of large tensors in 8 bits from now on; one tensor after the other.

        A second call changes nothing. A state that was saved before is rounded when it is loaded.
        """
        for name, values in self._parameters.items():
            state = self._adam.state.get(values)
            if state is not None and values.numel() >= SMALLEST_VALUES:
                self._in_8_bits[name] = rounded_moments(
                    state["exp_avg"], state["exp_avg_sq"], updates=self._updates
                )
                self._rounded.add(name)
                self._leave_adam(name)

    def clip(self, limit: float) -> torch.Tensor:
        """Scale the gradients to at most `limit`; return their length before, without waiting."""
        values = list(self._parameters.values())
        home = values[0].device
        if all(one.device == home for one in values):
            return nn.utils.clip_grad_norm_(values, limit)
        # torch itself would add up card by card, in any order of the cards.
        lengths = [torch.linalg.vector_norm(one.grad) for one in values if one.grad is not None]
        total = torch.linalg.vector_norm(torch.stack([one.to(home) for one in lengths]))
        nn.utils.clip_grads_with_norm_(values, limit, total)
        return total

    def step(self, learning_rate: float) -> None:
        """Apply the gradients.

        A call that failed on the way may be made again with the same gradients, also after
        `round_to_8_bits`: each parameter is changed exactly once.
        """
        for name, moments in self._in_8_bits.items():
            values = self._parameters[name]
            if name in self._updated or values.grad is None:
                continue
            moments.update(
                values,
                values.grad,
                rate=learning_rate * self._factors[name],
                betas=_BETAS,
                eps=_EPS,
                weight_decay=self._weight_decay,
            )
            self._updated.add(name)
        self._step_32_bits(learning_rate)
        self._updates += 1
        self._updated.clear()

    def _step_32_bits(self, learning_rate: float) -> None:
        """Do the one fused call; it takes no memory, so that it happens wholly or not at all."""
        for group in self._adam.param_groups:
            group["lr"] = learning_rate * group["factor"]
        if not any(group["params"] for group in self._adam.param_groups):
            return
        try:
            self._adam.step()
        except BaseException:
            for state in self._adam.state.values():
                state["step"].fill_(self._updates)
            raise

    def clear(self) -> None:
        """Forget the gradients, and that some of them may have been applied."""
        for values in self._parameters.values():
            values.grad = None
        self._updated.clear()

    def held(self) -> dict[str, torch.Tensor]:
        """Return the state where it is held, by `<part>/<parameter>`."""
        found: dict[str, torch.Tensor] = {}
        for name, values in self._parameters.items():
            if name in self._in_8_bits:
                parts = self._in_8_bits[name].tensors()
            else:
                parts = {part: self._adam.state[values][part] for part in _PARTS}
            found |= {f"{part}/{name}": one for part, one in parts.items()}
        return found

    def tensors(self) -> dict[str, torch.Tensor]:
        """Return the state on the CPU by `<part>/<parameter>`."""
        return {
            name: values.detach().to("cpu").contiguous() for name, values in self.held().items()
        }

    def load(self, tensors: Mapping[str, torch.Tensor]) -> None:
        """Take over a saved state; strict both ways.

        The moments of tensors that were rounded may come as they were before.

        Raises:
            CheckpointDamaged: A part is missing, unknown, or of another shape.
        """
        tensors = self._rounded_where_needed(tensors)
        places = self.held()
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
        steps = [int(values) for name, values in tensors.items() if name.startswith("step/")]
        self._updates = max(steps, default=0)
        self._updated.clear()

    def _rounded_where_needed(self, tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        found = dict(tensors)
        for name in self._rounded:
            first, second = f"exp_avg/{name}", f"exp_avg_sq/{name}"
            if first in found and second in found and f"step/{name}" in found:
                moments = rounded_moments(
                    found.pop(first), found.pop(second), updates=int(found[f"step/{name}"])
                )
                found |= {f"{part}/{name}": one for part, one in moments.tensors().items()}
        return found
