# SPDX-License-Identifier: Apache-2.0
"""A worker that is ended by force takes its processes with it, and nobody else's."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from engine.launcher.force import end_by_force
from engine.launcher.identity import Identity
from engine.store.documents import write_document
from engine.store.layout import JobFolder

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="sessions of POSIX")

ORPHAN = "(sleep 60 >&- & echo $!); exec sleep 60"
"""Starts a process whose parent ends at once: only its session tells whose it is."""


def gone(process: psutil.Process) -> bool:
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@pytest.fixture
def family() -> Iterator[tuple[subprocess.Popen[str], psutil.Process]]:
    """Return the leader of a session, and a process of that session without a parent in it."""
    argv = ["sh", "-c", ORPHAN]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, start_new_session=True) as one:
        assert one.stdout is not None
        leader, orphan = psutil.Process(one.pid), psutil.Process(int(one.stdout.readline()))
        yield one, orphan
        for process in (leader, orphan):
            if not gone(process):
                process.kill()


@pytest.fixture
def folder(tmp_path: Path, family: tuple[subprocess.Popen[str], psutil.Process]) -> JobFolder:
    """Return the folder of a job whose worker is that leader."""
    made = JobFolder(tmp_path)
    pid = family[0].pid
    started_at_s = psutil.Process(pid).create_time()
    identity = Identity(job_id="j1", launch="x.1", pid=pid, started_at_s=started_at_s)
    write_document(made.identity, identity)
    return made


@pytest.fixture
def stranger() -> Iterator[psutil.Process]:
    """Return a process of another session."""
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as one:
        yield psutil.Process(one.pid)
        one.kill()


def test_process_whose_parent_is_gone_ends_with_its_worker(
    folder: JobFolder,
    family: tuple[subprocess.Popen[str], psutil.Process],
    stranger: psutil.Process,
) -> None:
    leader, orphan = psutil.Process(family[0].pid), family[1]
    assert orphan not in leader.children(recursive=True)
    assert end_by_force(folder)
    deadline = time.monotonic() + 20
    while not (gone(leader) and gone(orphan)):
        assert time.monotonic() < deadline
        time.sleep(0.005)
    assert not gone(stranger)
    assert not end_by_force(folder)
