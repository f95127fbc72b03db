# SPDX-License-Identifier: Apache-2.0
"""Jobs that prepare datasets: split, merge, sample, export."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from engine.api import dataset_export, deriving, splitting
from engine.api.datasets import Datasets
from engine.api.jobs import Jobs
from engine.api.preparation import ExportForm, Preparation
from engine.api.versions import Versions
from engine.domain.dataset import TextRow
from engine.domain.run import JobKind
from engine.domain.split import EVAL, TRAIN, SplitBy, SplitRule
from engine.domain.version import Action
from engine.errors import InUse, MixedKinds, TargetExists, WrongUsage
from engine.protocol.events import Stopped
from engine.store.layout import Layout
from tests.builders.dataset_import import ImportRun, new_workspace
from tests.builders.jobs import JobRun

FAR = SplitRule(is_near_together=False, eval_ratio=0.2)
WORDS = [
    "river",
    "stone",
    "lamp",
    "winter",
    "paper",
    "green",
    "engine",
    "cloud",
    "bread",
    "silver",
    "garden",
    "music",
    "window",
    "north",
    "travel",
    "copper",
    "button",
    "market",
    "letter",
    "ocean",
]


def sentence(number: int) -> str:
    """Return a text of its own, of words that few others have."""
    return f"{number} " + " ".join(f"{word}{number}" for word in WORDS[:12])


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return new_workspace(tmp_path / "workspace")


@pytest.fixture
def datasets(layout: Layout) -> Datasets:
    return Datasets(layout, Jobs(layout))


def add(layout: Layout, tmp_path: Path, dataset_id: str, texts: list[str], **more: Any) -> None:
    """Import texts as a dataset; `more` are fields of every row."""
    source = tmp_path / f"{dataset_id}.jsonl"
    lines = [json.dumps({"text": one, **more}) + "\n" for one in texts]
    source.write_text("".join(lines), encoding="utf-8")
    ImportRun(layout, [source], dataset_id=dataset_id, name=dataset_id, eval_ratio=0.2).run()


def texts_of(datasets: Datasets, dataset_id: str, split: str | None = None) -> list[str]:
    """Return the texts of a split, or of all."""
    table = datasets.open_rows(dataset_id, split)
    found = [cast("TextRow", row).text for _hash, row in table.rows()]
    table.close()
    return found


def rule(given: SplitRule) -> Any:
    """Return a rule as job options hold it."""
    return msgspec.to_builtins(given)


def merge(layout: Layout, given: SplitRule, *ids: str) -> JobRun:
    """Merge datasets as `new`."""
    options = {"dataset_ids": ids, "new_id": "new", "name": "both", "rule": rule(given)}
    return JobRun(layout, deriving.run_merge, options)


def test_split_job_makes_a_version_that_can_be_undone(
    layout: Layout, datasets: Datasets, tmp_path: Path
) -> None:
    add(layout, tmp_path, "d1", [sentence(one) for one in range(60)])
    before = texts_of(datasets, "d1", EVAL)
    folds = SplitRule(by=SplitBy.FOLD, folds=3, fold=1)
    run = JobRun(layout, splitting.run, {"dataset_id": "d1", "rule": rule(folds)})
    assert run.result["version"] == "2"
    info = datasets.get("d1")
    assert info.splits[EVAL] + info.splits[TRAIN] == 60
    assert 10 <= info.splits[EVAL] <= 30
    versions = Versions(layout, datasets)
    assert versions.history("d1")[-1].detail == "fold 1 of 3"
    versions.undo("d1")
    assert texts_of(datasets, "d1", EVAL) == before


def test_split_job_keeps_near_copies_on_one_side(
    layout: Layout, datasets: Datasets, tmp_path: Path
) -> None:
    pairs = [sentence(one) for one in range(40)]
    add(layout, tmp_path, "d1", [*pairs, *(f"{one} indeed" for one in pairs)])
    given = SplitRule(eval_ratio=0.4)
    JobRun(layout, splitting.run, {"dataset_id": "d1", "rule": rule(given)})
    held = {one.removesuffix(" indeed") for one in texts_of(datasets, "d1", EVAL)}
    trained = {one.removesuffix(" indeed") for one in texts_of(datasets, "d1", TRAIN)}
    assert held
    assert trained
    assert not held & trained


def test_merge_has_all_rows_their_sources_and_statements(
    layout: Layout, datasets: Datasets, tmp_path: Path
) -> None:
    add(layout, tmp_path, "d1", [sentence(one) for one in range(30)], who="a")
    add(layout, tmp_path, "d2", [sentence(one) for one in range(20, 60)], who="b")
    datasets.describe("d2", licence="MIT", consent="asked")
    Versions(layout, datasets).remove_rows("d2", [0])
    gone = set(texts_of(datasets, "d1")) | set(texts_of(datasets, "d2"))
    merge(layout, FAR, "d1", "d2")
    info = datasets.get("new")
    assert (info.rows, info.version, info.name) == (69, 2, "both")
    assert (info.licence, info.consent) == ("CC0; MIT", "asked")
    assert [line.split(",")[0] for line in info.earlier] == [
        "d1: Imported 30 rows", "d2: Imported 40 rows", "d2: Removed 1 row",
    ]  # fmt: skip
    assert set(texts_of(datasets, "new")) == gone
    assert not set(texts_of(datasets, "new", EVAL)) & set(texts_of(datasets, "new", TRAIN))
    table = datasets.open_rows("new", None)
    sources = {(table.source(one)[0], table.place(one).fields) for one in range(len(table))}
    assert sources == {("d1.jsonl", '{"who":"a"}'), ("d2.jsonl", '{"who":"b"}')}
    table.close()


def test_merge_keeps_a_frozen_eval_split_and_lists_what_is_too_near(
    layout: Layout, datasets: Datasets, tmp_path: Path
) -> None:
    add(layout, tmp_path, "d1", [sentence(one) for one in range(40)])
    held = texts_of(datasets, "d1", EVAL)
    add(layout, tmp_path, "d2", [held[0], f"{held[1]} indeed", sentence(50)])
    datasets.freeze_eval("d1")
    merge(layout, SplitRule(), "d1", "d2")
    assert texts_of(datasets, "new", EVAL) == held
    assert len(texts_of(datasets, "new", TRAIN)) == 40 - len(held) + 1
    rejects = datasets.rejects("new")
    assert [(one.file, one.reason) for one in rejects] == [("d2.jsonl", "held_out")] * 2
    assert datasets.get("new").is_eval_frozen


def test_merge_of_different_kinds_is_refused(
    layout: Layout, datasets: Datasets, tmp_path: Path
) -> None:
    add(layout, tmp_path, "d1", ["a", "b"])
    source = tmp_path / "c.jsonl"
    source.write_text('{"prompt": "a", "completion": "b"}\n' * 2, encoding="utf-8")
    ImportRun(layout, [source], dataset_id="d2").run()
    with pytest.raises(MixedKinds):
        merge(layout, FAR, "d1", "d2")
    assert [one.id for one in datasets.list()] == ["d2", "d1"] or len(datasets.list()) == 2


def test_sample_is_decided_by_the_seed_and_keeps_the_splits(
    layout: Layout, datasets: Datasets, tmp_path: Path
) -> None:
    add(layout, tmp_path, "d1", [sentence(one) for one in range(50)])
    found: list[list[str]] = []
    for seed, new_id in ((1, "s1"), (1, "s2"), (2, "s3")):
        options = {"dataset_id": "d1", "new_id": new_id, "name": "s", "rows": 20, "seed": seed}
        JobRun(layout, deriving.run_sample, options)
        found.append(texts_of(datasets, new_id))
        assert set(texts_of(datasets, new_id, EVAL)) <= set(texts_of(datasets, "d1", EVAL))
        assert set(texts_of(datasets, new_id, TRAIN)) <= set(texts_of(datasets, "d1", TRAIN))
    assert found[0] == found[1] != found[2]
    assert len(found[0]) == 20


def test_export_writes_the_current_version_and_a_card(
    layout: Layout, datasets: Datasets, tmp_path: Path
) -> None:
    add(layout, tmp_path, "d1", [sentence(one) for one in range(30)])
    Versions(layout, datasets).remove_rows("d1", [0, 1], action=Action.FIXED, detail="copies")
    out = tmp_path / "out"
    options = {"dataset_id": "d1", "form": "jsonl", "out": str(out)}
    run = JobRun(layout, dataset_export.run, options)
    assert run.result == {"path": str(out)}
    lines = [(out / f"{one}.jsonl").read_text(encoding="utf-8") for one in (TRAIN, EVAL)]
    assert "".join(lines).count("\n") == 28
    card = (out / "README.md").read_text(encoding="utf-8")
    assert "- Licence: CC0" in card
    assert "2. Fixed 2 rows (copies)" in card
    assert str(tmp_path) not in card


@pytest.mark.parametrize(
    ("entry", "options"),
    [
        (splitting.run, {"dataset_id": "d1", "rule": rule(SplitRule())}),
        (
            deriving.run_sample,
            {"dataset_id": "d1", "new_id": "new", "name": "s", "rows": 5000, "seed": 1},
        ),
        (dataset_export.run, {"dataset_id": "d1", "form": "csv", "out": "OUT"}),
    ],
    ids=["split", "sample", "export"],
)
def test_a_stop_ends_the_job_and_changes_nothing(
    entry: Any, options: dict[str, Any], layout: Layout, datasets: Datasets, tmp_path: Path
) -> None:
    add(layout, tmp_path, "d1", [sentence(one) for one in range(5000)])
    out = tmp_path / "out"
    given = {name: str(out) if one == "OUT" else one for name, one in options.items()}
    run = JobRun(layout, entry, given, stop_requested=lambda: True)
    assert isinstance(run.events[-1], Stopped)
    assert [one.id for one in datasets.list()] == ["d1"]
    assert datasets.get("d1").version == 1
    assert not out.exists()


class StartedJobs:
    """Jobs that are only written down."""

    def __init__(self) -> None:
        self.made: list[tuple[JobKind, str, str, dict[str, Any]]] = []

    def create(self, kind: JobKind, name: str, entry: str, options: dict[str, Any]) -> str:
        self.made.append((kind, name, entry, options))
        return "j1"

    def start(self, _job_id: str) -> None:
        return


@pytest.fixture
def preparation(layout: Layout, datasets: Datasets, tmp_path: Path) -> Preparation:
    add(layout, tmp_path, "d1", [sentence(one) for one in range(10)])
    add(layout, tmp_path, "d2", [sentence(one) for one in range(10)])
    jobs = cast("Jobs", StartedJobs())
    return Preparation(jobs=jobs, datasets=datasets, make_id=lambda: "new")


@pytest.mark.parametrize(
    "wrong",
    [
        lambda given, _out: given.start_split("d1", SplitRule(eval_ratio=2)),
        lambda given, _out: given.start_merge(["d1", "d1"], name="", rule=FAR),
        lambda given, _out: given.start_sample("d1", rows=11),
        lambda given, _out: given.start_sample("d1", rows=0),
        lambda given, out: given.start_export("d1", form=ExportForm.CSV, out=out),
    ],
)
def test_what_cannot_be_done_is_refused_before_a_job_starts(
    wrong: Any, preparation: Preparation, tmp_path: Path
) -> None:
    with pytest.raises((WrongUsage, TargetExists)):
        wrong(preparation, tmp_path)


def test_a_frozen_eval_split_is_not_split_again(
    preparation: Preparation, datasets: Datasets
) -> None:
    datasets.freeze_eval("d1")
    with pytest.raises(InUse, match="frozen"):
        preparation.start_split("d1", FAR)
    folds = SplitRule(by=SplitBy.FOLD)
    with pytest.raises(WrongUsage, match="frozen"):
        preparation.start_merge(["d1", "d2"], name="", rule=folds)
    datasets.freeze_eval("d1", on=False)
    assert preparation.start_split("d1", FAR) == "j1"
