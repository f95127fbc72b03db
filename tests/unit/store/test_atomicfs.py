# SPDX-License-Identifier: Apache-2.0
"""Durable writes: complete or not at all, verified, and named when they fail."""

from __future__ import annotations

import errno
import itertools
import os
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from engine.errors import DiskFull, DocumentDamaged, NotWritable, TargetExists
from engine.store import atomicfs, renaming
from engine.store import ledger as ledger_module
from engine.store.ledger import Ledger


def no_space(*arguments: object, **options: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def left_behind(folder: Path) -> list[str]:
    return [one.name for one in folder.iterdir() if one.name.startswith((".tmp-", ".del-"))]


def test_write_file_replaces_whole(tmp_path: Path) -> None:
    atomicfs.write_file(tmp_path / "a", b"old")
    atomicfs.write_file(tmp_path / "a", b"new")
    assert (tmp_path / "a").read_bytes() == b"new"
    assert left_behind(tmp_path) == []


def test_write_file_on_full_disk_keeps_the_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    atomicfs.write_file(tmp_path / "a", b"old")
    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(DiskFull):
        atomicfs.write_file(tmp_path / "a", b"new")
    assert (tmp_path / "a").read_bytes() == b"old"
    assert left_behind(tmp_path) == []


def test_new_folder_commits_with_manifest(tmp_path: Path) -> None:
    with atomicfs.new_folder(tmp_path / "x") as building:
        (building / "sub").mkdir()
        (building / "sub" / "f").write_bytes(b"abc")
    manifest = atomicfs.verify_folder(tmp_path / "x")
    assert manifest.files["sub/f"].size_bytes == 3
    assert left_behind(tmp_path) == []


def test_new_folder_with_an_error_leaves_nothing(tmp_path: Path) -> None:
    def fail() -> None:
        with atomicfs.new_folder(tmp_path / "x") as building:
            (building / "f").write_bytes(b"abc")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("failing", ["fsync", "rename"])
def test_new_folder_on_full_disk_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    def build() -> None:
        with atomicfs.new_folder(tmp_path / "x") as building:
            (building / "f").write_bytes(b"abc")
            monkeypatch.setattr(os, failing, no_space)

    with pytest.raises(DiskFull):
        build()
    assert list(tmp_path.iterdir()) == []


def test_new_folder_onto_something_is_refused_and_harmless(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "mine").write_bytes(b"1")
    with pytest.raises(TargetExists), atomicfs.new_folder(tmp_path / "x"):
        pytest.fail("the block must not run")
    assert (tmp_path / "x" / "mine").read_bytes() == b"1"


def test_new_folder_into_an_empty_folder_is_allowed(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    with atomicfs.new_folder(tmp_path / "x") as building:
        (building / "f").write_bytes(b"abc")
    assert (tmp_path / "x" / "f").read_bytes() == b"abc"


@pytest.mark.parametrize("harm", ["flip", "cut", "remove", "no manifest"])
def test_verify_folder_detects(tmp_path: Path, harm: str) -> None:
    with atomicfs.new_folder(tmp_path / "x") as building:
        (building / "f").write_bytes(b"abc")
    path = tmp_path / "x" / "f"
    if harm == "flip":
        path.write_bytes(b"abd")
    elif harm == "cut":
        path.write_bytes(b"ab")
    elif harm == "remove":
        path.unlink()
    else:
        (tmp_path / "x" / atomicfs.MANIFEST).unlink()
    with pytest.raises(DocumentDamaged):
        atomicfs.verify_folder(tmp_path / "x")


def test_new_folder_that_reads_back_differently_is_not_committed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = atomicfs._entry
    calls = itertools.count()

    def lying(path: Path) -> atomicfs.FileEntry:
        is_second = next(calls) % 2
        entry = real(path)
        wrong = atomicfs.FileEntry(size_bytes=entry.size_bytes, sha256="0" * 64)
        return wrong if is_second else entry

    monkeypatch.setattr(atomicfs, "_entry", lying)
    with pytest.raises(DocumentDamaged), atomicfs.new_folder(tmp_path / "x") as building:
        (building / "f").write_bytes(b"abc")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("harm", ["flip", "cut", "longer"])
def test_followed_file_that_is_not_what_was_written_is_not_committed(
    tmp_path: Path, harm: str
) -> None:
    harmed = {"flip": b"abd", "cut": b"ab", "longer": b"abc\0"}[harm]

    def build() -> None:
        ledger = Ledger()
        with atomicfs.new_folder(tmp_path / "x", ledger=ledger) as building:
            with atomicfs.followed_file(building / "f", ledger) as stream:
                stream.write(b"abc")
            (building / "f").write_bytes(harmed)

    with pytest.raises(DocumentDamaged):
        build()
    assert list(tmp_path.iterdir()) == []


def test_followed_file_stands_in_the_manifest_as_any_other(tmp_path: Path) -> None:
    parts = [bytes([one]) * 700_000 for one in range(5)]
    ledger = Ledger()
    with atomicfs.new_folder(tmp_path / "x", ledger=ledger) as building:
        with atomicfs.followed_file(building / "f", ledger) as stream:
            for part in parts:
                assert stream.write(part) == len(part)
        (building / "g").write_bytes(b"".join(parts))
    files = atomicfs.verify_folder(tmp_path / "x").files
    assert files["f"] == files["g"]
    assert files["f"].size_bytes == 3_500_000


def test_followed_file_holds_long_and_short_parts_in_their_order(tmp_path: Path) -> None:
    parts = [bytes([one % 251]) * (one % 7 * 40_000 + one) for one in range(60)]
    ledger = Ledger()
    with (
        atomicfs.new_folder(tmp_path / "x", ledger=ledger) as building,
        atomicfs.followed_file(building / "f", ledger) as stream,
    ):
        for part in parts:
            stream.write(part)
    assert (tmp_path / "x" / "f").read_bytes() == b"".join(parts)


def test_followed_file_on_full_disk_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_module, "_SYNCED_BYTES", 1)
    monkeypatch.setattr(os, "fsync", no_space)
    before = threading.active_count()

    def build() -> None:
        ledger = Ledger()
        with (
            atomicfs.new_folder(tmp_path / "x", ledger=ledger) as building,
            atomicfs.followed_file(building / "f", ledger) as stream,
        ):
            for _ in range(9):
                stream.write(bytes(1 << 20))
            pytest.fail("nobody heard of it while it was written")

    with pytest.raises(DiskFull):
        build()
    assert list(tmp_path.iterdir()) == []
    assert threading.active_count() == before


def test_new_folder_whose_manifest_reads_back_differently_is_not_committed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(atomicfs, "read_manifest", lambda _folder: atomicfs.Manifest(files={}))
    with (
        pytest.raises(DocumentDamaged, match=r"MANIFEST\.json"),
        atomicfs.new_folder(tmp_path / "x") as folder,
    ):
        (folder / "a").write_bytes(b"1")
    assert list(tmp_path.iterdir()) == []


def test_file_that_cannot_be_read_is_as_bad_as_one_that_differs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_path: Path) -> str:
        raise OSError(errno.EIO, "Input/output error")

    put(tmp_path / "x", "1")
    monkeypatch.setattr(atomicfs, "sha256_of", fail)
    with pytest.raises(DocumentDamaged, match="differs"):
        atomicfs.verify_folder(tmp_path / "x")


@pytest.mark.parametrize("asked", ["home", "."])
def test_remove_folder_refuses_a_home_and_what_holds_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: str
) -> None:
    home = tmp_path / "home"
    (home / "letters").mkdir(parents=True)
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(home))
    with pytest.raises(ValueError, match="home folder"):
        atomicfs.remove_folder(tmp_path / asked)
    atomicfs.remove_folder(home / "letters")
    assert [one.name for one in tmp_path.iterdir()] == ["home"]


def test_remove_folder_is_complete(tmp_path: Path) -> None:
    (tmp_path / "x" / "y").mkdir(parents=True)
    atomicfs.remove_folder(tmp_path / "x")
    assert list(tmp_path.iterdir()) == []


def test_sweep_removes_only_left_overs(tmp_path: Path) -> None:
    (tmp_path / ".tmp-1").mkdir()
    (tmp_path / ".del-2").write_bytes(b"")
    (tmp_path / "kept").mkdir()
    atomicfs.sweep(tmp_path)
    assert [one.name for one in tmp_path.iterdir()] == ["kept"]


def test_sweep_of_folders_leaves_files_that_others_write(tmp_path: Path) -> None:
    (tmp_path / ".tmp-1").mkdir()
    (tmp_path / ".tmp-2").write_bytes(b"")
    atomicfs.sweep(tmp_path, before_s=0)
    assert [one.name for one in tmp_path.iterdir()] == [".tmp-2"]


def test_sweep_of_what_is_old_leaves_files_that_were_changed_since(tmp_path: Path) -> None:
    for name, changed_s in ((".tmp-old", 99), (".tmp-new", 101)):
        (tmp_path / name).write_bytes(b"")
        os.utime(tmp_path / name, (changed_s, changed_s))
    atomicfs.sweep(tmp_path, before_s=100)
    assert [one.name for one in tmp_path.iterdir()] == [".tmp-new"]


def test_refused_place_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **options: object) -> int:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(NotWritable):
        atomicfs.write_file(tmp_path / "a", b"x")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps rights in access lists")
def test_files_and_folders_are_private(tmp_path: Path) -> None:
    with atomicfs.new_folder(tmp_path / "x") as building:
        (building / "sub").mkdir()
        (building / "sub" / "f").write_bytes(b"abc")
    assert (tmp_path / "x" / "sub" / "f").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "x" / "sub").stat().st_mode & 0o777 == 0o700


def put(folder: Path, text: str) -> None:
    with atomicfs.new_folder(folder, replace=True) as building:
        (building / "a").write_text(text, encoding="utf-8")


@pytest.mark.parametrize("is_known", [True, False])
def test_replaced_folder_is_new_and_nothing_of_the_old_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_known: bool
) -> None:
    if not is_known:
        monkeypatch.setattr(atomicfs, "_exchange", lambda _first, _second: False)
    put(tmp_path / "x", "old")
    put(tmp_path / "x", "new")
    assert (tmp_path / "x" / "a").read_text(encoding="utf-8") == "new"
    assert [one.name for one in tmp_path.iterdir()] == ["x"]


def test_folder_that_stepped_aside_is_put_back_by_the_sweep(tmp_path: Path) -> None:
    put(tmp_path / "x", "old")
    (tmp_path / "x").rename(tmp_path / ".old-x")
    atomicfs.sweep(tmp_path)
    assert (tmp_path / "x" / "a").read_text(encoding="utf-8") == "old"


def test_folder_that_stepped_aside_for_a_new_one_goes_at_the_sweep(tmp_path: Path) -> None:
    put(tmp_path / ".old-x", "old")
    put(tmp_path / "x", "new")
    atomicfs.sweep(tmp_path)
    assert [one.name for one in tmp_path.iterdir()] == ["x"]
    assert (tmp_path / "x" / "a").read_text(encoding="utf-8") == "new"


def without_exchange(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(atomicfs, "_exchange", lambda _first, _second: False)


def refuse_renames(
    monkeypatch: pytest.MonkeyPatch, *, to: str = "", of: str = "", times: int = 99
) -> None:
    """Refuse to rename what begins with a name, or to a name, as where a program has it open."""
    left = iter(range(times))
    for method in ("rename", "replace"):
        original = getattr(Path, method)

        def refusing(source: Path, target: Path, change: Any = original) -> Path:
            is_meant = source.name.startswith(of) and Path(target).name.startswith(to)
            if is_meant and next(left, None) is not None:
                raise PermissionError(errno.EACCES, "in use")
            return change(source, target)

        monkeypatch.setattr(Path, method, refusing)


def test_folder_that_cannot_be_replaced_stays_in_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path / "x", "old")
    without_exchange(monkeypatch)
    refuse_renames(monkeypatch, of=".tmp-", to="x")
    with pytest.raises(NotWritable):
        put(tmp_path / "x", "new")
    assert (tmp_path / "x" / "a").read_text(encoding="utf-8") == "old"
    assert [one.name for one in tmp_path.iterdir()] == ["x"]


def test_folder_is_replaced_although_an_older_one_still_stands_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path / ".old-x", "oldest")
    put(tmp_path / "x", "old")
    without_exchange(monkeypatch)
    put(tmp_path / "x", "new")
    assert (tmp_path / "x" / "a").read_text(encoding="utf-8") == "new"
    assert [one.name for one in tmp_path.iterdir()] == ["x"]


@pytest.mark.parametrize(("of", "to"), [(".old-", ".tmp-"), (".tmp-", ".del-")])
def test_new_folder_stands_although_the_replaced_one_cannot_be_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, of: str, to: str
) -> None:
    put(tmp_path / "x", "old")
    without_exchange(monkeypatch)
    with monkeypatch.context() as while_in_use:
        refuse_renames(while_in_use, of=of, to=to)
        put(tmp_path / "x", "new")
    atomicfs.sweep(tmp_path)
    assert (tmp_path / "x" / "a").read_text(encoding="utf-8") == "new"
    assert [one.name for one in tmp_path.iterdir()] == ["x"]


def test_refused_rename_is_tried_again_where_the_system_asks_for_patience(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(renaming, "PATIENCE_S", 30.0)
    refuse_renames(monkeypatch, to="a", times=2)
    atomicfs.write_file(tmp_path / "a", b"1")
    refuse_renames(monkeypatch, to="x", times=2)
    put(tmp_path / "x", "1")
    refuse_renames(monkeypatch, to=".del-", times=2)
    atomicfs.remove_folder(tmp_path / "x")
    assert [one.name for one in tmp_path.iterdir()] == ["a"]


def test_refused_rename_is_believed_where_patience_is_at_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(renaming, "PATIENCE_S", 0.0)
    refuse_renames(monkeypatch, to="a", times=1)
    with pytest.raises(NotWritable):
        atomicfs.write_file(tmp_path / "a", b"1")
    assert list(tmp_path.iterdir()) == []


def test_folder_on_a_drive_that_is_not_there_is_refused_by_the_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen from a drive of Windows that is not there, not even its root is a folder."""
    monkeypatch.setattr(Path, "is_dir", lambda _path: False)
    with pytest.raises(OSError, match="exists"):
        atomicfs.make_folder(tmp_path / "a")
