# SPDX-License-Identifier: Apache-2.0
"""Workers that died without a word: what can still be found out, and what it means.

A worker that ends in order leaves result.json. Of any other end its starter, if it still lives,
keeps the exit status; the rest lies in the worker's identity, its last sign of life, its output
and the system's own counters.
"""

from __future__ import annotations

import contextlib
import errno
import re
import shutil
import threading
from gettext import gettext as _
from pathlib import Path

import msgspec

from engine.domain.run import Failure, JobSnapshot
from engine.errors import DocumentDamaged, EngineError, WorkerDied
from engine.hardware.driver import DriverVersions, read_driver
from engine.hardware.uptime import oom_kills
from engine.launcher.endings import EndFacts, gpu_words, named_end
from engine.launcher.identity import Heartbeat, is_from_earlier_start, read_identity
from engine.store.disk_errors import disk_full
from engine.store.documents import read_document, write_document
from engine.store.layout import JobFolder
from engine.store.output_log import log_end

EXIT_TAKEN = 4
"""Exit status of a worker that found another one on its job."""

_NO_ROOM_BYTES = 64 << 10
"""With less room than this on its disk, a worker cannot even say that there is none."""

_LAST_WORDS_BYTES = 4096
_COLLECT_LIMIT_S = 2.0
_EXIT_FAILED = 1
_ERROR_NUMBER = re.compile(r"\[Errno (\d+)\]")
_DISK_LINE = re.compile(r"^(disk_full|disk_failed): ", re.MULTILINE)
_DISK_NUMBERS = {"disk_full": errno.ENOSPC, "disk_failed": errno.EIO}


class Exit(msgspec.Struct, frozen=True, kw_only=True):
    """exit.json: how a worker ended that left no result.

    Attributes:
        schema_version: Version of this document.
        launch: Token of the start that made it.
        status: As the system tells it, negative for a signal.
    """

    schema_version: int = 1
    launch: str
    status: int


def exit_thread_name(launch: str) -> str:
    """Return the name of the thread that waits for the end of a worker of this process."""
    return f"worker-exit-{launch}"


def keep_exit(folder: JobFolder, launch: str, status: int) -> None:
    """Keep the exit status of a worker of this process, where it left nothing better."""
    if status in (0, EXIT_TAKEN) or folder.result.exists() or not folder.info.exists():
        return
    # It explains an end and nothing hangs on it: a full disk must not make a second error.
    with contextlib.suppress(EngineError, OSError):
        write_document(folder.exit, Exit(launch=launch, status=status))


def log_tail(folder: JobFolder, limit_bytes: int = 65_536, *, from_bytes: int = 0) -> str:
    """Return the end of the worker's own output, at most this many bytes; empty without a log.

    Args:
        folder: The job's.
        limit_bytes: At most so much.
        from_bytes: Nothing before this place.
    """
    if not folder.log.exists():
        return ""
    size = folder.log.stat().st_size
    # A log that is shorter has been put aside since: all of it is newer than that place.
    start = from_bytes if from_bytes <= size else 0
    found = log_end(folder.log, limit_bytes, from_bytes=start)
    if not from_bytes and len(found) < limit_bytes and folder.older_log.exists():
        found = log_end(folder.older_log, limit_bytes - len(found)) + found
    return found.decode("utf-8", errors="replace")


def cause_of(folder: JobFolder, snapshot: JobSnapshot) -> Failure:
    """Return why a job was interrupted, as far as it can be known."""
    error = named_end(facts_of_death(folder, snapshot))
    return Failure(code=error.code, message=error.message, remedy=error.remedy, detail=error.detail)


def facts_of_death(folder: JobFolder, snapshot: JobSnapshot) -> EndFacts:
    """Gather what is known of a worker that is gone and left no closing event."""
    identity = read_identity(folder)
    if identity is None:
        number = errno.ENOSPC if _is_full(folder) else None
        return EndFacts(errno=number, memory_bytes=snapshot.memory_bytes)
    status = _exit_status(folder, identity.launch)
    text = log_tail(folder, _LAST_WORDS_BYTES, from_bytes=identity.log_bytes)
    number = _last_error_number(text) if status == _EXIT_FAILED else None
    if number is None and status in (None, _EXIT_FAILED) and _is_full(folder):
        number = errno.ENOSPC
    return EndFacts(
        text=text,
        errno=number,
        exit_status=status,
        is_restarted=is_from_earlier_start(identity),
        driver=read_driver() if gpu_words(text) else DriverVersions(),
        has_begun=snapshot.step > 0,
        oom_kills=_oom_kills_since(folder.heartbeat),
        memory_bytes=snapshot.memory_bytes,
    )


def why_not_begun(folder: JobFolder) -> EngineError:
    """Return why a worker ended before it took its job."""
    said = log_tail(folder)
    if _is_full(folder):
        return disk_full(folder.root, _NO_ROOM_BYTES, said)
    return WorkerDied(
        _("The worker process ended before it began its work. Nothing was changed."), detail=said
    )


def _is_full(folder: JobFolder) -> bool:
    return shutil.disk_usage(folder.root).free < _NO_ROOM_BYTES


def _last_error_number(text: str) -> int | None:
    """Return the system's error that a worker told of as it could no longer write events."""
    if line := _DISK_LINE.search(text):
        return _DISK_NUMBERS[line[1]]
    found = _ERROR_NUMBER.findall(text)
    return int(found[-1]) if found else None


def _exit_status(folder: JobFolder, launch: str) -> int | None:
    """Return the status of this very worker; where this process started it, wait for it."""
    for thread in threading.enumerate():
        if thread.name == exit_thread_name(launch):
            thread.join(_COLLECT_LIMIT_S)
    try:
        found = read_document(folder.exit, Exit)
    except DocumentDamaged:
        return None
    return found.status if found.launch == launch else None


def _oom_kills_since(heartbeat: Path) -> int:
    """Return what the system has ended for lack of memory since a worker's last sign of life."""
    try:
        before = read_document(heartbeat, Heartbeat).oom_kills
    except DocumentDamaged:
        return 0
    now = oom_kills([Path(one) for one in before])
    # One end is counted in the group and in the whole: the greatest, not the sum.
    return max((now[one] - before[one] for one in now), default=0)
