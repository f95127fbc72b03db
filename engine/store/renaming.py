# SPDX-License-Identifier: Apache-2.0
"""Other names for files and folders, on Windows too while other programs look at them.

Windows renames no file that any program has open, and no folder with such a file in it. Virus
scanners and indexers open whatever is new for some milliseconds, and so does whoever reads a
document just then; and what is being replaced cannot be opened for as long. So a refusal is
believed there only after a while. Elsewhere an open file is in nobody's way, and a refusal is one.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

Found = TypeVar("Found")

PATIENCE_S = 2.0 if sys.platform == "win32" else 0.0
"""A scanner lets go of a file long before."""

_AGAIN_S = 0.02


def rename(source: Path, target: Path) -> None:
    """Give a file or folder another name, which nothing may have.

    Raises:
        OSError: The system refuses.
    """
    patiently(lambda: source.rename(target))


def replace(source: Path, target: Path) -> None:
    """Give a file the name of another one, which is gone then.

    Raises:
        OSError: The system refuses.
    """
    patiently(lambda: source.replace(target))


def patiently(work: Callable[[], Found]) -> Found:
    """Return what some work returns, which is tried again where it is refused for a moment.

    Raises:
        OSError: The system refuses it to the end, or it fails otherwise.
    """
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            return work()
        except PermissionError:
            if time.monotonic() >= deadline:
                raise
            time.sleep(_AGAIN_S)
