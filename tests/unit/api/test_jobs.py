# SPDX-License-Identifier: Apache-2.0
"""The list of jobs: two hundred dead ones cost little, and none of them stays dead by mistake."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from engine.api import jobs as module
from engine.api.jobs import Jobs
from engine.domain.run import JobKind, JobState
from engine.errors import AlreadyRunning
from engine.launcher.identity import job_lock, own_identity
from engine.protocol.events import Finished, Paused, WorkerStarted
from engine.store.documents import write_document
from engine.store.eventlog import EventWriter
from engine.store.layout import JobFolder
from engine.store.locks import held
from engine.store.workspace import open_workspace

NOW = datetime(2026, 11, 20, tzinfo=UTC)


@pytest.fixture
def jobs(tmp_path: Path) -> Jobs:
    return Jobs(open_workspace(tmp_path / "workspace", now=NOW))


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> list[JobFolder]:
    """Return the jobs whose death was looked into."""
    found: list[JobFolder] = []
    known = module.cause_of

    def counted(folder: JobFolder, *rest: object) -> object:
        found.append(folder)
        return known(folder, *rest)  # type: ignore[arg-type]  # handed on as it came

    monkeypatch.setattr(module, "cause_of", counted)
    return found


def dead(jobs: Jobs) -> JobFolder:
    """Write down a job whose worker has begun and is gone."""
    folder = jobs._layout.job(jobs.create(JobKind.IMPORT, "test", "x:y", {}))
    writer = EventWriter(folder.events, now=lambda: NOW)
    writer.append(WorkerStarted(attempt=1, pid=1))
    writer.close()
    folder.log.write_bytes(b"")
    return folder


def test_live_job_whose_identity_is_damaged_is_listed_as_live(jobs: Jobs) -> None:
    folder = dead(jobs)
    folder.identity.write_bytes(b"{")
    with job_lock(folder.lock):
        assert [one.state for one in jobs.list()] == [JobState.RUNNING]
    assert [one.state for one in jobs.list()] == [JobState.INTERRUPTED]


@pytest.mark.parametrize("end", [None, Paused(step=1, checkpoint="")])
def test_job_that_somebody_is_starting_is_neither_removed_nor_started(
    jobs: Jobs, end: Paused | None
) -> None:
    folder = dead(jobs)
    if end is not None:
        writer = EventWriter(folder.events, now=lambda: NOW)
        writer.append(end)
        writer.close()
    with held(folder.starting_lock):
        for change in (jobs.remove, jobs.start):
            with pytest.raises(AlreadyRunning):
                change(folder.root.name)
        expected = JobState.RUNNING if end is None else JobState.PAUSED
        assert jobs.get(folder.root.name).state is expected
    jobs.remove(folder.root.name)
    assert not folder.root.exists()


def test_dead_jobs_are_looked_into_once(jobs: Jobs, looked: list[JobFolder]) -> None:
    for _i in range(20):
        dead(jobs)
    for _look in range(5):
        assert {one.state for one in jobs.list()} == {JobState.INTERRUPTED}
    assert len(looked) == 20


def test_dead_job_that_has_a_worker_again_lives(jobs: Jobs, looked: list[JobFolder]) -> None:
    folder = dead(jobs)
    assert jobs.get(folder.root.name).state is JobState.INTERRUPTED
    write_document(folder.identity, own_identity(folder, "next.2"))
    assert jobs.get(folder.root.name).state is JobState.RUNNING
    folder.identity.unlink()
    assert jobs.get(folder.root.name).state is JobState.INTERRUPTED
    assert len(looked) == 2


def test_dead_job_that_tells_its_end_after_all_is_over(jobs: Jobs) -> None:
    folder = dead(jobs)
    assert jobs.get(folder.root.name).state is JobState.INTERRUPTED
    writer = EventWriter(folder.events, now=lambda: NOW)
    writer.append(Finished())
    writer.close()
    assert jobs.get(folder.root.name).state is JobState.FINISHED


def test_job_that_names_another_folder_is_not_listed(jobs: Jobs) -> None:
    folder = dead(jobs)
    assert len(jobs.list()) == 1
    shutil.copytree(folder.root, folder.root.with_name("copy"))
    assert [one.info.id for one in jobs.list()] == [folder.root.name]
