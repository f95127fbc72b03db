# SPDX-License-Identifier: Apache-2.0
"""A recipe file trained again elsewhere gives the same adapter to the bit."""

from __future__ import annotations

from pathlib import Path

from engine.api.facade import open_api
from engine.domain.recipe import Recipe
from engine.train import sft_lora
from engine.train.adapter import WEIGHTS
from tests.unit.train.runs import Desk, chat_rows, make_desk, write_dataset


def train(desk: Desk, run_id: str, recipe: Recipe) -> bytes:
    desk.add_run(run_id, recipe)
    sft_lora.train(desk.context(run_id))
    return (desk.layout.job(run_id).adapter / WEIGHTS).read_bytes()


def test_recipe_file_trained_in_another_workspace_gives_the_same_bits(tmp_path: Path) -> None:
    rows = chat_rows(12)
    home = make_desk(tmp_path / "home", rows=rows)
    recipe = home.recipe(max_steps=3, lora_dropout=0.1, schedule="stable_decay", seed=11)
    file = open_api(home.layout.root).recipes.save(recipe, tmp_path / "one.recipe.json")
    away = make_desk(tmp_path / "away", rows=chat_rows(9))
    write_dataset(away.layout, rows, dataset_id="elsewhere")
    again = open_api(away.layout.root).recipes.open(file)
    assert again.dataset_id == "elsewhere"
    first = train(home, "r1", recipe)
    assert train(away, "r2", again) == first
    assert train(away, "r3", away.recipe(max_steps=3, lora_dropout=0.1, seed=12)) != first
