# SPDX-License-Identifier: Apache-2.0
"""Which examples a step sees, and how they are laid side by side; trainer and preview ask here.

The set of examples of a step is a function of (seed, epoch, step, effective batch size) alone. How
they are packed depends on their lengths and on the device's limits, and never changes that set, so
the loss of a step means the same whatever the packing.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Sequence
from functools import lru_cache

import msgspec
import numpy as np
import numpy.typing as npt

from engine.domain.mix import Part
from engine.domain.randomness import seed_of

Members = npt.NDArray[np.int64]
"""Indices of examples."""


def _shuffled(count: int, *, seed: int, epoch: int) -> Members:
    """Return the numbers below `count` in an order of their own for each seed and epoch.

    Sorting by raw Philox words is used, not `Generator.permutation`: numpy promises that the words
    of a bit generator never change between versions, but not what its methods make of them.
    """
    words = np.random.Philox(key=[seed, epoch]).random_raw(count)
    return np.argsort(words, kind="stable").astype(np.int64)


@lru_cache(maxsize=2)
def _epoch_order(parts: tuple[Part, ...], seed: int, epoch: int) -> Members:
    """Return the examples of an epoch (from 0) in order.

    Each part deals its examples from a deck that is shuffled anew when it is used up, over all
    epochs, so that no two examples of it are ever seen more than one time apart.
    """
    if all(one.rows == one.per_pass for one in parts):
        dealt = np.arange(sum(one.rows for one in parts), dtype=np.int64)
    else:
        firsts = np.cumsum([0, *(one.rows for one in parts)])
        dealt = np.concatenate(
            [
                firsts[number] + _deal(one, seed=seed_of("part", seed, number), epoch=epoch)
                for number, one in enumerate(parts)
            ]
        )
    order = dealt[_shuffled(len(dealt), seed=seed, epoch=epoch)]
    order.flags.writeable = False
    return order


def _deal(part: Part, *, seed: int, epoch: int) -> Members:
    """Return the examples that a part gives to an epoch, counted within the part."""
    if not part.per_pass:
        return np.empty(0, np.int64)
    start = epoch * part.per_pass
    first, last = start // part.rows, (start + part.per_pass - 1) // part.rows
    decks = [_shuffled(part.rows, seed=seed, epoch=deck) for deck in range(first, last + 1)]
    offset = start - first * part.rows
    return np.concatenate(decks)[offset : offset + part.per_pass]


class StepOrder(msgspec.Struct, frozen=True, kw_only=True):
    """Which examples each optimizer step sees.

    Attributes:
        parts: What each dataset has and gives to an epoch; its examples are numbered in this order.
        effective_batch_size: Examples of a step; the last step of an epoch may see fewer.
        seed: Of the shuffling.
    """

    parts: tuple[Part, ...]
    effective_batch_size: int
    seed: int

    @property
    def per_epoch(self) -> int:
        """Return the number of examples that an epoch sees."""
        return sum(one.per_pass for one in self.parts)

    @property
    def steps_per_epoch(self) -> int:
        """Return the number of steps of an epoch."""
        return -(-self.per_epoch // self.effective_batch_size)

    def epoch(self, number: int) -> Members:
        """Return the examples of an epoch (from 0) in order."""
        return _epoch_order(self.parts, self.seed, number)

    def members(self, step: int) -> Members:
        """Return the examples of a step (from 1)."""
        epoch, position = divmod(step - 1, self.steps_per_epoch)
        start = position * self.effective_batch_size
        return self.epoch(epoch)[start : start + self.effective_batch_size]

    def total(self, amounts: Members, *, steps: int) -> int:
        """Return the sum of an amount per example over all examples of the first steps."""
        epochs, position = divmod(steps, self.steps_per_epoch)
        part = self.epoch(epochs)[: position * self.effective_batch_size]
        return self._of_epochs(amounts, epochs) + int(amounts[part].sum())

    def _of_epochs(self, amounts: Members, epochs: int) -> int:
        if all(one.rows == one.per_pass for one in self.parts):
            return epochs * int(amounts.sum())
        return sum(int(amounts[self.epoch(one)].sum()) for one in range(epochs))


def whole(examples: int) -> tuple[Part, ...]:
    """Return the parts of an epoch that sees each of some examples once."""
    return (Part(rows=examples, per_pass=examples),)


def pack_bins(lengths: Sequence[int], capacity: int) -> list[list[int]]:
    """Put pieces into as few bins as best-fit-decreasing finds; return the pieces of each bin.

    Longest first, each into the fullest bin that still has room (at most 11/9 of the optimum plus
    a constant; Johnson 1974). Equal lengths keep their order.

    Raises:
        ValueError: A piece is longer than a bin.
    """
    bins: list[list[int]] = []
    rooms: list[tuple[int, int]] = []  # (room left, bin), sorted
    for piece in sorted(range(len(lengths)), key=lambda one: (-lengths[one], one)):
        length = lengths[piece]
        if length > capacity:
            raise ValueError(f"a piece of {length} does not fit into a bin of {capacity}")
        place = bisect_left(rooms, (length, -1))
        if place == len(rooms):
            bins.append([piece])
            insort(rooms, (capacity - length, len(bins) - 1))
        else:
            room, chosen = rooms.pop(place)
            bins[chosen].append(piece)
            insort(rooms, (room - length, chosen))
    return bins


def step_bins(members: Members, lengths: Members, *, capacity: int) -> list[Members]:
    """Return the examples of each packed sequence of a step, in order.

    Args:
        members: Examples of the step.
        lengths: Tokens of every example of the dataset.
        capacity: Tokens of a packed sequence (the recipe's max_length).
    """
    return [members[one] for one in pack_bins([int(lengths[one]) for one in members], capacity)]


def neighbours(
    order: StepOrder, lengths: Members, example: int, *, capacity: int
) -> tuple[int, Members]:
    """Return the step (from 1) of the first epoch that sees an example, and its packed sequence.

    Raises:
        IndexError: The first epoch does not see it.
    """
    place = np.flatnonzero(order.epoch(0) == example)[0]
    step = int(place) // order.effective_batch_size + 1
    bins = step_bins(order.members(step), lengths, capacity=capacity)
    return step, next(one for one in bins if example in one)


def micro_steps(
    members: Members, lengths: Members, *, capacity: int, micro_batch_size: int
) -> list[Members]:
    """Split the examples of a step into what goes through the device together.

    Args:
        members: Examples of the step.
        lengths: Tokens of every example of the dataset.
        capacity: Tokens of a packed sequence (the recipe's max_length).
        micro_batch_size: Packed sequences of a micro-step.

    Returns:
        One array of examples per micro-step, in the order in which they are laid side by side.
    """
    bins = step_bins(members, lengths, capacity=capacity)
    return [
        np.concatenate(bins[start : start + micro_batch_size])
        for start in range(0, len(bins), micro_batch_size)
    ]


class Fill(msgspec.Struct, frozen=True, kw_only=True):
    """How well an epoch packs.

    Attributes:
        steps: Optimizer steps of the epoch.
        bins: Packed sequences of the epoch.
        micro_steps: Micro-steps of the epoch.
        tokens: Tokens of the epoch.
        longest_tokens: Tokens of the longest micro-step.
        capacity: Tokens that a packed sequence can hold.
    """

    steps: int
    bins: int
    micro_steps: int
    tokens: int
    longest_tokens: int
    capacity: int

    @property
    def ratio(self) -> float:
        """Return the part of the packed sequences that holds tokens, 0 to 1."""
        return self.tokens / (self.bins * self.capacity) if self.bins else 0.0


def measure_fill(
    order: StepOrder, lengths: Members, *, capacity: int, micro_batch_size: int
) -> Fill:
    """Return how well the first epoch packs."""
    bins = groups = longest = 0
    shuffled = order.epoch(0)
    for start in range(0, len(shuffled), order.effective_batch_size):
        members = shuffled[start : start + order.effective_batch_size]
        packed = pack_bins([int(lengths[one]) for one in members], capacity)
        sizes = [sum(int(lengths[members[piece]]) for piece in one) for one in packed]
        together = [
            sum(sizes[at : at + micro_batch_size]) for at in range(0, len(sizes), micro_batch_size)
        ]
        bins += len(packed)
        groups += len(together)
        longest = max(longest, *together)
    return Fill(
        steps=order.steps_per_epoch,
        bins=bins,
        micro_steps=groups,
        tokens=int(lengths[shuffled].sum()),
        longest_tokens=longest,
        capacity=capacity,
    )
