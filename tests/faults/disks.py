# SPDX-License-Identifier: Apache-2.0
"""Small disks: a child of the warm parent gets a disk of its own, which nobody else sees.

Where the system allows that (Linux, with user namespaces or as root), the disk is a tmpfs of so
many bytes and really fills up: writes are cut short, then fail. What the child leaves on it is
copied out, since the disk goes with the child.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from engine.api import importing
from engine.api.jobs import Jobs
from engine.errors import EngineError
from engine.launcher.deaths import why_not_begun
from engine.store.layout import Layout
from engine.worker.misfortune import named
from tests.faults.programs import PROGRAMS, work_in_one_thread

_CLONE_NEWNS, _CLONE_NEWUSER = 0x00020000, 0x10000000
_MS_REC, _MS_PRIVATE = 0x4000, 0x40000
NAMED, FAILED_UNNAMED = 3, 4
"""Exit statuses of `on_small_disk` and `with_small_files`."""


def can_mount() -> bool:
    """Return whether a process may have a disk of its own here."""
    if sys.platform != "linux" or shutil.which("unshare") is None:
        return False
    argv = ["unshare", "-rm", "mount", "-t", "tmpfs", "none", "/mnt"]
    return subprocess.run(argv, check=False, capture_output=True).returncode == 0


def own_disk(place: Path, size_bytes: int) -> None:
    """Give this process, and nobody else, a disk of a size in whole pages."""
    libc = ctypes.CDLL(None, use_errno=True)
    user, group = os.getuid(), os.getgid()
    flags = _CLONE_NEWNS | (_CLONE_NEWUSER if user else 0)
    _call(libc.unshare(flags))
    if user:
        Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
        Path("/proc/self/uid_map").write_text(f"0 {user} 1", encoding="ascii")
        Path("/proc/self/gid_map").write_text(f"0 {group} 1", encoding="ascii")
    _call(libc.mount(b"none", b"/", None, _MS_REC | _MS_PRIVATE, None))
    size = f"size={size_bytes}".encode()
    _call(libc.mount(b"none", os.fsencode(place), b"tmpfs", 0, size))


def _call(status: int) -> None:
    if status:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))


def used_bytes(folder: Path) -> int:
    """Return how much room a folder takes on a tmpfs: whole pages, none for names."""
    page = os.sysconf("SC_PAGE_SIZE")
    sizes = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
    return sum(-(-one // page) * page for one in sizes)


def on_small_disk(place: str, size_bytes: int, name: str) -> int:
    """Run a program of `programs` on a disk of a size; see `_told` for what it leaves.

    Args:
        place: Holds `before/`, the workspace and what lies beside it. Gets `after/`, `said` and
            `error.json`.
        size_bytes: Of the disk.
        name: Of the program.
    """
    root = Path(place)
    disk = root / "disk"
    own_disk(disk, size_bytes)
    _copy(root / "before", disk)
    status = _told(root, lambda: _run(name, disk / "workspace", root / "said"))
    _copy(disk, root / "after")
    return status


def with_small_files(place: str, size_bytes: int, name: str) -> int:
    """Run a program of `programs` where no file may be larger than a size, as on FAT or a quota."""
    root = Path(place)
    _copy(root / "before", root / "after")
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))

    def work() -> None:
        try:
            _run(name, root / "after" / "workspace", root / "said")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))

    return _told(root, work)


def held_in_place(place: str, name: str) -> int:
    """Run a program of `programs` in `after/`, once it is let go."""
    root = Path(place)
    _copy(root / "before", root / "after")
    work_in_one_thread()
    os.kill(os.getpid(), signal.SIGSTOP)
    return _told(root, lambda: _run(name, root / "after" / "workspace", root / "said"))


def worker_on_small_disk(place: str, size_bytes: int, job_id: str) -> int:
    """Be the worker of a run of the workspace, on a disk of a size."""
    from main import main

    root = Path(place)
    disk = root / "disk"
    own_disk(disk, size_bytes)
    _copy(root / "before", disk)
    job = disk / "workspace" / "jobs" / job_id
    log = os.open(job / "worker.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    try:
        return main(["--worker", str(job), "--launch", "small"])
    finally:
        told = _end_of(Layout(disk / "workspace"), job_id)
        (root / "error.json").write_text(json.dumps(told), encoding="utf-8")
        _copy(disk, root / "after")


def _end_of(layout: Layout, job_id: str) -> dict[str, str]:
    """Return what a client that looks at this moment says of the end of a worker."""
    view = Jobs(layout).get(job_id)
    found = view.snapshot.failure or view.cause
    if found is None and not view.state.is_over:
        found = why_not_begun(layout.job(job_id))
    if found is None:
        return {"code": view.state.value, "remedy": "", "message": ""}
    return {"code": found.code, "message": found.message, "remedy": found.remedy}


def _run(name: str, workspace: Path, said: Path) -> None:
    # An import looks for room first. Another program may take that in the meantime.
    importing.ROOM_RATIO = importing.ROOM_LEFT_BYTES = 0
    handle = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    PROGRAMS[name][1](workspace, lambda word: _say(handle, word))


def _say(handle: int, word: str) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    os.write(handle, f"{word}\n".encode())
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def _copy(source: Path, target: Path) -> None:
    shutil.copytree(source, target, dirs_exist_ok=True)


def _told(root: Path, work: Callable[[], None]) -> int:
    """Do some work; leave error.json and a status where it fails, named as a worker names it."""
    try:
        work()
        return 0
    except EngineError as error:
        found, status = error, NAMED
    except Exception as error:  # noqa: BLE001 - the top of the process: every end is written down
        found, status = named(error, slept_s=0.0, has_begun=True), FAILED_UNNAMED
    told = {"code": found.code, "message": found.message, "remedy": found.remedy}
    with contextlib.suppress(OSError):
        # The one call that is made to fail may be one of these.
        (root / "error.json").write_text(json.dumps(told), encoding="utf-8")
        return status
    (root / "error.json").write_text(json.dumps(told), encoding="utf-8")
    return status
