# SPDX-License-Identifier: Apache-2.0
"""Stop, kill and resume real runs; the outcome is that of the uninterrupted run, bit for bit."""

from __future__ import annotations

import json
import signal
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from engine.domain.run import JobState
from engine.protocol.events import AdapterCommitted, CheckpointCommitted, StepDone
from engine.store.eventlog import EventReader
from engine.store.layout import Layout
from tests.e2e.command_line import SAMPLE, STARTER, CommandLine

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

STEPS = 12
TRAIN = (
    "train", "--dataset", "Tickets", "--model", "Starter", "--preset", "starter",
    "--set", f"max_steps={STEPS}", "--set", "checkpoint_every_steps=3",
    "--set", "lora_dropout=0.1", "--set", "eval_rows=8", "--set", "sample_rows=0",
)  # fmt: skip


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    made = CommandLine(tmp_path_factory.mktemp("interrupted") / "workspace")
    made.do("import", SAMPLE, "--name", "Tickets")
    made.do("model", "add", STARTER, "--name", "Starter")
    return made


def losses(line: CommandLine, run_id: str) -> dict[int, float | None]:
    """Return the loss of each step; a step that was done again counts as done last."""
    events = EventReader(Layout(line.workspace).job(run_id).events).poll()
    steps = [one.event for one in events if isinstance(one.event, StepDone)]
    return {one.step: one.loss for one in steps}


def adapter_hash(line: CommandLine, run_id: str) -> str:
    events = EventReader(Layout(line.workspace).job(run_id).events).poll()
    made = [one.event for one in events if isinstance(one.event, AdapterCommitted)]
    return made[-1].sha256


@pytest.fixture(scope="module")
def whole(line: CommandLine) -> tuple[dict[int, float | None], str]:
    run_id = line.do(*TRAIN)["run_id"]
    return losses(line, run_id), adapter_hash(line, run_id)


def wait_for_checkpoint(line: CommandLine, known: set[str]) -> str:
    """Return the id of the new run as soon as it has committed a checkpoint."""
    jobs = Layout(line.workspace).jobs
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for folder in jobs.iterdir():
            if folder.name in known or not (folder / "recipe.json").exists():
                continue
            events = EventReader(folder / "events.jsonl").poll()
            if any(isinstance(one.event, CheckpointCommitted) for one in events):
                return folder.name
        time.sleep(0.02)
    raise AssertionError("no checkpoint within 60 s")


def known_jobs(line: CommandLine) -> set[str]:
    return {one.name for one in Layout(line.workspace).jobs.iterdir()}


def worker_of(line: CommandLine, run_id: str) -> psutil.Process:
    identity: dict[str, Any] = json.loads(
        Layout(line.workspace).job(run_id).identity.read_text(encoding="utf-8")
    )
    return psutil.Process(identity["pid"])


def test_killed_worker_resumes_to_the_same_bits(
    line: CommandLine, whole: tuple[dict[int, float | None], str]
) -> None:
    known = known_jobs(line)
    with line.start(*TRAIN) as process:
        run_id = wait_for_checkpoint(line, known)
        worker_of(line, run_id).kill()
        out, _err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert json.loads(out)["error"]["code"] == "worker_died"
    assert line.do("run", "show", run_id)["state"] == JobState.INTERRUPTED
    done = line.do("run", "resume", run_id)
    assert (done["state"], done["steps"]) == ("finished", STEPS)
    assert (losses(line, run_id), adapter_hash(line, run_id)) == whole


def test_stopped_run_resumes_to_the_same_bits(
    line: CommandLine, whole: tuple[dict[int, float | None], str]
) -> None:
    known = known_jobs(line)
    with line.start(*TRAIN) as process:
        run_id = wait_for_checkpoint(line, known)
        stopped = line.do("run", "stop", run_id)
        process.communicate(timeout=60)
    assert stopped["state"] == "stopped"
    assert 0 < stopped["steps"] < STEPS
    assert stopped["has_adapter"]
    done = line.do("run", "resume", run_id)
    assert (done["state"], done["steps"]) == ("finished", STEPS)
    assert (losses(line, run_id), adapter_hash(line, run_id)) == whole


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is sent to a group there")
def test_ctrl_c_leaves_the_run_running(line: CommandLine) -> None:
    known = known_jobs(line)
    with line.start(*TRAIN) as process:
        run_id = wait_for_checkpoint(line, known)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert json.loads(out)["state"] in ("running", "finished")
    assert f"run follow {run_id}" in err.decode() or json.loads(out)["state"] == "finished"
    assert line.do("run", "follow", run_id)["state"] == "finished"


def test_finished_run_cannot_be_resumed(line: CommandLine) -> None:
    runs = line.do("runs")["runs"]
    finished = next(one for one in runs if one["state"] == "finished")
    answer = line.ask("run", "resume", finished["run_id"])
    assert (answer.status, answer.values["error"]["code"]) == (1, "run_not_resumable")


def test_run_without_adapter_is_not_exported(line: CommandLine, tmp_path: Path) -> None:
    known = known_jobs(line)
    with line.start(*TRAIN) as process:
        run_id = wait_for_checkpoint(line, known)
        worker_of(line, run_id).kill()
        process.communicate(timeout=60)
    answer = line.ask("export", run_id, "--target", "adapter", "--out", tmp_path / "out")
    assert (answer.status, answer.values["error"]["code"]) == (1, "nothing_to_export")
    assert not (tmp_path / "out").exists()
