# SPDX-License-Identifier: Apache-2.0
"""The window's own process: its arguments, its texts, what nobody foresaw, how it started."""

from __future__ import annotations

import argparse
import ctypes
import gc
import gettext
import json
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Protocol

from PySide6.QtCore import QTimer
from PySide6.QtGui import QSessionManager
from PySide6.QtWidgets import QApplication

from engine.errors import EngineError, unforeseen
from gui.bridge.notices import Notices

COLLECT_EVERY_MS = 1_000
LARGE_BYTES = 128 * 1024
_M_MMAP_THRESHOLD = -3
log = logging.getLogger("gui")


def parse_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    """Return what the window was started with; argparse ends the program where that is wrong."""
    parser = argparse.ArgumentParser(prog="burnish --window")
    parser.add_argument("--workspace", type=Path, default=None)
    parser.add_argument("--page", default="")
    parser.add_argument("--exit-after-show", action="store_true")
    parser.add_argument("files", type=Path, nargs="*", help="files that are imported at once")
    return parser.parse_args(list(arguments))


def look_for_catalogue_once() -> None:
    """Tell gettext where there is no catalogue, so that it does not search the disk for each text.

    Without this each text of a page costs several looks at the disk (70 µs).
    """
    if gettext.find(gettext.textdomain()) is None:
        os.environ["LANGUAGE"] = "C"


def has_display_by_network(environment: Mapping[str, str]) -> bool:
    """Return whether the screen is reached by TCP, as in `ssh -X`; refusing it would end Qt."""
    host = environment.get("DISPLAY", "").partition(":")[0]
    is_wayland = bool(environment.get("WAYLAND_DISPLAY"))
    return host not in ("", "unix") and not host.startswith("/") and not is_wayland


def quit_window() -> None:
    """End the program, also where a closed window would only be hidden."""
    QApplication.exit(0)


class SessionEnds(Protocol):
    """The signal `commitDataRequest` of an application, as far as it is used here."""

    def connect(self, slot: Callable[[QSessionManager], None], /) -> object:
        """Call the slot when the session of the person ends."""
        ...


def follow_session(ends: SessionEnds, keep: Callable[[], None]) -> None:
    """Keep what is to be kept when the person logs out, ask nothing, and end when told to.

    Qt tells of the end of a session on Windows and under X11. Under Wayland, and where a desktop
    knows no sessions, it comes as SIGTERM. Work that goes on has processes of its own.
    """

    def on_session_end(manager: QSessionManager) -> None:
        # A window that the desktop starts again by itself would be one that nobody asked for.
        manager.setRestartHint(QSessionManager.RestartHint.RestartNever)
        keep()

    ends.connect(on_session_end)
    signal.signal(signal.SIGTERM, lambda _number, _frame: quit_window())


def age_s() -> float:
    """Return how long this process has lived, in seconds."""
    if sys.platform == "linux":
        # psutil rounds the time of the boot to a second, so its start time may be one off.
        fields = Path("/proc/self/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        started_s = int(fields[19]) / os.sysconf("SC_CLK_TCK")
        return time.clock_gettime(time.CLOCK_BOOTTIME) - started_s
    import psutil

    return time.time() - psutil.Process().create_time()


def give_large_blocks_back() -> None:
    """Have the C library of Linux give each large block of memory back as soon as it is freed.

    By itself it learns to keep ever larger ones in its heap (mallopt(3), M_MMAP_THRESHOLD), where
    the gaps between them grow for hours while a run is watched.
    """
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
        if mallopt is not None:
            mallopt(_M_MMAP_THRESHOLD, LARGE_BYTES)


def collect_garbage_here(app: QApplication) -> None:
    """Collect garbage in the window's thread and in no other; what is there by now stays.

    Python collects in whichever thread makes an object too many. Pages are in cycles, and one that
    another thread destroyed ends the program, now and then: so the collector, which `main.py`
    switched off for the start, stays off, and a timer of the window does its work.
    """
    gc.disable()
    gc.freeze()
    timer = QTimer(app)
    timer.setInterval(COLLECT_EVERY_MS)
    timer.timeout.connect(collect_what_is_due)
    timer.start()


def collect_what_is_due() -> None:
    """Collect the oldest generation of objects that is due by the collector's thresholds."""
    for generation in (2, 1, 0):
        if gc.get_count()[generation] > gc.get_threshold()[generation]:
            gc.collect(generation)
            return


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
