# SPDX-License-Identifier: Apache-2.0
"""The form of all settings follows from the recipe's fields."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from engine.domain.decision import Decision
from engine.domain.recipe import Recipe, recipe_fields
from gui.viewmodels.settings_form import (
    ALL,
    CHANGED,
    categories,
    count_words,
    effect_words,
    folded_keys,
    group_titles,
    hidden_keys,
    meant_number,
    setting_views,
    shown_keys,
    shown_number,
    value_errors,
    value_words,
)
from gui.viewmodels.train import Draft
from tests.fakes.api import FakeApi

VIEWS = {one.key: one for one in setting_views()}


def test_form_has_every_field_of_the_recipe_once() -> None:
    assert [one.key for one in setting_views()] == [one.name for one in recipe_fields()]


def test_every_group_has_a_title_and_the_counts_add_up() -> None:
    assert {one.group for one in VIEWS.values()} <= set(group_titles())
    counts = {key: count for key, _title, count in categories(frozenset({"seed"})) if key}
    assert counts[ALL] == len(VIEWS)
    assert counts[CHANGED] == 1
    assert sum(counts[key] for key in group_titles()) == len(VIEWS)


def test_shown_keys_of_a_group_are_its_own() -> None:
    assert shown_keys("repeatability", frozenset()) == {"seed"}
    assert shown_keys(CHANGED, frozenset({"epochs"})) == {"epochs"}
    assert shown_keys(ALL, frozenset()) == set(VIEWS)


def test_several_processes_are_offered_where_the_plan_speaks_of_them_or_on_a_processor() -> None:
    plan = FakeApi().runs.plan(Recipe(dataset_id="d1", model_id="m1"))
    offer = Decision(value=1, reason="Two cards.", source="recipe")
    offers = {"processes": offer, "cards": offer}
    on_two_cards = replace(plan, decisions=plan.decisions | offers)
    draft = Draft()
    hidden = hidden_keys(draft, plan)
    assert hidden == hidden_keys(draft, None) == {"processes", "cards"}
    assert not hidden_keys(draft, on_two_cards)
    assert hidden_keys(draft.with_value("device", "cpu"), plan) == {"cards"}
    assert hidden_keys(draft.with_value("processes", 2), plan) == {"cards"}
    assert hidden_keys(draft.with_value("cards", 2), plan) == {"processes"}
    assert "processes" not in shown_keys(ALL, frozenset(), hidden)
    assert "processes" not in folded_keys("memory", frozenset(), hidden)
    counts = {key: count for key, _title, count in categories(frozenset(), hidden) if key}
    assert counts[ALL] == len(VIEWS) - 2
    assert str(len(VIEWS) - 2) in count_words(0, hidden)


def test_share_is_shown_in_percent_and_meant_as_a_ratio() -> None:
    warmup = VIEWS["warmup_ratio"]
    assert (warmup.unit, warmup.high) == ("%", 50.0)
    assert shown_number(warmup, 0.05) == 5.0
    assert meant_number(warmup, 5.0) == 0.05
    assert value_words(warmup, 0.05) == "5"


@pytest.mark.parametrize("key", [one.name for one in recipe_fields()])
def test_default_of_every_field_has_words_and_survives_its_editor(key: str) -> None:
    view = VIEWS[key]
    default = next(one.default for one in recipe_fields() if one.name == key)
    assert value_words(view, default)
    if view.editor == "number":
        assert meant_number(view, shown_number(view, default)) == default
        assert view.low <= shown_number(view, default) <= view.high


def test_whole_numbers_stay_whole() -> None:
    assert isinstance(meant_number(VIEWS["max_length"], 4096.0), int)


def test_errors_name_the_field() -> None:
    errors = value_errors(Draft().with_value("epochs", -1.0).with_value("seed", 3))
    assert list(errors) == ["epochs"]


def test_effect_names_steps_and_memory_or_none() -> None:
    runs = FakeApi().runs
    recipe = Recipe(dataset_id="d1", model_id="m1")
    without = runs.plan(recipe)
    longer = runs.plan(replace(recipe, epochs=5.0))
    assert effect_words(longer, without) == "+ 69 steps"
    assert effect_words(without, longer) == "− 69 steps"
    assert effect_words(without, without) == "none"
    memory = replace(without.memory, weights=without.memory.weights + 2**30)
    assert effect_words(replace(without, memory=memory), without) == "+ 1.0 GB"


def test_rare_settings_are_folded_until_they_are_changed() -> None:
    assert "warmup_ratio" in folded_keys("learning", frozenset())
    assert "warmup_ratio" not in folded_keys("learning", frozenset({"warmup_ratio"}))
    assert "learning_rate" not in folded_keys("learning", frozenset())
    assert folded_keys("repeatability", frozenset()) == frozenset()


def test_explanation_of_a_setting_names_quality_and_memory() -> None:
    why = VIEWS["lora_rank"].why
    assert "learns more" in why
    assert "memory" in why
