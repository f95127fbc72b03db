# SPDX-License-Identifier: Apache-2.0
"""Which graphics cards train together."""

from __future__ import annotations

from collections.abc import Sequence

from engine.domain.recipe import Recipe
from engine.domain.recipe_choices import Device
from engine.hardware.gpu import Gpu

_BF16_GENERATION = (8, 0)


def cards_together(gpus: Sequence[Gpu]) -> tuple[int, ...]:
    """Return the places of the cards that can share a run; empty where there is no card.

    Those of one kind only: every step waits for the slowest card, and has the room of the smallest.
    Of several kinds the one with most cards is taken, then the one with most memory.
    """
    kinds: dict[str, list[int]] = {}
    for place, one in enumerate(gpus):
        kinds.setdefault(one.name, []).append(place)
    if not kinds:
        return ()
    return tuple(max(kinds.values(), key=lambda one: (len(one), gpus[one[0]].total_bytes)))


def smallest_together(gpus: Sequence[Gpu]) -> Gpu | None:
    """Return the card with least free memory of those that can share a run."""
    places = cards_together(gpus)
    return min((gpus[one] for one in places), key=lambda one: one.free_bytes, default=None)


def cards_in_turn(gpus: Sequence[Gpu]) -> tuple[int, ...]:
    """Return the places of the cards that can hold a model together, the largest first.

    The first is the one that a run without others uses. Cards of older generations compute in
    another number format than it, and are left out.
    """
    if not gpus:
        return ()
    order = sorted(range(len(gpus)), key=lambda one: (-gpus[one].total_bytes, one))
    is_new = gpus[order[0]].compute_capability >= _BF16_GENERATION
    return tuple(
        one for one in order if (gpus[one].compute_capability >= _BF16_GENERATION) == is_new
    )


def process_count(recipe: Recipe, *, cards: int) -> int:
    """Return how many processes a run has: one for each card, never more cards than there are.

    Args:
        recipe: What is asked for.
        cards: Cards that can share it; without any, it runs on the processor.
    """
    if recipe.device is Device.CPU or not cards:
        return recipe.processes
    return min(recipe.processes, cards)
