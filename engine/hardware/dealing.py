# SPDX-License-Identifier: Apache-2.0
"""How the layers of a model are dealt out over several graphics cards, in numbers of layers.

Cards compute one after the other, so that more of them make room and no speed: the fewest that
suffice are taken. Each gets one block of layers; embeddings, last norm, head and loss are with the
first. Blocks are cut so that the card that is left with least room is left with as much as can be.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import accumulate

import msgspec
from msgspec.structs import replace

from engine.domain.model import ModelShape
from engine.domain.plan import CardShare, MemoryNeed
from engine.domain.recipe import Recipe
from engine.domain.recipe_choices import Device
from engine.hardware.calibration import Calibration
from engine.hardware.cards import cards_in_turn
from engine.hardware.families import Family, family, matrices, small_parameters
from engine.hardware.gpu import Gpu
from engine.hardware.held import handed_bytes
from engine.hardware.memory import Terms, Work, allocator_share, need_of, work_of

_CUTS = 48
"""Halvings of the range in which the least room is looked for: to less than a byte."""


class Burden(msgspec.Struct, frozen=True, kw_only=True):
    """What is dealt out.

    Attributes:
        shape: Sizes of the model.
        model_type: Its family.
        recipe: The recipe.
        quantised: The base model is held in 4 bits.
        calibration: Returns what was measured on a card, or None.
    """

    shape: ModelShape
    model_type: str
    recipe: Recipe
    quantised: bool
    calibration: Callable[[Gpu], Calibration | None] = lambda _gpu: None


def deal(burden: Burden, gpus: Sequence[Gpu]) -> tuple[CardShare, ...]:
    """Return the share of each card, in the order in which they work; one share is no dealing.

    Args:
        burden: What is dealt out.
        gpus: The cards of this computer, in the order in which they are numbered.
    """
    recipe = burden.recipe
    if recipe.device is Device.CPU or recipe.processes > 1:
        return ()
    cards = [(place, gpus[place]) for place in cards_in_turn(gpus)][: burden.shape.layers]
    if not cards:
        return ()
    asked = recipe.cards or 1
    found: tuple[CardShare, ...] = ()
    for count in range(min(asked, len(cards)), len(cards) + 1):
        found = _dealt(burden, cards[:count])
        if recipe.cards or all(one.need.spare_bytes >= 0 for one in found):
            break
    return found


def tightest(shares: Sequence[CardShare]) -> MemoryNeed:
    """Return the need of the card that is left with least."""
    return min((one.need for one in shares), key=lambda one: one.spare_bytes)


def _dealt(burden: Burden, cards: Sequence[tuple[int, Gpu]]) -> tuple[CardShare, ...]:
    sides = [
        Side.of(burden, gpu, is_first=not number) for number, (_place, gpu) in enumerate(cards)
    ]
    rooms = [one.need(0, 0).spare_bytes for one in sides]
    counts = _cut(rooms, [one.costs() for one in sides])
    firsts = [0, *accumulate(counts)]
    return tuple(
        CardShare(name=gpu.name, place=place, layers=count, need=side.need(first, count))
        for (place, gpu), side, first, count in zip(cards, sides, firsts, counts, strict=False)
    )


def _cut(rooms: Sequence[int], costs: Sequence[Sequence[int]]) -> list[int]:
    """Return how many layers each card gets, so that the least room left is as large as can be.

    Args:
        rooms: What each card has for layers.
        costs: For each card, what each layer takes there.
    """
    layers = len(costs[0])
    low, high = min(rooms) - sum(max(one) for one in costs) * layers, max(rooms)
    best = _filled(rooms, costs, low)
    for _number in range(_CUTS):
        middle = (low + high) // 2
        counts = _filled(rooms, costs, middle)
        if sum(counts) == layers:
            low, best = middle, counts
        else:
            high = middle
    return best


def _filled(rooms: Sequence[int], costs: Sequence[Sequence[int]], left: int) -> list[int]:
    """Return how many layers each card takes while at least so much is left of its room.

    Each takes one at least, and leaves one to each that follows.
    """
    layers, first, counts = len(costs[0]), 0, list[int]()
    for number, (room, each) in enumerate(zip(rooms, costs, strict=True)):
        most = layers - (len(rooms) - 1 - number)
        last, free = first, room
        while last < most and (last == first or free - each[last] >= left):
            free -= each[last]
            last += 1
        counts.append(last - first)
        first = last
    return counts


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """One card, with what it would hold of the whole model."""

    shape: ModelShape
    kind: Family
    gpu: Gpu
    work: Work
    whole: Terms
    small: int
    calibration: Calibration | None
    is_first: bool

    @classmethod
    def of(cls, burden: Burden, gpu: Gpu, *, is_first: bool) -> Side:
        """Work out what is known before the layers are dealt."""
        shape, kind = burden.shape, family(burden.model_type)
        calibration = burden.calibration(gpu)
        work = work_of(
            shape,
            burden.recipe,
            kind,
            quantised=burden.quantised,
            gpu=gpu,
            free_bytes=gpu.free_bytes,
        )
        return cls(
            shape=shape,
            kind=kind,
            gpu=gpu,
            work=work,
            whole=Terms.of(shape, kind, work, calibration),
            small=small_parameters(shape, kind) * work.item,
            calibration=calibration,
            is_first=is_first,
        )

    def terms(self, first: int, count: int) -> Terms:
        """Return what a block of layers takes here."""
        whole, layers = self.whole, self.shape.layers
        outside = whole.embeddings - self.small if self.is_first else 0
        kept = layers - self.work.again
        stored = max(0, min(first + count, kept) - first)
        again = count - stored
        most = 2 if self.work.offload else layers  # inputs of layers that are on a card at a time
        handed = handed_bytes(self.shape, tokens=self.work.tokens, item=self.work.item)
        each = (whole.inputs - handed) // max(1, min(most, self.work.again))
        share = self._share(first, count)
        return replace(
            whole,
            weights=int(whole.weights * share),
            embeddings=outside + self.small * count // layers,
            adapter=int(whole.adapter * share),
            moments=int(whole.moments * share),
            inputs=each * min(most, again) + handed,
            kept=whole.kept // max(1, kept) * stored,
            head=whole.head if self.is_first else 0,
        )

    def _share(self, first: int, count: int) -> Fraction:
        """Return the share of a block of layers in the weights of all."""
        if not self.shape.unlike:
            return Fraction(count, self.shape.layers)
        block, whole = (
            sum(many * sum(a * b for a, b in matrices(one, self.kind)) for one, many in kinds)
            for kinds in (self.shape.layer_kinds(first, first + count), self.shape.layer_kinds())
        )
        return Fraction(block, whole)

    def need(self, first: int, count: int) -> MemoryNeed:
        """Return what the card needs for a block of layers."""
        return need_of(
            self.terms(first, count),
            self.work,
            self.calibration,
            other=self.gpu.used_bytes,
            capacity=self.gpu.total_bytes,
        )

    def costs(self) -> list[int]:
        """Return what each layer takes here, without what all layers of a card share."""
        share = 1 + allocator_share(self.work, self.calibration)
        last, kept = self.shape.layers - 1, self.shape.layers - self.work.again
        none = _held(self.terms(0, 0))
        if self.shape.unlike:
            each = (_held(self.terms(one, 1)) - none for one in range(self.shape.layers))
            return [round(share * one) for one in each]
        stored, again = (round(share * (_held(self.terms(one, 1)) - none)) for one in (0, last))
        return [stored] * kept + [again] * self.work.again


def _held(terms: Terms) -> int:
    fixed = terms.weights + terms.embeddings + terms.adapter + terms.moments
    return fixed + terms.inputs + terms.kept
