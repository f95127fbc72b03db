# SPDX-License-Identifier: Apache-2.0
"""Who a worker is: pid, start time, and the lock as the second witness."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import psutil
import pytest

from engine.launcher.identity import (
    has_worker,
    is_alive,
    is_from_earlier_start,
    job_lock,
    own_identity,
    read_identity,
)
from engine.store.documents import write_document
from engine.store.layout import JobFolder


def test_own_process_is_alive(tmp_path: Path) -> None:
    assert is_alive(own_identity(JobFolder(tmp_path), "l"))


def test_same_pid_with_another_start_is_somebody_else(tmp_path: Path) -> None:
    own = own_identity(JobFolder(tmp_path), "l")
    assert not is_alive(msgspec.structs.replace(own, started_at_s=own.started_at_s - 100))


def test_pid_that_is_gone_is_dead(tmp_path: Path) -> None:
    own = own_identity(JobFolder(tmp_path), "l")
    assert not is_alive(msgspec.structs.replace(own, pid=2**22 + os.getpid()))


@pytest.mark.skipif(sys.platform == "win32", reason="a process that ended is gone at once there")
def test_process_that_ended_but_was_not_collected_is_dead(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "pass"], stdout=subprocess.PIPE) as child:
        process = psutil.Process(child.pid)
        identity = msgspec.structs.replace(
            own_identity(JobFolder(tmp_path), "l"),
            pid=child.pid,
            started_at_s=process.create_time(),
        )
        assert child.stdout is not None
        child.stdout.read()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert process.status() == psutil.STATUS_ZOMBIE
        assert not is_alive(identity)


def test_worker_whose_identity_is_damaged_lives_as_long_as_its_lock_is_held(tmp_path: Path) -> None:
    folder = JobFolder(tmp_path)
    folder.identity.write_bytes(b"{")
    assert read_identity(folder) is None
    with job_lock(folder.lock):
        assert has_worker(folder)
    assert not has_worker(folder)


def test_job_without_identity_has_no_worker(tmp_path: Path) -> None:
    assert not has_worker(JobFolder(tmp_path))


def test_worker_whose_clock_moved_is_known_by_its_lock(tmp_path: Path) -> None:
    folder, own = JobFolder(tmp_path), own_identity(JobFolder(tmp_path), "l")
    moved = msgspec.structs.replace(own, started_at_s=own.started_at_s + 3600)
    write_document(folder.identity, moved)
    assert not has_worker(folder)
    with job_lock(folder.lock):
        assert has_worker(folder)
    assert not has_worker(folder)


def test_worker_of_the_original_is_not_that_of_a_copy(tmp_path: Path) -> None:
    folder = JobFolder(tmp_path / "workspace" / "jobs" / "j1")
    folder.root.mkdir(parents=True)
    write_document(folder.identity, own_identity(folder, "l"))
    shutil.copytree(tmp_path / "workspace", tmp_path / "copy")
    assert has_worker(folder)
    assert not has_worker(JobFolder(tmp_path / "copy" / "jobs" / "j1"))


def test_worker_is_known_after_its_workspace_was_moved(tmp_path: Path) -> None:
    folder = JobFolder(tmp_path / "workspace" / "jobs" / "j1")
    folder.root.mkdir(parents=True)
    write_document(folder.identity, own_identity(folder, "l"))
    (tmp_path / "workspace").rename(tmp_path / "moved")
    assert has_worker(JobFolder(tmp_path / "moved" / "jobs" / "j1"))


def test_identity_of_an_earlier_burnish_is_read_without_its_folder(tmp_path: Path) -> None:
    folder = JobFolder(tmp_path)
    own = own_identity(folder, "l")
    text = (
        f'{{"schema_version": 1, "job_id": "j", "launch": "l", "pid": {own.pid}, '
        f'"started_at_s": {own.started_at_s!r}}}'
    )
    folder.identity.write_text(text, encoding="utf-8")
    assert has_worker(folder)


def test_process_of_an_earlier_start_of_the_computer_is_dead(tmp_path: Path) -> None:
    """Its pid may be used again, and on some systems start times begin anew, too."""
    own = own_identity(JobFolder(tmp_path), "l")
    if own.boot_id:
        assert not is_alive(msgspec.structs.replace(own, boot_id="another"))
    assert is_alive(msgspec.structs.replace(own, boot_id=""))


@pytest.mark.parametrize(
    ("told", "here", "booted_at_s", "expected"),
    [
        ("a", "a", 500.0, False),
        ("a", "b", 0.0, True),
        ("", "b", 500.0, True),
        ("", "b", 50.0, False),
        ("a", "", 500.0, True),
        ("", "", 100.5, False),
    ],
)
def test_restart_is_known_by_its_name_or_else_by_its_time(
    tmp_path: Path, told: str, here: str, booted_at_s: float, *, expected: bool
) -> None:
    own = own_identity(JobFolder(tmp_path), "l")
    one = msgspec.structs.replace(own, boot_id=told, started_at_s=100.0)
    assert is_from_earlier_start(one, now_boot_id=here, now_booted_at_s=booted_at_s) is expected


def test_identity_of_an_older_version_is_read(tmp_path: Path) -> None:
    folder = JobFolder(tmp_path)
    old = b'{"schema_version":1,"job_id":"j","launch":"l","pid":4,"started_at_s":1.0}'
    folder.identity.write_bytes(old)
    found = read_identity(folder)
    assert found is not None
    assert (found.boot_id, found.log_bytes) == ("", 0)
