# SPDX-License-Identifier: Apache-2.0
"""R19: a window that watches a run to its end gets no bigger and misses no event."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.faults.extent import IS_FULL
from tests.faults.runs_to_watch import jobs_of, make_run, telling

STEPS, SECONDS = (1_000_000, 20 * 60.0) if IS_FULL else (20_000, 4.0)
BURST = 500
GROWTH = 0.05
LIMIT_S = 3 * SECONDS + 120.0
pytestmark = pytest.mark.timeout(LIMIT_S + 60.0)


def reports(path: Path) -> list[dict[str, Any]]:
    """Return what a window has written down, whole lines only."""
    if not path.exists():
        return []
    whole = path.read_text(encoding="utf-8").rpartition("\n")[0]
    return [json.loads(line) for line in whole.splitlines()]


def test_window_that_watches_a_run_to_its_end_misses_no_event_and_gets_no_bigger(
    tmp_path: Path, tell: Callable[[str], None]
) -> None:
    jobs, report = jobs_of(tmp_path / "ws"), tmp_path / "report.jsonl"
    pause_s = SECONDS * BURST / STEPS
    run_id = make_run(jobs, "steps", telling(STEPS, burst=BURST, pause_s=pause_s))
    jobs.start(run_id)
    argv = [sys.executable, "-m", "tests.faults.window", str(tmp_path / "ws"), run_id, str(report)]
    with (tmp_path / "window.log").open("wb") as log:
        window = subprocess.Popen(argv, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + LIMIT_S
        while not ((seen := reports(report)) and "over_ms" in seen[-1]):
            assert time.monotonic() < deadline, seen[-1:]
            assert window.poll() is None, (tmp_path / "window.log").read_text(encoding="utf-8")
            time.sleep(0.2)
    finally:
        window.kill()
        window.wait()
    first, last, wrong = seen[-1]["events"]
    assert (first, wrong) == (1, 0)
    written = jobs._layout.job(run_id).events.read_bytes().count(b"\n")
    assert last == written > STEPS
    # From when the charts are as long as they ever get.
    settled = [one for one in seen if one["events"][1] > STEPS // 10]
    before, after = settled[0]["rss_bytes"], settled[-1]["rss_bytes"]
    longest = max(one["longest_ms"] for one in settled)
    busiest = max(one["busiest_ms"] for one in settled)
    tell(
        f"{last} events in {seen[-1]['age_s']:.0f} s: window from {before >> 20} to {after >> 20} "
        f"MiB ({after / before - 1:+.1%}), started with {seen[0]['rss_bytes'] >> 20} MiB; not "
        f"listening for {longest} ms at most, of which it computed {busiest} ms at most"
    )
    if IS_FULL:
        assert after < before * (1 + GROWTH)
