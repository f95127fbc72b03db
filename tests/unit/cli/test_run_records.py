# SPDX-License-Identifier: Apache-2.0
"""The command line compares runs, and writes their notes, tags and curves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from engine.api.facade import open_api
from engine.cli.main import run_command_line
from engine.domain.recipe import Recipe
from engine.domain.run import JobKind


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """Return a workspace with two runs that have not begun."""
    api = open_api(tmp_path / "workspace")
    for name, rank in (("first", 16), ("second", 64)):
        recipe = Recipe(dataset_id="d1", model_id="m1", lora_rank=rank)
        api.jobs.create(JobKind.TRAIN, name, "x:y", {}, recipe)
    return tmp_path / "workspace"


def said(
    workspace: Path, capfdbinary: pytest.CaptureFixture[bytes], *words: str, status: int = 0
) -> dict[str, Any]:
    assert run_command_line(["--workspace", str(workspace), *words, "--json"]) == status
    return json.loads(capfdbinary.readouterr().out)


def test_compare_names_only_what_differs(
    workspace: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    found = said(workspace, capfdbinary, "runs", "compare", "first", "second")
    assert [one["name"] for one in found["runs"]] == ["first", "second"]
    (one,) = found["differences"]
    assert (one["name"], one["values"]) == ("lora_rank", [16, 64])


def test_compare_in_words_has_a_column_for_each_run(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        run_command_line(["--workspace", str(workspace), "runs", "compare", "first", "second"]) == 0
    )
    told = capsys.readouterr().out
    assert "first" in told
    assert "Rank" in told
    assert "64" in told


def test_compare_of_one_run_says_that_it_needs_two(
    workspace: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    found = said(workspace, capfdbinary, "runs", "compare", "first", status=1)
    assert found["error"]["code"] == "wrong_usage"


def test_runs_alone_lists_them_and_a_tag_chooses(
    workspace: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert len(said(workspace, capfdbinary, "runs")["runs"]) == 2
    said(workspace, capfdbinary, "run", "tag", "second", "keep", "good one")
    (found,) = said(workspace, capfdbinary, "runs", "--tag", "KEEP")["runs"]
    assert (found["name"], found["tags"]) == ("second", ["keep", "good one"])
    assert said(workspace, capfdbinary, "run", "tag", "second", "--remove", "keep")["tags"] == [
        "good one"
    ]


def test_note_is_written_shown_and_taken_away(
    workspace: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    said(workspace, capfdbinary, "run", "note", "first", "Too slow.")
    assert said(workspace, capfdbinary, "run", "note", "first")["note"] == "Too slow."
    assert said(workspace, capfdbinary, "run", "note", "first", "")["note"] == ""


def test_curves_are_written_as_csv(
    workspace: Path, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    path = tmp_path / "first.csv"
    found = said(workspace, capfdbinary, "run", "curves", "first", "--csv", str(path))
    assert found["csv"] == str(path)
    assert path.read_text(encoding="utf-8").startswith("step,training_loss,")
    again = said(workspace, capfdbinary, "run", "curves", "first", "--csv", str(path), status=1)
    assert again["error"]["code"] == "target_exists"


def test_run_goes_into_a_file_and_out_again(
    workspace: Path, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    path = tmp_path / "first.zip"
    assert said(workspace, capfdbinary, "run", "export", "first", str(path))["size_bytes"] > 0
    found = said(tmp_path / "other", capfdbinary, "run", "import", str(path))
    assert found["name"] == "first"
    (run,) = said(tmp_path / "other", capfdbinary, "runs")["runs"]
    assert run["run_id"] == found["run_id"]


def test_recipe_again_changes_only_what_is_named(workspace: Path) -> None:
    api = open_api(workspace)
    before = api.runs.get("first").recipe
    again = api.runs.recipe_again("first", {"lora_rank": 8})
    assert again == msgspec.structs.replace(before, lora_rank=8)


def test_again_with_an_impossible_value_names_it(
    workspace: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    found = said(workspace, capfdbinary, "run", "again", "first", "--set", "lora_rank=-1", status=1)
    assert found["error"]["code"] == "recipe_invalid"


def test_log_for_tensorboard_is_written_and_named(
    workspace: Path, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    words = ("run", "curves", "first", "--tensorboard", str(tmp_path / "logs"))
    found = said(workspace, capfdbinary, *words)
    path = Path(found["tensorboard"])
    assert path.name.startswith("events.out.tfevents.")
    assert path.parent.parent == tmp_path / "logs"
    assert b"brain.Event:2" in path.read_bytes()
    assert said(workspace, capfdbinary, *words) == found
