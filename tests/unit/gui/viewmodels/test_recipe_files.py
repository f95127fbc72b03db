# SPDX-License-Identifier: Apache-2.0
"""An opened recipe file fills the draft, and asks for what is not here."""

from __future__ import annotations

from msgspec.structs import replace

from engine.domain.mix import MixedDataset, Replay
from engine.domain.recipe import Recipe
from gui.viewmodels.recipe_files import file_name, opened_recipe
from tests.fakes.api import a_dataset
from tests.fakes.recipes import a_match

RECIPE = Recipe(dataset_id="d1", model_id="m1", lora_rank=48, method="sft_lora")


def test_recipe_whose_content_is_here_is_filled_in_whole() -> None:
    opened = opened_recipe(a_match(RECIPE), "x.recipe.json", [a_dataset()])
    assert opened.kind == "success"
    argument = opened.argument
    assert (argument.dataset_id, argument.model_id, argument.method) == ("d1", "m1", "sft_lora")
    assert argument.values["lora_rank"] == 48
    assert argument.is_exact


def test_missing_data_and_model_are_asked_for_by_name() -> None:
    opened = opened_recipe(a_match(RECIPE, has_data=False, has_model=False), "x.recipe.json", [])
    assert opened.kind == "warning"
    assert "Support tickets (360 rows)" in opened.question
    assert "which model stands for Qwen3-4B" in opened.question
    assert (opened.argument.dataset_id, opened.argument.model_id) == ("", "")


def test_dataset_that_was_changed_since_is_told_of() -> None:
    opened = opened_recipe(a_match(RECIPE), "x.recipe.json", [a_dataset(version=3)])
    assert opened.kind == "warning"
    assert "version 1" in opened.question


def test_mixed_and_replayed_datasets_are_filled_in() -> None:
    mixed = replace(
        RECIPE, mix=(MixedDataset(dataset_id="d2", weight=0.5),), replay=Replay(dataset_id="d3")
    )
    extra = opened_recipe(a_match(mixed), "x", []).argument.extra
    assert [(one.dataset_id, one.is_replay) for one in extra] == [("d2", False), ("d3", True)]


def test_file_name_holds_no_sign_that_a_system_refuses() -> None:
    assert file_name('a/b:"c"', "style") == "a-b--c- style.recipe.json"
    assert file_name("", "") == "recipe.recipe.json"
