# SPDX-License-Identifier: Apache-2.0
"""A run goes into one file and out again, whole or not at all."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from engine.api import run_files
from engine.api.facade import Api, open_api
from engine.api.run_files import LIST
from engine.domain.recipe import Recipe
from engine.domain.run import JobInfo, JobKind
from engine.errors import (
    AlreadyRunning,
    ArchiveUnsafe,
    DocumentDamaged,
    EngineError,
    FileMissing,
    FileUnreadable,
    RunFileInvalid,
    TargetExists,
)
from engine.methods.registry import method
from engine.protocol.codec import encode
from engine.protocol.events import EvalDone, Event, Finished, WorkerStarted
from engine.store import atomicfs
from engine.store.documents import read_document
from tests.fakes.api import a_step

EVENTS: tuple[Event, ...] = (
    WorkerStarted(attempt=1, pid=1),
    a_step(1),
    EvalDone(step=1, loss=2.0, supervised_tokens=1, examples=1, is_best=True, eval_s=0.1),
    Finished(result={"adapter": "adapter"}),
)


@pytest.fixture
def api(tmp_path: Path) -> Api:
    """Return a workspace with one finished run that has an adapter and a checkpoint."""
    found = open_api(tmp_path / "workspace")
    recipe = Recipe(dataset_id="d1", model_id="m1")
    options = {"model_fingerprint": "f" * 64, "secret": "x"}
    run_id = found.jobs.create(JobKind.TRAIN, "first", "os:abort", options, recipe)
    folder = found.layout.job(run_id)
    lines = [encode(one, seq=i, t="2026-11-03T14:00:00.000Z") for i, one in enumerate(EVENTS, 1)]
    atomicfs.write_file(folder.events, b"".join(lines))
    atomicfs.make_folder(folder.checkpoints)
    for place in (folder.adapter, folder.checkpoints / "ck-000001"):
        with atomicfs.new_folder(place) as building:
            atomicfs.write_file(building / "adapter.safetensors", place.name.encode() * 1000)
    found.notes.write(run_id, text="Good.", tags=["keep"])
    return found


@pytest.fixture
def packed(api: Api, tmp_path: Path) -> Path:
    """Return the run as a file."""
    return api.run_files.save("first", tmp_path / "first.zip")


@pytest.fixture
def other(tmp_path: Path) -> Api:
    """Return another workspace."""
    return open_api(tmp_path / "other")


def rewritten(path: Path, change: Callable[[dict[str, bytes]], None]) -> Path:
    """Return a copy of a run file whose content was changed; its list stays as it was."""
    with zipfile.ZipFile(path) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    change(content)
    copy = path.with_name("changed.zip")
    with zipfile.ZipFile(copy, "w") as archive:
        for name, one in content.items():
            archive.writestr(name, one)
    return copy


def test_run_arrives_whole(api: Api, packed: Path, other: Api) -> None:
    run_id = other.run_files.take(packed)
    run, before = other.runs.get(run_id), api.runs.get("first")
    assert run.id == before.id
    assert (run.job.info.name, run.recipe, run.note) == ("first", before.recipe, before.note)
    assert run.job.snapshot == before.job.snapshot
    assert (run.checkpoints, run.has_adapter) == (("ck-000001",), True)
    assert other.curves.read(run_id) == api.curves.read(before.id)
    for name in ("adapter", "checkpoints/ck-000001"):
        atomicfs.verify_folder(other.layout.job(run_id).root / name)


def test_second_time_it_gets_another_id(packed: Path, other: Api) -> None:
    first, second = other.run_files.take(packed), other.run_files.take(packed)
    assert first != second
    assert len(other.runs.list()) == 2


def test_file_never_decides_what_a_worker_calls(packed: Path, other: Api) -> None:
    info = read_document(other.layout.job(other.run_files.take(packed)).info, JobInfo)
    assert info.entry == method("sft_qlora").entry
    assert set(info.options) == {"model_fingerprint"}


def test_checkpoints_may_stay_behind(api: Api, other: Api, tmp_path: Path) -> None:
    path = api.run_files.save("first", tmp_path / "small.zip", checkpoints=False)
    assert other.runs.get(other.run_files.take(path)).checkpoints == ()


def test_existing_file_is_not_replaced(api: Api, packed: Path) -> None:
    before = packed.read_bytes()
    with pytest.raises(TargetExists):
        api.run_files.save("first", packed)
    assert packed.read_bytes() == before


def test_damaged_adapter_is_not_given_away(api: Api, tmp_path: Path) -> None:
    adapter = api.layout.job(api.runs.get("first").id).adapter
    (adapter / "adapter.safetensors").write_bytes(b"0")
    with pytest.raises(DocumentDamaged):
        api.run_files.save("first", tmp_path / "damaged.zip")
    assert list(tmp_path.glob("*.zip")) == []


def test_missing_file_is_named(other: Api, tmp_path: Path) -> None:
    with pytest.raises(FileMissing):
        other.run_files.take(tmp_path / "nothing.zip")


def change_adapter(content: dict[str, bytes]) -> None:
    content["adapter/adapter.safetensors"] = b"X" + content["adapter/adapter.safetensors"][1:]


def leave_out(content: dict[str, bytes]) -> None:
    del content["events.jsonl"]


def add_a_file(content: dict[str, bytes]) -> None:
    content["adapter/extra.bin"] = b"x"


def climb_out(content: dict[str, bytes]) -> None:
    content["../outside.json"] = b"{}"


def drop_the_list(content: dict[str, bytes]) -> None:
    del content[LIST]


def name_a_command(content: dict[str, bytes]) -> None:
    listed = msgspec.json.decode(content[LIST])
    listed["files"]["commands/000001-stop.json"] = {"size_bytes": 2, "sha256": "0" * 64}
    listed.pop("checksum")
    content[LIST] = msgspec.json.encode(listed)
    content["commands/000001-stop.json"] = b"{}"


@pytest.mark.parametrize(
    "change",
    [change_adapter, leave_out, add_a_file, climb_out, drop_the_list, name_a_command],
)
def test_changed_file_is_refused_and_nothing_is_left(
    packed: Path, other: Api, change: Callable[[dict[str, bytes]], None]
) -> None:
    with pytest.raises((RunFileInvalid, ArchiveUnsafe)):
        other.run_files.take(rewritten(packed, change))
    assert other.runs.list() == []
    assert list(other.layout.jobs.iterdir()) == []


def test_every_cut_of_the_file_is_refused(packed: Path, other: Api, tmp_path: Path) -> None:
    whole = packed.read_bytes()
    cut = tmp_path / "cut.zip"
    for end in range(0, len(whole), max(1, len(whole) // 60)):
        cut.write_bytes(whole[:end])
        with pytest.raises((FileUnreadable, RunFileInvalid, ArchiveUnsafe)):
            other.run_files.take(cut)
    assert list(other.layout.jobs.iterdir()) == []


def test_every_flipped_byte_is_refused_or_harmless(
    api: Api, packed: Path, other: Api, tmp_path: Path
) -> None:
    whole = packed.read_bytes()
    flipped = tmp_path / "flipped.zip"
    adapter = (
        api.layout.job(api.runs.get("first").id).adapter / "adapter.safetensors"
    ).read_bytes()
    for at in range(7, len(whole), max(1, len(whole) // 80)):
        flipped.write_bytes(whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1 :])
        try:
            run_id = other.run_files.take(flipped)
        except EngineError:
            continue
        # Some bytes of a zip archive, such as times, say nothing.
        there = other.layout.job(run_id).adapter / "adapter.safetensors"
        assert there.read_bytes() == adapter


def test_running_run_is_not_saved(
    api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.launcher.watch.has_worker", lambda _folder: True)
    run_id = api.jobs.create(
        JobKind.TRAIN, "live", "x:y", {}, Recipe(dataset_id="d1", model_id="m1")
    )
    with pytest.raises(AlreadyRunning):
        api.run_files.save(run_id, tmp_path / "live.zip")


def test_saved_run_that_does_not_read_back_as_it_was_is_refused(
    api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = run_files._entry

    def another(path: Path) -> atomicfs.FileEntry:
        return atomicfs.FileEntry(size_bytes=entry(path).size_bytes, sha256="0" * 64)

    monkeypatch.setattr(run_files, "_entry", another)
    with pytest.raises(RunFileInvalid):
        api.run_files.save("first", tmp_path / "first.zip")
