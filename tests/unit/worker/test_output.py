# SPDX-License-Identifier: Apache-2.0
"""A worker's output stays within bounds, and its last words stay known."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from engine.api.jobs import Jobs
from engine.domain.run import JobKind, JobState
from engine.launcher.deaths import log_tail
from engine.store.layout import JobFolder
from engine.store.output_log import LOG_BYTES
from engine.store.workspace import open_workspace
from engine.worker.output import bound_output


@pytest.fixture
def folder(tmp_path: Path) -> JobFolder:
    return JobFolder(tmp_path)


def test_short_log_is_left_alone(folder: JobFolder) -> None:
    bound_output(folder.log, folder.older_log, limit_bytes=10)
    folder.log.write_bytes(b"0123456789")
    bound_output(folder.log, folder.older_log, limit_bytes=10)
    assert folder.log.read_bytes() == b"0123456789"
    assert not folder.older_log.exists()


def test_long_log_is_put_aside_and_goes_on_in_the_same_file(folder: JobFolder) -> None:
    with folder.log.open("ab", buffering=0) as stream:
        for text in (b"first line\n", b"second line\n"):
            stream.write(text)
            bound_output(folder.log, folder.older_log, limit_bytes=8)
        stream.write(b"third\n")
    assert folder.log.read_bytes() == b"third\n"
    assert folder.older_log.read_bytes() == b"nd line\n"
    assert log_tail(folder) == "nd line\nthird\n"
    assert log_tail(folder, 8) == "e\nthird\n"


def test_own_output_of_a_worker_is_found_though_the_log_was_put_aside(folder: JobFolder) -> None:
    folder.log.write_bytes(b"of an earlier worker\n")
    began_at = folder.log.stat().st_size
    with folder.log.open("ab", buffering=0) as stream:
        stream.write(b"of this one\n")
        bound_output(folder.log, folder.older_log, limit_bytes=8)
        stream.write(b"its end\n")
    assert log_tail(folder, from_bytes=began_at) == "its end\n"


def test_log_that_cannot_be_put_aside_is_no_error(folder: JobFolder) -> None:
    folder.log.write_bytes(b"0123456789")
    folder.older_log.mkdir()
    bound_output(folder.log, folder.older_log, limit_bytes=4)
    assert folder.log.read_bytes() == b"0123456789"


def test_real_worker_that_talks_on_and_on_stays_within_bounds(tmp_path: Path) -> None:
    jobs = Jobs(open_workspace(tmp_path / "workspace", now=datetime.now(UTC)))
    job_id = jobs.create(JobKind.IMPORT, "test", "tests.fakes.entries:talks", {})
    jobs.start(job_id)
    deadline = time.monotonic() + 60.0
    while jobs.get(job_id).state is not JobState.FINISHED:
        assert time.monotonic() < deadline, jobs.log_tail(job_id, 2000)
        time.sleep(0.05)
    folder = JobFolder(tmp_path / "workspace" / "jobs" / job_id)
    assert folder.log.stat().st_size <= LOG_BYTES + (2 << 20)
    assert 0 < folder.older_log.stat().st_size <= LOG_BYTES
    assert "the last words" in jobs.log_tail(job_id)
    assert b"\0" not in folder.log.read_bytes() + folder.older_log.read_bytes()
