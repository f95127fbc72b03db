# SPDX-License-Identifier: Apache-2.0
"""The keeper of the queue: starting one where there is work for it, and telling whether one lives.

The keeper is a process of its own, so that the queue goes on without a window. It is one process
per workspace, because it holds a lock for as long as it lives; the system frees it at its death.
"""

from __future__ import annotations

import contextlib
import subprocess
import threading
from pathlib import Path

from msgspec.structs import replace

from engine.domain.queue import Queue
from engine.errors import DocumentDamaged, EngineError
from engine.launcher.spawn import program_argv, start_detached
from engine.store.documents import read_document
from engine.store.layout import Layout
from engine.store.locks import is_held


def has_keeper(layout: Layout) -> bool:
    """Return whether a keeper lives."""
    return is_held(layout.queue.keeper_lock)


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
    found = read_document(layout.queue.document, Queue)
    there = tuple(one for one in found.entries if layout.job(one.run_id).info.is_file())
    return replace(found, entries=there)


def wake_keeper(layout: Layout) -> subprocess.Popen[bytes] | None:
    """Start a keeper where there is work and none lives; of two that are started one leaves.

    Returns:
        Its process, or None where none was started.
    """
    if not has_work(layout) or has_keeper(layout):
        return None
    # Whoever wakes it has something else to do: the next one who looks tries again.
    with contextlib.suppress(EngineError, OSError):
        process = start_detached(
            program_argv("--keeper", str(layout.root)),
            log=layout.queue.keeper_log,
            cwd=layout.root,
        )
        # Somebody has to collect the exit status while this process lives, else a zombie stays.
        threading.Thread(target=process.wait, name="keeper-exit", daemon=True).start()
        return process
    return None


def wake_keeper_of(job: Path) -> None:
    """Start a keeper for the workspace of a job, where there is work and none lives."""
    wake_keeper(Layout(job.parent.parent))
