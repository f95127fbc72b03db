# SPDX-License-Identifier: Apache-2.0
"""Migrations: step by step, with a backup, and either old or new whenever they are cut off."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from engine.domain.run import JobInfo, JobKind
from engine.errors import (
    DiskFull,
    DocumentDamaged,
    InUse,
    NotWritable,
    WorkspaceInvalid,
    WorkspaceTooNew,
)
from engine.store import atomicfs, locks, migrations, workspace
from engine.store.documents import read_document
from engine.store.layout import Layout
from engine.store.locks import held, is_held
from engine.store.migrations import STEPS, Step, WorkspaceInfo, is_going_on, newest_version
from engine.store.workspace import open_workspace
from tests.faults.steps import OLD, SECOND, STEP, THIRD, a_document, write_old

NOW = datetime(2026, 11, 20, tzinfo=UTC)
FIXTURE = Path(__file__).parents[2] / "golden" / "workspaces" / "version-1"


def old_workspace(root: Path) -> Layout:
    layout = open_workspace(root, now=NOW, steps=())
    write_old(layout)
    return layout


def version_of(layout: Layout) -> int:
    return read_document(layout.marker, WorkspaceInfo).schema_version


def test_workspace_of_version_1_opens_with_all_that_is_in_it(tmp_path: Path) -> None:
    shutil.copytree(FIXTURE, tmp_path / "w")
    layout = open_workspace(tmp_path / "w", now=NOW)
    assert version_of(layout) == newest_version(STEPS)
    info = read_document(layout.job("0123456789ab").info, JobInfo)
    assert info.kind is JobKind.TRAIN
    assert layout.exports.is_dir()


def test_steps_are_taken_in_order_each_with_a_backup_of_what_it_changed(tmp_path: Path) -> None:
    layout = old_workspace(tmp_path / "w")
    open_workspace(layout.root, now=NOW, steps=(STEP, THIRD))
    assert version_of(layout) == 3
    assert a_document(layout) == b"third"
    assert (layout.backups / "version-1" / "datasets/one.txt").read_bytes() == OLD
    assert (layout.backups / "version-2" / "datasets/one.txt").read_bytes() == SECOND
    old = layout.backups / "version-1"
    atomicfs.verify_folder(old)
    assert read_document(old / "workspace.json", WorkspaceInfo).schema_version == 1
    assert not layout.migration.exists()


def test_workspace_of_the_newest_version_is_not_touched(tmp_path: Path) -> None:
    layout = open_workspace(tmp_path / "w", now=NOW, steps=(STEP,))
    open_workspace(layout.root, now=NOW, steps=(STEP,))
    assert version_of(layout) == 2
    assert not layout.backups.exists()


def test_newer_version_says_which_and_changes_nothing(tmp_path: Path) -> None:
    layout = open_workspace(tmp_path / "w", now=NOW, steps=(STEP,))
    before = layout.marker.read_bytes()
    with pytest.raises(WorkspaceTooNew, match=r"version 2.*up to 1"):
        open_workspace(layout.root, now=NOW, steps=())
    assert layout.marker.read_bytes() == before


def test_version_of_no_burnish_is_refused(tmp_path: Path) -> None:
    layout = open_workspace(tmp_path / "w", now=NOW)
    layout.marker.write_text('{"schema_version": 0, "created_at": ""}', encoding="utf-8")
    with pytest.raises(WorkspaceInvalid, match="version 0"):
        open_workspace(layout.root, now=NOW)


def test_marker_of_the_future_with_other_fields_is_named_too_new(tmp_path: Path) -> None:
    layout = open_workspace(tmp_path / "w", now=NOW)
    layout.marker.write_text('{"schema_version": 9, "made": 1}', encoding="utf-8")
    with pytest.raises(WorkspaceTooNew):
        open_workspace(layout.root, now=NOW)


def test_running_job_keeps_the_old_version(tmp_path: Path) -> None:
    layout = old_workspace(tmp_path / "w")
    layout.job("j1").root.mkdir()
    with held(layout.job("j1").lock), pytest.raises(InUse):
        open_workspace(layout.root, now=NOW, steps=(STEP,))
    assert version_of(layout) == 1
    assert a_document(layout) == OLD


def test_job_that_is_being_started_keeps_the_old_version(tmp_path: Path) -> None:
    layout = old_workspace(tmp_path / "w")
    layout.job("j1").root.mkdir()
    with held(layout.job("j1").starting_lock), pytest.raises(InUse):
        open_workspace(layout.root, now=NOW, steps=(STEP,))
    assert version_of(layout) == 1


def test_keeper_of_the_queue_that_does_not_leave_keeps_the_old_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "_WAIT_S", 0.0)
    layout = old_workspace(tmp_path / "w")
    layout.queue.root.mkdir()
    with held(layout.queue.keeper_lock), pytest.raises(InUse):
        open_workspace(layout.root, now=NOW, steps=(STEP,))
    assert version_of(layout) == 1
    assert a_document(layout) == OLD


def test_no_keeper_of_the_queue_begins_while_a_step_is_taken(tmp_path: Path) -> None:
    layout = old_workspace(tmp_path / "w")
    seen: list[tuple[bool, bool]] = []

    def look(there: Layout, files: Path) -> None:
        seen.append((is_held(there.queue.keeper_lock), is_going_on(there)))
        STEP.write(there, files)

    open_workspace(layout.root, now=NOW, steps=(Step(write=look),))
    assert seen == [(True, True)]
    assert not is_held(layout.queue.keeper_lock)
    assert not is_going_on(layout)


def test_workspace_that_can_only_be_read_says_that_it_had_to_be_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout = old_workspace(tmp_path / "w")
    place = workspace.place_of(layout.root)
    monkeypatch.setattr(
        workspace, "place_of", lambda _root: msgspec.structs.replace(place, is_read_only=True)
    )
    with pytest.raises(NotWritable, match="brought to version 2"):
        open_workspace(layout.root, now=NOW, steps=(STEP,))
    open_workspace(layout.root, now=NOW, steps=())


def test_full_disk_at_the_backup_leaves_the_old_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout = old_workspace(tmp_path / "w")

    def full(*_arguments: object) -> None:
        raise DiskFull("Full.")

    monkeypatch.setattr(migrations, "_back_up", full)
    with pytest.raises(DiskFull):
        open_workspace(layout.root, now=NOW, steps=(STEP,))
    assert version_of(layout) == 1
    assert a_document(layout) == OLD
    assert not layout.migration.exists()


def cut_off(monkeypatch: pytest.MonkeyPatch, name: str) -> Callable[[], None]:
    """Make a part of the migration end the program; return what takes that back."""
    kept = getattr(migrations, name)

    def die(*_arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(migrations, name, die)
    return lambda: monkeypatch.setattr(migrations, name, kept)


def test_migration_cut_off_before_the_marker_starts_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout = old_workspace(tmp_path / "w")
    again = cut_off(monkeypatch, "write_document")
    with pytest.raises(KeyboardInterrupt):
        open_workspace(layout.root, now=NOW, steps=(STEP,))
    again()
    assert layout.migration.exists()
    assert a_document(layout) == OLD
    open_workspace(layout.root, now=NOW, steps=(STEP,))
    assert (version_of(layout), a_document(layout)) == (2, SECOND)


def test_migration_cut_off_behind_the_marker_is_ended_before_anything_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout = old_workspace(tmp_path / "w")
    again = cut_off(monkeypatch, "_put_in_place")
    with pytest.raises(KeyboardInterrupt):
        open_workspace(layout.root, now=NOW, steps=(STEP,))
    again()
    with pytest.raises(WorkspaceTooNew):
        open_workspace(layout.root, now=NOW, steps=())
    open_workspace(layout.root, now=NOW, steps=(STEP,))
    assert (version_of(layout), a_document(layout)) == (2, SECOND)
    assert not layout.migration.exists()


def test_new_files_that_were_damaged_meanwhile_are_not_put_in_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout = old_workspace(tmp_path / "w")
    again = cut_off(monkeypatch, "_put_in_place")
    with pytest.raises(KeyboardInterrupt):
        open_workspace(layout.root, now=NOW, steps=(STEP,))
    again()
    (layout.migration / "files" / "datasets" / "one.txt").write_bytes(b"secone")
    with pytest.raises(DocumentDamaged):
        open_workspace(layout.root, now=NOW, steps=(STEP,))
    assert a_document(layout) == OLD


def test_step_that_fails_changes_nothing(tmp_path: Path) -> None:
    layout = old_workspace(tmp_path / "w")

    def fail(_layout: Layout, _files: Path) -> None:
        raise DocumentDamaged("It cannot be read.")

    with pytest.raises(DocumentDamaged):
        open_workspace(layout.root, now=NOW, steps=(Step(write=fail),))
    assert (version_of(layout), a_document(layout)) == (1, OLD)
    assert not layout.migration.exists()
