# SPDX-License-Identifier: Apache-2.0
"""The window's own process: its texts, what nobody foresaw, and how long its start took."""

from __future__ import annotations

import gettext
import json
import logging
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from PySide6.QtWidgets import QApplication

from engine.errors import EngineError, unforeseen
from gui.bridge.notices import Notices

log = logging.getLogger("gui")


def look_for_catalogue_once() -> None:
    """Tell gettext where there is no catalogue, so that it does not search the disk for each text.

    Without this each text of a page costs several looks at the disk (70 µs).
    """
    if gettext.find(gettext.textdomain()) is None:
        os.environ["LANGUAGE"] = "C"


def age_s() -> float:
    """Return how long this process has lived, in seconds."""
    if sys.platform == "linux":
        # psutil rounds the time of the boot to a second, so its start time may be one off.
        fields = Path("/proc/self/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        started_s = int(fields[19]) / os.sysconf("SC_CLK_TCK")
        return time.clock_gettime(time.CLOCK_BOOTTIME) - started_s
    import psutil

    return time.time() - psutil.Process().create_time()


def print_first_paint(app: QApplication) -> None:
    """Say in one line of JSON how long the start took; for benchmarks and packages."""
    line = {
        "first_paint_ms": round(1000 * age_s()),
        "torch_loaded": "torch" in sys.modules,
        "modules": len(sys.modules),
    }
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()
    app.exit(0)


def report_to(
    notices: Notices,
) -> Callable[[type[BaseException], BaseException, TracebackType | None], None]:
    """Return an excepthook that shows what nobody foresaw, instead of ending the window."""

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        log.error("unforeseen", exc_info=(kind, error, trace))
        if isinstance(error, EngineError):
            notices.show_error(error)
        elif isinstance(error, Exception):
            notices.show_error(unforeseen(error))

    return hook
