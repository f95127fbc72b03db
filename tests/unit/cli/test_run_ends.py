# SPDX-License-Identifier: Apache-2.0
"""Runs that ended badly, as the command line shows them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec.structs import replace

from engine.api.jobs import Jobs
from engine.cli.main import run_command_line
from engine.domain.recipe import Recipe
from engine.domain.run import JobKind
from engine.hardware import uptime
from engine.launcher.deaths import keep_exit
from engine.launcher.identity import own_identity
from engine.protocol.events import (
    CheckpointCommitted,
    EvalDone,
    Event,
    Failed,
    Stopped,
    WorkerStarted,
)
from engine.store.documents import write_document
from engine.store.eventlog import EventWriter
from engine.store.workspace import open_workspace

STARTED = WorkerStarted(attempt=1, pid=1)
SAVED = CheckpointCommitted(step=420, name="ck-000420", size_bytes=1, is_best=True)


def a_run(root: Path, *events: Event) -> Jobs:
    """Write a run with a log and without a worker."""
    layout = open_workspace(root, now=datetime.now(UTC))
    jobs = Jobs(layout, make_id=lambda: "run1")
    jobs.create(
        JobKind.TRAIN, "Mine", "a:b", {}, Recipe(dataset_id="d1", model_id="m1", method="sft_qlora")
    )
    writer = EventWriter(layout.job("run1").events, now=lambda: datetime.now(UTC))
    for one in events:
        writer.append(one)
    writer.close()
    return jobs


@pytest.fixture
def killed(tmp_path: Path) -> Path:
    """Return a workspace with a run whose worker was killed after its first checkpoint."""
    root = tmp_path / "w"
    folder = a_run(root, STARTED, SAVED)._layout.job("run1")
    # Nobody is this process: its start is another one's.
    write_document(folder.identity, replace(own_identity(folder, "one"), started_at_s=1e9))
    if uptime.boot_id() == "":
        write_document(folder.identity, replace(own_identity(folder, "one"), pid=2**22 + 1))
    keep_exit(folder, "one", -9)
    return root


@pytest.mark.parametrize(
    ("before", "words"),
    [(2.0, "held-out loss 2.000 before, 1.000 now (-50 %)"),
     (0.0, "held-out loss 0.000 before, 1.000 now")],
)  # fmt: skip
def test_run_whose_held_out_rows_were_known_by_heart_is_shown(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], before: float, words: str
) -> None:
    checks = [
        EvalDone(step=step, loss=loss, supervised_tokens=1, examples=1, is_best=True, eval_s=0.1)
        for step, loss in enumerate((before, 1.0))
    ]
    a_run(tmp_path / "w", STARTED, *checks, Stopped(step=1, checkpoint=""))
    assert f"  {words}\n" in said(capfd, tmp_path / "w", "run", "show", "run1")


def said(capfd: pytest.CaptureFixture[str], root: Path, *words: str) -> str:
    assert run_command_line(["--workspace", str(root), *words]) == 0
    return capfd.readouterr().out


def test_killed_run_says_what_happened_what_is_safe_and_what_to_do(
    killed: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    words = said(capfd, killed, "run", "show", "run1")
    assert "interrupted" in words
    assert "ended the worker" in words
    assert "checkpoint of step 420 is complete and was verified" in words
    assert "Resume the run" in words
    assert "[killed_by_system]" in words
    assert "exit status: -9" in words


def test_list_of_runs_names_the_cause(killed: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert "interrupted (killed_by_system)" in said(capfd, killed, "runs")


def test_cause_stands_in_the_json_object(killed: Path, capfd: pytest.CaptureFixture[str]) -> None:
    found = json.loads(said(capfd, killed, "run", "show", "run1", "--json"))
    assert found["failure"]["code"] == "killed_by_system"
    assert found["failure"]["detail"].startswith("exit status: -9")
    assert found["is_silent"] is False


def test_failed_run_before_its_first_checkpoint_says_so(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    a_run(
        tmp_path / "w", STARTED, Failed(code="gpu_lost", message="It is lost.", remedy="Restart.")
    )
    words = said(capfd, tmp_path / "w", "run", "show", "run1")
    assert "It is lost." in words
    assert "no checkpoint yet" in words
    assert "Restart." in words


def test_run_that_was_stopped_has_no_failure(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    a_run(tmp_path / "w", STARTED, SAVED, Stopped(step=420, checkpoint="ck-000420"))
    found = json.loads(said(capfd, tmp_path / "w", "run", "show", "run1", "--json"))
    assert found["failure"] is None
