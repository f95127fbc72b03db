# SPDX-License-Identifier: Apache-2.0
"""Errors of a disk by name: full, write-protected, or failing."""

from __future__ import annotations

import contextlib
import errno
import shutil
from collections.abc import Generator
from gettext import gettext as _
from pathlib import Path

from engine.errors import DiskFailed, DiskFull, NotWritable

LEAST_BYTES = 4096
"""A name, or a file of one byte, takes a block of the disk."""

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
REFUSED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
FAILING = frozenset({errno.EIO, errno.ENXIO, errno.ENODEV, errno.ESTALE})


@contextlib.contextmanager
def naming_disk_errors(path: Path, *, needed_bytes: int = 0) -> Generator[None, None, None]:
    """Turn the error of a disk into a named one.

    Args:
        path: What is written.
        needed_bytes: How much room it takes, as far as that is known.

    Raises:
        DiskFull: The disk or a quota is full.
        NotWritable: The place refuses to be written.
        DiskFailed: The disk fails.
    """
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise disk_full(path, needed_bytes, str(error)) from error
        if error.errno in REFUSED:
            raise NotWritable(
                _("{path} cannot be written to.").format(path=path), detail=str(error)
            ) from error
        if error.errno in FAILING:
            raise DiskFailed(
                _(
                    "The disk of {path} failed while it was written or read. What was saved and "
                    "verified before has not been touched."
                ).format(path=path),
                detail=str(error),
            ) from error
        raise


def is_of_full_disk(error: BaseException) -> bool:
    """Return whether an error says that a disk is full, by name or by the system's number."""
    return isinstance(error, DiskFull) or (isinstance(error, OSError) and error.errno in FULL)


def detail_of(error: BaseException) -> str:
    """Return what the system said."""
    return error.detail if isinstance(error, DiskFull) else str(error)


def disk_full(path: Path, needed_bytes: int, detail: str) -> DiskFull:
    """Return the error that says how many bytes are needed, and how many are free.

    Args:
        path: What was written.
        needed_bytes: How much room it takes, as far as that is known.
        detail: What the system said.
    """
    text = _(
        "The disk of {path} is full: at least {needed:,} bytes are needed there, {free:,} are "
        "free. Nothing that was there before has changed."
    )
    needed = max(needed_bytes, LEAST_BYTES)
    return DiskFull(text.format(path=path, needed=needed, free=_free_bytes(path)), detail=detail)


def _free_bytes(path: Path) -> int:
    for place in (path, *path.parents):
        if place.exists():
            return shutil.disk_usage(place).free
    return 0
