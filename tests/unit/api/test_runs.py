# SPDX-License-Identifier: Apache-2.0
"""Recipes, plans and what stands in the way of a run; no worker is started."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from engine.api.facade import Api, open_api
from engine.api.planning import make_plan
from engine.api.runs import Runs
from engine.domain.dataset import DatasetInfo, RowKind
from engine.domain.model import ModelInfo
from engine.domain.recipe import Recipe
from engine.domain.recipe_choices import Device
from engine.domain.run import JobKind
from engine.errors import (
    ModelChanged,
    NothingToExport,
    RecipeInvalid,
    RunNotFound,
    RunNotResumable,
    TargetExists,
    WrongUsage,
)
from engine.hardware.machine import MachineFacts
from engine.methods.registry import method
from tests.builders.dataset_import import ImportRun
from tests.builders.model_folder import tiny_model_folder

GB = 10**9
FACTS = MachineFacts(
    processor="x", cores=2, memory_total_bytes=16 * GB, memory_free_bytes=12 * GB,
    disk_free_bytes=100 * GB,
)  # fmt: skip


@pytest.fixture
def api(tmp_path: Path) -> Api:
    """Return a workspace with one small dataset and one tiny model."""
    found = open_api(tmp_path / "workspace")
    source = tmp_path / "rows.jsonl"
    rows = [json.dumps({"prompt": f"q{one}", "completion": f"a{one}"}) for one in range(60)]
    source.write_text("\n".join(rows), encoding="utf-8")
    ImportRun(found.layout, [source], name="Questions").run()
    tiny_model_folder(tmp_path / "tiny")
    found.models.add(tmp_path / "tiny", name="Tiny")
    return found


def recipe_of(api: Api, **values: object) -> Recipe:
    return api.runs.make_recipe(dataset="Questions", model="Tiny", values=values)


def test_recipe_takes_preset_then_values(api: Api) -> None:
    recipe = api.runs.make_recipe(
        dataset="Questions", model="Tiny", preset="quick_try", values={"seed": 7}
    )
    assert recipe.seed == 7
    assert recipe.learning_rate == api.presets.get("quick_try").values["learning_rate"]
    assert recipe.dataset_id == api.datasets.get("Questions").id


def test_recipe_without_a_length_follows_the_model(api: Api) -> None:
    context = api.models.get("Tiny").context_tokens
    assert recipe_of(api).max_length == context
    assert recipe_of(api, max_length=64).max_length == 64


def test_recipe_names_every_impossible_value(api: Api) -> None:
    with pytest.raises(RecipeInvalid) as caught:
        recipe_of(api, epochs=0, lora_rank=9999, no_such=1)
    for word in ("epochs", "lora_rank", "no_such"):
        assert word in caught.value.message


def test_unknown_method_and_preset_are_refused(api: Api) -> None:
    with pytest.raises(WrongUsage):
        api.runs.make_recipe(dataset="Questions", model="Tiny", method_id="magic")
    with pytest.raises(WrongUsage):
        api.runs.make_recipe(dataset="Questions", model="Tiny", preset="magic")


def plan_codes(
    api: Api,
    *,
    recipe: Callable[[Recipe], Recipe] = lambda one: one,
    dataset: Callable[[DatasetInfo], DatasetInfo] = lambda one: one,
    model: Callable[[ModelInfo], ModelInfo] = lambda one: one,
    facts: MachineFacts = FACTS,
) -> set[str]:
    plan = make_plan(
        recipe(recipe_of(api)),
        datasets=[dataset(api.datasets.get("Questions"))],
        model=model(api.models.get("Tiny")),
        method=method("sft_qlora"),
        facts=facts,
    )
    assert plan.is_possible == all(one.severity != "error" for one in plan.problems)
    return {one.code for one in plan.problems}


def test_plan_of_a_sound_recipe_only_notes_few_rows(api: Api) -> None:
    codes = plan_codes(api, recipe=lambda one: msgspec.structs.replace(one, learning_rate=5e-3))
    assert codes == {"few_held_out_rows"}


@pytest.mark.parametrize(
    ("values", "rows", "is_blind"),
    [
        ({"early_stopping_patience": 2}, 5, True),
        ({"early_stopping_patience": 2, "eval_every_steps": 10}, 5, False),
        ({"early_stopping_patience": 2, "eval_every_steps": 10}, 0, True),
        ({"eval_every_steps": 0}, 0, False),
    ],
)
def test_plan_refuses_to_stop_early_without_checks_on_the_way(
    api: Api, values: dict[str, Any], rows: int, is_blind: bool
) -> None:
    codes = plan_codes(
        api,
        recipe=lambda one: msgspec.structs.replace(one, **values),
        dataset=lambda one: msgspec.structs.replace(one, splits={"train": 9, "eval": rows}),
    )
    assert ("early_stopping_blind" in codes) is is_blind


def test_plan_counts_rows_and_steps(api: Api) -> None:
    plan = api.runs.plan(recipe_of(api, effective_batch_size=8, epochs=2))
    rows = api.datasets.get("Questions").splits["train"]
    assert plan.train_rows == rows
    assert plan.total_steps == 2 * -(-rows // 8)
    assert len(plan.statement) >= 3


def add_dataset(api: Api, place: Path, name: str, rows: int, *, prefix: str = "q") -> DatasetInfo:
    source = place / f"{name}.jsonl"
    lines = [json.dumps({"prompt": f"{prefix}{one}", "completion": "a"}) for one in range(rows)]
    source.write_text("\n".join(lines), encoding="utf-8")
    ImportRun(api.layout, [source], name=name, dataset_id=name.lower()).run()
    return api.datasets.get(name)


def test_plan_of_a_mix_counts_what_a_pass_sees(api: Api, tmp_path: Path) -> None:
    notes, general = add_dataset(api, tmp_path, "Notes", 40), add_dataset(api, tmp_path, "Gen", 20)
    recipe = api.runs.make_recipe(
        dataset="Questions", model="Tiny", mix={"Notes": 0.5}, replay=("Gen", 0.5)
    )
    assert recipe.dataset_ids == (recipe.dataset_id, notes.id, general.id)
    plan = api.runs.plan(recipe)
    own = api.datasets.get("Questions").splits
    others = own["train"] + round(notes.splits["train"] / 2)
    assert plan.train_rows == 2 * others
    assert plan.eval_rows == own["eval"] + notes.splits["eval"]
    assert {"replay_repeated"} <= {one.code for one in plan.problems}
    told = " ".join(plan.statement)
    assert "3 datasets" in told
    assert f"{others:,} of Gen (50 %)" in told


def test_plan_of_a_dataset_taken_twice_is_refused(api: Api) -> None:
    recipe = api.runs.make_recipe(dataset="Questions", model="Tiny", mix={"Questions": 1.0})
    assert "dataset_twice" in {one.code for one in api.runs.plan(recipe).problems}


def test_provenance_is_that_of_the_versions_that_are_trained(api: Api, tmp_path: Path) -> None:
    add_dataset(api, tmp_path, "Notes", 40)
    api.datasets.describe("Questions", licence="CC0", consent="all")
    recipe = api.runs.make_recipe(dataset="Questions", model="Tiny", replay=("Notes", 0.1))
    api.versions.remove_rows(recipe.dataset_id, [0, 1])
    own, notes = api.runs.provenance(recipe)
    assert (own.name, own.licence, own.consent, own.version) == ("Questions", "CC0", "all", 1)
    assert sum(own.splits.values()) == 60
    assert len(own.way) == 1
    assert (notes.name, notes.use) == ("Notes", "replayed, 10 % of every pass")
    assert len(notes.source_sha256) == 1


@pytest.mark.parametrize(
    ("mix", "replay"),
    [({"Questions": 0.0}, None), ({"Questions": 101.0}, None), ({}, ("Questions", 0.95))],
)
def test_recipe_with_an_impossible_weight_or_share_is_refused(
    api: Api, mix: dict[str, float], replay: tuple[str, float] | None
) -> None:
    with pytest.raises(RecipeInvalid):
        api.runs.make_recipe(dataset="Questions", model="Tiny", mix=mix, replay=replay)


def test_run_of_a_mix_cannot_go_on_without_one_of_its_datasets(api: Api, tmp_path: Path) -> None:
    notes = add_dataset(api, tmp_path, "Notes", 40)
    recipe = api.runs.make_recipe(dataset="Questions", model="Tiny", mix={"Notes": 2.0})
    run_id = api.jobs.create(JobKind.TRAIN, "one", "none:none", {}, recipe)
    run = api.runs.get(run_id)
    assert "dataset_gone" not in {one.code for one in api.runs.resume_blockers(run)}
    api.datasets.remove(notes.id)
    assert "dataset_gone" in {one.code for one in api.runs.resume_blockers(run)}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"max_length": 4096}, "longer_than_context"),
        ({"device": Device.CUDA}, "device_unavailable"),
    ],
)
def test_plan_finds_faults_of_the_recipe(api: Api, change: dict[str, object], code: str) -> None:
    found = plan_codes(api, recipe=lambda one: msgspec.structs.replace(one, **change))
    assert code in found


def test_plan_finds_faults_of_data_model_and_machine(api: Api) -> None:
    replace = msgspec.structs.replace
    for kind in (RowKind.PREFERENCE, RowKind.RATED, RowKind.LABEL):
        unsuitable = plan_codes(api, dataset=lambda one, kind=kind: replace(one, kind=kind))
        assert "kind_unsuitable" in unsuitable
    assert "no_rows" in plan_codes(api, dataset=lambda one: replace(one, splits={"eval": 3}))
    assert "no_chat_template" in plan_codes(
        api, model=lambda one: replace(one, has_chat_template=False)
    )
    poor = replace(FACTS, disk_free_bytes=1000, memory_total_bytes=10**6, memory_free_bytes=10**6)
    assert {"disk_full", "memory_tight"} <= plan_codes(api, facts=poor)


def test_run_with_faults_is_not_started(api: Api) -> None:
    recipe = msgspec.structs.replace(recipe_of(api), max_length=4096)
    with pytest.raises(RecipeInvalid):
        api.runs.start(recipe)
    assert api.runs.list() == []


def made_run(api: Api, name: str = "first") -> str:
    """Write down a run without starting it."""
    return api.jobs.create(JobKind.TRAIN, name, "engine.train.sft_qlora:train", {}, recipe_of(api))


def test_run_is_found_by_id_beginning_and_name(api: Api) -> None:
    run_id = made_run(api)
    runs: Runs = api.runs
    assert runs.get(run_id).id == runs.get(run_id[:5]).id == runs.get("first").id == run_id
    with pytest.raises(RunNotFound):
        runs.get("second")


def test_name_of_a_run_goes_before_the_beginning_of_another_ones_id(api: Api) -> None:
    first = made_run(api)
    second = made_run(api, name=first[:6])
    assert api.runs.get(first[:6]).id == second
    assert api.runs.get(first[:7]).id == first


def test_run_names_what_is_gone(api: Api) -> None:
    run_id = made_run(api)
    api.models.remove(api.models.get("Tiny").id)
    view = api.runs.get(run_id)
    assert view.model_name == view.recipe.model_id
    assert {one.code for one in api.runs.resume_blockers(view)} == {"model_gone"}
    with pytest.raises(RunNotResumable):
        api.runs.resume(run_id)


def test_run_without_adapter_is_not_exported(api: Api, tmp_path: Path) -> None:
    with pytest.raises(NothingToExport):
        api.exports.start(made_run(api), "adapter", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_export_onto_something_is_refused_before_any_work(api: Api, tmp_path: Path) -> None:
    run_id = made_run(api)
    api.layout.job(run_id).adapter.mkdir()
    (tmp_path / "mine.txt").write_text("x", encoding="utf-8")
    with pytest.raises(TargetExists):
        api.exports.start(run_id, "adapter", tmp_path)
    with pytest.raises(WrongUsage):
        api.exports.start(run_id, "magic", tmp_path / "out")


def test_export_on_a_changed_base_is_refused(api: Api, tmp_path: Path) -> None:
    run_id = made_run(api)
    api.layout.job(run_id).adapter.mkdir()
    config = tmp_path / "tiny" / "generation_config.json"
    config.write_text(config.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    with pytest.raises(ModelChanged):
        api.exports.start(run_id, "adapter", tmp_path / "out")


def test_removed_run_is_gone(api: Api) -> None:
    run_id = made_run(api)
    api.runs.remove(run_id)
    assert api.runs.list() == []
    assert not api.layout.job(run_id).root.exists()


def test_processor_with_bf16_is_planned_with_half_the_bytes_unless_32_bits_are_asked_for(
    api: Api,
) -> None:
    def embeddings(facts: MachineFacts, **values: object) -> int:
        recipe = recipe_of(api, **values)
        plan = make_plan(
            recipe,
            datasets=[api.datasets.get("Questions")],
            model=api.models.get("Tiny"),
            method=method(recipe.method),
            facts=facts,
        )
        return next(one.high for one in plan.memory.terms if one.symbol == "E")

    able = msgspec.structs.replace(FACTS, processor_has_bf16=True)
    assert 2 * embeddings(able) == embeddings(FACTS)
    assert embeddings(able, dtype="fp32") == embeddings(FACTS)
