# SPDX-License-Identifier: Apache-2.0
"""Recipe files: what they name, how they are matched by content, and what they refuse."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from engine.api.facade import Api, open_api
from engine.cli.main import run_command_line
from engine.domain.recipe import Recipe
from engine.errors import RecipeFileInvalid, RecipeFileTooNew, RecipeUnmatched
from tests.builders.dataset_import import ImportRun
from tests.builders.model_folder import tiny_model_folder


def rows_file(folder: Path, name: str = "rows.jsonl", count: int = 30) -> Path:
    path = folder / name
    rows = [json.dumps({"prompt": f"q{one}", "completion": f"a{one}"}) for one in range(count)]
    path.write_text("\n".join(rows), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model_folder(tmp_path_factory.mktemp("base") / "tiny")


def workspace(root: Path, base: Path, source: Path | None, dataset_id: str) -> Api:
    """Return a workspace with a model, and with a dataset where there is a source."""
    api = open_api(root)
    if source is not None:
        ImportRun(api.layout, [source], dataset_id=dataset_id, name=f"Rows {dataset_id}").run()
    api.models.add(base, name=f"Model {dataset_id}")
    return api


def a_recipe(api: Api, **values: Any) -> Recipe:
    info, model = api.datasets.list()[0], api.models.list()[0]
    return api.runs.make_recipe(dataset=info.id, model=model.id, values=values)


@pytest.fixture
def home(tmp_path: Path, base: Path) -> Api:
    return workspace(tmp_path / "home", base, rows_file(tmp_path), "d1")


def test_recipe_file_opened_where_it_was_saved_is_the_same_recipe(
    home: Api, tmp_path: Path
) -> None:
    recipe = a_recipe(home, lora_rank=7, learning_rate=0.000123)
    path = home.recipes.save(recipe, tmp_path / "one.recipe.json")
    assert home.recipes.open(path) == recipe


def test_recipe_file_is_matched_by_content_in_another_workspace(
    home: Api, tmp_path: Path, base: Path
) -> None:
    path = home.recipes.save(a_recipe(home, seed=5), tmp_path / "one.recipe.json")
    copy = shutil.copytree(base, tmp_path / "copy")
    away = workspace(tmp_path / "away", copy, rows_file(tmp_path, "other-name.jsonl"), "other")
    recipe = away.recipes.open(path)
    assert recipe.dataset_id == "other"
    assert recipe.model_id == away.models.list()[0].id
    assert recipe.seed == 5


def test_recipe_file_without_its_content_names_everything_missing(
    home: Api, tmp_path: Path, base: Path
) -> None:
    path = home.recipes.save(a_recipe(home), tmp_path / "one.recipe.json")
    away = open_api(tmp_path / "away")
    with pytest.raises(RecipeUnmatched) as caught:
        away.recipes.open(path)
    assert "Rows d1 (30 rows)" in caught.value.message
    assert "Model d1" in caught.value.message


def test_other_rows_of_the_same_id_are_not_taken_for_it(
    home: Api, tmp_path: Path, base: Path
) -> None:
    path = home.recipes.save(a_recipe(home), tmp_path / "one.recipe.json")
    away = workspace(tmp_path / "away", base, rows_file(tmp_path, "more.jsonl", 31), "d1")
    matched = away.recipes.match(away.recipes.read(path))
    assert matched.datasets == (None,)
    assert matched.model_id
    assert away.recipes.open(path, datasets=["d1"]).dataset_id == "d1"


def test_same_rows_in_another_order_are_not_taken_for_it(
    home: Api, tmp_path: Path, base: Path
) -> None:
    path = home.recipes.save(a_recipe(home), tmp_path / "one.recipe.json")
    source = rows_file(tmp_path)
    turned = tmp_path / "turned.jsonl"
    turned.write_text("\n".join(reversed(source.read_text(encoding="utf-8").splitlines())))
    away = workspace(tmp_path / "away", base, turned, "d1")
    assert away.datasets.get("d1").splits == home.datasets.get("d1").splits
    assert away.recipes.match(away.recipes.read(path)).datasets == (None,)


def test_other_weights_of_the_same_shape_are_not_taken_for_it(
    home: Api, tmp_path: Path, base: Path
) -> None:
    path = home.recipes.save(a_recipe(home), tmp_path / "one.recipe.json")
    tuned = shutil.copytree(base, tmp_path / "tuned")
    weights = next(tuned.glob("*.safetensors"))
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(bytes(content))
    away = workspace(tmp_path / "away", tuned, rows_file(tmp_path), "d1")
    found = away.models.list()[0]
    assert found.fingerprint == home.models.list()[0].fingerprint
    assert away.recipes.match(away.recipes.read(path)).model_id == ""
    assert away.recipes.open(path, model=found.name).model_id == found.id


def test_mixed_and_replayed_datasets_keep_their_places(home: Api, tmp_path: Path) -> None:
    for name, count in (("more", 12), ("general", 15)):
        source = rows_file(tmp_path, f"{name}.jsonl", count)
        ImportRun(home.layout, [source], dataset_id=name, name=name).run()
    recipe = home.runs.make_recipe(
        dataset="d1", model=home.models.list()[0].id, mix={"more": 0.5}, replay=("general", 0.1)
    )
    path = home.recipes.save(recipe, tmp_path / "one.recipe.json")
    assert home.recipes.open(path) == recipe


def changed(home: Api, tmp_path: Path, **changes: Any) -> Path:
    """Return a recipe file that was edited by hand."""
    path = home.recipes.save(a_recipe(home), tmp_path / "one.recipe.json")
    document = json.loads(path.read_text(encoding="utf-8"))
    for name, value in changes.items():
        place, _dot, key = name.rpartition("__")
        (document[place] if place else document)[key] = value
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def test_setting_that_is_not_known_is_named(home: Api, tmp_path: Path) -> None:
    path = changed(home, tmp_path, recipe__warp_speed=9)
    with pytest.raises(RecipeFileTooNew, match="warp_speed"):
        home.recipes.read(path)


def test_newer_form_is_refused(home: Api, tmp_path: Path) -> None:
    for change in ({"burnish_recipe": 2}, {"recipe__schema_version": 2}):
        with pytest.raises(RecipeFileTooNew):
            home.recipes.read(changed(home, tmp_path, **change))


def test_impossible_values_are_all_named(home: Api, tmp_path: Path) -> None:
    path = changed(home, tmp_path, recipe__epochs=-1, recipe__lora_rank="much")
    with pytest.raises(RecipeFileInvalid) as caught:
        home.recipes.read(path)
    assert "epochs" in caught.value.message
    assert "lora_rank" in caught.value.message


@pytest.mark.parametrize("text", ["", "no json", "[]", "{}", '{"burnish_recipe": 1}'])
def test_file_that_is_no_recipe_is_refused(home: Api, tmp_path: Path, text: str) -> None:
    path = tmp_path / "odd.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(RecipeFileInvalid, match=r"odd\.json"):
        home.recipes.read(path)


def test_marks_that_do_not_fit_the_recipe_are_refused(home: Api, tmp_path: Path) -> None:
    with pytest.raises(RecipeFileInvalid):
        home.recipes.read(changed(home, tmp_path, datasets=[]))


def test_command_line_shows_and_plans_a_recipe_file(
    home: Api, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    path = home.recipes.save(a_recipe(home), tmp_path / "one.recipe.json")
    start = ["--workspace", str(tmp_path / "home"), "recipe"]
    assert run_command_line([*start, "show", str(path), "--json"]) == 0
    assert json.loads(capfdbinary.readouterr().out)["complete"] is True
    assert run_command_line([*start, "plan", str(path), "--set", "epochs=4", "--json"]) == 0
    assert json.loads(capfdbinary.readouterr().out)["steps"] == 8
