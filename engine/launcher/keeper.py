# SPDX-License-Identifier: Apache-2.0
"""The keeper of the queue: starting one where there is work for it, and telling whether one lives.

The keeper is a process of its own, so that the queue goes on without a window. It is one process
per workspace, because it holds a lock for as long as it lives; the system frees it at its death.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
from collections.abc import Mapping
from gettext import gettext as _
from pathlib import Path

from msgspec.structs import replace

from engine.domain.queue import Queue
from engine.domain.run import JobSnapshot, JobState
from engine.errors import DocumentDamaged, EngineError
from engine.launcher.identity import Identity, is_alive_worker, own_identity, was_told
from engine.launcher.spawn import program_argv, start_detached
from engine.store.documents import read_document, write_document
from engine.store.layout import JobFolder, Layout
from engine.store.locks import is_held
from engine.store.output_log import bound_log, log_end

_LAST_WORDS_BYTES = 2048


def has_keeper(layout: Layout) -> bool:
    """Return whether a keeper lives."""
    return is_held(layout.queue.keeper_lock)


def tell_keeper(layout: Layout) -> None:
    """Write down that the calling process is the keeper; a disk that refuses it does no harm."""
    own = own_identity(JobFolder(layout.queue.root), "")
    with contextlib.suppress(EngineError, OSError):
        write_document(layout.queue.keeper, own, durable=False)


def keeper_pid(layout: Layout) -> int | None:
    """Return the process of the keeper; None where none lives, or it could not be written down."""
    try:
        found = read_document(layout.queue.keeper, Identity)
    except DocumentDamaged:
        return None
    return found.pid if is_alive_worker(found, JobFolder(layout.queue.root)) else None


def has_work(layout: Layout) -> bool:
    """Return whether there is something that a keeper has to look after."""
    try:
        return read_queue(layout).has_work
    except DocumentDamaged:
        return False


def read_queue(layout: Layout) -> Queue:
    """Return the queue without the runs that are gone from the workspace.

    Raises:
        DocumentDamaged: queue.json cannot be read.
    """
    if not layout.queue.document.exists():
        return Queue()
    try:
        found = read_document(layout.queue.document, Queue)
    except DocumentDamaged as error:
        if not isinstance(error.__cause__, OSError):
            error.remedy = _("Put the runs in again: a new queue begins then, and this file stays.")
        raise
    there = tuple(one for one in found.entries if layout.job(one.run_id).info.is_file())
    return replace(found, entries=there)


def wake_keeper(
    layout: Layout, environment: Mapping[str, str] = os.environ
) -> subprocess.Popen[bytes] | None:
    """Start a keeper where there is work and none lives; of two that are started one leaves.

    Args:
        layout: Of its workspace.
        environment: What it finds as its own.

    Returns:
        Its process, or None where none was needed.

    Raises:
        EngineError: Its log cannot be written.
        OSError: The system starts no process.
    """
    if not has_work(layout) or has_keeper(layout):
        return None
    # Keepers that die at their start fill it as well.
    bound_log(layout.queue.keeper_log, layout.queue.older_keeper_log)
    process = start_detached(
        program_argv("--keeper", str(layout.root)),
        log=layout.queue.keeper_log,
        cwd=layout.root,
        environment=environment,
    )
    # Somebody has to collect the exit status while this process lives, else a zombie stays.
    threading.Thread(target=process.wait, name="keeper-exit", daemon=True).start()
    return process


def last_words(layout: Layout) -> str:
    """Return the last line that a keeper said; empty where there is none."""
    try:
        found = log_end(layout.queue.keeper_log, _LAST_WORDS_BYTES)
    except OSError:
        return ""
    lines = found.decode("utf-8", errors="replace").split("\n")
    return next((one.strip() for one in reversed(lines) if one.strip()), "")


def wake_keeper_of(job: Path, environment: Mapping[str, str]) -> None:
    """Start a keeper for the workspace of a job, where there is work and none lives.

    Not behind a worker that the system paused: what was started then would be ended, too.

    Args:
        job: Folder of the job.
        environment: What the keeper finds as its own: that of the worker before it began.
    """
    folder = JobFolder(job)
    if not _is_paused_by_system(folder):
        # The next one who looks tries again.
        with contextlib.suppress(EngineError, OSError):
            wake_keeper(Layout(folder.root.parent.parent), environment)


def _is_paused_by_system(folder: JobFolder) -> bool:
    try:
        state = read_document(folder.result, JobSnapshot).state
    except DocumentDamaged:
        return False
    return state is JobState.PAUSED and not was_told(folder)
