# SPDX-License-Identifier: Apache-2.0
"""Runs that go on with an adapter: same weights, fresh optimizer, nothing held out is trained."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from engine.api.facade import Api, open_api
from engine.domain.dataset import Row
from engine.domain.recipe import Recipe
from engine.domain.run import JobKind
from engine.errors import ModelChanged, RecipeInvalid, RunNotFound, StartUnusable, WrongUsage
from engine.protocol.events import EvalDone, Event, PlanResolved, StepDone, Stopped, Warned
from engine.store import atomicfs
from engine.store.adapterfolder import CONFIG
from engine.train import sft_lora
from engine.train.adapter import WEIGHTS
from tests.unit.train.runs import MODEL, Desk, chat_row, chat_rows, make_desk, write_dataset

NEW = "new-data"


def new_rows(count: int = 16) -> list[Row]:
    return [chat_row(f"What is {one}?", f"It is {one * 7}, of course.") for one in range(count)]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """Return a workspace with a finished run named `first`, and a second dataset."""
    found = make_desk(tmp_path)
    write_dataset(found.layout, new_rows(), dataset_id=NEW)
    train(found, found.recipe(max_steps=4, checkpoint_every_steps=2), "first")
    return found


def api_of(desk: Desk) -> Api:
    return open_api(desk.layout.root)


def make(desk: Desk, recipe: Recipe, name: str) -> str:
    """Make a run as the facade does, but start no worker."""
    api = api_of(desk)
    weights, descent = api.runs.find_start(recipe)
    options = {
        "model_fingerprint": api.models.get(recipe.model_id).fingerprint,
        "descent": msgspec.to_builtins(descent),
    }
    return api.jobs.create(JobKind.TRAIN, name, "os:abort", options, recipe, weights)


def go_on(desk: Desk, run_id: str, *, stop_when: Callable[[Event], bool] | None = None) -> None:
    options = {"model_fingerprint": api_of(desk).models.get(MODEL).fingerprint}
    stop = stop_when or (lambda _event: False)
    sft_lora.train(desk.context(run_id, options=options, stop_when=stop))


def train(desk: Desk, recipe: Recipe, name: str) -> str:
    run_id = make(desk, recipe, name)
    go_on(desk, run_id)
    return run_id


def continued(desk: Desk, source: str = "first", dataset: str = NEW, **values: Any) -> Recipe:
    api = api_of(desk)
    return api.continuing.make_recipe(
        api.continuing.find(source), dataset=dataset, values={"max_steps": 3, **values}
    )


def adapter_of(desk: Desk, run_id: str) -> bytes:
    return (desk.layout.job(run_id).adapter / WEIGHTS).read_bytes()


def test_run_begins_where_the_other_ended(desk: Desk) -> None:
    ended = desk.of(EvalDone)[-1].loss
    train(desk, continued(desk, dataset=desk.recipe().dataset_id), "second")
    assert desk.of(EvalDone)[0].loss == ended
    (plan,) = desk.of(PlanResolved)
    assert "first" in str(plan.decisions["start"].value)
    assert plan.decisions["adapter_shape"].value == "rank 4, alpha 8"


def test_checkpoint_begins_where_it_stood(desk: Desk) -> None:
    recipe = continued(desk, "first@2", dataset=desk.recipe().dataset_id)
    assert recipe.start is not None
    assert (recipe.start.checkpoint, recipe.start.step) == ("ck-000002", 2)
    assert recipe.start.sha256 != getattr(continued(desk).start, "sha256", "")
    train(desk, recipe, "second")
    went_on = desk.of(StepDone)[0]
    # The third step of the former run saw other rows, and an optimizer that remembered two.
    assert went_on.step == 1
    assert went_on.learning_rate == recipe.learning_rate


def test_resume_changes_not_one_bit(desk: Desk) -> None:
    recipe = continued(desk, max_steps=4)
    whole = train(desk, recipe, "whole")
    parted = make(desk, recipe, "parted")
    go_on(desk, parted, stop_when=lambda one: isinstance(one, StepDone) and one.step == 2)
    assert desk.of(Stopped)[0].step == 2
    go_on(desk, parted)
    assert adapter_of(desk, parted) == adapter_of(desk, whole)


def test_run_that_it_came_from_may_be_gone(desk: Desk, tmp_path: Path) -> None:
    recipe = continued(desk)
    first = train(desk, recipe, "second")
    file = api_of(desk).recipes.save(recipe, tmp_path / "second.recipe.json")
    api_of(desk).runs.remove("first")
    again = api_of(desk).recipes.open(file)
    assert again == recipe
    assert adapter_of(desk, train(desk, again, "third")) == adapter_of(desk, first)
    assert [one.name for one in api_of(desk).runs.get("third").descent] == ["first"]


def test_chain_of_three_is_told_from_the_first_on(desk: Desk) -> None:
    train(desk, continued(desk), "second")
    beginning = api_of(desk).continuing.find("second")
    assert [one.name for one in beginning.descent] == ["first", "second"]
    held_out = [one.dataset_id for one in beginning.start.held_out]
    assert held_out == [NEW, desk.recipe().dataset_id]


def test_weights_that_nobody_has_are_named(desk: Desk) -> None:
    recipe = continued(desk)
    api_of(desk).runs.remove("first")
    with pytest.raises(StartUnusable, match="first"):
        make(desk, recipe, "second")


def test_rows_that_were_held_out_before_are_not_trained(desk: Desk) -> None:
    table = api_of(desk).datasets.open_rows(desk.recipe().dataset_id, "eval")
    held_out = [table.row(index) for index in range(len(table))]
    mixed = [*new_rows(), *held_out]
    write_dataset(desk.layout, mixed, dataset_id="mixed", eval_ratio=0.0)
    train(desk, continued(desk, dataset="mixed"), "second")
    told = [one for one in desk.of(Warned) if one.code == "copies_of_held_out"]
    assert [one.message.split()[0] for one in told] == [str(len(held_out))]
    assert desk.of(PlanResolved)[0].train_examples == len(new_rows())


def test_held_out_rows_that_were_trained_before_are_told(desk: Desk) -> None:
    write_dataset(desk.layout, chat_rows(22), dataset_id="seen", eval_ratio=0.5)
    train(desk, continued(desk, dataset="seen"), "second")
    assert "held_out_seen_before" in [one.code for one in desk.of(Warned)]


def test_replayed_rows_of_the_former_data_are_mixed_in(desk: Desk) -> None:
    api = api_of(desk)
    former = desk.recipe().dataset_id
    recipe = api.continuing.make_recipe(
        api.continuing.find("first"), dataset=NEW, values={"max_steps": 2}, replay=(former, 0.25)
    )
    train(desk, recipe, "second")
    (plan,) = desk.of(PlanResolved)
    assert plan.decisions["mix"].value == "14 + 5"
    # The former data is read for its rows, and so not a second time for what it holds out.
    assert [one.dataset_id for one in recipe.read_datasets] == [NEW, former]


def test_damaged_copy_is_refused(desk: Desk) -> None:
    run_id = make(desk, continued(desk), "second")
    place = desk.layout.job(run_id).start
    spoiled = bytearray(place.read_bytes())
    spoiled[-1] ^= 1
    atomicfs.write_file(place, bytes(spoiled))
    with pytest.raises(StartUnusable, match="not what was written"):
        go_on(desk, run_id)


def test_base_model_with_other_weights_is_refused(desk: Desk) -> None:
    recipe = continued(desk)
    assert recipe.start is not None
    other = msgspec.structs.replace(recipe.start, weights_sha256="0" * 64)
    run_id = make(desk, msgspec.structs.replace(recipe, start=other), "second")
    with pytest.raises(ModelChanged):
        go_on(desk, run_id)


def test_another_shape_is_refused(desk: Desk) -> None:
    with pytest.raises(RecipeInvalid, match="lora_rank = 4"):
        continued(desk, lora_rank=8)
    assert continued(desk, lora_rank=4).lora_rank == 4


@pytest.mark.parametrize("source", ["nothing", "first@3"])
def test_source_that_is_not_there_is_named(desk: Desk, source: str) -> None:
    with pytest.raises((RunNotFound, StartUnusable, WrongUsage)) as caught:
        continued(desk, source)
    assert source.rpartition("@")[2] in caught.value.message


def outside(desk: Desk, tmp_path: Path, **values: Any) -> Path:
    """Return a folder with the adapter of another run, away from the workspace."""
    run_id = train(desk, desk.recipe(max_steps=2, **values), "away")
    place = tmp_path / "adapter-from-outside"
    shutil.copytree(desk.layout.job(run_id).adapter, place)
    api_of(desk).runs.remove("away")
    return place


def test_folder_from_outside_goes_on(desk: Desk, tmp_path: Path) -> None:
    values = {"lora_targets": "attention", "use_dora": True, "rank_pattern": "q_proj=2"}
    place = outside(desk, tmp_path, **values)
    ended = desk.of(EvalDone)[-1].loss
    api = api_of(desk)
    beginning = api.continuing.find(str(place))
    recipe = api.continuing.make_recipe(
        beginning, dataset=desk.recipe().dataset_id, model=MODEL,
        values={"max_steps": 2, "device": "cpu", "dtype": "fp32", "max_length": 96},
        method_id="sft_lora",
    )  # fmt: skip
    assert recipe.start is not None
    assert recipe.start.targets == ("k_proj", "o_proj", "q_proj", "v_proj")
    assert (recipe.use_dora, recipe.rank_pattern) == (True, "q_proj=2")
    options = {"model_fingerprint": api.models.get(MODEL).fingerprint}
    run_id = api.jobs.create(
        JobKind.TRAIN, "second", "os:abort", options, recipe, beginning.weights
    )
    go_on(desk, run_id)
    assert desk.of(EvalDone)[0].loss == pytest.approx(ended, rel=1e-6)
    config = msgspec.json.decode((desk.layout.job(run_id).adapter / CONFIG).read_bytes())
    assert config["target_modules"] == ["k_proj", "o_proj", "q_proj", "v_proj"]


def test_folder_from_outside_does_not_fit_another_model(desk: Desk, tmp_path: Path) -> None:
    place = outside(desk, tmp_path)
    other = make_desk(tmp_path / "other", hidden=128)
    api = api_of(other)
    with pytest.raises(StartUnusable, match="does not fit"):
        api.continuing.make_recipe(
            api.continuing.find(str(place)), dataset=other.recipe().dataset_id, model=MODEL
        )
