# SPDX-License-Identifier: Apache-2.0
"""How long the window takes from a cold process to its first paint.

Usage: ``window_benchmark.py [--starts 5]``. Each start is a process of its own, without a screen,
on an empty workspace. The time runs from the call that makes the process to the line that the
window prints after its first paint. The bar is a median of one second on two free cores; the exit
status is 1 where it is missed, or where a training library was loaded.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
BAR_MS = 1000


def start_once(workspace: Path, home: Path) -> tuple[float, dict[str, object]]:
    """Start the window, wait for its first paint, and return milliseconds and what it printed."""
    arguments = [sys.executable, str(REPOSITORY / "main.py"), "--window"]
    own = {"QT_QPA_PLATFORM": "offscreen", "XDG_CONFIG_HOME": str(home), "APPDATA": str(home)}
    began = time.perf_counter()
    with subprocess.Popen(
        [*arguments, "--workspace", str(workspace), "--exit-after-show"],
        cwd=REPOSITORY,
        env={**os.environ, **own},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        line = process.stdout.readline() if process.stdout else ""
        took_ms = 1000 * (time.perf_counter() - began)
    return took_ms, json.loads(line)


def main() -> int:
    """Measure some starts and print the median."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--starts", type=int, default=5)
    starts = parser.parse_args().starts
    with tempfile.TemporaryDirectory() as folder:
        workspace = Path(folder) / "workspace"
        start_once(workspace, Path(folder))  # makes the workspace and the compiled files
        results = [start_once(workspace, Path(folder)) for _ in range(starts)]
    times = [took_ms for took_ms, _printed in results]
    loaded = any(printed["torch_loaded"] for _took_ms, printed in results)
    median_ms = statistics.median(times)
    sys.stdout.write(f"starts: {', '.join(f'{one:.0f}' for one in times)} ms\n")
    sys.stdout.write(f"first paint, median of {starts}: {median_ms:.0f} ms (bar {BAR_MS} ms)\n")
    sys.stdout.write(f"training libraries loaded: {'yes' if loaded else 'no'}\n")
    return 0 if median_ms <= BAR_MS and not loaded else 1


if __name__ == "__main__":
    sys.exit(main())
