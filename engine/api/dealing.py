# SPDX-License-Identifier: Apache-2.0
"""What a plan says of a model whose layers are dealt out over several graphics cards."""

from __future__ import annotations

from collections.abc import Sequence
from gettext import gettext as _

from engine.domain.decision import Decision
from engine.domain.plan import CardShare
from engine.domain.problem import Problem, Severity
from engine.domain.recipe import Recipe
from engine.domain.recipe_choices import Device
from engine.hardware.cards import cards_in_turn
from engine.hardware.machine import MachineFacts

_GIB = 2**30


def dealing_decisions(
    recipe: Recipe, facts: MachineFacts, shares: Sequence[CardShare]
) -> dict[str, Decision]:
    """Return the choice of cards, where there is more than one to choose from."""
    if _usable(recipe, facts) < 2 or recipe.processes > 1:
        return {}
    if recipe.cards:
        return {
            "cards": Decision(value=len(shares) or 1, reason=_("You chose it."), source="recipe")
        }
    reason = (
        _("One card has too little room, so as few as suffice hold the model together.")
        if shares
        else _("The model fits one card, and more would not make it faster.")
    )
    return {"cards": Decision(value=len(shares) or 1, reason=reason, source="hardware")}


def dealing_sentences(shares: Sequence[CardShare]) -> tuple[str, ...]:
    """Return what each card holds; nothing where the layers are not dealt out."""
    if not shares:
        return ()
    text = _("The layers are dealt out over {count} cards, which take turns. {cards}")
    cards = " ".join(_share_words(number, one) for number, one in enumerate(shares, 1))
    return (text.format(count=len(shares), cards=cards),)


def _share_words(number: int, share: CardShare) -> str:
    free = share.need.capacity - share.need.other
    text = _("Card {number}, {name}: {layers} layers, up to {need} of {free} GB that are free.")
    return text.format(
        number=number,
        name=share.name,
        layers=share.layers,
        need=f"{share.need.high_bytes / _GIB:.1f}",
        free=f"{free / _GIB:.1f}",
    )


def dealing_problems(recipe: Recipe, facts: MachineFacts) -> Sequence[Problem]:
    """Return what does not suit layers on several cards."""
    if recipe.cards < 2:
        return ()
    if recipe.processes > 1:
        return (
            Problem(
                field="cards",
                severity=Severity.ERROR,
                code="cards_and_processes",
                message=_(
                    "Several cards cannot both hold one model together and each hold a whole one."
                ),
                remedy=_("Set cards to 0, or processes to 1."),
            ),
        )
    usable = _usable(recipe, facts)
    if recipe.cards <= usable:
        return ()
    text = _("{asked} cards are asked for to hold the model; this computer has {count}.")
    return (
        Problem(
            field="cards",
            severity=Severity.NOTE,
            code="fewer_cards",
            message=text.format(asked=recipe.cards, count=usable),
            remedy=_("It starts with those that are there."),
        ),
    )


def _usable(recipe: Recipe, facts: MachineFacts) -> int:
    return 0 if recipe.device is Device.CPU else len(cards_in_turn(facts.gpus))
