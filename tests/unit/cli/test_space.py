# SPDX-License-Identifier: Apache-2.0
"""The trash and the disk on the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from engine.api.facade import open_api
from engine.cli.main import run_command_line
from tests.builders.model_folder import tiny_model_folder


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """Return a workspace with one model, which has a cache."""
    api = open_api(tmp_path / "w")
    model = api.models.add(tiny_model_folder(tmp_path / "tiny"), name="Tiny")
    cache = api.layout.nf4_cache(model.id)
    cache.mkdir()
    (cache / "weights").write_bytes(bytes(2_000_000))
    return tmp_path / "w"


def call(capture: pytest.CaptureFixture[bytes], workspace: Path, *words: str) -> dict[str, Any]:
    assert run_command_line(["--workspace", str(workspace), *words, "--json"]) == 0
    return json.loads(capture.readouterr().out)


def test_removed_model_is_listed_and_restored_by_name(
    workspace: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    entry = call(capfdbinary, workspace, "remove", "model", "Tiny")["entry_id"]
    (found,) = call(capfdbinary, workspace, "trash", "list")["entries"]
    assert (found["id"], found["kind"], found["name"]) == (entry, "model", "Tiny")
    call(capfdbinary, workspace, "trash", "restore", "Tiny")
    (model,) = call(capfdbinary, workspace, "model", "list")["models"]
    assert model["name"] == "Tiny"


def test_emptied_trash_is_gone(workspace: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    call(capfdbinary, workspace, "remove", "model", "Tiny")
    assert call(capfdbinary, workspace, "trash", "empty")["deleted"] == 1
    assert run_command_line(["--workspace", str(workspace), "trash", "restore", "Tiny", "--json"])
    assert json.loads(capfdbinary.readouterr().out)["error"]["code"] == "not_in_trash"


def test_space_tells_what_can_go_and_removes_it(
    workspace: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    told = call(capfdbinary, workspace, "space")
    (found,) = (one for one in told["items"] if one["kind"] == "weights")
    assert found["freeable_bytes"] == 2_000_000
    assert told["place"]["is_read_only"] is False
    after = call(capfdbinary, workspace, "space", "--free", found["key"])
    assert after["freed_bytes"] == {found["key"]: 2_000_000}
    assert all(one["kind"] != "weights" for one in after["items"])


def test_space_in_words_names_each_thing(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command_line(["--workspace", str(workspace), "space"]) == 0
    out = capsys.readouterr().out
    assert "2.0 MB" in out
    assert "Tiny" in out
