# SPDX-License-Identifier: Apache-2.0
"""The keeper process: starts the runs of the queue one after the other, and ends with the last."""

from __future__ import annotations

import logging
import os
import sys
import time
from datetime import datetime
from pathlib import Path

import filelock

from engine.api.facade import open_api
from engine.api.queue import QueueDesk
from engine.api.queue_keeping import Keeper, WorkspaceRunner
from engine.errors import EngineError
from engine.launcher.deaths import EXIT_TAKEN
from engine.launcher.offline import OfflineGuard
from engine.store import atomicfs
from engine.store.layout import Layout
from engine.store.locks import LOOK_S

LOOK_EVERY_S = 1.0
EXIT_DONE, EXIT_FAILED = 0, 1
_MOST_FAILURES = 30
"""Looks in a row that may fail, as on a disk that is full or a drive that is not connected."""

log = logging.getLogger("keeper")


def run_keeper(root: Path, *, look_every_s: float = LOOK_EVERY_S) -> int:
    """Look after the queue of a workspace until there is nothing left to do.

    Args:
        root: Folder of the workspace.
        look_every_s: Seconds between two looks.

    Returns:
        0 when there is nothing left, 1 when the queue could not be read or written for a while, 4
        when another keeper looks after it.
    """
    os.umask(0o077)
    OfflineGuard()
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s %(message)s",
    )
    place = Layout(root).queue
    atomicfs.make_folder(place.root)
    lock = filelock.FileLock(place.keeper_lock, timeout=LOOK_S, mode=0o600)
    try:
        with lock:
            return _keep(root, lock, look_every_s)
    except filelock.Timeout:
        return EXIT_TAKEN


def _keep(root: Path, lock: filelock.BaseFileLock, look_every_s: float) -> int:
    api = open_api(root)
    desk = QueueDesk(api.layout)
    keeper = Keeper(desk, WorkspaceRunner(api.jobs, api.runs), now=_now)
    failures = 0
    while failures < _MOST_FAILURES:
        try:
            keeper.look()
            if desk.leave(lambda: lock.release(force=True)):
                return EXIT_DONE
            failures = 0
        except (EngineError, OSError) as error:
            log.warning("%s: %s", type(error).__name__, error)
            failures += 1
        time.sleep(look_every_s)
    return EXIT_FAILED


def _now() -> datetime:
    return datetime.now().astimezone()
