# SPDX-License-Identifier: Apache-2.0
"""Opening workspaces: new, known, foreign, and from the future."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from engine.errors import DiskFull, DocumentDamaged, WorkspaceInvalid, WorkspaceTooNew
from engine.store import atomicfs, trash
from engine.store.workspace import default_root, open_workspace

NOW = datetime(2026, 11, 20, tzinfo=UTC)


def test_missing_folder_becomes_a_workspace(tmp_path: Path) -> None:
    layout = open_workspace(tmp_path / "new" / "place", now=NOW)
    assert layout.marker.is_file()
    assert layout.jobs.is_dir()


def test_known_workspace_opens_again_unchanged(tmp_path: Path) -> None:
    before = open_workspace(tmp_path / "w", now=NOW).marker.read_bytes()
    after = open_workspace(tmp_path / "w", now=datetime.now(UTC)).marker.read_bytes()
    assert before == after


def test_folder_with_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear", encoding="utf-8")
    with pytest.raises(WorkspaceInvalid):
        open_workspace(tmp_path, now=NOW)
    assert [one.name for one in tmp_path.iterdir()] == ["letter.txt"]


def test_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"")
    with pytest.raises(WorkspaceInvalid):
        open_workspace(tmp_path / "f", now=NOW)


def test_newer_workspace_is_refused_unchanged(tmp_path: Path) -> None:
    layout = open_workspace(tmp_path / "w", now=NOW)
    layout.marker.write_text('{"schema_version": 99, "created_at": ""}', encoding="utf-8")
    with pytest.raises(WorkspaceTooNew):
        open_workspace(tmp_path / "w", now=NOW)


def test_damaged_marker_is_named(tmp_path: Path) -> None:
    layout = open_workspace(tmp_path / "w", now=NOW)
    layout.marker.write_bytes(b"\x00\x00")
    with pytest.raises(DocumentDamaged):
        open_workspace(tmp_path / "w", now=NOW)


def test_default_place_is_the_users_own() -> None:
    assert default_root().name == "workspace"
    assert "burnish" in str(default_root()).lower()


def test_full_workspace_opens_where_nothing_can_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout = open_workspace(tmp_path / "w", now=NOW)
    layout.trash.mkdir()

    def refuse(*_arguments: object, **_options: object) -> None:
        raise DiskFull("Full.")

    for name in ("write_file", "new_folder", "move_folder"):
        monkeypatch.setattr(atomicfs, name, refuse)
    monkeypatch.setattr(trash, "held", refuse)
    assert open_workspace(tmp_path / "w", now=NOW) == layout


def test_moved_workspace_opens_where_it_is_now(tmp_path: Path) -> None:
    open_workspace(tmp_path / "w", now=NOW)
    (tmp_path / "w").rename(tmp_path / "elsewhere")
    assert open_workspace(tmp_path / "elsewhere", now=NOW).root == tmp_path / "elsewhere"
