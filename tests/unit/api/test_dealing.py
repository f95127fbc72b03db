# SPDX-License-Identifier: Apache-2.0
"""What a plan says of layers on several cards: which hold what, why, and what does not suit."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from engine.api.dealing import dealing_decisions, dealing_problems, dealing_sentences
from engine.api.fitting import changed
from engine.api.planning import make_plan
from engine.api.planning_desk import Desk
from engine.cli.plan_lines import plan_lines, plan_values
from engine.domain.plan import Plan
from engine.domain.problem import Severity
from engine.domain.recipe import Recipe
from engine.domain.recipe_choices import Device
from engine.hardware.calibration import Measurements
from engine.hardware.gpu import Gpu
from engine.hardware.machine import MachineFacts
from engine.methods.registry import method
from gui.viewmodels.plan import plan_view
from tests.fakes.api import a_dataset, a_model
from tests.unit.api.test_sharing import facts
from tests.unit.hardware.test_dealing import QWEN_14B, card

RECIPE = Recipe(dataset_id="d1", model_id="m1")
MODEL = a_model(shape=QWEN_14B, model_type="qwen2", name="Qwen2.5-14B")


def plan(*gpus: Gpu, recipe: Recipe = RECIPE) -> Plan:
    return make_plan(
        recipe,
        datasets=[a_dataset()],
        model=MODEL,
        method=method(recipe.method),
        facts=facts(*gpus),
    )


def test_model_too_large_for_one_of_two_cards_is_planned_on_both() -> None:
    found = plan(card(12), card(12))
    assert [one.layers for one in found.cards] == sorted(one.layers for one in found.cards)
    assert sum(one.layers for one in found.cards) == 48
    assert found.memory == min((one.need for one in found.cards), key=lambda one: one.spare_bytes)
    assert found.memory.spare_bytes >= 0
    assert not found.fixes
    assert "memory_tight" not in {one.code for one in found.problems}
    chosen = found.decisions["cards"]
    assert (chosen.value, chosen.source) == (2, "hardware")
    assert "too little room" in chosen.reason


def test_plan_names_what_each_card_holds_for_people_and_for_scripts() -> None:
    found = plan(card(10, name="Left"), card(12, name="Right"))
    (told,) = dealing_sentences(found.cards)
    assert told in found.statement
    assert told in list(plan_lines(found))
    for number, one in enumerate(found.cards, 1):
        assert f"Card {number}, {one.name}: {one.layers} layers, up to" in told
    values = plan_values(found)["cards"]
    assert [(one["name"], one["place"]) for one in values] == [("Right", 1), ("Left", 0)]
    assert values[0]["memory_high_bytes"] == found.cards[0].need.high_bytes


def test_window_names_the_card_with_least_to_spare() -> None:
    found = plan(card(10, name="Left"), card(12, name="Right"))
    least = min(found.cards, key=lambda one: one.need.spare_bytes)
    view = plan_view(found, RECIPE, model=MODEL, device="Right")
    assert view.device.startswith(least.name)


def test_model_that_fits_is_planned_on_the_largest_card_alone() -> None:
    found = plan(card(12), card(24))
    assert found.cards == ()
    assert found.memory.capacity == card(24).total_bytes
    assert found.decisions["cards"].value == 1
    assert "Card of 24" in found.decisions["device"].reason
    assert "cards" not in plan(card(24)).decisions


def test_one_card_that_is_asked_for_is_told_what_would_make_it_fit() -> None:
    found = plan(card(12), card(12), recipe=replace(RECIPE, cards=1))
    assert found.cards == ()
    assert found.memory.spare_bytes < 0
    assert found.fixes


def test_changes_that_make_it_fit_are_tried_on_all_cards_together() -> None:
    recipe = replace(RECIPE, max_length=16_384)
    found = plan(card(10), card(8), recipe=recipe)
    assert len(found.cards) == 2
    assert found.fixes
    desk = Desk.of(recipe, facts(card(10), card(8)), MODEL, Measurements())
    after = changed(recipe, found.fixes[0].values)
    assert len(desk.cards(after)) == 2
    assert desk.need(after).spare_bytes >= 0


@pytest.mark.parametrize(
    ("changes", "code", "severity"),
    [
        ({"cards": 2, "processes": 2}, "cards_and_processes", Severity.ERROR),
        ({"cards": 3}, "fewer_cards", Severity.NOTE),
        ({"cards": 2, "device": Device.CPU}, "fewer_cards", Severity.NOTE),
    ],
)
def test_what_does_not_suit_layers_on_several_cards_is_told(
    changes: dict[str, object], code: str, severity: Severity
) -> None:
    recipe = replace(RECIPE, **changes)
    (one,) = dealing_problems(recipe, facts(card(12), card(12)))
    assert (one.field, one.code, one.severity) == ("cards", code, severity)
    assert plan(card(12), card(12), recipe=recipe).is_possible == (severity is not Severity.ERROR)


def test_nothing_is_said_where_there_is_one_card_or_none() -> None:
    for here in (facts(), facts(card(12))):
        assert dealing_decisions(RECIPE, here, ()) == {}
        assert dealing_problems(RECIPE, here) == ()
    both: MachineFacts = facts(card(12), card(12))
    assert dealing_decisions(replace(RECIPE, processes=2), both, ()) == {}
