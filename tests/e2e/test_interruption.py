# SPDX-License-Identifier: Apache-2.0
"""Stop, kill and resume real runs; the outcome is that of the uninterrupted run, bit for bit."""

from __future__ import annotations

import contextlib
import json
import signal
import sys
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import psutil
import pytest

from engine.api.queue import QueueDesk
from engine.domain.run import JobState
from engine.launcher.keeper import keeper_pid
from engine.protocol.events import AdapterCommitted, CheckpointCommitted, PhaseChanged, StepDone
from engine.store.eventlog import EventReader
from engine.store.layout import JobFolder, Layout
from engine.store.locks import held
from tests.e2e.command_line import LIMIT_S, SAMPLE, STARTER, CommandLine

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

STEPS = 12
SLICE_S = 0.01
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


def known_jobs(line: CommandLine) -> set[str]:
    return {one.name for one in Layout(line.workspace).jobs.iterdir()}


def worker_of(folder: Path) -> psutil.Process | None:
    """Return the worker of a job, or None as long as it has not told who it is."""
    identity = JobFolder(folder).identity
    if not identity.exists():
        return None
    said: dict[str, Any] = json.loads(identity.read_text(encoding="utf-8"))
    return psutil.Process(said["pid"])


def new_worker(line: CommandLine, known: set[str], deadline: float) -> tuple[str, psutil.Process]:
    """Return id and worker of the new run as soon as there is one."""
    while time.monotonic() < deadline:
        for name in known_jobs(line) - known:
            worker = worker_of(Layout(line.workspace).jobs / name)
            if worker is not None:
                return name, worker
        time.sleep(0.02)
    raise AssertionError("no worker in time")


def held_at_checkpoint(line: CommandLine, known: set[str]) -> tuple[str, psutil.Process]:
    """Return id and suspended worker of the new run, which has just committed a checkpoint.

    From its first phase on the worker goes on in slices far shorter than the rest of its run, and
    never while it is looked at: however slow this machine is at that moment, the run cannot get to
    its end unseen.
    """
    deadline = time.monotonic() + LIMIT_S
    run_id, worker = new_worker(line, known, deadline)
    reader = EventReader(Layout(line.workspace).job(run_id).events)
    while not any(isinstance(one.event, PhaseChanged) for one in reader.poll()):
        assert time.monotonic() < deadline, "no phase in time"
        time.sleep(SLICE_S)
    while time.monotonic() < deadline:
        worker.suspend()
        if any(isinstance(one.event, CheckpointCommitted) for one in reader.poll()):
            return run_id, worker
        worker.resume()
        time.sleep(SLICE_S)
    raise AssertionError("no checkpoint in time")


@contextlib.contextmanager
def held_keeper(line: CommandLine) -> Generator[None, None, None]:
    """Let the keeper of the queue look at nothing in the block."""
    layout = Layout(line.workspace)
    pid = keeper_pid(layout)
    assert pid is not None
    keeper = psutil.Process(pid)
    # It must not stand still while it holds the lock that others wait for.
    with held(layout.queue.lock):
        keeper.suspend()
    try:
        yield
    finally:
        keeper.resume()


def wait_for_command(line: CommandLine, run_id: str) -> None:
    """Wait until a command lies in the folder of a run."""
    deadline = time.monotonic() + LIMIT_S
    while not any(Layout(line.workspace).job(run_id).commands.glob("*.json")):
        assert time.monotonic() < deadline, "no command in time"
        time.sleep(0.02)


def test_killed_worker_resumes_to_the_same_bits(
    line: CommandLine, whole: tuple[dict[int, float | None], str]
) -> None:
    known = known_jobs(line)
    with line.start(*TRAIN) as process:
        run_id, worker = held_at_checkpoint(line, known)
        worker.kill()
        out, _err = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 1
    assert json.loads(out)["error"]["code"] == "killed_by_system"
    assert line.do("run", "show", run_id)["state"] == JobState.INTERRUPTED
    done = line.do("run", "resume", run_id)
    assert (done["state"], done["steps"]) == ("finished", STEPS)
    assert (losses(line, run_id), adapter_hash(line, run_id)) == whole


def test_stopped_run_resumes_to_the_same_bits(
    line: CommandLine, whole: tuple[dict[int, float | None], str]
) -> None:
    known = known_jobs(line)
    with line.start(*TRAIN) as process:
        run_id, worker = held_at_checkpoint(line, known)
        with line.start("run", "stop", run_id) as asking:
            try:
                wait_for_command(line, run_id)
            finally:
                worker.resume()
            out, _err = asking.communicate(timeout=LIMIT_S)
        process.communicate(timeout=LIMIT_S)
    assert asking.returncode == 0
    stopped = json.loads(out)
    assert stopped["state"] == "stopped"
    assert 0 < stopped["steps"] < STEPS
    assert stopped["has_adapter"]
    done = line.do("run", "resume", run_id)
    assert (done["state"], done["steps"]) == ("finished", STEPS)
    assert (losses(line, run_id), adapter_hash(line, run_id)) == whole


@pytest.mark.timeout(900)
def test_runs_paused_and_queued_go_on_to_the_same_bits(
    line: CommandLine, whole: tuple[dict[int, float | None], str]
) -> None:
    """A new run waits in the queue, is paused as it trains, and goes on behind another one.

    It is put in again before the keeper has seen that it was paused, as by a person in a hurry.
    """
    known = known_jobs(line)
    line.do("queue", "hold")
    line.do("queue", "new", *TRAIN[1:], "--name", "first")
    lines = line.do("queue", "new", *TRAIN[1:], "--name", "second")["lines"]
    first, second = (one["run_id"] for one in lines)
    assert {state_of(line, one) for one in (first, second)} == {"waiting"}
    line.do("queue", "move", "second", "1")
    line.do("queue", "resume")
    run_id, worker = held_at_checkpoint(line, known)
    assert run_id == second
    with held_keeper(line), line.start("run", "pause", second) as asking:
        try:
            wait_for_command(line, second)
        finally:
            worker.resume()
        out, _err = asking.communicate(timeout=LIMIT_S)
        paused = json.loads(out)
        assert (paused["state"], paused["has_adapter"]) == ("paused", False)
        assert 0 < paused["steps"] < STEPS
        line.do("queue", "add", "second")
    deadline = time.monotonic() + LIMIT_S
    # Asked of the file: a command line each time would take the time of the runs.
    desk = QueueDesk(Layout(line.workspace))
    while desk.read().entries:
        assert time.monotonic() < deadline, desk.read()
        time.sleep(0.1)
    assert line.do("queue")["lines"] == []
    for one in (first, second):
        assert state_of(line, one) == "finished"
        assert (losses(line, one), adapter_hash(line, one)) == whole


def state_of(line: CommandLine, run_id: str) -> str:
    return line.do("run", "show", run_id)["state"]


@contextlib.contextmanager
def heard_interrupts() -> Generator[None, None, None]:
    """Let what is started hear Ctrl-C, also where a shell put these tests in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is sent to a group there")
def test_ctrl_c_leaves_the_run_running(line: CommandLine) -> None:
    known = known_jobs(line)
    with heard_interrupts():
        started = line.start(*TRAIN)
    with started as process:
        run_id, worker = held_at_checkpoint(line, known)
        process.send_signal(signal.SIGINT)
        try:
            out, err = process.communicate(timeout=LIMIT_S)
        finally:
            worker.resume()
    assert process.returncode == 0
    assert json.loads(out)["state"] == "running"
    assert f"run follow {run_id}" in err.decode()
    assert line.do("run", "follow", run_id)["state"] == "finished"


def test_finished_run_cannot_be_resumed(line: CommandLine) -> None:
    runs = line.do("runs")["runs"]
    finished = next(one for one in runs if one["state"] == "finished")
    answer = line.ask("run", "resume", finished["run_id"])
    assert (answer.status, answer.values["error"]["code"]) == (1, "run_not_resumable")


def test_run_without_adapter_is_not_exported(line: CommandLine, tmp_path: Path) -> None:
    known = known_jobs(line)
    with line.start(*TRAIN) as process:
        run_id, worker = held_at_checkpoint(line, known)
        worker.kill()
        process.communicate(timeout=LIMIT_S)
    answer = line.ask("export", run_id, "--target", "adapter", "--out", tmp_path / "out")
    assert (answer.status, answer.values["error"]["code"]) == (1, "nothing_to_export")
    assert not (tmp_path / "out").exists()
