# SPDX-License-Identifier: Apache-2.0
"""R10: two starts at once, pids that are used again, locks left behind: exactly one owner."""

from __future__ import annotations

import os
import random
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from engine.api.jobs import Jobs
from engine.domain.run import JobKind, JobState
from engine.errors import AlreadyRunning
from engine.launcher.deaths import EXIT_TAKEN
from engine.launcher.identity import (
    Identity,
    folder_number,
    has_worker,
    launch_token,
    read_identity,
)
from engine.launcher.spawn import worker_argv
from engine.protocol.events import WorkerStarted
from engine.store.documents import write_document
from engine.store.eventlog import EventReader
from tests.faults.extent import IS_FULL
from tests.faults.runs_to_watch import jobs_of
from tests.faults.warm import Born

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="workers are forked from a warm parent"),
    pytest.mark.timeout(3600),
]
RACES, PIDS = (1_000, 1_000) if IS_FULL else (10, 50)
LIMIT_S = 60.0


@pytest.fixture
def jobs(memory_folder: Path) -> Jobs:
    return jobs_of(memory_folder / "workspace")


def new_job(jobs: Jobs, entry: str) -> str:
    return jobs.create(JobKind.IMPORT, "test", f"tests.fakes.entries:{entry}", {})


def race(jobs: Jobs, job_id: str) -> list[str]:
    """Start a job from two windows at the same moment; return what each was told."""
    told: list[str] = []
    ready = threading.Barrier(2)

    def start() -> None:
        own = Jobs(jobs._layout)
        ready.wait()
        try:
            own.start(job_id)
            told.append("started")
        except AlreadyRunning as error:
            told.append(error.code)

    threads = [threading.Thread(target=start) for _window in range(2)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(LIMIT_S)
    return sorted(told)


def starts_of(jobs: Jobs, job_id: str) -> list[WorkerStarted]:
    found = EventReader(jobs._layout.job(job_id).events).poll()
    return [one.event for one in found if isinstance(one.event, WorkerStarted)]


def test_two_starts_at_once_make_one_owner(
    jobs: Jobs, born: Born, tell: Callable[[str], None]
) -> None:
    born.role = "impatient"
    for _race in range(RACES):
        job_id = new_job(jobs, "until_stopped")
        assert race(jobs, job_id) == ["already_running", "started"]
        (start,) = starts_of(jobs, job_id)
        identity = read_identity(jobs._layout.job(job_id))
        assert identity is not None
        assert (start.attempt, start.pid) == (1, identity.pid)
        jobs.stop(job_id)
        for worker in born.all:
            worker.wait(LIMIT_S)
        assert jobs.get(job_id).state is JobState.STOPPED
        assert sorted(one.returncode or 0 for one in born.all) in ([0], [0, EXIT_TAKEN])
        born.all.clear()
    tell(f"{RACES} races of two starts: one owner each time, and the other start was told so")


def test_late_worker_of_two_starts_does_not_do_a_job_twice(jobs: Jobs, born: Born) -> None:
    """It waited for the lock while the other one did the job: both were to be the first."""
    job_id = new_job(jobs, "quick")
    jobs.start(job_id)
    born.all[-1].wait(LIMIT_S)
    folder = jobs._layout.job(job_id)
    before = folder.events.read_bytes()
    late = born.start(worker_argv(folder.root, launch_token(1)), cwd=folder.root)
    assert late.wait(LIMIT_S) == EXIT_TAKEN
    assert folder.events.read_bytes() == before
    assert jobs.get(job_id).state is JobState.FINISHED
    jobs.start(job_id)
    assert [one.attempt for one in starts_of(jobs, job_id)] == [1, 2]
    born.all[-1].wait(LIMIT_S)


def test_reused_pid_and_lock_left_behind_are_no_owner(
    jobs: Jobs, born: Born, tell: Callable[[str], None]
) -> None:
    folder = jobs._layout.job(new_job(jobs, "quick"))
    alive = [one for one in psutil.pids() if one != os.getpid()]
    chance = random.Random(10)
    folder.lock.write_bytes(b"")
    for _i in range(PIDS):
        started_at_s = time.time() - chance.uniform(10.0, 1e6)
        stale = Identity(
            job_id=folder.root.name,
            launch="gone.1",
            pid=chance.choice([*alive, 1, os.getpid(), 2**22 - 1]),
            started_at_s=started_at_s,
            folder=folder_number(folder.root),
        )
        own_s = psutil.Process().create_time()
        assert abs(started_at_s - own_s) > 1.0
        write_document(folder.identity, stale, durable=False)
        assert not has_worker(folder)
    jobs.start(folder.root.name)
    born.all[-1].wait(LIMIT_S)
    assert jobs.get(folder.root.name).state is JobState.FINISHED
    tell(f"{PIDS} identities of workers that are gone, with pids in use: none was an owner")
