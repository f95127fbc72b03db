# SPDX-License-Identifier: Apache-2.0
"""A run goes into one file and out again, whole or not at all."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import msgspec
import pytest

from engine.api import run_files
from engine.api.facade import Api, open_api
from engine.api.run_files import LIST, PackedRun
from engine.domain.recipe import Recipe
from engine.domain.run import JobInfo, JobKind, JobSnapshot
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
from engine.store.checksum import encode_document
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


def signed(path: Path, change: Callable[[dict[str, bytes]], None]) -> Path:
    """Return a copy of a run file that somebody changed who knows how to write its list."""
    with zipfile.ZipFile(path) as archive:
        content = {name: archive.read(name) for name in archive.namelist() if name != LIST}
    change(content)
    files = {
        name: atomicfs.FileEntry(size_bytes=len(one), sha256=sha256(one).hexdigest())
        for name, one in content.items()
    }
    content[LIST] = encode_document(PackedRun(files=files))
    copy = path.with_name("signed.zip")
    with zipfile.ZipFile(copy, "w") as archive:
        for name, one in content.items():
            archive.writestr(name, one)
    return copy


def with_info(**values: object) -> Callable[[dict[str, bytes]], None]:
    """Return a change of job.json."""

    def change(content: dict[str, bytes]) -> None:
        found: dict[str, object] = msgspec.json.decode(content["job.json"])
        found.pop("checksum")
        content["job.json"] = msgspec.json.encode(found | values)

    return change


def with_option(name: str, value: object) -> Callable[[dict[str, bytes]], None]:
    return with_info(options={name: value})


def with_events(*lines: bytes) -> Callable[[dict[str, bytes]], None]:
    return lambda content: content.update({"events.jsonl": b"".join(lines)})


@pytest.mark.parametrize(
    "change",
    [
        with_option("descent", 5),
        with_option("data", [{"name": 5}]),
        with_option("model_fingerprint", ["x"]),
        with_info(created_at="yesterday"),
        with_info(created_at="0001-01-01T00:00:00.000Z"),
        with_info(created_at="9999-12-31T23:59:59.999Z"),
        with_events(encode(EVENTS[0], seq=1, t="soon")),
    ],
)
def test_file_whose_content_nobody_could_show_is_refused(
    packed: Path, other: Api, change: Callable[[dict[str, bytes]], None]
) -> None:
    with pytest.raises(RunFileInvalid):
        other.run_files.take(signed(packed, change))
    assert list(other.layout.jobs.iterdir()) == []


def test_file_of_a_newer_burnish_says_so(packed: Path, other: Api) -> None:
    line = b'{"v":2,"seq":1,"t":"2026-11-03T14:00:00.000Z","kind":"worker_started","data":{}}\n'
    with pytest.raises(RunFileInvalid, match="of a newer Burnish") as raised:
        other.run_files.take(signed(packed, with_events(line)))
    assert "newest Burnish" in raised.value.remedy
    assert list(other.layout.jobs.iterdir()) == []


@pytest.mark.parametrize("result", [b"no document", b'{"state":"failed","step":7}'])
def test_state_is_that_of_the_events_whatever_the_file_says(
    api: Api, packed: Path, other: Api, result: bytes
) -> None:
    copy = signed(packed, lambda content: content.update({"result.json": result}))
    run = other.runs.get(other.run_files.take(copy))
    assert run.job.snapshot == api.runs.get("first").job.snapshot
    assert read_document(other.layout.job(run.id).result, JobSnapshot) == run.job.snapshot


@pytest.mark.parametrize(
    ("name", "shown"),
    [("\x1b[2J\x1b]0;x\x07mine\nand\tmore", "[2J ]0;x mine and more"), ("x" * 999, "x" * 200),
     ("\n", "signed")],
)  # fmt: skip
def test_name_of_a_file_is_one_short_line(packed: Path, other: Api, name: str, shown: str) -> None:
    run_id = other.run_files.take(signed(packed, with_info(name=name)))
    assert other.runs.get(run_id).job.info.name == shown


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


@pytest.mark.parametrize("is_there", [False, True])
def test_saved_run_that_does_not_read_back_as_it_was_gets_no_name(
    api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_there: bool
) -> None:
    path = tmp_path / "files" / "first.zip"
    path.parent.mkdir()
    if is_there:
        path.write_bytes(b"an earlier one")
    entry = run_files._entry

    def another(path: Path) -> atomicfs.FileEntry:
        return atomicfs.FileEntry(size_bytes=entry(path).size_bytes, sha256="0" * 64)

    monkeypatch.setattr(run_files, "_entry", another)
    with pytest.raises(DocumentDamaged, match=r"first\.zip") as caught:
        api.run_files.save("first", path, replace=True)
    assert ".tmp-" not in caught.value.message + caught.value.detail
    assert [one.read_bytes() for one in path.parent.iterdir()] == [b"an earlier one"] * is_there
