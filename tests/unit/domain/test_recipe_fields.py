# SPDX-License-Identifier: Apache-2.0
"""What is said of every field of the recipe: a person must be able to decide from it."""

from __future__ import annotations

import pytest

from engine.domain.recipe import recipe_fields
from engine.domain.recipe_field import Group, RecipeField, about, describe

LONGEST_WHY, LONGEST_MEMORY = 90, 70
FIELDS = recipe_fields()


def is_one_sentence(text: str) -> bool:
    return text.endswith(".") and ". " not in text


@pytest.mark.parametrize("field", FIELDS, ids=lambda one: one.name)
def test_field_of_the_recipe_tells_its_effect_on_quality_or_speed_and_on_memory(
    field: RecipeField,
) -> None:
    assert field.title[:1].isupper()
    assert not field.title.endswith(".")
    assert is_one_sentence(field.why)
    assert is_one_sentence(field.memory), "say memory=..., or memory=NO_MEMORY"
    assert len(field.why) <= LONGEST_WHY
    assert len(field.memory) <= LONGEST_MEMORY


@pytest.mark.parametrize("field", [one for one in FIELDS if one.type in ("int", "float")])
def test_number_of_the_recipe_has_both_limits(field: RecipeField) -> None:
    assert field.low is not None
    assert field.high is not None


def test_every_group_keeps_a_field_that_is_not_folded_away() -> None:
    assert {one.group for one in FIELDS if not one.is_rare} == set(Group)


def test_described_field_carries_limits_and_both_sentences() -> None:
    meta = about("Rank", "How much.", Group.ADAPTER, memory="A lot.", rare=True, gt=0, le=5)
    field = describe("rank", int, meta, 3)
    assert (field.low, field.low_excluded, field.high) == (0, True, 5)
    assert field.explanation == "How much. A lot."
    assert field.is_rare
