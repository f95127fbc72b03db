# SPDX-License-Identifier: Apache-2.0
"""What was being made in the folders of jobs and exports when its maker was killed.

Whoever makes the folder of a job holds a lock of its own for as long, so that what a dead client
left is told from what a living one is making. Exports are made by workers, which hold their job.
"""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Generator, Sequence
from pathlib import Path

from engine.store import atomicfs
from engine.store.layout import Layout
from engine.store.locks import held, is_held

_PREFIX = ".making-"
_STALE_S = 600.0
"""A lock is taken right after its file was made; one that is free for so long has no owner."""


@contextlib.contextmanager
def making_job(layout: Layout) -> Generator[None, None, None]:
    """While the block runs, nobody takes what it makes in the folder of jobs for left over.

    Raises:
        DiskFull: No room for the file of the lock.
        NotWritable: The place refuses.
    """
    atomicfs.make_folder(layout.jobs)
    lock = layout.jobs / f"{_PREFIX}{uuid.uuid4().hex}"
    try:
        with held(lock):
            yield
    finally:
        with contextlib.suppress(OSError):
            lock.unlink(missing_ok=True)


def settle(layout: Layout) -> None:
    """Delete what killed clients and workers left, unless somebody may still be at it.

    Raises:
        NotWritable: The place refuses; the next start tries again.
    """
    # Looked up before the locks are: who begins later is not among them.
    jobs, exports = _left_in(layout.jobs), _left_in(layout.exports)
    makers = list(layout.jobs.glob(f"{_PREFIX}*"))
    if not any(is_held(one) for one in makers):
        _delete(jobs)
        _forget_stale(makers)
    if exports and not _has_live_job(layout):
        _delete(exports)


def _left_in(folder: Path) -> list[Path]:
    prefixes = (atomicfs.TEMPORARY_PREFIX, atomicfs.TRASH_PREFIX)
    return [one for one in folder.iterdir() if one.name.startswith(prefixes) and one.is_dir()]


def _delete(folders: Sequence[Path]) -> None:
    for one in folders:
        with contextlib.suppress(FileNotFoundError):  # it has its name now, or another deleted it
            atomicfs.remove_folder(one)


def _forget_stale(makers: Sequence[Path]) -> None:
    for one in makers:
        with contextlib.suppress(FileNotFoundError):
            if time.time() - one.stat().st_mtime > _STALE_S:
                one.unlink()


def _has_live_job(layout: Layout) -> bool:
    folders = [layout.job(one.name) for one in layout.jobs.iterdir() if one.is_dir()]
    return any(is_held(one.starting_lock) or is_held(one.lock) for one in folders)
