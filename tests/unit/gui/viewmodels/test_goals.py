# SPDX-License-Identifier: Apache-2.0
"""Goals say what they change, and advice says only what differs from it."""

from __future__ import annotations

from typing import Any, cast

from engine.api.presets import Presets
from engine.domain.learning_advice import advise
from engine.domain.recipe import Recipe
from gui.viewmodels.goals import (
    advice_view,
    changes_of,
    field_advice,
    goal_notes,
    offered_goals,
    taken_words,
)
from gui.viewmodels.train import Draft
from tests.fakes.api import PRESETS

ADVICE = advise(Recipe(dataset_id="d", model_id="m"), rows=800, hidden=4096)


def draft(**values: Any) -> Draft:
    made = Draft(dataset_id="d1", model_id="m1")
    for name, value in values.items():
        made = made.with_value(name, value)
    return made


def test_preset_of_the_starter_model_is_offered_for_it_alone() -> None:
    presets = Presets().list()
    usual = offered_goals(presets, is_starter=False)
    assert {one.id for one in presets} - {one.id for one in usual} == {"starter"}
    assert offered_goals(presets, is_starter=True) == tuple(presets)


def test_goal_names_what_it_would_change_and_leaves_what_a_person_set() -> None:
    presets = cast("Any", list(PRESETS.values()))
    notes = goal_notes(draft(lora_rank=8).with_preset(presets[0]), presets)
    assert notes["style"] == ""
    assert notes["instructions"] == "Passes 2\u00a0→\u00a01"
    assert "Rank" in goal_notes(draft().with_preset(presets[0]), presets)["instructions"]


def test_other_goal_with_the_same_values_says_so() -> None:
    presets = cast("Any", list(PRESETS.values()))
    notes = goal_notes(draft(lora_rank=8, epochs=4.0).with_preset(presets[0]), presets)
    assert notes["instructions"] == "Changes nothing"


def test_changes_are_in_the_words_of_the_form() -> None:
    changes = changes_of(draft(), draft(warmup_ratio=0.1, gradient_checkpointing=False))
    assert changes == (
        "Warm-up 5\u00a0→\u00a010",
        "Recompute instead of store on\u00a0→\u00a0off",
    )
    assert taken_words("Goal", changes[:1]) == "Goal: Warm-up 5\u00a0→\u00a010"
    assert taken_words("Goal", ()) == "Goal: nothing changed"


def test_advice_names_only_what_differs() -> None:
    both = advice_view(draft(epochs=5.0, learning_rate=1e-3), ADVICE)
    assert both is not None
    assert both.text == "Usual for 800 rows: 3 passes, learning rate 0.0002"
    assert dict(both.values) == {"epochs": 3.0, "learning_rate": 2e-4}
    one = advice_view(draft(epochs=5.0), ADVICE)
    assert one is not None
    assert dict(one.values) == {"epochs": 3.0}
    assert advice_view(draft(epochs=3.0), ADVICE) is None
    assert advice_view(draft(), None) is None


def test_step_limit_leaves_no_advice_on_passes() -> None:
    assert advice_view(draft(epochs=5.0, max_steps=10), ADVICE) is None


def test_advice_beside_a_field_has_its_reason() -> None:
    found = field_advice(draft(epochs=5.0), ADVICE)
    assert set(found) == {"epochs"}
    assert found["epochs"].text == "For 800 rows: 3 passes"
    assert found["epochs"].reason
    assert field_advice(draft(), None) == {}
