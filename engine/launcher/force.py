# SPDX-License-Identifier: Apache-2.0
"""Ending a worker by force, with every process that it started: for one that no longer listens."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

import psutil

from engine.launcher.identity import is_alive_worker, read_identity
from engine.store.layout import JobFolder

_LIMIT_S = 5.0


def end_by_force(folder: JobFolder) -> bool:
    """End the worker of a job and its processes at once; return whether there was one.

    Only the very process that took the job is ended, never another that has its pid now. What it
    had not saved is lost, as after a crash.
    """
    identity = read_identity(folder)
    if identity is None or not is_alive_worker(identity, folder):
        return False
    try:
        worker = psutil.Process(identity.pid)
        # The worker first: it must not start anything while its processes are gathered.
        worker.suspend()
        family = [worker, *worker.children(recursive=True), *_of_session(identity.pid)]
    except psutil.NoSuchProcess:
        return True
    for one in family:
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            one.kill()
    psutil.wait_procs(family, timeout=_LIMIT_S)
    return True


def _of_session(leader: int) -> Iterator[psutil.Process]:
    """Yield the other processes of a worker's session: also those whose parent is gone."""
    if not hasattr(os, "getsid"):
        return
    for one in psutil.process_iter():
        with contextlib.suppress(OSError, psutil.NoSuchProcess):
            if one.pid != leader and os.getsid(one.pid) == leader:
                yield one
