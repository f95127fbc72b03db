# SPDX-License-Identifier: Apache-2.0
"""The worker's own output, kept within bounds: a library may complain at every step."""

from __future__ import annotations

import contextlib
import os
import sys

from engine.errors import EngineError
from engine.store import atomicfs
from engine.store.layout import JobFolder

LOG_BYTES = 4 << 20


def bound_output(folder: JobFolder, *, limit_bytes: int = LOG_BYTES) -> None:
    """Put the log of a job aside where it is too long, in place of what was put aside before.

    The file itself stays, and is emptied: processes that this worker started write into it, too.
    What one of them writes in the instant between the two is lost.

    Args:
        folder: The job's.
        limit_bytes: Longer than this it does not stay; what is put aside is no longer either.
    """
    with contextlib.suppress(EngineError, OSError):
        size = folder.log.stat().st_size
        if size <= limit_bytes:
            return
        with folder.log.open("rb") as stream:
            stream.seek(size - limit_bytes)
            newest = stream.read()
        atomicfs.write_file(folder.older_log, newest[-limit_bytes:], durable=False)
        atomicfs.cut_file(folder.log, 0)
        if sys.platform == "win32":
            # There the place to write at belongs to the handle and does not follow the end.
            for handle in (1, 2):
                os.lseek(handle, 0, os.SEEK_SET)
