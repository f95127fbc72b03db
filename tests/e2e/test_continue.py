# SPDX-License-Identifier: Apache-2.0
"""Training goes on with a run, with a checkpoint and with a folder, by the real command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.e2e.command_line import SAMPLE, STARTER, CommandLine

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

QUICK = ("--set", "max_steps=2", "--set", "eval_rows=8", "--set", "sample_rows=0")


def test_training_goes_on_from_run_checkpoint_and_folder(tmp_path: Path) -> None:
    line = CommandLine(tmp_path / "workspace")
    line.do("import", SAMPLE, "--name", "Tickets")
    rows = [{"prompt": f"Question {one}?", "completion": f"Answer {one}."} for one in range(40)]
    (tmp_path / "new.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    line.do("import", tmp_path / "new.jsonl", "--name", "New")
    line.do("model", "add", STARTER, "--name", "Starter")
    first = line.do(
        "train", "--dataset", "Tickets", "--model", "Starter", "--preset", "starter",
        "--name", "first", "--set", "checkpoint_every_steps=1", *QUICK,
    )  # fmt: skip

    planned = line.do("plan", "--from", "first", "--dataset", "New")
    assert planned["decisions"]["start"]["value"] == "the adapter of first, step 2"
    assert planned["decisions"]["adapter_shape"]["value"].startswith("rank ")
    second = line.do("train", "--from", "first", "--dataset", "New", "--name", "second")
    assert second["state"] == "finished"
    assert [one["name"] for one in second["went_on_with"]] == ["first"]

    third = line.do("train", "--from", "first@1", "--name", "third", *QUICK)
    assert third["went_on_with"][0]["checkpoint"] == "ck-000001"
    assert third["dataset_id"] == first["dataset_id"]

    out = line.do("export", "second", "--target", "adapter", "--out", tmp_path / "out")
    card = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert "## Before this training" in card
    line.do("remove", "run", "first")
    fourth = line.do(
        "train", "--from", out["path"], "--dataset", "New", "--model", "Starter",
        "--name", "fourth", *QUICK,
    )  # fmt: skip
    assert fourth["state"] == "finished"
    assert fourth["went_on_with"][0]["run_id"] == ""
    refused = line.ask("train", "--from", "first", "--dataset", "New")
    assert (refused.status, refused.values["error"]["code"]) == (1, "run_not_found")
