# SPDX-License-Identifier: Apache-2.0
"""What processes without a terminal say: the end of it, kept within bounds."""

from __future__ import annotations

import os
from pathlib import Path

from engine.store import atomicfs

LOG_BYTES = 4 << 20


def bound_log(log: Path, older: Path, *, limit_bytes: int = LOG_BYTES) -> bool:
    """Put a log aside where it is too long, in place of what was put aside before.

    The file itself stays, and is emptied: others may have it open to write into it. What one of
    them writes in the instant between the two is lost.

    Args:
        log: It need not be there.
        older: Where it is put aside.
        limit_bytes: Longer than this it does not stay; what is put aside is no longer either.

    Returns:
        Whether it was emptied.

    Raises:
        OSError: It cannot be looked at.
        EngineError: It cannot be put aside; it is as it was.
    """
    if not log.exists() or log.stat().st_size <= limit_bytes:
        return False
    atomicfs.write_file(older, log_end(log, limit_bytes), durable=False)
    atomicfs.cut_file(log, 0)
    return True


def log_end(log: Path, limit_bytes: int, *, from_bytes: int = 0) -> bytes:
    """Return the end of a log.

    Args:
        log: The log.
        limit_bytes: At most so much.
        from_bytes: Nothing before this place.
    """
    with log.open("rb") as stream:
        stream.seek(0, os.SEEK_END)
        stream.seek(max(from_bytes, stream.tell() - limit_bytes))
        return stream.read(limit_bytes)
