# SPDX-License-Identifier: Apache-2.0
"""Bad ends of real workers: each is recognised, named, and answered with what to do."""

from __future__ import annotations

import errno
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest
from msgspec.structs import replace

from engine.api.jobs import Jobs, JobView
from engine.domain.run import JobKind, JobState
from engine.errors import (
    AlreadyRunning,
    ArchiveUnsafe,
    CheckpointDamaged,
    DatasetDamaged,
    DiskFailed,
    DiskFull,
    DocumentDamaged,
    EngineError,
    FileUnreadable,
    LossNotFiniteError,
    ModelInvalid,
    NoUsableRows,
    RemoteCodeRefused,
    TrainingDiverged,
    UnsafeWeights,
    WorkspaceInvalid,
    WorkspaceTooNew,
)
from engine.hardware.driver import DriverVersions
from engine.launcher.endings import EndFacts, named_end
from engine.launcher.identity import read_identity
from engine.launcher.watch import SILENT_AFTER_S, is_silent
from engine.protocol.events import CheckpointCommitted, StepDone, Stopped
from engine.store.layout import JobFolder
from engine.store.workspace import open_workspace
from engine.train import sft_lora
from engine.train.checkpoint import checkpoint_folders, read_checkpoint
from engine.worker.signals import StopWish
from tests.faults.extent import IS_FULL
from tests.unit.train.runs import Desk, chat_rows, make_desk

posix = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
LIMIT_S = 20.0
TERMINATIONS = 100 if IS_FULL else 6


@pytest.fixture
def jobs(tmp_path: Path) -> Jobs:
    return Jobs(open_workspace(tmp_path / "workspace", now=datetime.now(UTC)))


def started(jobs: Jobs, entry: str) -> str:
    job_id = jobs.create(JobKind.IMPORT, "test", f"tests.fakes.entries:{entry}", {})
    jobs.start(job_id)
    return job_id


def ended(jobs: Jobs, job_id: str) -> JobView:
    """Return a job as soon as it is over."""
    deadline = time.monotonic() + LIMIT_S
    while not (view := jobs.get(job_id)).state.is_over:
        assert time.monotonic() < deadline, jobs.log_tail(job_id)
        time.sleep(0.02)
    return view


def worker(jobs: Jobs, job_id: str) -> psutil.Process:
    identity = read_identity(jobs._layout.job(job_id))
    assert identity is not None
    return psutil.Process(identity.pid)


# --- workers that die without a word ----------------------------------------------------------


def test_killed_worker_was_killed(jobs: Jobs) -> None:
    job_id = started(jobs, "until_stopped")
    worker(jobs, job_id).kill()
    view = ended(jobs, job_id)
    assert view.state is JobState.INTERRUPTED
    assert view.cause is not None
    assert view.cause.code == ("worker_died" if sys.platform == "win32" else "killed_by_system")


@posix
@pytest.mark.parametrize(
    ("entry", "code"),
    [("crashes", "worker_crashed"), ("ended_by_a_library", "gpu_faulted"), ("dies", "worker_died")],
)
def test_death_without_a_word_has_a_cause(jobs: Jobs, entry: str, code: str) -> None:
    view = ended(jobs, started(jobs, entry))
    assert view.state is JobState.INTERRUPTED
    assert view.cause is not None
    assert view.cause.code == code
    assert "exit status" in view.cause.detail


def test_cause_is_known_to_a_later_window(jobs: Jobs) -> None:
    """The window that started the worker may be gone; what it kept is not."""
    job_id = started(jobs, "until_stopped")
    worker(jobs, job_id).kill()
    first = ended(jobs, job_id).cause
    assert Jobs(jobs._layout).get(job_id).cause == first


def test_next_attempt_does_not_inherit_the_cause(jobs: Jobs) -> None:
    job_id = started(jobs, "until_stopped")
    worker(jobs, job_id).kill()
    ended(jobs, job_id)
    jobs.start(job_id)
    assert jobs.get(job_id).cause is None
    jobs.stop(job_id)
    assert ended(jobs, job_id).cause is None


def test_error_of_the_card_is_named_and_holds_no_row(jobs: Jobs) -> None:
    view = ended(jobs, started(jobs, "card_fails"))
    failure = view.snapshot.failure
    assert view.state is JobState.FAILED
    assert failure is not None
    assert failure.code in ("gpu_faulted", "gpu_lost")
    assert "said: device-side assert" in failure.detail
    assert "secret" not in failure.message + failure.detail


def test_worker_leaves_no_process(jobs: Jobs) -> None:
    job_id = started(jobs, "leaves_a_child")
    view = ended(jobs, job_id)
    assert view.state is JobState.FINISHED
    child = int(view.snapshot.result["child"])
    deadline = time.monotonic() + LIMIT_S
    while psutil.pid_exists(child) and psutil.Process(child).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline, "a process was left behind"
        time.sleep(0.02)


@posix
def test_suspended_worker_is_silent_and_never_dead(jobs: Jobs) -> None:
    job_id = started(jobs, "until_stopped")
    process, folder = worker(jobs, job_id), jobs._layout.job(job_id)
    process.suspend()
    try:
        later = time.monotonic() + SILENT_AFTER_S
        assert is_silent(folder, now_s=later)
        assert jobs.get(job_id).state is JobState.RUNNING
        assert jobs.get(job_id).cause is None
    finally:
        process.resume()
    jobs.stop(job_id)
    assert ended(jobs, job_id).state is JobState.STOPPED


# --- SIGTERM: log-out and shutdown ------------------------------------------------------------


@pytest.fixture
def own_signals() -> Iterator[None]:
    """Give the signals of this process back afterwards."""
    names = ("SIGTERM", "SIGINT", "SIGHUP")
    before = {one: signal.getsignal(getattr(signal, one)) for one in names if hasattr(signal, one)}
    yield
    for name, one in before.items():
        signal.signal(getattr(signal, name), one)


def terminated(desk: Desk, run_id: str, after_s: float, *, is_early: bool) -> tuple[int, int]:
    """Train until a SIGTERM; return the steps done then and those kept at last.

    Args:
        desk: Holds the run.
        run_id: The run.
        after_s: When, from the first step on.
        is_early: From the start of the run on instead.
    """
    folder: JobFolder = desk.layout.job(run_id)
    context, at_signal = desk.context(run_id), list[int]()
    wish = StopWish(folder.commands)

    def strike() -> None:
        while not (is_early or desk.of(StepDone)):
            time.sleep(0.005)
        time.sleep(after_s)
        at_signal.append(max((one.step for one in desk.of(StepDone)), default=0))
        os.kill(os.getpid(), signal.SIGTERM)

    striker = threading.Thread(target=strike)
    striker.start()
    sft_lora.train(replace(context, stop_requested=wish.is_there))
    striker.join()
    stopped = desk.of(Stopped)
    assert len(stopped) == 1, "it came to its end before the signal"
    return at_signal[0], stopped[0].step


@posix
@pytest.mark.usefixtures("own_signals")
def test_sigterm_at_any_moment_leaves_a_checkpoint_within_one_step(
    tmp_path: Path, tell: Callable[[str], None]
) -> None:
    desk = make_desk(tmp_path, rows=chat_rows(40), vocabulary=300, layers=1)
    chance, in_training = random.Random(7), 0
    for number in range(TERMINATIONS):
        run_id = f"run-{number}"
        desk.add_run(run_id, desk.recipe(epochs=100.0, effective_batch_size=1, eval_every_steps=5))
        is_early = number % 3 == 0
        after_s = chance.uniform(0.0, 0.6)
        at_signal, kept = terminated(desk, run_id, after_s, is_early=is_early)
        # One step may end between the look and the delivery of the signal, and one is being done.
        assert at_signal <= kept <= at_signal + 2
        in_training += kept > 0
        if kept:
            newest = checkpoint_folders(desk.layout.job(run_id).checkpoints)[-1]
            assert read_checkpoint(newest).state.step == kept
            assert any(one.step == kept for one in desk.of(CheckpointCommitted))
    assert in_training > TERMINATIONS // 2
    tell(f"SIGTERM at {TERMINATIONS} moments: a verified checkpoint within one step each time")


# --- the faults of the plan -------------------------------------------------------------------

CHANGED = DriverVersions(loaded="535.183.01", installed="560.35.03")
PLAN = {
    "R1 kill -9 of the worker": EndFacts(exit_status=-9),
    "R1 power loss": EndFacts(is_restarted=True),
    "R2 kill within a durable write": EndFacts(exit_status=-9),
    "R4 no space left": EndFacts(error="OSError", errno=errno.ENOSPC),
    "R4 quota": EndFacts(error="OSError", errno=errno.EDQUOT),
    "R4 file too large": EndFacts(error="OSError", errno=errno.EFBIG),
    "R4 no space even for the last event": EndFacts(exit_status=1, errno=errno.ENOSPC),
    "R5 input/output error": EndFacts(error="OSError", errno=errno.EIO),
    "R5 input/output error of the event log": EndFacts(exit_status=1, errno=errno.EIO),
    "R5 disk gone read-only": EndFacts(error="OSError", errno=errno.EROFS),
    "R5 network drive gone": EndFacts(error="OSError", errno=errno.ESTALE),
    "R11 ended by its grace": EndFacts(exit_status=-14),
    "R12 slept": EndFacts(error="RuntimeError", text="CUDA error: unknown error", slept_s=60.0),
    "R13 card out of memory": EndFacts(error="OutOfMemoryError"),
    "R13 computer out of memory": EndFacts(error="MemoryError"),
    "R13 killed for memory": EndFacts(exit_status=137, oom_kills=1),
    "6c GPU lost": EndFacts(error="RuntimeError", text="GPU is lost", cards=0),
    "6c GPU error": EndFacts(error="RuntimeError", text="CUDA error: device-side assert"),
    "6c driver changed": EndFacts(error="RuntimeError", text="CUDA error: x", driver=CHANGED),
    "6c ended by a library": EndFacts(exit_status=1, text="Error unspecified launch failure"),
    "6c crash": EndFacts(exit_status=-11),
    "a process of the group gone": EndFacts(error="BrokenPipeError", errno=errno.EPIPE),
}


KNOWN: dict[str, type[EngineError]] = {
    "R4 no space, where it is written": DiskFull,
    "R5 a call that fails, where it is made": DiskFailed,
    "R5 a library's call that fails": DiskFailed,
    "R6 corrupted checkpoint": CheckpointDamaged,
    "R6 corrupted dataset": DatasetDamaged,
    "R6 corrupted document": DocumentDamaged,
    "R10 two starts at once": AlreadyRunning,
    "R14 no number": LossNotFiniteError,
    "R14 exploding": TrainingDiverged,
    "R15 malformed file": FileUnreadable,
    "R15 file without a row": NoUsableRows,
    "R16 malformed model": ModelInvalid,
    "R16 model with code": RemoteCodeRefused,
    "R16 weights that can hold code": UnsafeWeights,
    "R16 malicious archive": ArchiveUnsafe,
    "R18 later version": WorkspaceTooNew,
    "R18 no workspace": WorkspaceInvalid,
}
"""What Burnish names where it happens; the tests of each fault look that it does."""

UNFELT = {"R3", "R7", "R8", "R9", "R17", "R19"}
"""Faults behind which everything goes on: there is nothing to be told."""


def test_every_fault_of_the_plan_has_a_name_and_a_remedy(tell: Callable[[str], None]) -> None:
    found = {name: named_end(facts) for name, facts in PLAN.items()}
    for name, one in found.items():
        assert one.message, name
        assert one.detail, name
    found |= {name: kind("x") for name, kind in KNOWN.items()}
    unnamed = [name for name, one in found.items() if one.code in ("unforeseen", "worker_died")]
    assert not unnamed
    assert [name for name, one in found.items() if not one.remedy] == []
    assert {name.split()[0] for name in found} | UNFELT >= {f"R{one}" for one in range(1, 20)}
    tell(f"{len(found)} faults: each has a name, a cause, a remedy and a detail")
