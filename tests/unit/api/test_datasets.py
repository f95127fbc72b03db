# SPDX-License-Identifier: Apache-2.0
"""The dataset side of the facade."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from engine.api.datasets import Datasets
from engine.api.jobs import Jobs, JobView
from engine.domain.dataset import ChatRow
from engine.domain.recipe import Recipe
from engine.domain.run import JobInfo, JobKind, JobSnapshot, JobState
from engine.domain.split import EVAL, TRAIN
from engine.errors import (
    DatasetDamaged,
    DatasetNotFound,
    FileMissing,
    FileUnreadable,
    InUse,
    WrongUsage,
)
from engine.formats.arrow_layout import data_file
from engine.store import atomicfs
from engine.store.documents import write_document
from engine.store.layout import Layout
from tests.builders.dataset_import import ImportRun, new_workspace

ROWS = b"".join(
    b'{"prompt": "Question %d", "completion": "Answer"}\n' % number for number in range(40)
)


@dataclass
class KnownJobs:
    """Jobs that are only written down."""

    views: list[JobView] = field(default_factory=list)
    created: list[tuple[JobKind, str, str, Mapping[str, Any]]] = field(default_factory=list)
    started: list[str] = field(default_factory=list)

    def create(self, kind: JobKind, name: str, entry: str, options: Mapping[str, Any]) -> str:
        self.created.append((kind, name, entry, options))
        return f"j{len(self.created)}"

    def start(self, job_id: str) -> None:
        self.started.append(job_id)

    def list(self, kind: JobKind | None = None) -> list[JobView]:
        return [one for one in self.views if kind in (None, one.info.kind)]


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return new_workspace(tmp_path / "workspace")


@pytest.fixture
def jobs() -> KnownJobs:
    return KnownJobs()


@pytest.fixture
def datasets(layout: Layout, jobs: KnownJobs) -> Datasets:
    return Datasets(layout, cast("Jobs", jobs), make_id=lambda: "newid")


def add(layout: Layout, dataset_id: str, name: str, content: bytes = ROWS) -> None:
    """Import a dataset."""
    path = layout.root.parent / "rows.jsonl"
    path.write_bytes(content)
    ImportRun(layout, [path], dataset_id=dataset_id, name=name).run()


def view(kind: JobKind, state: JobState, job_id: str = "j9") -> JobView:
    info = JobInfo(id=job_id, kind=kind, name="Run 1", entry="e", created_at="")
    return JobView(info=info, snapshot=JobSnapshot(), state=state)


# --- importing --------------------------------------------------------------------------------


def test_start_import_makes_and_starts_a_job_with_all_options(
    datasets: Datasets, jobs: KnownJobs, tmp_path: Path
) -> None:
    path = tmp_path / "Tickets.jsonl"
    path.write_bytes(ROWS)
    job_id = datasets.start_import([path], eval_ratio=0.2)
    assert jobs.started == [job_id] == ["j1"]
    ((kind, name, entry, options),) = jobs.created
    assert (kind, name, entry) == (JobKind.IMPORT, "Tickets", "engine.api.importing:run")
    assert options == {
        "paths": [str(path)],
        "name": "Tickets",
        "eval_ratio": 0.2,
        "dataset_id": "newid",
    }


@pytest.mark.parametrize(
    ("names", "eval_ratio", "error"),
    [([], 0.1, WrongUsage), (["none"], 0.1, FileMissing), (["a"], 0.95, WrongUsage),
     (["a"], -0.1, WrongUsage), (["a"], float("nan"), WrongUsage)],
)  # fmt: skip
def test_start_import_of_wrong_values_starts_nothing(
    names: list[str],
    eval_ratio: float,
    error: type[Exception],
    datasets: Datasets,
    jobs: KnownJobs,
    tmp_path: Path,
) -> None:
    (tmp_path / "a").write_bytes(ROWS)
    with pytest.raises(error):
        datasets.start_import([tmp_path / name for name in names], eval_ratio=eval_ratio)
    assert jobs.created == []


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has file names without characters")
def test_start_import_of_a_name_without_characters_is_a_named_error(
    datasets: Datasets, tmp_path: Path
) -> None:
    path = tmp_path / os.fsdecode(b"\xff.jsonl")
    path.write_bytes(ROWS)
    with pytest.raises(FileUnreadable) as caught:
        datasets.start_import([path])
    assert caught.value.message.isprintable()


@pytest.mark.parametrize(
    ("state", "is_kept"), [(JobState.RUNNING, True), (JobState.INTERRUPTED, False)]
)
def test_start_import_sweeps_what_a_killed_import_left_unless_one_lives(
    state: JobState, is_kept: bool, datasets: Datasets, jobs: KnownJobs, layout: Layout
) -> None:
    left = layout.datasets / ".tmp-1"
    left.mkdir()
    jobs.views.append(view(JobKind.IMPORT, state))
    assert datasets.list() == []
    assert datasets.damaged() == []
    source = layout.root.parent / "a"
    source.write_bytes(ROWS)
    datasets.start_import([source])
    assert left.exists() is is_kept


# --- finding ----------------------------------------------------------------------------------


def test_list_is_newest_first_and_get_finds_by_id_prefix_and_name(
    datasets: Datasets, layout: Layout
) -> None:
    add(layout, "abcdef01", "One")
    add(layout, "abcdzz02", "Two")
    assert [one.name for one in datasets.list()] == ["Two", "One"]
    for key in ("abcdef01", "abcde", "One"):
        assert datasets.get(key).id == "abcdef01"
    assert datasets.name_of("abcdzz02") == "Two"
    assert datasets.name_of("gone") == ""


@pytest.mark.parametrize("key", ["", "abc", "abcd", "none", "Same", "../abcdef01", ".", "/"])
def test_get_of_an_unknown_or_unclear_key_is_a_named_error(
    key: str, datasets: Datasets, layout: Layout
) -> None:
    add(layout, "abcdef01", "Same")
    add(layout, "abcdzz02", "Same")
    with pytest.raises(DatasetNotFound):
        datasets.get(key)


@pytest.mark.parametrize("fault", ["info", "rows", "manifest"])
def test_damaged_dataset_is_reported_and_the_others_stay(
    fault: str, datasets: Datasets, layout: Layout
) -> None:
    add(layout, "sound", "Sound")
    add(layout, "broken", "Broken")
    folder = layout.dataset("broken")
    file = {
        "info": folder.info,
        "rows": data_file(folder.rows, TRAIN),
        "manifest": folder.root / atomicfs.MANIFEST,
    }[fault]
    file.write_bytes(file.read_bytes()[:-20])
    assert [one.id for one in datasets.list()] == ["sound"]
    ((found, why),) = datasets.damaged()
    assert found == "broken"
    assert why


def test_copied_dataset_is_damaged_and_its_removal_leaves_the_first_alone(
    datasets: Datasets, layout: Layout
) -> None:
    add(layout, "first", "First")
    shutil.copytree(layout.dataset("first").root, layout.dataset("copy").root)
    assert [key for key, _why in datasets.damaged()] == ["copy"]
    datasets.remove("copy")
    assert [one.id for one in datasets.list()] == ["first"]
    assert datasets.damaged() == []


# --- reading ----------------------------------------------------------------------------------


def test_open_rows_gives_rows_previews_and_their_source(datasets: Datasets, layout: Layout) -> None:
    add(layout, "d1", "One", b"\n" + ROWS)
    table = datasets.open_rows("d1")
    held = datasets.open_rows("d1", EVAL)
    assert len(table) + len(held) == 40
    assert isinstance(table.row(0), ChatRow)
    assert table.preview(0).title.startswith("Question")
    assert table.preview(0).turns == 2
    name, line = table.source(0)
    assert name == "rows.jsonl"
    assert 2 <= line <= 41
    table.close()
    held.close()


def test_open_rows_of_no_split_is_a_named_error(datasets: Datasets, layout: Layout) -> None:
    add(layout, "d1", "One")
    with pytest.raises(DatasetNotFound):
        datasets.open_rows("d1", "test")


def test_open_rows_of_damaged_rows_is_a_named_error(datasets: Datasets, layout: Layout) -> None:
    add(layout, "d1", "One")
    data_file(layout.dataset("d1").rows, TRAIN).unlink()
    with pytest.raises(DatasetDamaged):
        datasets.open_rows("d1")


def test_rejects_are_in_order_up_to_the_limit(datasets: Datasets, layout: Layout) -> None:
    add(layout, "d1", "One", b"{}\n[]\n" + ROWS + b"5\n")
    found = datasets.rejects("d1")
    assert [(one.line, one.reason) for one in found] == [
        (1, "unknown_shape"), (2, "empty_conversation"), (43, "not_an_object"),
    ]  # fmt: skip
    assert datasets.rejects("d1", limit=1) == found[:1]


def test_rejects_of_a_damaged_list_is_a_named_error(datasets: Datasets, layout: Layout) -> None:
    add(layout, "d1", "One", b"{}\n" + ROWS)
    layout.dataset("d1").rejects.write_bytes(b"{broken\n")
    with pytest.raises(DatasetDamaged):
        datasets.rejects("d1")


# --- changing ---------------------------------------------------------------------------------


def test_rename_changes_the_name_alone_and_everything_verifies(
    datasets: Datasets, layout: Layout
) -> None:
    add(layout, "d1", "One")
    before = datasets.get("d1")
    assert datasets.rename("d1", "  Größer ").name == "Größer"
    assert datasets.get("Größer") == msgspec.structs.replace(before, name="Größer")
    atomicfs.verify_folder(layout.dataset("d1").root)
    with pytest.raises(WrongUsage):
        datasets.rename("d1", "  ")


def test_remove_takes_everything_of_the_dataset(datasets: Datasets, layout: Layout) -> None:
    add(layout, "d1", "One")
    add(layout, "d2", "Two")
    datasets.remove("d1")
    assert [path.name for path in layout.datasets.iterdir()] == ["d2"]
    with pytest.raises(DatasetNotFound):
        datasets.remove("d1")


def test_remove_of_a_damaged_dataset_works(datasets: Datasets, layout: Layout) -> None:
    add(layout, "d1", "One")
    layout.dataset("d1").info.write_bytes(b"{")
    datasets.remove("d1")
    assert list(layout.datasets.iterdir()) == []


@pytest.mark.parametrize(
    ("state", "used", "is_refused"),
    [(JobState.RUNNING, "d1", True), (JobState.RUNNING, "d2", False),
     (JobState.FINISHED, "d1", False)],
)  # fmt: skip
def test_remove_while_a_run_trains_on_it_is_refused(
    state: JobState,
    used: str,
    is_refused: bool,
    datasets: Datasets,
    jobs: KnownJobs,
    layout: Layout,
) -> None:
    add(layout, "d1", "One")
    jobs.views.append(view(JobKind.TRAIN, state))
    atomicfs.make_folder(layout.job("j9").root)
    write_document(layout.job("j9").recipe, Recipe(dataset_id=used, model_id="m1"))
    if is_refused:
        with pytest.raises(InUse):
            datasets.remove("d1")
    else:
        datasets.remove("d1")
    assert layout.dataset("d1").root.exists() is is_refused
