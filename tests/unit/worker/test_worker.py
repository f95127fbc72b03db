# SPDX-License-Identifier: Apache-2.0
"""Real workers in processes of their own, doing small jobs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest

from engine.api.jobs import Jobs
from engine.domain.recipe import Recipe
from engine.domain.run import JobKind, JobState
from engine.errors import AlreadyRunning, WorkerDied
from engine.launcher import spawn
from engine.launcher.identity import Heartbeat, launch_token, read_identity
from engine.launcher.spawn import worker_argv
from engine.launcher.watch import wait_until_free
from engine.protocol.codec import encode_command
from engine.protocol.commands import Pause, Stop
from engine.protocol.events import Warned, WorkerStarted
from engine.store.documents import read_document, write_document
from engine.store.workspace import open_workspace
from engine.worker.signals import StopWish

pytestmark = pytest.mark.e2e


@pytest.fixture
def jobs(tmp_path: Path) -> Jobs:
    return Jobs(open_workspace(tmp_path / "a workspace", now=datetime.now(UTC)))


def make(jobs: Jobs, entry: str) -> str:
    return jobs.create(JobKind.IMPORT, "test", f"tests.fakes.entries:{entry}", {})


def wait_over(jobs: Jobs, job_id: str, limit_s: float = 20) -> JobState:
    deadline = time.monotonic() + limit_s
    while not jobs.get(job_id).state.is_over:
        assert time.monotonic() < deadline, jobs.log_tail(job_id)
        time.sleep(0.02)
    return jobs.get(job_id).state


def test_job_that_finishes_leaves_result_and_state(jobs: Jobs) -> None:
    job_id = make(jobs, "quick")
    jobs.start(job_id)
    assert wait_over(jobs, job_id) is JobState.FINISHED
    view = jobs.get(job_id)
    assert view.snapshot.result == {"answer": "42"}
    assert view.snapshot.attempt == 1


@pytest.mark.parametrize(("asked", "disabled"), [(False, "1"), (True, "")])
def test_torch_may_compile_only_in_a_run_that_asks_for_it(
    asked: bool, disabled: str, jobs: Jobs
) -> None:
    job_id = make(jobs, "tells_whether_torch_may_compile")
    recipe = Recipe(dataset_id="d", model_id="m", compile_layers=asked)
    write_document(jobs._layout.job(job_id).recipe, recipe)
    jobs.start(job_id)
    assert wait_over(jobs, job_id) is JobState.FINISHED
    assert jobs.get(job_id).snapshot.result == {"disabled": disabled}


def test_next_worker_removes_what_a_killed_one_was_writing(jobs: Jobs) -> None:
    job_id = make(jobs, "quick")
    folder = jobs._layout.job(job_id)
    left = [folder.root / ".tmp-1", folder.commands / ".tmp-2"]
    for one in left:
        one.write_bytes(b"half a heartbeat")
        os.utime(one, (1.0, 1.0))
    # A window may be writing a note just now.
    (folder.root / ".tmp-3").write_bytes(b"half a note")
    jobs.start(job_id)
    assert wait_over(jobs, job_id) is JobState.FINISHED
    assert [one.exists() for one in left] == [False, False]
    assert (folder.root / ".tmp-3").exists()


def test_job_is_never_taken_for_dead_while_its_worker_starts(jobs: Jobs) -> None:
    job_id, others = make(jobs, "until_stopped"), Jobs(jobs._layout)
    starting = threading.Thread(target=jobs.start, args=(job_id,))
    starting.start()
    seen: set[JobState] = set()
    while starting.is_alive():
        seen.add(others.get(job_id).state)
        time.sleep(0.005)
    jobs.end(job_id)
    assert JobState.STARTING in seen
    assert seen <= {JobState.WAITING, JobState.STARTING, JobState.RUNNING}


def test_stop_right_after_start_is_obeyed(jobs: Jobs) -> None:
    job_id = make(jobs, "until_stopped")
    jobs.start(job_id)
    jobs.stop(job_id)
    assert wait_over(jobs, job_id) is JobState.STOPPED


def test_pause_ends_the_job_as_paused(jobs: Jobs) -> None:
    job_id = make(jobs, "until_stopped")
    assert jobs.get(job_id).state is JobState.WAITING
    jobs.start(job_id)
    jobs.pause(job_id)
    assert wait_over(jobs, job_id) is JobState.PAUSED
    assert jobs.was_told(job_id)
    jobs.start(job_id)
    assert jobs.get(job_id).state is JobState.RUNNING
    assert not jobs.was_told(job_id)
    jobs.stop(job_id)
    assert wait_over(jobs, job_id) is JobState.STOPPED


def test_stop_beside_a_pause_counts_more(tmp_path: Path) -> None:
    commands = tmp_path / "commands"
    commands.mkdir()
    (commands / "000001-stop-old.json").write_bytes(encode_command(Stop()))
    before = {one: signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGINT)}
    try:
        wish = StopWish(commands)
        assert not wish.is_there()
        (commands / "000002-pause-new.json").write_bytes(encode_command(Pause()))
        assert wish.is_there()
        assert wish.is_pause()
        (commands / "000003-stop-new.json").write_bytes(encode_command(Stop()))
        assert not wish.is_pause()
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


@pytest.mark.parametrize("reverse", [False, True])
def test_ctrl_c_is_a_stop_whatever_signal_comes_with_it(tmp_path: Path, *, reverse: bool) -> None:
    signals = [signal.SIGINT, signal.SIGTERM]
    before = {one: signal.getsignal(one) for one in signals}
    try:
        wish = StopWish(tmp_path)
        for one in reversed(signals) if reverse else signals:
            signal.raise_signal(one)
        assert wish.is_there()
        assert not wish.is_pause()
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def test_stop_asked_for_while_the_worker_starts_is_obeyed(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = make(jobs, "until_stopped")
    jobs.start(job_id)
    jobs.pause(job_id)
    wait_over(jobs, job_id)
    real = spawn.start_detached

    def stopping(argv: list[str], *, log: Path, cwd: Path) -> subprocess.Popen[bytes]:
        jobs.stop(job_id)
        return real(argv, log=log, cwd=cwd)

    monkeypatch.setattr(spawn, "start_detached", stopping)
    jobs.start(job_id)
    assert wait_over(jobs, job_id) is JobState.STOPPED


def test_start_after_stop_ignores_the_old_stop(jobs: Jobs) -> None:
    job_id = make(jobs, "until_stopped")
    jobs.start(job_id)
    jobs.stop(job_id)
    wait_over(jobs, job_id)
    jobs.start(job_id)
    time.sleep(0.3)
    assert jobs.get(job_id).state is JobState.RUNNING
    assert jobs.get(job_id).snapshot.attempt == 2
    jobs.stop(job_id)
    assert wait_over(jobs, job_id) is JobState.STOPPED


def test_second_start_while_running_is_refused(jobs: Jobs) -> None:
    job_id = make(jobs, "until_stopped")
    jobs.start(job_id)
    with pytest.raises(AlreadyRunning):
        jobs.start(job_id)
    jobs.stop(job_id)
    wait_over(jobs, job_id)


def test_start_that_was_decided_before_another_one_starts_nothing(jobs: Jobs) -> None:
    """Whoever decides once and carries it out twice starts one worker."""
    job_id = make(jobs, "quick")
    jobs.start(job_id, after=0)
    wait_over(jobs, job_id)
    with pytest.raises(AlreadyRunning):
        jobs.start(job_id, after=0)
    late = worker_argv(jobs._layout.job(job_id).root, launch_token(1))
    assert subprocess.run(late, check=False, capture_output=True).returncode == 4
    assert jobs.get(job_id).snapshot.attempt == 1
    jobs.start(job_id, after=1)
    assert wait_over(jobs, job_id) is JobState.FINISHED
    assert jobs.get(job_id).snapshot.attempt == 2


def test_second_worker_of_a_locked_job_leaves_it_alone(jobs: Jobs, tmp_path: Path) -> None:
    job_id = make(jobs, "until_stopped")
    jobs.start(job_id)
    folder = tmp_path / "a workspace" / "jobs" / job_id
    before = read_identity(jobs._layout.job(job_id))
    second = subprocess.run(worker_argv(folder, "other"), check=False, capture_output=True)
    assert second.returncode == 4
    assert read_identity(jobs._layout.job(job_id)) == before
    jobs.stop(job_id)
    wait_over(jobs, job_id)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM for other processes")
def test_sigterm_pauses_because_the_system_shuts_down(jobs: Jobs) -> None:
    job_id = make(jobs, "until_stopped")
    jobs.start(job_id)
    identity = read_identity(jobs._layout.job(job_id))
    assert identity is not None
    psutil.Process(identity.pid).send_signal(signal.SIGTERM)
    assert wait_over(jobs, job_id) is JobState.PAUSED
    assert not jobs.was_told(job_id)


def test_killed_worker_makes_the_job_interrupted(jobs: Jobs) -> None:
    job_id = make(jobs, "until_stopped")
    jobs.start(job_id)
    identity = read_identity(jobs._layout.job(job_id))
    assert identity is not None
    psutil.Process(identity.pid).kill()
    assert wait_over(jobs, job_id) is JobState.INTERRUPTED


def test_silent_death_makes_the_job_interrupted(jobs: Jobs) -> None:
    job_id = make(jobs, "dies")
    jobs.start(job_id)
    assert wait_over(jobs, job_id) is JobState.INTERRUPTED


def test_named_error_reaches_the_client(jobs: Jobs) -> None:
    job_id = make(jobs, "full_disk")
    jobs.start(job_id)
    assert wait_over(jobs, job_id) is JobState.FAILED
    failure = jobs.get(job_id).snapshot.failure
    assert failure is not None
    assert (failure.code, failure.remedy) == ("disk_full", "Free some space.")


def test_unforeseen_error_names_the_place_and_no_values(jobs: Jobs) -> None:
    job_id = make(jobs, "surprise")
    jobs.start(job_id)
    wait_over(jobs, job_id)
    failure = jobs.get(job_id).snapshot.failure
    assert failure is not None
    assert failure.code == "unforeseen"
    assert "entries.py" in failure.detail
    assert "secret" not in failure.detail + failure.message


def test_unknown_entry_fails_by_name(jobs: Jobs) -> None:
    job_id = jobs.create(JobKind.TRAIN, "test", "no_such_library:train", {})
    jobs.start(job_id)
    wait_over(jobs, job_id)
    failure = jobs.get(job_id).snapshot.failure
    assert failure is not None
    assert failure.code == "training_libraries_missing"


def test_worker_has_no_network(jobs: Jobs) -> None:
    job_id = make(jobs, "dials")
    jobs.start(job_id)
    assert wait_over(jobs, job_id) is JobState.FINISHED
    events = [one.event for one in jobs.feed(job_id).poll()]
    assert any(isinstance(one, Warned) and one.code == "refused" for one in events)
    started = next(one for one in events if isinstance(one, WorkerStarted))
    if sys.platform == "linux":
        assert started.versions["network"] == "refused by the kernel"


def test_worker_that_cannot_begin_is_reported_with_its_log(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = make(jobs, "quick")
    monkeypatch.setattr("engine.launcher.spawn.MAIN", Path("no_such_program.py"))
    with pytest.raises(WorkerDied) as caught:
        jobs.start(job_id)
    assert "no_such_program.py" in caught.value.detail


def test_files_of_a_job_are_private(jobs: Jobs) -> None:
    if sys.platform == "win32":
        pytest.skip("Windows keeps rights in access lists of the profile folder")
    job_id = make(jobs, "quick")
    jobs.start(job_id)
    wait_over(jobs, job_id)
    root = jobs._layout.job(job_id).root
    # Its worker beats a last time after its result is written.
    wait_until_free(jobs._layout.job(job_id))
    modes = {one: one.stat().st_mode & 0o777 for one in [root, *root.rglob("*")]}
    assert {mode for one, mode in modes.items() if one.is_dir()} == {0o700}
    assert {mode for one, mode in modes.items() if one.is_file()} == {0o600}


def test_refusals_of_a_worker_are_told_while_it_lives_and_when_it_fails(jobs: Jobs) -> None:
    job_id = make(jobs, "dials_and_fails")
    jobs.start(job_id)
    assert wait_over(jobs, job_id) is JobState.FAILED
    wait_until_free(jobs._layout.job(job_id))
    events = [one.event for one in jobs.feed(job_id).poll()]
    (told,) = [one for one in events if isinstance(one, Warned) and one.code == "network_refused"]
    assert "tests.fakes.entries.dials_and_fails" in told.message
    assert jobs.get(job_id).snapshot.network_refused == told.message
    beat = read_document(jobs._layout.job(job_id).heartbeat, Heartbeat)
    assert beat.refused == 1
