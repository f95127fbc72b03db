# SPDX-License-Identifier: Apache-2.0
"""The plan: a validated estimate of a run, made before it starts."""

from __future__ import annotations

from typing import Any

import msgspec

from engine.domain.decision import Decision
from engine.domain.problem import Problem, Severity


class MemoryTerm(msgspec.Struct, frozen=True, kw_only=True):
    """One term of the memory estimate, in bytes.

    Attributes:
        symbol: Of the formula: W, E, A, M, C, U, B, D, G, K.
        name: For people; to be translated where it is shown.
        low: Low estimate.
        high: High estimate.
        at_peak: It is held at the widest moment; else it comes and goes at another one.
        reason: What it follows from; to be translated too.
    """

    symbol: str
    name: str
    low: int
    high: int
    at_peak: bool
    reason: str


class MemoryNeed(msgspec.Struct, frozen=True, kw_only=True):
    """Estimated memory on the device, in bytes, by what holds it.

    Attributes:
        other: What other programs hold of the device's or the computer's memory now.
        weights: The base model as it will be held.
        adapter: Adapter weights and their gradients.
        optimizer: Optimizer state.
        activations_low: Working memory, low estimate.
        activations_high: Working memory, high estimate.
        reserve: Margin for the allocator.
        capacity: Memory of the device.
        head: The output head's part of the widest moment; 0 where another moment is wider.
        context: Driver, kernels and libraries.
        phase: The widest moment: `layers`, `head`, `checks` or `loading`.
        is_calibrated: Measured on this device, not only estimated.
        terms: Every term of the formula.
    """

    other: int
    weights: int
    adapter: int
    optimizer: int
    activations_low: int
    activations_high: int
    reserve: int
    capacity: int
    head: int = 0
    context: int = 0
    phase: str = "layers"
    is_calibrated: bool = False
    terms: tuple[MemoryTerm, ...] = ()

    @property
    def _known_bytes(self) -> int:
        held = self.weights + self.adapter + self.optimizer
        return held + self.head + self.context

    @property
    def low_bytes(self) -> int:
        """Return the low estimate of what the run itself needs."""
        return self._known_bytes + self.activations_low

    @property
    def high_bytes(self) -> int:
        """Return the high estimate of what the run itself needs, margin included."""
        return self._known_bytes + self.activations_high + self.reserve

    @property
    def spare_bytes(self) -> int:
        """Return what stays free by the high estimate; negative where it does not fit."""
        return self.capacity - self.other - self.high_bytes

    @property
    def is_too_much(self) -> bool:
        """Return whether not even the low estimate fits."""
        return self.low_bytes > self.capacity - self.other


class CardShare(msgspec.Struct, frozen=True, kw_only=True):
    """One of several graphics cards that hold a model together.

    Attributes:
        name: Of the card.
        place: Its number among the cards of the computer, from 0.
        layers: How many decoder layers lie on it.
        need: What it needs; that of embeddings and output head is with the first card.
    """

    name: str
    place: int
    layers: int
    need: MemoryNeed


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A change of the recipe that makes it fit, or that uses what is free.

    Attributes:
        values: Recipe fields by name, and `method`.
        words: The change, such as `length 4,096 → 3,072`.
        high_bytes: What the run then needs at most, margin included.
    """

    values: dict[str, Any]
    words: str
    high_bytes: int

    @property
    def arguments(self) -> str:
        """Return the command line's words for it."""
        parts = [
            f"--method {value}" if name == "method" else f"--set {name}={_plain(value)}"
            for name, value in self.values.items()
        ]
        return " ".join(parts)


def _plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


class TimeNeed(msgspec.Struct, frozen=True, kw_only=True):
    """How long a run will take.

    Attributes:
        low_s: Seconds, low estimate.
        high_s: Seconds, high estimate.
        tokens: Tokens that go through the model.
        is_measured: The speed is that of a run on this computer.
        reason: Where both come from.
    """

    low_s: float
    high_s: float
    tokens: int
    is_measured: bool
    reason: str


class DiskNeed(msgspec.Struct, frozen=True, kw_only=True):
    """What a run writes, in bytes.

    Attributes:
        checkpoints: The largest number that is there at a time.
        checkpoint_bytes: One of them: adapter weights and optimizer state.
        adapter: What is delivered.
        cache: The 4-bit copy of the model, where one is kept.
        tokens: The tokenised rows, which are kept too.
        export: What a merged model takes, should one be exported later; no part of the sum.
    """

    checkpoints: int
    checkpoint_bytes: int
    adapter: int
    cache: int = 0
    tokens: int = 0
    export: int = 0

    @property
    def required(self) -> int:
        """Return what the run cannot do without; copies are not kept where there is no room."""
        return self.checkpoints * self.checkpoint_bytes + self.adapter

    @property
    def total(self) -> int:
        """Return the sum."""
        return self.required + self.cache + self.tokens


class LearningAdvice(msgspec.Struct, frozen=True, kw_only=True):
    """Passes and learning rate that are usual for so many rows.

    Attributes:
        rows: Rows of a pass that it is for.
        epochs: Passes over the data.
        learning_rate: Highest learning rate.
        epochs_reason: Why so many passes, in a sentence.
        rate_reason: Why this rate, in a sentence.
    """

    rows: int
    epochs: float
    learning_rate: float
    epochs_reason: str
    rate_reason: str


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What will happen, before it happens.

    Attributes:
        decisions: Automatic choices by name, each with its reason.
        memory: Estimated memory; where layers are dealt out, of the card that has least to spare.
        disk_bytes: Estimated disk use of all that the run writes.
        train_rows: Rows that are trained.
        eval_rows: Held-out rows that are checked.
        total_steps: Optimizer steps.
        problems: Everything found; errors forbid the start.
        statement: What will happen, in plain sentences.
        disk: What is written, by what it is.
        time: How long it will take, or None where nothing is known of it.
        fixes: Changes that each make it fit by itself, the least harmful first; the first is the
            one to suggest. Empty where it fits.
        smaller_model: Where no change helps: what would fit this device, else empty.
        spare_use: A change that makes it faster with what is free, or None.
        advice: What is usual for so many rows, or None where nothing is known of it.
        cards: What each card holds where the layers are dealt out; else empty.
    """

    decisions: dict[str, Decision]
    memory: MemoryNeed
    disk_bytes: int
    train_rows: int
    eval_rows: int
    total_steps: int
    problems: tuple[Problem, ...]
    statement: tuple[str, ...]
    disk: DiskNeed | None = None
    time: TimeNeed | None = None
    fixes: tuple[Change, ...] = ()
    smaller_model: str = ""
    spare_use: Change | None = None
    advice: LearningAdvice | None = None
    cards: tuple[CardShare, ...] = ()

    @property
    def is_possible(self) -> bool:
        """Return whether nothing forbids the start."""
        return all(one.severity is not Severity.ERROR for one in self.problems)


def steps_of(*, rows: int, effective_batch_size: int, epochs: float, max_steps: int) -> int:
    """Return the number of optimizer steps; the last step of an epoch may see fewer rows."""
    per_epoch = -(-rows // effective_batch_size)
    steps = max(1, round(per_epoch * epochs)) if rows else 0
    return min(steps, max_steps) if max_steps else steps
