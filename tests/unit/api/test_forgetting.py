# SPDX-License-Identifier: Apache-2.0
"""The plan of forgetting names all that goes and all that remains, and is what is then done."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from engine.api.deriving import run_merge, run_sample
from engine.api.facade import Api, open_api
from engine.api.queue import QueueDesk
from engine.domain import queue as rules
from engine.domain.dataset import DatasetInfo
from engine.domain.forgetting import (
    ForgetPlan,
    RemainingKind,
    TraceKind,
    limits_of_deleting,
    remaining_text,
    trace_text,
)
from engine.domain.mix import MixedDataset
from engine.domain.recipe import Recipe
from engine.domain.run import JobKind, JobSnapshot, JobState
from engine.domain.version import Action
from engine.errors import DatasetNotFound, InUse
from engine.launcher.identity import own_identity
from engine.protocol.events import Finished, SampleMade
from engine.store.disk_use import size_of
from engine.store.documents import read_document, write_document
from engine.store.eventlog import EventWriter
from tests.builders.dataset_import import ImportRun
from tests.builders.jobs import JobRun

NOW = datetime(2026, 11, 20, tzinfo=UTC)


@pytest.fixture
def api(tmp_path: Path) -> Api:
    return open_api(tmp_path / "w")


def add_dataset(api: Api, dataset_id: str, *, rows: str = "") -> DatasetInfo:
    source = api.layout.root.with_name(f"{rows or dataset_id}.jsonl")
    lines = [f'{{"text":"{rows or dataset_id} row {number}"}}\n' for number in range(8)]
    source.write_text("".join(lines), encoding="utf-8")
    ImportRun(api.layout, [source], dataset_id=dataset_id, name=dataset_id, eval_ratio=0.0).run()
    return api.datasets.get(dataset_id)


def sample(api: Api, source: str, new: str) -> None:
    options = {"dataset_id": source, "new_id": new, "name": new, "rows": 3, "seed": 1}
    JobRun(api.layout, run_sample, options)


def merge(api: Api, sources: list[str], new: str) -> None:
    rule: dict[str, Any] = {"eval_ratio": 0.0}
    JobRun(
        api.layout,
        run_merge,
        {"dataset_ids": sources, "new_id": new, "name": new, "rule": rule},
    )


def add_run(api: Api, name: str, dataset_id: str) -> str:
    """Make a run as it was made by the first versions, which did not say where rows came from."""
    return _add_run(api, name, Recipe(dataset_id=dataset_id, model_id="m1"), {})


def add_told_run(api: Api, name: str, dataset_id: str) -> str:
    """Make a run that says where its rows came from."""
    recipe = Recipe(dataset_id=dataset_id, model_id="m1")
    data = msgspec.to_builtins(api.runs.provenance(recipe))
    return _add_run(api, name, recipe, {"data": data})


def _add_run(api: Api, name: str, recipe: Recipe, options: dict[str, Any]) -> str:
    run_id = api.jobs.create(JobKind.TRAIN, name, "x:y", options, recipe)
    writer = EventWriter(api.layout.job(run_id).events, now=lambda: NOW)
    for event in (SampleMade(step=1, prompt="p", answer="a row of it"), Finished()):
        writer.append(event)
    writer.close()
    api.layout.job(run_id).adapter.mkdir()
    return run_id


def end(api: Api, job_id: str, state: JobState) -> None:
    write_document(api.layout.job(job_id).result, JobSnapshot(state=state))


def names(plan: ForgetPlan, kind: RemainingKind) -> list[str]:
    return [one.path or one.name for one in plan.remaining if one.kind is kind]


# ------------------------------------------------------------------------------ what is named


def test_plan_changes_nothing_and_its_sizes_are_those_on_the_disk(api: Api) -> None:
    add_dataset(api, "d1")
    api.versions.remove_rows("d1", [1], action=Action.REMOVED)
    tokens = api.layout.dataset("d1").tokens
    tokens.mkdir()
    (tokens / "file").write_bytes(bytes(300))
    before = size_of(api.layout.root)
    plan = api.forgetting.plan("d1")
    assert size_of(api.layout.root) == before
    sizes = {one.kind: one.size_bytes for one in plan.removed}
    assert sizes[TraceKind.TOKENS] == 300
    assert sizes[TraceKind.VERSIONS] > 0
    assert plan.size_bytes == size_of(api.layout.dataset("d1").root)


def test_forgotten_dataset_is_gone_and_its_source_is_named_and_untouched(api: Api) -> None:
    path = Path(add_dataset(api, "d1").sources[0].path)
    before = path.read_bytes()
    done = api.forgetting.forget("d1")
    assert names(done, RemainingKind.SOURCE) == [str(path)]
    assert path.read_bytes() == before
    assert api.datasets.list() == []
    assert api.trash.list() == []
    with pytest.raises(DatasetNotFound):
        api.forgetting.plan("d1")


def test_runs_exports_and_copies_that_learned_are_named(api: Api) -> None:
    add_dataset(api, "d1")
    run_id = add_run(api, "Learned", "d1")
    add_run(api, "Other", "d2")
    api.notes.write(run_id, text="It said a row.", tags=())
    done = {"run_id": run_id, "out": "/media/stick/adapter", "prompts": ["a row"]}
    end(api, api.jobs.create(JobKind.EXPORT, "Learned", "x:y", done), JobState.FINISHED)
    failed = {"run_id": run_id, "out": "/media/stick/never"}
    end(api, api.jobs.create(JobKind.EXPORT, "Learned", "x:y", failed), JobState.FAILED)
    copy = {"dataset_id": "d1", "form": "jsonl", "out": "/media/stick/rows"}
    end(api, api.jobs.create(JobKind.DATASET, "d1", "x:y", copy), JobState.FINISHED)
    plan = api.forgetting.forget("d1")
    assert names(plan, RemainingKind.ADAPTER) == ["Learned"]
    assert names(plan, RemainingKind.EXPORT) == ["/media/stick/adapter"]
    assert names(plan, RemainingKind.COPY) == ["/media/stick/rows"]
    assert names(plan, RemainingKind.NOTE) == ["Learned"]
    rewritten = [(one.kind, one.name) for one in plan.rewritten]
    assert rewritten[0] == (TraceKind.RUN, "Learned")
    assert api.layout.job(run_id).adapter.is_dir()
    assert api.runs.get("Learned").state is JobState.FINISHED


def test_sources_of_what_goes_along_are_named_and_not_those_of_what_stays(api: Api) -> None:
    first = Path(add_dataset(api, "d1").sources[0].path)
    other = Path(add_dataset(api, "d2").sources[0].path)
    alone = first.with_name("alone.jsonl")
    alone.write_text('{"text":"a row"}\n' * 8, encoding="utf-8")
    ImportRun(api.layout, [first, alone], dataset_id="x1", name="x1", eval_ratio=0.0).run()
    merge(api, ["d1", "d2"], "m1")
    plan = api.forgetting.plan("d1", also=["x1"])
    assert names(plan, RemainingKind.SOURCE) == [str(first), str(alone)]
    assert str(other) in names(api.forgetting.plan("d2"), RemainingKind.SOURCE)


def test_folders_that_do_not_say_whose_rows_they_hold_are_named(api: Api) -> None:
    for dataset_id in ("d1", "d2"):
        add_dataset(api, dataset_id)
    run_id = add_run(api, "Damaged", "d1")
    damaged = (
        api.layout.dataset("d1").info,
        api.layout.dataset("d2").info,
        api.layout.job(run_id).info,
    )
    for path in damaged:
        path.write_bytes(b"{")
    found = names(api.forgetting.plan("d1"), RemainingKind.DAMAGED)
    assert found == [str(damaged[1].parent), str(damaged[2].parent)]


def test_every_kind_has_its_words(api: Api) -> None:
    add_dataset(api, "d1")
    plan = api.forgetting.plan("d1")
    for kind in TraceKind:
        assert trace_text(replace(plan.removed[0], kind=kind))
    for kind in RemainingKind:
        assert remaining_text(replace(plan.remaining[0], kind=kind))
    assert len(limits_of_deleting()) == 2


# ------------------------------------------------------------------------------ what is related


def test_datasets_made_of_it_go_too_and_those_it_is_made_of_stay(api: Api) -> None:
    for dataset_id in ("d1", "d2"):
        add_dataset(api, dataset_id)
    sample(api, "d1", "s1")
    merge(api, ["s1", "d2"], "m1")
    related = {one.id: one for one in api.forgetting.plan("s1").related}
    assert (related["m1"].is_derived, related["m1"].is_forgotten) == (True, True)
    assert (related["d1"].is_derived, related["d1"].is_forgotten) == (False, False)
    assert "d2" not in related
    done = api.forgetting.forget("d1")
    assert {one.id for one in done.related} == {"s1", "m1"}
    assert [one.id for one in api.datasets.list()] == ["d2"]


def test_derived_dataset_is_found_after_the_one_between_is_gone(api: Api) -> None:
    for dataset_id in ("d1", "d2"):
        add_dataset(api, dataset_id)
    sample(api, "d1", "s1")
    merge(api, ["s1", "d2"], "m1")
    api.datasets.remove("s1")
    api.trash.empty()
    assert [one.id for one in api.forgetting.plan("d1").related] == ["m1"]


def test_dataset_of_an_older_version_is_known_by_its_source(api: Api) -> None:
    add_dataset(api, "d1")
    sample(api, "d1", "s1")
    place = api.layout.dataset("s1").info
    old = replace(read_document(place, DatasetInfo), made_of=(), created_at="2026-02-02")
    write_document(place, old)
    (related,) = api.forgetting.plan("d1").related
    assert related.is_derived
    assert [one.is_derived for one in api.forgetting.plan("s1").related] == [False]


def test_derived_dataset_can_be_kept_and_is_named_then(api: Api) -> None:
    add_dataset(api, "d1")
    sample(api, "d1", "s1")
    add_run(api, "Of the sample", "s1")
    done = api.forgetting.forget("d1", keep=["s1"])
    assert [one.id for one in api.datasets.list()] == ["s1"]
    assert names(done, RemainingKind.DATASET) == ["s1"]
    assert names(done, RemainingKind.ADAPTER) == []


def test_second_import_of_the_same_file_goes_where_it_is_named(api: Api) -> None:
    add_dataset(api, "d1", rows="same")
    add_dataset(api, "d2", rows="same")
    assert [one.is_forgotten for one in api.forgetting.plan("d1").related] == [False]
    api.forgetting.forget("d1", also=["d2"])
    assert api.datasets.list() == []


def test_dataset_that_is_not_related_can_neither_be_kept_nor_forgotten(api: Api) -> None:
    for dataset_id in ("d1", "d2"):
        add_dataset(api, dataset_id)
    for wish in ({"keep": ["d2"]}, {"also": ["d2"]}):
        with pytest.raises(DatasetNotFound):
            api.forgetting.forget("d1", **wish)
    assert len(api.datasets.list()) == 2


# ------------------------------------------------------------------------------ the trash


def test_dataset_and_copies_in_the_trash_are_forgotten(api: Api) -> None:
    add_dataset(api, "d1")
    sample(api, "d1", "s1")
    run_id = add_run(api, "One", "s1")
    for dataset_id in ("d1", "s1"):
        api.datasets.remove(dataset_id)
    api.runs.remove(run_id)
    plan = api.forgetting.plan("d1")
    assert {one.kind for one in plan.removed} == {TraceKind.TRASH}
    api.forgetting.forget("d1")
    assert [one.name for one in api.trash.list()] == ["One"]
    log = next(api.layout.trash.rglob("events.jsonl")).read_bytes()
    assert b"a row of it" not in log
    api.trash.restore("One")
    assert api.runs.get("One").state is JobState.FINISHED


def test_dataset_that_is_there_comes_before_one_of_that_name_in_the_trash(api: Api) -> None:
    add_dataset(api, "d1")
    api.datasets.rename("d1", "Same")
    api.datasets.remove("d1")
    add_dataset(api, "d2")
    api.datasets.rename("d2", "Same")
    assert api.forgetting.plan("Same").dataset_id == "d2"


# ------------------------------------------------------------------------------ what is gone


def purge(api: Api, dataset_id: str) -> None:
    """Remove a dataset, and empty the trash."""
    api.datasets.remove(dataset_id)
    api.trash.empty()


def shows_rows(api: Api, run_id: str) -> bool:
    return "a row of it" in api.layout.job(run_id).events.read_text(encoding="utf-8")


def test_run_on_a_derived_dataset_that_is_gone_is_emptied_and_named(api: Api) -> None:
    for dataset_id in ("d1", "d3"):
        add_dataset(api, dataset_id)
    sample(api, "d1", "d2")
    merge(api, ["d1", "d3"], "m1")
    run_id, merged_id = add_told_run(api, "Sampled", "d2"), add_told_run(api, "Merged", "m1")
    other_id = add_told_run(api, "Other", "d3")
    for dataset_id in ("d2", "m1", "d3"):
        purge(api, dataset_id)
    plan = api.forgetting.plan("d1")
    assert {one.id for one in plan.rewritten} == {run_id, merged_id}
    assert set(names(plan, RemainingKind.ADAPTER)) == {"Sampled", "Merged"}
    api.forgetting.forget("d1")
    assert [shows_rows(api, one) for one in (run_id, merged_id, other_id)] == [False, False, True]


def test_rows_of_other_files_that_a_derived_dataset_holds_are_not_meant(api: Api) -> None:
    for dataset_id in ("d1", "d3"):
        add_dataset(api, dataset_id)
    merge(api, ["d1", "d3"], "m1")
    run_id = add_told_run(api, "Other", "d3")
    purge(api, "d3")
    api.forgetting.forget("d1")
    assert api.datasets.list() == []
    assert shows_rows(api, run_id)


def test_files_of_what_is_forgotten_by_choice_are_meant_too(api: Api) -> None:
    first = Path(add_dataset(api, "d1").sources[0].path)
    alone = Path(add_dataset(api, "d3").sources[0].path)
    ImportRun(api.layout, [first, alone], dataset_id="d2", name="d2", eval_ratio=0.0).run()
    run_id = add_told_run(api, "Learned", "d3")
    purge(api, "d3")
    assert api.forgetting.plan("d1").rewritten == ()
    api.forgetting.forget("d1", also=["d2"])
    assert not shows_rows(api, run_id)


def test_dataset_that_is_gone_is_forgotten_by_its_id_or_name(api: Api) -> None:
    add_dataset(api, "0123456789ab", rows="d1")
    api.datasets.rename("0123456789ab", "Tickets")
    sample(api, "0123456789ab", "d2")
    run_id = add_told_run(api, "Learned", "0123456789ab")
    later_id = add_told_run(api, "Later", "d2")
    work = {"dataset_id": "0123456789ab", "form": "jsonl", "out": "/media/stick/rows"}
    end(api, api.jobs.create(JobKind.DATASET, "Tickets", "x:y", work), JobState.FINISHED)
    purge(api, "0123456789ab")
    for key in ("0123456789ab", "0123", "Tickets"):
        plan = api.forgetting.plan(key)
        assert (plan.dataset_id, plan.name) == ("0123456789ab", "Tickets")
    assert [one.id for one in plan.related] == ["d2"]
    done = api.forgetting.forget("Tickets")
    assert {one.id for one in done.rewritten} == {run_id, later_id}
    assert names(done, RemainingKind.COPY) == ["/media/stick/rows"]
    assert not shows_rows(api, run_id)
    assert not shows_rows(api, later_id)
    assert api.datasets.list() == []


def test_dataset_that_is_here_comes_before_one_of_that_name_that_is_gone(api: Api) -> None:
    add_dataset(api, "d1")
    api.datasets.rename("d1", "Same")
    add_told_run(api, "Learned", "d1")
    purge(api, "d1")
    add_dataset(api, "d2")
    api.datasets.rename("d2", "Same")
    assert api.forgetting.plan("Same").dataset_id == "d2"


def test_run_that_says_nothing_of_its_files_is_named(api: Api) -> None:
    add_dataset(api, "d1")
    add_run(api, "Old", "gone")
    assert names(api.forgetting.plan("d1"), RemainingKind.UNCLEAR) == ["Old"]


def test_damaged_dataset_is_known_by_what_its_runs_say(api: Api) -> None:
    add_dataset(api, "d1")
    sample(api, "d1", "d2")
    add_told_run(api, "Learned", "d1")
    run_id = add_told_run(api, "Sampled", "d2")
    purge(api, "d2")
    api.layout.dataset("d1").info.write_bytes(b"{")
    api.forgetting.forget("d1")
    assert not shows_rows(api, run_id)


# ------------------------------------------------------------------------------ what is kept


def test_runs_on_datasets_that_are_kept_are_named_and_not_emptied(api: Api) -> None:
    add_dataset(api, "d1", rows="same")
    add_dataset(api, "d3", rows="same")
    sample(api, "d1", "d2")
    on_sample, on_same = add_told_run(api, "On sample", "d2"), add_told_run(api, "On same", "d3")
    export = {"run_id": on_sample, "out": "/media/stick/adapter", "prompts": ["a row"]}
    end(api, api.jobs.create(JobKind.EXPORT, "On sample", "x:y", export), JobState.FINISHED)
    done = api.forgetting.forget("d1", keep=["d2"])
    assert set(names(done, RemainingKind.RUN)) == {"On sample", "On same"}
    assert names(done, RemainingKind.EXPORT) == ["/media/stick/adapter"]
    assert done.rewritten == ()
    assert shows_rows(api, on_sample)
    assert shows_rows(api, on_same)


def test_run_that_learned_from_both_is_emptied_and_named_once(api: Api) -> None:
    add_dataset(api, "d1")
    sample(api, "d1", "d2")
    recipe = Recipe(dataset_id="d2", model_id="m1", mix=(MixedDataset(dataset_id="d1"),))
    _add_run(api, "Both", recipe, {})
    plan = api.forgetting.plan("d1", keep=["d2"])
    assert [one.name for one in plan.rewritten] == ["Both"]
    assert names(plan, RemainingKind.RUN) == []


# ------------------------------------------------------------------------ what stands in the way


def test_nothing_is_forgotten_while_a_run_uses_it(api: Api) -> None:
    add_dataset(api, "d1")
    recipe = Recipe(dataset_id="d1", model_id="m1")
    run_id = api.jobs.create(JobKind.TRAIN, "Busy", "x:y", {}, recipe)
    folder = api.layout.job(run_id)
    write_document(folder.identity, own_identity(folder, "token"))
    (blocker,) = api.forgetting.plan("d1").blockers
    assert "Busy" in blocker
    with pytest.raises(InUse, match="Busy"):
        api.forgetting.forget("d1")
    assert len(api.datasets.open_rows("d1", None)) == 8
    assert not api.layout.forgetting.exists()


def test_nothing_is_forgotten_while_something_is_imported(api: Api) -> None:
    add_dataset(api, "d1")
    job_id = api.jobs.create(JobKind.IMPORT, "Others", "x:y", {"dataset_id": "d9"})
    folder = api.layout.job(job_id)
    write_document(folder.identity, own_identity(folder, "token"))
    with pytest.raises(InUse, match="Others"):
        api.forgetting.forget("d1")


def test_nothing_is_forgotten_while_a_run_waits_for_it_in_the_queue(api: Api) -> None:
    add_dataset(api, "d1")
    run_id = add_run(api, "Waits", "d1")
    QueueDesk(api.layout).change(lambda queue: rules.added(queue, run_id))
    with pytest.raises(InUse, match="Waits"):
        api.forgetting.forget("d1")


def test_damaged_dataset_is_forgotten_by_its_id(api: Api) -> None:
    add_dataset(api, "d1")
    api.layout.dataset("d1").info.write_bytes(b"{")
    assert api.forgetting.forget("d1").related == ()
    assert api.datasets.damaged() == []
