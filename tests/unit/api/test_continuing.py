# SPDX-License-Identifier: Apache-2.0
"""What a plan says of a run that goes on with an adapter; nothing is trained here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from engine.api.facade import Api, open_api
from engine.api.fitting import changes_of
from engine.api.run_compare import recipe_differences
from engine.cli.asked import read_share
from engine.cli.main import run_command_line
from engine.domain.plan import Plan
from engine.domain.recipe import Recipe
from engine.domain.run import JobKind
from engine.errors import InUse, StartUnusable, WrongUsage
from engine.protocol.codec import encode
from engine.protocol.events import AdapterCommitted, Finished, WorkerStarted
from engine.store import atomicfs
from tests.builders.dataset_import import ImportRun
from tests.builders.model_folder import tiny_model_folder

WEIGHTS = b"numbers of the adapter"


@pytest.fixture
def api(tmp_path: Path) -> Api:
    """Return a workspace with two datasets, a model, and a finished run named `first`."""
    found = open_api(tmp_path / "workspace")
    for name in ("Old", "New"):
        source = tmp_path / f"{name}.jsonl"
        rows = [{"prompt": f"{name} {one}", "completion": f"a{one}"} for one in range(60)]
        source.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
        ImportRun(found.layout, [source], name=name, dataset_id=name.lower()).run()
    tiny_model_folder(tmp_path / "tiny")
    found.models.add(tmp_path / "tiny", name="Tiny")
    recipe = found.runs.make_recipe(
        dataset="Old", model="Tiny", values={"lora_rank": 4, "epochs": 7.0}
    )
    add_run(found, "first", recipe)
    return found


def add_run(api: Api, name: str, recipe: Recipe) -> str:
    """Write a finished run with an adapter of its own."""
    weights, descent = api.runs.find_start(recipe)
    options: dict[str, Any] = {
        "model_fingerprint": api.models.get("Tiny").fingerprint,
        "data": msgspec.to_builtins(api.runs.provenance(recipe)),
        "descent": msgspec.to_builtins(descent),
    }
    run_id = api.jobs.create(JobKind.TRAIN, name, "os:abort", options, recipe, weights)
    folder = api.layout.job(run_id)
    events = (
        WorkerStarted(attempt=1, pid=1),
        AdapterCommitted(path="adapter", sha256="0" * 64, step=9, is_best=False),
        Finished(result={}),
    )
    lines = [encode(one, seq=i, t="2026-11-03T14:00:00.000Z") for i, one in enumerate(events, 1)]
    atomicfs.write_file(folder.events, b"".join(lines))
    with atomicfs.new_folder(folder.adapter) as building:
        atomicfs.write_file(building / "adapter_model.safetensors", WEIGHTS + name.encode())
    return run_id


def plan_of(api: Api, **chosen: Any) -> tuple[Recipe, Plan]:
    beginning = api.continuing.find("first")
    recipe = api.continuing.make_recipe(beginning, **chosen)
    return recipe, api.runs.plan(recipe)


def test_recipe_takes_over_what_the_run_had(api: Api) -> None:
    recipe, _plan = plan_of(api)
    former = api.runs.get("first").recipe
    assert msgspec.structs.replace(recipe, start=None) == former
    recipe, _plan = plan_of(api, dataset="New", values={"epochs": 1.0})
    assert (recipe.epochs, recipe.lora_rank) == (1.0, 4)
    assert recipe.dataset_id == api.datasets.get("New").id


def test_preset_replaces_the_settings_but_not_the_shape(api: Api) -> None:
    recipe, _plan = plan_of(api, dataset="New", preset="quick_try")
    assert recipe.epochs != 7.0
    assert recipe.lora_rank == 4


def test_plan_says_what_goes_on_and_what_may_be_forgotten(api: Api) -> None:
    recipe, plan = plan_of(api, dataset="New")
    assert plan.is_possible
    assert plan.decisions["start"].value == "the adapter of first, step 9"
    assert any("goes on with the adapter of first, step 9" in one for one in plan.statement)
    assert "start_not_replayed" in [one.code for one in plan.problems]
    _recipe, plan = plan_of(api, dataset="New", replay=(api.datasets.get("Old").id, 0.1))
    assert "start_not_replayed" not in [one.code for one in plan.problems]
    large = msgspec.structs.replace(recipe, lora_rank=64)
    assert not any("lora_rank" in one for one in changes_of(large, layers=2, quantised=True))
    anew = msgspec.structs.replace(large, start=None)
    assert any("lora_rank" in one for one in changes_of(anew, layers=2, quantised=True))


def test_plan_refuses_another_base_model(api: Api, tmp_path: Path) -> None:
    recipe, _plan = plan_of(api)
    tiny_model_folder(tmp_path / "other", layers=3)
    other = api.models.add(tmp_path / "other", name="Other")
    with pytest.raises(StartUnusable, match="another model"):
        plan_of(api, model="Other")
    plan = api.runs.plan(msgspec.structs.replace(recipe, model_id=other.id))
    assert [one.code for one in plan.problems if one.code == "start_other_base"]
    assert not plan.is_possible


def test_comparison_tells_what_a_run_goes_on_with(api: Api) -> None:
    recipe, _plan = plan_of(api)
    add_run(api, "second", recipe)
    runs = [api.runs.get("first"), api.runs.get("second")]
    (found,) = recipe_differences(runs, lambda _key: "")
    assert (found.name, found.values) == ("start", ("", "the adapter of first, step 9"))


def test_former_data_that_is_gone_is_told(api: Api) -> None:
    api.datasets.remove(api.datasets.get("Old").id)
    recipe, plan = plan_of(api, dataset="New")
    assert recipe.start is not None
    assert recipe.start.held_out == ()
    assert "start_data_unknown" in [one.code for one in plan.problems]


def test_run_cannot_go_on_without_what_it_must_not_train(api: Api) -> None:
    recipe, _plan = plan_of(api, dataset="New")
    run_id = add_run(api, "second", recipe)
    old = api.datasets.get("Old").id
    api.datasets.remove(old)
    blockers = api.runs.resume_blockers(api.runs.get(run_id))
    assert "dataset_gone" in [one.code for one in blockers]


def test_damaged_adapter_is_not_taken(api: Api) -> None:
    place = api.layout.job(api.runs.get("first").id).adapter / "adapter_model.safetensors"
    place.write_bytes(b"something else")
    with pytest.raises(StartUnusable, match="damaged"):
        api.continuing.find("first")


def test_adapter_that_changed_since_it_was_chosen_makes_no_run(api: Api) -> None:
    recipe, _plan = plan_of(api)
    place = api.layout.job(api.runs.get("first").id).adapter / "adapter_model.safetensors"
    place.write_bytes(b"something else")
    before = {one.name for one in api.layout.jobs.iterdir()}
    with pytest.raises(StartUnusable):
        add_run(api, "second", recipe)
    assert {one.name for one in api.layout.jobs.iterdir()} == before


def test_run_without_an_adapter_cannot_be_continued(api: Api) -> None:
    recipe = api.runs.get("first").recipe
    api.jobs.create(JobKind.TRAIN, "empty", "os:abort", {}, recipe)
    with pytest.raises(StartUnusable, match="neither"):
        api.continuing.find("empty")


def test_run_file_carries_what_the_run_began_with(api: Api, tmp_path: Path) -> None:
    recipe, _plan = plan_of(api, dataset="New")
    add_run(api, "second", recipe)
    packed = api.run_files.save("second", tmp_path / "second.zip")
    away = open_api(tmp_path / "away")
    run_id = away.run_files.take(packed)
    assert [one.name for one in away.runs.get(run_id).descent] == ["first"]
    weights, descent = away.runs.find_start(recipe)
    assert weights is not None
    assert weights.read_bytes() == WEIGHTS + b"first"
    assert [one.data[0].name for one in descent] == ["Old"]


def test_recipe_file_names_what_is_held_out_by_its_content(api: Api, tmp_path: Path) -> None:
    recipe, _plan = plan_of(api, dataset="New")
    file = api.recipes.save(recipe, tmp_path / "one.recipe.json")
    assert [one.name for one in api.recipes.read(file).datasets] == ["New", "Old"]
    assert api.recipes.open(file) == recipe


def test_dataset_that_a_live_run_holds_out_is_kept(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe, _plan = plan_of(api, dataset="New")
    weights, _descent = api.runs.find_start(recipe)
    monkeypatch.setattr("engine.launcher.watch.has_worker", lambda _folder: True)
    api.jobs.create(JobKind.TRAIN, "second", "os:abort", {}, recipe, weights)
    with pytest.raises(InUse):
        api.datasets.remove(api.datasets.get("Old").id)


def plan_by_words(api: Api, *words: str) -> int:
    return run_command_line(
        ["--workspace", str(api.layout.root), "plan", "--from", "first", *words]
    )


@pytest.mark.parametrize(
    "words",
    [
        ("--replay", "20%"),
        ("--replay", "much"),
        ("--dataset", "Old", "--replay", "20%"),
        ("--dataset", "New", "--dataset", "Old=10%", "--replay", "20%"),
    ],
)
def test_replay_that_cannot_be_is_refused_and_not_left_out(
    api: Api, capfd: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    assert plan_by_words(api, *words) == 1
    assert "(wrong_usage)" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--replay", "0"), "learns from 52 rows of Old"),
        (("--dataset", "New"), "6 of Old (10 %)"),
        (("--dataset", "New", "--replay", "0"), "learns from 53 rows of New"),
    ],
)
def test_replay_is_usual_and_can_be_left_out(
    api: Api, capfd: pytest.CaptureFixture[str], words: tuple[str, ...], told: str
) -> None:
    assert plan_by_words(api, *words) == 0
    assert told in capfd.readouterr().out


def test_run_whose_data_is_gone_goes_on_with_other_data(
    api: Api, capfd: pytest.CaptureFixture[str]
) -> None:
    api.datasets.remove("Old")
    assert plan_by_words(api, "--dataset", "New") == 0
    assert "The data of first is not here" in capfd.readouterr().out
    assert plan_by_words(api, "--dataset", "New", "--replay", "20%") == 1


@pytest.mark.parametrize(("text", "share"), [("20%", 0.2), ("0.2", 0.2), (" 0 ", 0.0)])
def test_share_is_read_as_it_is_written(text: str, share: float) -> None:
    assert read_share(text) == share


@pytest.mark.parametrize("text", ["much", "-1", "%"])
def test_share_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(WrongUsage):
        read_share(text)
