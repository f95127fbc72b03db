# SPDX-License-Identifier: Apache-2.0
"""The output of this very process, kept within bounds: a library may complain at every step."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

from engine.errors import EngineError
from engine.store.output_log import LOG_BYTES, bound_log


def bound_output(log: Path, older: Path, *, limit_bytes: int = LOG_BYTES) -> None:
    """Put the log of this process aside where it is too long; one that does not let it stays.

    Args:
        log: What its output goes to.
        older: Where that is put aside.
        limit_bytes: Longer than this it does not stay; what is put aside is no longer either.
    """
    with contextlib.suppress(EngineError, OSError):
        if bound_log(log, older, limit_bytes=limit_bytes) and sys.platform == "win32":
            # There the place to write at belongs to the handle and does not follow the end.
            for handle in (1, 2):
                os.lseek(handle, 0, os.SEEK_SET)
