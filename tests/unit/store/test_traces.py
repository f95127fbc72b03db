# SPDX-License-Identifier: Apache-2.0
"""What learned from a dataset is found although the dataset, a run between, or both are gone."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from engine.domain.run import JobKind
from engine.domain.start import AdapterStart, HeldOutData
from engine.protocol.events import AdapterCommitted
from engine.store import atomicfs, forgetting
from engine.store.adapterfolder import CHECKPOINT_WEIGHTS, WEIGHTS
from engine.store.documents import read_document
from engine.store.eventlog import EventWriter
from engine.store.inventory import damaged_folders
from engine.store.layout import Layout
from engine.store.traces import Marks, find_traces
from engine.store.workspace import open_workspace
from tests.builders.traces import (
    NOW,
    SECRET,
    add_dataset,
    add_job,
    add_run,
    files_with_secret,
)

SOURCE, OTHER_SOURCE = "a" * 64, "b" * 64
NOWHERE = "f" * 64


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return open_workspace(tmp_path / "w", now=NOW)


def forget(layout: Layout) -> None:
    """Forget d1 and every row of its source file."""
    forgetting.forget(layout, ["d1"], source_sha256=[SOURCE])


def told(*sources: str) -> dict[str, Any]:
    """Return what a run tells of a dataset."""
    return {"name": "Rows", "kind": "text", "version": 1, "source_sha256": list(sources)}


def start(run_id: str = "", sha256: str = NOWHERE, *, held_out: Sequence[str] = ()) -> AdapterStart:
    data = tuple(HeldOutData(dataset_id=one) for one in held_out)
    return AdapterStart(sha256=sha256, name=run_id or "folder", run_id=run_id, held_out=data)


def add_weights(folder: Path, name: str, content: bytes) -> str:
    """Make a folder with weights, and return their hash."""
    with atomicfs.new_folder(folder) as building:
        atomicfs.write_file(building / name, content)
    return atomicfs.read_manifest(folder).files[name].sha256


def remove_run(layout: Layout, run_id: str) -> None:
    """Remove a run for good, past the trash."""
    shutil.rmtree(layout.job(run_id).root)


# ------------------------------------------------------------------------------ a run is gone


def test_run_of_a_removed_run_is_known_by_what_it_was_measured_on(layout: Layout) -> None:
    add_run(layout, "r1", "d1")
    add_run(layout, "r2", "other", start("r1", held_out=["d1"]))
    add_run(layout, "r3", "other", start("r9", "9" * 64, held_out=["d9"]))
    remove_run(layout, "r1")
    forget(layout)
    assert files_with_secret(layout.root) == ["jobs/r3/events.jsonl"]


def test_run_of_a_removed_run_is_known_by_the_files_that_this_learned_from(layout: Layout) -> None:
    line = [{"name": "r1", "run_id": "r1", "sha256": NOWHERE, "data": [told(SOURCE)]}]
    add_run(layout, "r2", "other", start("r1"), descent=line)
    add_run(layout, "r3", "other", start("r2", "1" * 64))
    unlike = [{**line[0], "run_id": "r8", "sha256": "8" * 64, "data": [told(OTHER_SOURCE)]}]
    add_run(layout, "r4", "other", start("r8", "8" * 64), descent=unlike)
    forget(layout)
    assert files_with_secret(layout.root) == ["jobs/r4/events.jsonl"]


def test_ancestor_that_is_here_and_learned_from_others_is_believed(layout: Layout) -> None:
    add_dataset(layout, "d2")
    add_run(layout, "r1", "d2", data=[told(SOURCE)])
    line = [{"name": "r1", "run_id": "r1", "sha256": NOWHERE, "data": [told(SOURCE)]}]
    add_run(layout, "r2", "other", start("r1"), descent=line)
    assert find_traces(layout, Marks(dataset_ids=("d1",), source_sha256=(SOURCE,))).runs == ()


def test_folder_with_weights_of_a_run_is_known_by_their_hash(layout: Layout) -> None:
    folder = layout.job(add_run(layout, "r1", "d1"))
    delivered = add_weights(folder.adapter, WEIGHTS, b"delivered")
    saved = add_weights(folder.checkpoints / "ck-000002", CHECKPOINT_WEIGHTS, b"saved")
    replaced = "7" * 64
    writer = EventWriter(folder.events, now=lambda: NOW)
    writer.append(AdapterCommitted(path="adapter", sha256=replaced, step=1))
    writer.close()
    for number, sha256 in enumerate((delivered, saved, replaced)):
        add_run(layout, f"r2{number}", "other", start(sha256=sha256))
    add_run(layout, "r3", "other", start(sha256=NOWHERE))
    forget(layout)
    assert files_with_secret(layout.root) == ["jobs/r3/events.jsonl"]


def test_export_of_a_removed_run_is_known_by_its_files_and_leads_on(
    layout: Layout, tmp_path: Path
) -> None:
    sha256 = add_weights(tmp_path / "adapter", WEIGHTS, b"exported")
    out = {"run_id": "r1", "out": str(tmp_path / "adapter"), "prompts": [SECRET]}
    add_job(layout, "e1", JobKind.EXPORT, **out, data=[told(SOURCE)])
    add_job(layout, "e2", JobKind.EXPORT, **{**out, "run_id": "r9"}, data=[told(OTHER_SOURCE)])
    add_run(layout, "r2", "other", start(sha256=sha256))
    add_run(layout, "r3", "other", start("r1", "1" * 64))
    forget(layout)
    assert files_with_secret(layout.root) == ["jobs/e2/job.json"]


def test_export_of_a_run_that_is_here_is_judged_by_the_run(layout: Layout) -> None:
    add_dataset(layout, "d2")
    add_run(layout, "r1", "d2", data=[told(SOURCE)])
    add_job(layout, "e1", JobKind.EXPORT, run_id="r1", prompts=["p"], data=[told(SOURCE)])
    assert find_traces(layout, Marks(dataset_ids=("d1",), source_sha256=(SOURCE,))).exports == ()


def test_backup_of_a_removed_run_goes(layout: Layout) -> None:
    for name in ("r1", "r9"):
        (layout.backups / f"version-{name}" / "jobs" / name).mkdir(parents=True)
    line = [{"name": "x", "run_id": ".", "sha256": "8" * 64, "data": [told(SOURCE)]}]
    add_run(layout, "r2", "other", start("r1", held_out=["d1"]), descent=line)
    forget(layout)
    assert [one.name for one in layout.backups.iterdir()] == ["version-r9"]


# ------------------------------------------------------------------------------ a dataset is gone


def test_run_on_a_dataset_that_is_gone_is_known_by_its_files(layout: Layout) -> None:
    add_run(layout, "r1", "d2", data=[told(SOURCE)])
    add_run(layout, "r2", "d3", data=[told(OTHER_SOURCE)])
    forget(layout)
    assert files_with_secret(layout.root) == ["jobs/r2/events.jsonl"]


def test_run_on_a_dataset_of_the_same_file_that_is_here_is_left_alone(layout: Layout) -> None:
    add_dataset(layout, "d2")
    add_run(layout, "r1", "d2", data=[told(SOURCE)])
    forget(layout)
    assert files_with_secret(layout.root) == [
        "datasets/d2/rows.arrow",
        "jobs/r1/events.jsonl",
    ]


def test_run_on_what_was_made_of_it_is_known_by_the_job_that_made_that(layout: Layout) -> None:
    add_run(layout, "r1", "d3")
    add_job(layout, "j1", JobKind.DATASET, dataset_id="d1", new_id="d2")
    add_job(layout, "j0", JobKind.DATASET, dataset_ids=["d2", "d8"], new_id="d3")
    add_run(layout, "r2", "d9")
    add_job(layout, "j9", JobKind.DATASET, dataset_id="d8", new_id="d9")
    forget(layout)
    assert files_with_secret(layout.root) == ["jobs/r2/events.jsonl"]


def test_what_was_made_of_it_and_is_here_stays_with_its_runs(layout: Layout) -> None:
    add_dataset(layout, "d2")
    add_job(layout, "j1", JobKind.DATASET, dataset_id="d1", new_id="d2")
    add_run(layout, "r1", "d2")
    forget(layout)
    assert files_with_secret(layout.root) == ["datasets/d2/rows.arrow", "jobs/r1/events.jsonl"]


def test_run_that_tells_of_more_datasets_than_it_names_may_mean_any(layout: Layout) -> None:
    add_run(layout, "r1", "d2", data=[told(OTHER_SOURCE), told(SOURCE)])
    forget(layout)
    assert files_with_secret(layout.root) == []


def test_runs_of_which_nothing_tells_the_files_are_unclear(layout: Layout) -> None:
    add_dataset(layout, "d2")
    add_run(layout, "r1", "gone")
    add_run(layout, "r2", "gone2", data=[told(OTHER_SOURCE)])
    add_run(layout, "r3", "d2")
    add_job(layout, "e1", JobKind.EXPORT, run_id="r9")
    add_job(layout, "e2", JobKind.EXPORT, run_id="r1")
    add_job(layout, "e3", JobKind.EXPORT, run_id="r9", data=[told(OTHER_SOURCE)])
    found = find_traces(layout, Marks(dataset_ids=("d1",), source_sha256=(SOURCE,))).unclear
    assert [one.info.id for one in found] == ["e1", "r1"]


def test_run_of_a_run_that_is_gone_and_told_nothing_is_unclear(layout: Layout) -> None:
    add_dataset(layout, "d2")
    add_run(layout, "r1", "d2")
    for name, run_id, data in (("a", "r8", []), ("b", "r9", [told(OTHER_SOURCE)]), ("c", "r1", [])):
        line = [{"name": "x", "run_id": run_id, "sha256": NOWHERE, "data": data}]
        add_run(layout, name, "d2", start(run_id), descent=line)
    add_run(layout, "d", "d2", start("r8", "8" * 64))
    add_run(layout, "e", "d2", start("", "9" * 64))
    found = find_traces(layout, Marks(dataset_ids=("d1",), source_sha256=(SOURCE,))).unclear
    assert [one.info.id for one in found] == ["a", "d"]


# ------------------------------------------------------------------------- what is written down


def life(layout: Layout) -> None:
    """Make runs that are only linked to d1 by what is deleted first, or may be."""
    add_dataset(layout, "d1")
    add_job(layout, "j1", JobKind.DATASET, dataset_id="d1", new_id="d2", note=SECRET)
    add_run(layout, "r2", "d2")
    add_run(layout, "r3", "d4", data=[told(SOURCE)])
    add_run(layout, "r4", "other", start("r3", "3" * 64))
    add_run(layout, "r5", "d4", data=[told(SOURCE)])
    add_job(layout, "e5", JobKind.EXPORT, run_id="r5", prompts=[SECRET])


@pytest.mark.parametrize("last", [1, 2])
def test_links_that_go_first_are_written_down_before(
    last: int, layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    life(layout)
    removed: list[Path] = []
    real = atomicfs.remove_folder

    def remove(path: Path) -> None:
        real(path)
        removed.append(path)
        if len(removed) == last:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(atomicfs, "remove_folder", remove)
        with pytest.raises(KeyboardInterrupt):
            forget(layout)
    assert removed == [layout.dataset("d1").root, layout.job("j1").root][:last]
    written = read_document(layout.forgetting, Marks)
    assert (written.dataset_ids, written.former_ids) == (("d1",), ("d2", "d4"))
    assert written.source_sha256 == (SOURCE,)
    assert {"r2", "r3", "r4", "r5"} <= set(written.run_ids)
    # Even the runs between may go before the next start.
    for run_id in ("r3", "r5"):
        remove_run(layout, run_id)
    open_workspace(layout.root, now=NOW)
    assert files_with_secret(layout.root) == []
    assert not layout.forgetting.exists()


def test_former_dataset_that_is_here_again_is_not_touched(layout: Layout) -> None:
    add_dataset(layout, "d2")
    add_run(layout, "r1", "d2")
    atomicfs.write_file(layout.forgetting, b'{"dataset_ids":["d1"],"former_ids":["d2"]}')
    open_workspace(layout.root, now=NOW)
    assert not layout.forgetting.exists()
    assert files_with_secret(layout.root) == ["datasets/d2/rows.arrow", "jobs/r1/events.jsonl"]


# ------------------------------------------------------------------------------ damaged documents


@pytest.mark.parametrize("out", ["\0", "x" * 5000, "/dev/null"])
def test_place_of_an_export_that_is_no_folder_hinders_nobody(out: str, layout: Layout) -> None:
    add_job(layout, "e1", JobKind.EXPORT, run_id="r1", out=out, data=[told(SOURCE)])
    add_run(layout, "r2", "other", start())
    forget(layout)
    assert not layout.forgetting.exists()


def test_file_in_the_place_of_an_adapter_hinders_nobody(layout: Layout) -> None:
    folder = layout.job(add_run(layout, "r1", "d1"))
    folder.adapter.write_bytes(b"")
    add_run(layout, "r2", "other", start("r1"))
    forget(layout)
    assert files_with_secret(layout.root) == []


@pytest.mark.parametrize(
    "options",
    [
        {"dataset_id": 7},
        {"dataset_ids": {"d1": 1}},
        {"run_id": ["r1"]},
        {"prompts": 1},
        {"out": 3},
        {"data": [{"source_sha256": "x"}]},
        {"descent": "r1"},
        {"descent": [{"run_id": 1}]},
    ],
)
def test_job_that_names_things_in_a_wrong_way_is_damaged_and_hinders_nobody(
    options: dict[str, object], layout: Layout
) -> None:
    add_dataset(layout, "d1")
    add_job(layout, "odd", JobKind.EXPORT, **options)
    assert damaged_folders(layout) == [layout.job("odd").root]
    atomicfs.write_file(layout.forgetting, b'{"dataset_ids":["d1"]}')
    open_workspace(layout.root, now=NOW)
    assert not layout.forgetting.exists()
    assert not layout.dataset("d1").root.exists()
