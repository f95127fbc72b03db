# SPDX-License-Identifier: Apache-2.0
"""File locks: whether somebody holds one, and taking one for a moment."""

from __future__ import annotations

import contextlib
from collections.abc import Generator
from gettext import gettext as _
from pathlib import Path

import filelock

from engine.errors import InUse
from engine.store.disk_errors import naming_disk_errors

_WAIT_S = 10.0

LOOK_S = 2.0
"""Whoever looks whether a lock is free holds it for an instant; who needs it waits so long."""


_GLANCE_S, _GLANCE_EVERY_S = 0.03, 0.002
"""A look takes less than a millisecond: a lock that stays taken so long is not merely looked at."""


def is_held(path: Path) -> bool:
    """Return whether a living process holds this lock; the file is not made."""
    if not path.exists():
        return False
    lock = filelock.FileLock(path, timeout=_GLANCE_S, mode=0o600)
    try:
        with lock.acquire(poll_interval=_GLANCE_EVERY_S):
            return False
    except filelock.Timeout:
        return True
    except OSError:
        # A lock that cannot be opened for writing lies where nothing of this user can write: no
        # worker of theirs works there.
        return False


@contextlib.contextmanager
def held(path: Path, *, is_urgent: bool = False) -> Generator[None, None, None]:
    """Hold a lock; its folder must exist.

    Args:
        path: The file of the lock.
        is_urgent: Do not wait a moment for it.

    Raises:
        InUse: Another process keeps it.
        DiskFull: No room for the file of the lock.
        NotWritable: The place refuses to be written.
    """
    with naming_disk_errors(path):
        try:
            lock = filelock.FileLock(path, timeout=0 if is_urgent else _WAIT_S, mode=0o600)
            lock.acquire()
        except filelock.Timeout as error:
            raise InUse(
                _("Another window or command is busy with this. Nothing was changed."),
                remedy=_("Try again in a moment."),
            ) from error
    try:
        yield
    finally:
        lock.release()
