# SPDX-License-Identifier: Apache-2.0
"""The keeper process: starts the runs of the queue one after the other, and ends with the last."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Self

import filelock

from engine.api.facade import open_api
from engine.api.queue import QueueDesk
from engine.api.queue_keeping import Keeper, WorkspaceRunner
from engine.errors import EngineError
from engine.launcher.deaths import EXIT_TAKEN
from engine.launcher.keeper import tell_keeper
from engine.launcher.offline import OfflineGuard
from engine.store import atomicfs
from engine.store.locks import LOOK_S
from engine.store.migrations import is_going_on
from engine.store.workspace import open_workspace
from engine.worker.output import bound_output
from engine.worker.session_end import told_of_session_end
from engine.worker.wakefulness import Wakefulness, kept_awake

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
        0 when there is nothing left, when the session ends or the workspace is brought to a newer
        version, 1 when the queue could not be read or written for a while, 4 when another keeper
        looks after it.
    """
    os.umask(0o077)
    OfflineGuard()
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s %(message)s",
    )
    # Before the lock, which keeps a migration waiting: this one, too, may have to begin with one.
    place = open_workspace(root, now=_now()).queue
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
    tell_keeper(api.layout)
    ended = threading.Event()
    with told_of_session_end(ended.set), Vigil() as vigil:

        def _wait() -> bool:
            bound_output(api.layout.queue.keeper_log, api.layout.queue.older_keeper_log)
            return ended.wait(look_every_s) or is_going_on(api.layout)

        return _look_until_done(keeper, desk, lock, vigil, _wait)


def _look_until_done(
    keeper: Keeper,
    desk: QueueDesk,
    lock: filelock.BaseFileLock,
    vigil: Vigil,
    wait: Callable[[], bool],
) -> int:
    """Look again and again; `wait` waits between two looks, and tells whether to leave."""
    failures = 0
    while failures < _MOST_FAILURES:
        try:
            keeper.look()
            vigil.set_needed(keeper.keeps_awake())
            if desk.leave(lambda: lock.release(force=True)):
                return EXIT_DONE
            failures = 0
        except (EngineError, OSError) as error:
            log.warning("%s: %s", type(error).__name__, error)
            failures += 1
        if wait():
            # What is left stands in the queue; the next one who uses Burnish wakes a keeper.
            return EXIT_DONE
    return EXIT_FAILED


class Vigil:
    """Keeps the computer awake while it is needed, and lets go at its end."""

    def __init__(
        self,
        hold: Callable[[], contextlib.AbstractContextManager[Wakefulness]] = kept_awake,
    ) -> None:
        """Hold nothing yet; `hold` does it."""
        self._hold = hold
        self._held: contextlib.ExitStack | None = None

    def set_needed(self, needed: bool) -> None:
        """Hold sleep off from now on, or let it come."""
        if needed and self._held is None:
            self._held = contextlib.ExitStack()
            found = self._held.enter_context(self._hold())
            log.info("sleep between runs: %s", found.value)
        elif not needed and self._held is not None:
            held, self._held = self._held, None
            held.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.set_needed(False)


def _now() -> datetime:
    return datetime.now().astimezone()
