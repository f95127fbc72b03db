# SPDX-License-Identifier: Apache-2.0
"""What a plan says of several processes that train one run together."""

from __future__ import annotations

from collections.abc import Sequence
from gettext import gettext as _
from typing import Protocol

from msgspec.structs import replace

from engine.domain.decision import Decision
from engine.domain.plan import MemoryNeed, MemoryTerm, TimeNeed
from engine.domain.problem import Problem, Severity
from engine.domain.recipe import Recipe
from engine.domain.recipe_choices import Device
from engine.hardware.calibration import Measurements
from engine.hardware.cards import cards_together, process_count
from engine.hardware.machine import MachineFacts

_LEAST_SHARE = 0.6
"""Of the gain of a further card that is left at worst: steps end when the last card is done, and
gradients go through main memory. A guess, until a run with as many processes has measured it."""

_ADAPTER_ROWS = 1.5
"""Beside weights and gradients, each process has a row of the numbers that are shared."""


def planned_processes(recipe: Recipe, facts: MachineFacts) -> int:
    """Return how many processes a run of this recipe would have here."""
    return process_count(recipe, cards=_cards(recipe, facts))


def _cards(recipe: Recipe, facts: MachineFacts) -> int:
    return 0 if recipe.device is Device.CPU else len(cards_together(facts.gpus))


def sharing_decisions(recipe: Recipe, facts: MachineFacts) -> dict[str, Decision]:
    """Return the choice of processes, where there is more to it than one on one device."""
    count, cards = planned_processes(recipe, facts), _cards(recipe, facts)
    if count > 1:
        return {"processes": Decision(value=count, reason=how_they_speak(), source="recipe")}
    if cards < 2:
        return {}
    reason = _("This computer has {cards} cards of one kind. {name} lets them share each step.")
    told = reason.format(cards=cards, name=f"processes={cards}")
    return {"processes": Decision(value=1, reason=told, source="recipe")}


def sharing_sentences(recipe: Recipe, facts: MachineFacts) -> tuple[str, ...]:
    """Return what a plan says of several processes; nothing of one."""
    count = planned_processes(recipe, facts)
    if count == 1:
        return ()
    place = _("each on a card of its own") if _cards(recipe, facts) else _("on the processor")
    text = _("{count} processes train together, {place}. {how}")
    return (text.format(count=count, place=place, how=how_they_speak()),)


def how_they_speak() -> str:
    """Say how the processes of a run share it, and that no network is in it."""
    return _(
        "The processes share the rows of each step. They speak through pipes and memory of this "
        "computer; none of them opens a connection."
    )


def sharing_problems(recipe: Recipe, facts: MachineFacts) -> Sequence[Problem]:
    """Return what does not suit several processes."""
    if recipe.processes == 1:
        return ()
    count = planned_processes(recipe, facts)
    found: list[Problem] = []
    if count < recipe.processes:
        text = _("{asked} cards of one kind are asked for; this computer has {count}.")
        found.append(
            Problem(
                field="processes",
                severity=Severity.NOTE,
                code="fewer_cards",
                message=text.format(asked=recipe.processes, count=count),
                remedy=_("It starts with those that are there."),
            )
        )
    if recipe.effective_batch_size < count:
        text = _("A step has {rows} rows, too few for {count} processes to share.")
        found.append(
            Problem(
                field="effective_batch_size",
                severity=Severity.WARNING,
                code="idle_processes",
                message=text.format(rows=recipe.effective_batch_size, count=count),
                remedy=_("Take more rows per step, or fewer processes."),
            )
        )
    return found


def shared_memory(alone: MemoryNeed, processes: int) -> MemoryNeed:
    """Return what several processes need of the main memory of one computer, all together.

    Only the optimizer's state is there once.
    """

    def times(value: int) -> int:
        """Return what all of them hold."""
        return value * processes

    def told(one: MemoryTerm) -> MemoryTerm:
        """Return a term of the formula for all of them."""
        rows = {"M": 1, "A": _ADAPTER_ROWS * processes}.get(one.symbol, processes)
        return replace(one, low=round(rows * one.low), high=round(rows * one.high))

    return replace(
        alone,
        weights=times(alone.weights),
        adapter=round(_ADAPTER_ROWS * times(alone.adapter)),
        activations_low=times(alone.activations_low),
        activations_high=times(alone.activations_high),
        reserve=times(alone.reserve),
        head=times(alone.head),
        context=times(alone.context),
        terms=tuple(told(one) for one in alone.terms),
    )


class TimeOf(Protocol):
    """The time that one process takes, from what was measured."""

    def __call__(self, *, measured: Measurements) -> TimeNeed | None:
        """Return it, or None where nothing is known."""
        ...


def shared_time(
    time_of: TimeOf, measured: Measurements, recipe: Recipe, facts: MachineFacts
) -> TimeNeed | None:
    """Return how long all processes of a run take together.

    It is measured where a run with as many of them was; else it follows from that of one. On a
    processor they share its cores, so that nothing is gained.
    """
    count = planned_processes(recipe, facts)
    together = time_of(measured=measured.of_processes(count))
    if together is not None and together.is_measured:
        return together
    alone = time_of(measured=measured.of_processes(1))
    gaining = min(count, recipe.effective_batch_size)
    if alone is None or gaining == 1 or not _cards(recipe, facts):
        return alone
    slowest = 1 + _LEAST_SHARE * (gaining - 1)
    reason = _("{reason} Shared by {count} cards, which was not measured yet.")
    return replace(
        alone,
        low_s=alone.low_s / gaining,
        high_s=alone.high_s / slowest,
        is_measured=False,
        reason=reason.format(reason=alone.reason, count=gaining),
    )
