# SPDX-License-Identifier: Apache-2.0
"""R11: workers that hang are never called dead while they live, and end all the same."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from engine.api.jobs import Jobs
from engine.domain.run import JobKind, JobState
from engine.launcher import watch
from engine.launcher.identity import has_worker, read_identity
from engine.launcher.watch import SILENT_AFTER_S, is_silent, wait_until_free
from engine.protocol.events import ProgressMade
from tests.fakes.hangs import GRACE_S
from tests.faults.extent import IS_FULL
from tests.faults.runs_to_watch import jobs_of
from tests.faults.warm import Born

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="workers are forked from a warm parent"),
    pytest.mark.timeout(1800),
]
CYCLES = 200 if IS_FULL else 6
SUSPENDED = 50 if IS_FULL else 2
MORE_S = 5.0
LIMIT_S = 60.0


@pytest.fixture
def jobs(memory_folder: Path) -> Jobs:
    return jobs_of(memory_folder / "workspace")


def started(jobs: Jobs, entry: str = "with_a_child") -> str:
    job_id = jobs.create(JobKind.IMPORT, "test", f"tests.fakes.entries:{entry}", {})
    jobs.start(job_id)
    return job_id


def child_of(jobs: Jobs, job_id: str) -> psutil.Process:
    """Return the process that a worker has started and told of."""
    feed, deadline = jobs.feed(job_id), time.monotonic() + LIMIT_S
    while time.monotonic() < deadline:
        for one in feed.poll():
            if isinstance(one.event, ProgressMade) and one.event.unit == "pid":
                return psutil.Process(one.event.done)
        time.sleep(0.005)
    raise AssertionError(jobs.log_tail(job_id))


def is_gone(process: psutil.Process) -> bool:
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def wait_for(condition: Callable[[], bool], limit_s: float) -> float:
    """Return after how many seconds something is so."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < limit_s
        time.sleep(0.005)
    return time.monotonic() - began


def test_stop_of_a_worker_that_hangs_at_its_end_ends_in_time_and_alone(
    jobs: Jobs, born: Born, tell: Callable[[str], None]
) -> None:
    born.role, longest_s = "at_exit", 0.0
    for _cycle in range(CYCLES):
        job_id = started(jobs)
        child, worker = child_of(jobs, job_id), born.all[-1]
        states = {jobs.get(job_id).state}
        jobs.stop(job_id)
        began = time.monotonic()
        while not worker.over.is_set():
            states.add(jobs.get(job_id).state)
            assert time.monotonic() - began < LIMIT_S
        longest_s = max(longest_s, time.monotonic() - began)
        assert states <= {JobState.RUNNING, JobState.STOPPED}
        assert worker.returncode == 0
        assert is_gone(child)
        assert jobs.get(job_id).state is JobState.STOPPED
    tell(f"{CYCLES} stops of workers that hang at their end: over in {longest_s:.1f} s at most")
    assert longest_s <= GRACE_S + MORE_S


def test_suspended_worker_is_never_dead_and_can_be_ended(
    jobs: Jobs, born: Born, tell: Callable[[str], None]
) -> None:
    longest_s, job_id = 0.0, ""
    for _cycle in range(SUSPENDED):
        job_id = started(jobs)
        child, worker = child_of(jobs, job_id), born.all[-1]
        folder = jobs._layout.job(job_id)
        psutil.Process(worker.pid).suspend()
        jobs.stop(job_id)
        assert is_silent(folder, now_s=time.monotonic() + SILENT_AFTER_S)
        for _look in range(20):
            view = jobs.get(job_id)
            assert (view.state, view.cause) == (JobState.RUNNING, None)
        began = time.monotonic()
        assert jobs.end(job_id)
        wait_for(worker.over.is_set, LIMIT_S)
        longest_s = max(longest_s, time.monotonic() - began)
        assert is_gone(child)
        view = jobs.get(job_id)
        assert view.state is JobState.INTERRUPTED
        assert view.cause is not None
        assert view.cause.code == "killed_by_system"
        assert not jobs.end(job_id)
    jobs.start(job_id)
    assert jobs.get(job_id).state is JobState.RUNNING
    jobs.stop(job_id)
    wait_for(born.all[-1].over.is_set, LIMIT_S)
    tell(f"{SUSPENDED} suspended workers: never dead, ended in {longest_s:.1f} s at most")
    assert longest_s <= MORE_S


def test_worker_that_is_suspended_at_its_end_does_not_bar_the_next(
    jobs: Jobs, born: Born, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "LEAVE_LIMIT_S", 0.5)
    born.role = "suspended_at_exit"
    job_id = started(jobs)
    child_of(jobs, job_id)
    folder = jobs._layout.job(job_id)
    jobs.stop(job_id)
    wait_for(lambda: jobs.get(job_id).state is JobState.STOPPED, LIMIT_S)
    assert has_worker(folder)
    wait_until_free(folder)
    assert not has_worker(folder)
    wait_for(born.all[-1].over.is_set, LIMIT_S)


def test_only_the_worker_itself_is_ended_by_force(jobs: Jobs, born: Born) -> None:
    """Another process may have its pid by now."""
    job_id = started(jobs)
    child_of(jobs, job_id)
    folder, identity = jobs._layout.job(job_id), read_identity(jobs._layout.job(job_id))
    assert identity is not None
    as_it_was = folder.identity.read_text(encoding="utf-8")
    later = as_it_was.replace(
        f'"started_at_s": {identity.started_at_s}',
        f'"started_at_s": {identity.started_at_s + 60.0}',
    )
    folder.identity.write_text(later.partition(',\n  "checksum"')[0] + "\n}", encoding="utf-8")
    assert not jobs.end(job_id)
    assert not born.all[-1].over.is_set()
    folder.identity.write_text(as_it_was, encoding="utf-8")
    jobs.stop(job_id)
    wait_for(born.all[-1].over.is_set, LIMIT_S)
