# SPDX-License-Identifier: Apache-2.0
"""What lies below a folder that others work in, and how much of the disk it takes."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path


def entries_below(path: Path) -> Iterator[os.DirEntry[str]]:
    """Yield every file and folder below a folder; links are not followed.

    What vanishes meanwhile, or may not be looked into, is left out: a worker may be removing it.
    """
    waiting = [os.fspath(path)]
    while waiting:
        for one in _entries_of(waiting.pop()):
            yield one
            if one.is_dir(follow_symlinks=False):
                waiting.append(one.path)


def _entries_of(path: str) -> list[os.DirEntry[str]]:
    """Return all at once: Windows removes no folder that is being read."""
    try:
        with os.scandir(path) as found:
            return list(found)
    except OSError:
        return []


def size_of(path: Path) -> int:
    """Return the sum of the sizes of all files below a folder, in bytes.

    What vanishes meanwhile, or may not be looked at, counts nothing; links are not followed.
    """
    total = 0
    for one in entries_below(path):
        with contextlib.suppress(OSError):
            if not one.is_dir(follow_symlinks=False):
                total += one.stat(follow_symlinks=False).st_size
    return total
