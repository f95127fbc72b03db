# SPDX-License-Identifier: Apache-2.0
"""A window that opens a run without a screen and writes down what it sees, as a process to kill.

    python -m tests.faults.window WORKSPACE RUN REPORT [--forks]

REPORT gets one line of JSON whenever something is known better: after how many milliseconds the
run stood in the window and how many of them were computing, how many events came, whether one was
missing or came twice, how long the window was not listening at most, how long it computed in that
time (which does not hang on what else the computer does), and how much memory it has. With
`--forks` the process imports everything once, and opens a window in a fork of itself for each path
to a report that it reads.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import psutil
from PySide6.QtCore import QObject, QTimer
from PySide6.QtWidgets import QApplication

from engine.api.privacy import Privacy
from engine.api.settings import Settings as SettingValues
from engine.protocol.codec import Envelope
from gui.app import Window, open_services
from gui.bridge.notices import Notices
from gui.bridge.process import (
    collect_garbage_here,
    give_large_blocks_back,
    look_for_catalogue_once,
)
from gui.bridge.settings import Settings
from gui.pages.runs.run_view import RunView
from gui.widgets.theme.install import install_theme

TICK_MS = 10
TELL_EVERY_MS = 250


class Seen(QObject):
    """What a window saw of a run."""

    def __init__(self, report: Path, began_s: float, began_work_s: float, owner: QObject) -> None:
        super().__init__(owner)
        self._report, self._began_s = report, began_s
        self._began_work_s = began_work_s
        self._ticked_s = time.monotonic()
        self._facts: dict[str, object] = {}
        self.view: RunView | None = None
        self.first = self.last = self.wrong = 0
        self.longest_ms = self.busiest_ms = 0.0
        self._worked_s = time.thread_time()
        for every_ms, then in ((TICK_MS, self._tick), (TELL_EVERY_MS, self.tell)):
            timer = QTimer(self)
            timer.setInterval(every_ms)
            timer.timeout.connect(then)
            timer.start()

    def take(self, envelopes: list[Envelope]) -> None:
        """Count events: each must be the one behind the last."""
        for one in envelopes:
            self.first = self.first or one.seq
            self.wrong += one.seq != self.last + 1
            self.last = one.seq

    def _tick(self) -> None:
        now = time.monotonic()
        self.longest_ms = max(self.longest_ms, 1000 * (now - self._ticked_s) - TICK_MS)
        self._ticked_s = now
        worked_s = time.thread_time()
        self.busiest_ms = max(self.busiest_ms, 1000 * (worked_s - self._worked_s))
        self._worked_s = worked_s
        view = self.view
        job = view._job() if view is not None else None
        if view is None or view._feed is None or job is None:
            return
        if job.snapshot.attempt:
            self._note("shown_ms")
            self._facts.setdefault("shown_step", job.snapshot.step)
            self._facts.setdefault("shown_after_work_ms", round(1000 * self._work_s()))
        if not view._feed.is_behind:
            self._note("caught_up_ms")
        if view._feed.is_over:
            self._note("over_ms")

    def _work_s(self) -> float:
        return time.process_time() - self._began_work_s

    def _note(self, name: str) -> None:
        if name not in self._facts:
            self._facts[name] = round(1000 * (time.monotonic() - self._began_s))
            self.tell()

    def tell(self) -> None:
        """Write down what is known."""
        process = psutil.Process()
        line = {
            **self._facts,
            "events": [self.first, self.last, self.wrong],
            "longest_ms": round(self.longest_ms),
            "busiest_ms": round(self.busiest_ms),
            "rss_bytes": process.memory_info().rss,
            "age_s": round(time.monotonic() - self._began_s, 2),
        }
        with self._report.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(line) + "\n")
        self.longest_ms = self.busiest_ms = 0.0


def show(workspace: Path, run_id: str, report: Path) -> int:
    """Open a window on a run and stay until killed."""
    began_s, began_work_s = time.monotonic(), time.process_time()
    look_for_catalogue_once()
    give_large_blocks_back()
    app = QApplication(["burnish"])
    collect_garbage_here(app)
    notices = Notices()
    look = install_theme(app, scheme=None, text_scale=1.0)
    settings = Settings(report.with_suffix(".settings.json"), SettingValues(), notices)
    services = open_services(workspace, settings, notices, Privacy(kernel_filter=False))
    window = Window(services, look)
    window.open("runs")
    window.start()
    window.go("runs", run_id)
    seen = Seen(report, began_s, began_work_s, window)
    view = window.shell.findChild(RunView)
    if not isinstance(view, RunView) or view._feed is None:
        return 1
    view._feed.events.connect(seen.take)
    seen.view = view
    return app.exec()


def main(arguments: Sequence[str]) -> int:
    """Run one window, or one for each line of standard input."""
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    workspace, run_id, report = Path(arguments[0]), arguments[1], Path(arguments[2])
    if "--forks" not in arguments:
        return show(workspace, run_id, report)
    for line in sys.stdin:
        pid = os.fork()
        if not pid:
            # Qt must not be left by the interpreter's own end in a fork.
            os._exit(show(workspace, run_id, Path(line.strip())))
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()
        os.waitpid(pid, 0)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
