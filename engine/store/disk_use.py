# SPDX-License-Identifier: Apache-2.0
"""How much of the disk files take."""

from __future__ import annotations

import os
from pathlib import Path


def size_of(path: Path) -> int:
    """Return the sum of the sizes of a file or of all files below a folder, in bytes.

    What vanishes meanwhile, or may not be looked at, counts nothing; links are not followed.
    """
    total, waiting = 0, [path]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as found:
                for one in found:
                    if one.is_dir(follow_symlinks=False):
                        waiting.append(Path(one.path))
                    else:
                        total += one.stat(follow_symlinks=False).st_size
        except OSError:
            # A worker may be removing it just now.
            continue
    return total
