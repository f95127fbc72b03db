# SPDX-License-Identifier: Apache-2.0
"""What is deleted and rewritten when a dataset is forgotten, and what an interruption leaves."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from engine.domain.run import JobInfo, JobKind
from engine.domain.start import AdapterStart
from engine.domain.trash import TrashEntry, TrashKind
from engine.errors import DiskFailed, InUse
from engine.launcher.watch import JobFeed
from engine.protocol.codec import decode, encode, without_rows
from engine.protocol.events import FORGOTTEN, PhaseChanged, SampleMade
from engine.store import atomicfs, forgetting, inventory, trash
from engine.store.documents import read_document, write_document
from engine.store.eventlog import EventReader, EventWriter
from engine.store.kept_fold import read_kept, write_kept
from engine.store.layout import Layout
from engine.store.locks import held
from engine.store.workspace import open_workspace
from tests.builders.traces import (
    NOW,
    SAMPLE,
    SECRET,
    add_dataset,
    add_job,
    add_run,
    files_with_secret,
)
from tests.fakes.api import a_dataset

TIME = "2026-01-01T00:00:00.000Z"


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return open_workspace(tmp_path / "w", now=NOW)


# ------------------------------------------------------------------------------ one line of a log


@pytest.mark.parametrize("end", [b"\n", b""])
def test_line_of_a_sample_loses_its_texts_and_keeps_its_length(end: bytes) -> None:
    line = encode(SAMPLE, seq=7, t=TIME).removesuffix(b"\n") + end
    found = without_rows(line)
    assert len(found) == len(line)
    assert SECRET.encode() not in found
    assert decode(found).event == SampleMade(step=3, prompt=FORGOTTEN, answer="", expected="")
    assert (decode(found).seq, decode(found).t) == (7, TIME)
    assert without_rows(found) == found


@pytest.mark.parametrize("length", range(12))
def test_line_of_a_short_sample_keeps_its_length(length: int) -> None:
    line = encode(SampleMade(step=1, prompt="s" * length, answer=""), seq=1, t=TIME)
    event = decode(without_rows(line)).event
    assert len(without_rows(line)) == len(line)
    assert isinstance(event, SampleMade)
    assert "s" not in event.prompt


@pytest.mark.parametrize("length", range(20))
def test_line_of_the_first_versions_has_no_checksum_and_keeps_its_length(length: int) -> None:
    new = encode(SampleMade(step=1, prompt="s" * length, answer=""), seq=1, t=TIME)
    line = new[: new.rindex(b',"crc"')] + b"}\n"
    event = decode(without_rows(line)).event
    assert len(without_rows(line)) == len(line)
    assert isinstance(event, SampleMade)
    assert "s" not in event.prompt


def test_line_that_cannot_be_read_becomes_blank_and_others_stay() -> None:
    torn = encode(SAMPLE, seq=7, t=TIME)[:80]
    assert without_rows(torn) == b" " * 80
    assert without_rows(torn + b"\n") == b" " * 80 + b"\n"
    other = encode(PhaseChanged(phase="saving"), seq=8, t=TIME)
    assert without_rows(other) == other


# ------------------------------------------------------------------------------ a whole workspace


def test_log_without_samples_is_read_on_from_any_place_and_written_on(layout: Layout) -> None:
    folder = layout.job(add_run(layout, "r1", "d1"))
    before = EventReader(folder.events)
    seen = before.poll(limit=2)
    kept = EventReader(folder.events)
    kept.poll()
    write_kept(folder, kept.place, JobFeed(folder).snapshot)
    forgetting.forget(layout, ["d1"])
    assert read_kept(folder, is_whole_checked=True) is None
    assert [one.seq for one in before.poll()] == [3]
    writer = EventWriter(folder.events, now=lambda: NOW)
    writer.append(PhaseChanged(phase="over"))
    writer.close()
    events = EventReader(folder.events).poll()
    assert [one.seq for one in events] == [1, 2, 3, 4]
    assert events[0] == seen[0]
    assert isinstance(events[1].event, SampleMade)
    assert files_with_secret(layout.root) == []


def test_torn_and_damaged_ends_of_a_log_go_too(layout: Layout) -> None:
    folder = layout.job(add_run(layout, "r1", "d1"))
    (folder.root / "damaged-events-12.jsonl").write_bytes(SECRET.encode())
    (folder.root / ".tmp-1").write_bytes(SECRET.encode())
    with folder.events.open("ab") as stream:
        stream.write(b'{"torn ' + SECRET.encode())
    forgetting.forget(layout, ["d1"])
    assert files_with_secret(layout.root) == []
    assert len(EventReader(folder.events).poll()) == 3


def test_runs_that_did_not_learn_from_it_keep_what_they_show(layout: Layout) -> None:
    add_run(layout, "r1", "d1")
    add_run(layout, "r2", "other")
    forgetting.forget(layout, ["d1"])
    assert files_with_secret(layout.root) == ["jobs/r2/events.jsonl"]


def test_runs_that_go_on_from_one_that_learned_are_emptied_too(layout: Layout) -> None:
    add_run(layout, "r1", "d1")
    start = AdapterStart(sha256="0" * 64, name="r1", run_id="r1")
    # Written before the run it goes on from: the order of names must not matter.
    add_run(layout, "a2", "other", start)
    add_run(layout, "a1", "other", AdapterStart(sha256="0" * 64, name="a2", run_id="a2"))
    forgetting.forget(layout, ["d1"])
    assert files_with_secret(layout.root) == []


def test_jobs_backups_and_leftovers_that_hold_rows_go(layout: Layout) -> None:
    add_dataset(layout, "d1")
    run_id = add_run(layout, "r1", "d1")
    add_job(layout, "work", JobKind.DATASET, dataset_id="d1", note=SECRET)
    add_job(layout, "merge", JobKind.DATASET, dataset_ids=["x", "d1"], note=SECRET)
    add_job(layout, "asked", JobKind.GENERATE, prompts=[SECRET], run_id=None)
    export = add_job(layout, "export", JobKind.EXPORT, prompts=[SECRET], run_id=run_id, out="/x")
    for name in ("datasets/d1", "jobs/r1"):
        backup = layout.backups / f"version-{name[:2]}" / name
        backup.mkdir(parents=True)
        (backup / "file").write_bytes(SECRET.encode())
    for place in (layout.datasets / ".tmp-1", layout.jobs / ".del-1"):
        place.mkdir()
        (place / "file").write_bytes(SECRET.encode())
    forgetting.forget(layout, ["d1"])
    assert files_with_secret(layout.root) == []
    assert sorted(one.name for one in layout.jobs.iterdir()) == ["export", "r1"]
    info = read_document(layout.job(export).info, JobInfo)
    assert msgspec.json.decode(info.options["out"]) == "/x"
    atomicfs.verify_folder(layout.job(export).root)
    assert not any(layout.backups.iterdir())


def test_work_on_others_and_backups_of_others_stay(layout: Layout) -> None:
    add_dataset(layout, "d2")
    add_job(layout, "work", JobKind.DATASET, dataset_id="d2")
    add_job(layout, "both", JobKind.IMPORT, dataset_id="d1", further_ids=["d2"])
    (layout.backups / "version-1" / "datasets" / "d2").mkdir(parents=True)
    forgetting.forget(layout, ["d1"])
    assert sorted(one.name for one in layout.jobs.iterdir()) == ["both", "work"]
    assert (layout.backups / "version-1").is_dir()
    assert layout.dataset("d2").root.is_dir()


# ------------------------------------------------------------------------------ interruptions


def stop_at(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every change of the disk from this one on fail."""
    count = 0

    def counting(real: Callable[..., object]) -> Callable[..., object]:
        def call(*given: object, **named: object) -> object:
            nonlocal count
            count += 1
            if count >= number:
                raise KeyboardInterrupt
            return real(*given, **named)

        return call

    for name in ("remove_folder", "sync_folder", "write_file", "whole_file"):
        monkeypatch.setattr(atomicfs, name, counting(getattr(atomicfs, name)))


@pytest.mark.parametrize("number", range(1, 12))
def test_interrupted_at_any_change_the_next_start_ends_it(
    number: int, layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_dataset(layout, "d1")
    add_run(layout, "r1", "d1")
    add_job(layout, "work", JobKind.DATASET, dataset_id="d1", note=SECRET)
    before = files_with_secret(layout.root)
    with monkeypatch.context() as patch:
        stop_at(number, patch)
        with pytest.raises(KeyboardInterrupt):
            forgetting.forget(layout, ["d1"])
    was_begun = layout.forgetting.exists()
    open_workspace(layout.root, now=NOW)
    assert files_with_secret(layout.root) == ([] if was_begun else before)
    assert not layout.forgetting.exists()


@pytest.mark.parametrize("job_id", ["r1", "importing"])
def test_start_waits_with_it_while_a_job_is_busy(layout: Layout, job_id: str) -> None:
    add_dataset(layout, "d1")
    add_run(layout, "r1", "d1")
    add_job(layout, "importing", JobKind.IMPORT, dataset_id="d3")
    atomicfs.write_file(layout.forgetting, b'{"schema_version":1,"dataset_ids":["d1"]}')
    with held(layout.job(job_id).lock):
        open_workspace(layout.root, now=NOW)
        assert layout.dataset("d1").root.is_dir()
    open_workspace(layout.root, now=NOW)
    assert files_with_secret(layout.root) == []


def test_note_that_cannot_be_read_hinders_nobody_from_opening(layout: Layout) -> None:
    atomicfs.write_file(layout.forgetting, b"{")
    open_workspace(layout.root, now=NOW)


@pytest.mark.parametrize("name", ["job.json", "recipe.json"])
def test_what_the_disk_does_not_give_is_not_passed_over(
    name: str, layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_dataset(layout, "d1")
    add_run(layout, "r1", "d1")
    real = Path.read_bytes

    def failing(path: Path) -> bytes:
        if path.name == name:
            raise OSError(errno.EIO, "Input/output error", str(path))
        return real(path)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", failing)
        with pytest.raises(DiskFailed):
            forgetting.forget(layout, ["d1"])
        assert layout.dataset("d1").root.is_dir()
        assert not layout.forgetting.exists()
        atomicfs.write_file(layout.forgetting, b'{"schema_version":1,"dataset_ids":["d1"]}')
        open_workspace(layout.root, now=NOW)
        assert layout.forgetting.exists()
    open_workspace(layout.root, now=NOW)
    assert files_with_secret(layout.root) == []
    assert not layout.forgetting.exists()


def test_damaged_folders_that_may_hold_rows_are_named(layout: Layout) -> None:
    add_run(layout, "r1", "d1")
    add_run(layout, "r2", "d1")
    add_run(layout, "r3", "d1")
    add_dataset(layout, "d1")
    (layout.datasets / "d2").mkdir()
    for path in (
        layout.job("r1").info,
        layout.job("r2").recipe,
        layout.dataset("d2").info,
    ):
        path.write_bytes(b"{")
    assert [one.name for one in inventory.damaged_folders(layout)] == ["d2", "r1", "r2"]


def test_second_forgetting_ends_what_the_first_could_not(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    for dataset_id in ("d1", "d2"):
        add_dataset(layout, dataset_id)
    add_run(layout, "r1", "d1")
    with monkeypatch.context() as patch:
        stop_at(3, patch)
        with pytest.raises(KeyboardInterrupt):
            forgetting.forget(layout, ["d1"])
    assert layout.forgetting.exists()
    forgetting.forget(layout, ["d2"])
    assert files_with_secret(layout.root) == []
    assert not layout.forgetting.exists()


def test_copied_folder_of_a_run_is_emptied_like_the_first(layout: Layout) -> None:
    add_run(layout, "r1", "d1")
    shutil.copytree(layout.job("r1").root, layout.jobs / "r1 (copy)")
    forgetting.forget(layout, ["d1"])
    assert files_with_secret(layout.root) == []


@pytest.mark.parametrize("name", ["lock", "starting_lock"])
def test_run_that_began_to_use_it_meanwhile_keeps_it(name: str, layout: Layout) -> None:
    add_dataset(layout, "d1")
    add_run(layout, "r1", "d1")
    with held(getattr(layout.job("r1"), name)), pytest.raises(InUse):
        forgetting.forget(layout, ["d1"])
    assert layout.dataset("d1").root.is_dir()
    assert not layout.forgetting.exists()


def test_dataset_that_somebody_deletes_from_the_trash_meanwhile_is_forgotten_too(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = add_dataset(layout, "d1")
    write_document(folder / "dataset.json", a_dataset(id="d1"))
    entry = TrashEntry(
        id="t1", kind=TrashKind.DATASET, name="d1", places=("datasets/d1",), thrown_at=TIME
    )
    trash.throw_away(layout, entry)

    def cut_off(_layout: Layout, entry_id: str) -> None:
        monkeypatch.undo()
        (layout.trash / entry_id).rename(layout.trash / ".del-1")
        trash.delete(layout, entry_id)

    monkeypatch.setattr(trash, "delete", cut_off)
    forgetting.forget(layout, ["d1"])
    assert files_with_secret(layout.root) == []
    assert not layout.forgetting.exists()
