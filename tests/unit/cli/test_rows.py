# SPDX-License-Identifier: Apache-2.0
"""`dataset show` on a checked workspace: rows of a split, and of findings by group."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from engine.api import checking
from engine.api.facade import open_api
from engine.cli.main import run_command_line
from engine.domain.split import EVAL, TRAIN
from tests.builders.dataset_import import ImportRun
from tests.builders.jobs import JobRun


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a checked workspace: rows 0 and 6, 2 and 5, 3 and 7 are equal; 5 on are held out."""
    api = open_api(tmp_path / "workspace")
    source = tmp_path / "rows.jsonl"
    questions = ["q0", "q1", "q2", "q3", "q4", "q2", "q0", "q3"]
    lines = [json.dumps({"prompt": one, "completion": f"an answer to {one}"}) for one in questions]
    source.write_text("\n".join(lines), encoding="utf-8")
    ImportRun(api.layout, [source], eval_ratio=0.0, dataset_id="d1").run()
    ids = api.versions.order("d1").splits[TRAIN]
    api.versions.split_anew("d1", {TRAIN: ids[:5], EVAL: ids[5:]}, detail="by hand")
    options = {"dataset_id": "d1", "settings": {"near_similarity": 0.8, "eval_margin": 0.05}}
    JobRun(api.layout, checking.run, options)
    return api.layout.root


def show(root: Path, capfdbinary: pytest.CaptureFixture[bytes], *words: str) -> dict[str, Any]:
    arguments = ["--workspace", str(root), "dataset", "show", "d1", *words, "--json"]
    assert run_command_line(arguments) == 0
    return json.loads(capfdbinary.readouterr().out)


def test_rows_of_a_finding_are_shown_by_group_from_all_splits(
    root: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    shown = show(root, capfdbinary, "--check", "exact_copies", "--rows", "5")
    assert (shown["rows_found"], shown["groups_found"]) == (6, 3)
    assert [(one["id"], one["split"], one["group"]) for one in shown["rows_shown"]] == [
        (0, "train", 1), (6, "eval", 1), (2, "train", 2), (5, "eval", 2), (3, "train", 3),
    ]  # fmt: skip
    assert shown["rows_shown"][1]["row"]["messages"][0]["content"] == "q0"
    last = show(root, capfdbinary, "--check", "exact_copies", "--start", "5", "--rows", "9")
    assert [(one["id"], one["group"]) for one in last["rows_shown"]] == [(7, 3)]
    held = show(root, capfdbinary, "--check", "exact_copies", "--split", "eval", "--rows", "9")
    assert [(one["id"], one["split"]) for one in held["rows_shown"]] == [
        (5, "eval"), (6, "eval"), (7, "eval"),
    ]  # fmt: skip


def test_rows_without_a_finding_are_those_for_training(
    root: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    shown = show(root, capfdbinary, "--start", "3", "--rows", "9")
    assert [one["id"] for one in shown["rows_shown"]] == [3, 4]
    assert (shown["rows_found"], shown["groups_found"]) == (5, 0)
    assert {one["group"] for one in shown["rows_shown"]} == {0}
    assert show(root, capfdbinary, "--start", "99")["rows_shown"] == []


def test_check_that_does_not_exist_is_refused(
    root: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    words = ["--workspace", str(root), "dataset", "show", "d1", "--check", "nothing"]
    assert run_command_line(words) != 0
    assert "no check nothing" in capfd.readouterr().err


def test_rows_in_words_name_split_and_group(root: Path, capfd: pytest.CaptureFixture[str]) -> None:
    words = ["--workspace", str(root), "dataset", "show", "d1", "--check", "leakage"]
    assert run_command_line(words) == 0
    out = capfd.readouterr().out
    assert "Found: 6 rows" in out
    assert "[0] rows.jsonl:1, train, group 1 of 3" in out
    assert "[6] rows.jsonl:7, eval, group 1 of 3" in out
