# SPDX-License-Identifier: Apache-2.0
"""The plan: a validated estimate of a run, made before it starts."""

from __future__ import annotations

import msgspec

from engine.domain.decision import Decision
from engine.domain.problem import Problem, Severity


class MemoryNeed(msgspec.Struct, frozen=True, kw_only=True):
    """Estimated memory on the device, in bytes, by what holds it.

    Attributes:
        other: What other programs hold of the device's or the computer's memory now.
        weights: The base model as it will be held.
        adapter: Adapter weights and their gradients.
        optimizer: Optimizer state.
        activations_low: Working memory, low estimate.
        activations_high: Working memory, high estimate.
        reserve: Margin for the allocator and the driver.
        capacity: Memory of the device.
    """

    other: int
    weights: int
    adapter: int
    optimizer: int
    activations_low: int
    activations_high: int
    reserve: int
    capacity: int

    @property
    def low_bytes(self) -> int:
        """Return the low estimate of what the run itself needs."""
        return self.weights + self.adapter + self.optimizer + self.activations_low

    @property
    def high_bytes(self) -> int:
        """Return the high estimate of what the run itself needs, margin included."""
        return self.weights + self.adapter + self.optimizer + self.activations_high + self.reserve

    @property
    def spare_bytes(self) -> int:
        """Return what stays free by the high estimate; negative where it does not fit."""
        return self.capacity - self.other - self.high_bytes


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What will happen, before it happens.

    Attributes:
        decisions: Automatic choices by name, each with its reason.
        memory: Estimated memory.
        disk_bytes: Estimated disk use of checkpoints and adapter.
        train_rows: Rows that are trained.
        eval_rows: Held-out rows that are checked.
        total_steps: Optimizer steps.
        problems: Everything found; errors forbid the start.
        statement: What will happen, in plain sentences.
    """

    decisions: dict[str, Decision]
    memory: MemoryNeed
    disk_bytes: int
    train_rows: int
    eval_rows: int
    total_steps: int
    problems: tuple[Problem, ...]
    statement: tuple[str, ...]

    @property
    def is_possible(self) -> bool:
        """Return whether nothing forbids the start."""
        return all(one.severity is not Severity.ERROR for one in self.problems)


def steps_of(*, rows: int, effective_batch_size: int, epochs: float, max_steps: int) -> int:
    """Return the number of optimizer steps; the last step of an epoch may see fewer rows."""
    per_epoch = -(-rows // effective_batch_size)
    steps = max(1, round(per_epoch * epochs)) if rows else 0
    return min(steps, max_steps) if max_steps else steps
