# SPDX-License-Identifier: Apache-2.0
"""Who a worker is, and whether that very process still lives.

A pid alone is never trusted: systems use pids again. A worker is pid + start time of the process +
folder of the job; it also holds a file lock on its job, which the system frees when it dies. The
folder is known by its number on the disk, which a copy of a workspace does not share: the worker of
one is not taken for the worker of the other.
"""

from __future__ import annotations

import sys
import uuid
from pathlib import Path

import filelock
import msgspec
import psutil

from engine.errors import DocumentDamaged
from engine.hardware.uptime import boot_id, booted_at_s
from engine.store.documents import read_document
from engine.store.layout import JobFolder
from engine.store.locks import is_held

_SAME_START_S = 1.0
"""Two readings of one process' start time differ by clock rounding, never by this much."""


_LOCK_WAIT_S = 2.0


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """identity.json.

    Attributes:
        schema_version: Version of this document.
        job_id: The job it works on; of the queue's keeper, the name of its folder.
        launch: Token of the start that made it, chosen by the client, see `launch_token`.
        pid: Process id.
        started_at_s: Start time of the process, seconds since 1970, as psutil reports it.
        folder: The folder of the job as `folder_number` tells it; empty in those of old.
        boot_id: The start of the computer within which it runs; empty where that has no name.
        log_bytes: Size of the worker's log as it began: what follows is its own output.
    """

    schema_version: int = 1
    job_id: str
    launch: str
    pid: int
    started_at_s: float
    folder: str = ""
    boot_id: str = ""
    log_bytes: int = 0


class Heartbeat(msgspec.Struct, frozen=True, kw_only=True):
    """heartbeat.json: rewritten every two seconds by a living worker; `count` always rises.

    Attributes:
        count: From 1.
        written_at: UTC, ISO 8601.
        monotonic_s: The system's steady clock, the same for all its processes. It does not jump
            with the clock on the wall, and on Linux it stands still in sleep.
        oom_kills: What the system had ended for lack of memory by then, see
            `engine.hardware.uptime`.
        refused: Tries of this worker to reach the network, each of which its guard refused.
    """

    count: int
    written_at: str
    monotonic_s: float | None = None
    oom_kills: dict[str, int] = {}
    refused: int = 0


def launch_token(attempt: int, *, obeyed: int = 0) -> str:
    """Return a new token of a start that is to become this attempt of a job.

    Args:
        attempt: Counted from 1.
        obeyed: How many commands the job had got before it: they were for earlier workers.
    """
    return f"{uuid.uuid4().hex}.{obeyed}.{attempt}"


def attempt_of(launch: str) -> int | None:
    """Return which attempt a start was to become; None where its token does not say."""
    number = launch.rpartition(".")[2]
    return int(number) if number.isdecimal() and "." in launch else None


def obeyed_before(launch: str) -> int | None:
    """Return how many commands were for earlier workers; None where a token does not say."""
    number = launch.rpartition(".")[0].rpartition(".")[2]
    return int(number) if number.isdecimal() and launch.count(".") > 1 else None


def folder_number(path: Path) -> str:
    """Return what stays the same when a folder is moved on its disk, and differs in a copy."""
    found = path.stat()
    return f"{found.st_dev}:{found.st_ino}"


def own_identity(folder: JobFolder, launch: str, *, log_bytes: int = 0) -> Identity:
    """Describe the calling process as the worker of a job."""
    process = psutil.Process()
    return Identity(
        job_id=folder.root.name,
        launch=launch,
        pid=process.pid,
        started_at_s=process.create_time(),
        folder=folder_number(folder.root),
        boot_id=boot_id(),
        log_bytes=log_bytes,
    )


def find_worker() -> int | None:
    """Return the pid of a living worker of this program, whatever workspace it works in.

    What all workspaces share, libraries and compiled code, is in use while there is one.
    """
    program = Path(sys.executable).resolve()
    for process in psutil.process_iter(["exe", "cmdline"]):
        exe, words = process.info["exe"], process.info["cmdline"]
        if exe and words and "--worker" in words and Path(exe) == program:
            return process.pid
    return None


def is_from_earlier_start(
    identity: Identity, *, now_boot_id: str | None = None, now_booted_at_s: float | None = None
) -> bool:
    """Return whether the computer was started after this worker was.

    Args:
        identity: The worker's; older ones do not name their start of the computer.
        now_boot_id: Of this start; None asks the system.
        now_booted_at_s: When this start was; None asks the system.
    """
    here = boot_id() if now_boot_id is None else now_boot_id
    if identity.boot_id and here:
        return identity.boot_id != here
    since = booted_at_s() if now_booted_at_s is None else now_booted_at_s
    return identity.started_at_s < since - _SAME_START_S


def read_identity(folder: JobFolder) -> Identity | None:
    """Return the newest worker of a job; None where there was none, or nothing says who it was."""
    try:
        return read_document(folder.identity, Identity)
    except DocumentDamaged:
        return None


def was_told(folder: JobFolder) -> bool:
    """Return whether the newest worker of a job was given a command, or nothing says so.

    What ended without one was ended by the system: by a log-out, a shutdown, or a signal.
    """
    identity = read_identity(folder)
    obeyed = None if identity is None else obeyed_before(identity.launch)
    return obeyed is None or len(list(folder.commands.glob("*.json"))) > obeyed


def is_alive(identity: Identity) -> bool:
    """Return whether exactly this process still runs."""
    here = boot_id()
    if identity.boot_id and here and identity.boot_id != here:
        return False
    try:
        process = psutil.Process(identity.pid)
        same = abs(process.create_time() - identity.started_at_s) < _SAME_START_S
        return same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        # Another user's process has this pid now; ours we may always look at.
        return False


def has_worker(folder: JobFolder) -> bool:
    """Return whether a living worker is busy with the job, or begins to be.

    The start time of a process moves with the system's clock on some systems, and identity.json may
    be damaged, so a worker that seems gone is only called gone when its lock, which the system
    frees at its death, is free.
    """
    # First: a client lets go of this only once the other two can tell.
    if is_being_started(folder):
        return True
    identity = read_identity(folder)
    is_known = identity is not None and is_alive_worker(identity, folder)
    return is_known or is_held(folder.lock)


def is_being_started(folder: JobFolder) -> bool:
    """Return whether a client has just started a worker that has not taken the job yet."""
    return is_held(folder.starting_lock)


def is_alive_worker(identity: Identity, folder: JobFolder) -> bool:
    """Return whether exactly this process still runs, and works in this very folder."""
    return is_alive(identity) and _is_of(identity, folder)


def _is_of(identity: Identity, folder: JobFolder) -> bool:
    """Return whether a worker works in this very folder, and not in that of which it is a copy."""
    return not identity.folder or identity.folder == folder_number(folder.root)


def job_lock(path: Path) -> filelock.BaseFileLock:
    """Return the lock that a worker holds on its job for as long as it lives.

    Taking it waits a moment: a client that looks whether it is free holds it for an instant.
    """
    return filelock.FileLock(path, timeout=_LOCK_WAIT_S, mode=0o600)
