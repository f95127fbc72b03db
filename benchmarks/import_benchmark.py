# SPDX-License-Identifier: Apache-2.0
"""How fast a large chat file is imported, in how much memory, and how fast its rows are shown.

Usage: python benchmarks/import_benchmark.py [--rows N] [--repeat N] [--check]

Makes a seeded JSON Lines file of conversations (200,000 rows, about 100 MB) in a temporary folder,
imports it in this process and through a real worker, and then looks at rows in random order. With
--check the exit status is 1 where a bar is missed: 20 MB/s, 600 MB of memory growth, 16 ms for the
forty rows of one screen.
"""

from __future__ import annotations

import argparse
import json
import platform
import random
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import psutil
from apart import say

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from engine.api import importing
from engine.api.datasets import Datasets
from engine.api.jobs import Jobs
from engine.domain.run import JobInfo, JobKind
from engine.protocol.events import Event, WorkerStarted
from engine.protocol.job import JobContext
from engine.store.layout import Layout
from engine.store.workspace import open_workspace

SEED = 7
LOWEST_MB_PER_S = 20.0
HIGHEST_GROWTH_MB = 600.0
HIGHEST_SCREEN_MS = 16.0
ROWS_ON_SCREEN = 40
SCREENS = 500


@dataclass
class Measured:
    """What one import took."""

    seconds: float
    growth_mb: float
    dataset_id: str
    processor_s: float = 0.0


def make_file(path: Path, rows: int) -> None:
    """Write conversations of about 500 bytes each, the same ones at every call."""
    source = random.Random(SEED)
    letters = "etaoinshrdlucmfwypvbgkjqxz"
    words = ["".join(source.choices(letters, k=source.randint(2, 9))) for _ in range(5000)]
    with path.open("w", encoding="utf-8", newline="\n") as stream:
        for _ in range(rows):
            turns = [("user", 26), ("assistant", 44)]
            messages = [
                {"role": role, "content": " ".join(source.choices(words, k=count))}
                for role, count in turns
            ]
            stream.write(json.dumps({"messages": messages}) + "\n")


@dataclass
class PeakMemory:
    """Highest resident memory of a process while it is watched, above where it began."""

    pid: int
    first: int = 0
    highest: int = 0
    is_over: threading.Event = field(default_factory=threading.Event)

    def watch(self) -> None:
        """Look every 10 ms until it is over or the process is gone."""
        try:
            process = psutil.Process(self.pid)
            self.first = process.memory_info().rss
            while not self.is_over.wait(0.01):
                self.highest = max(self.highest, process.memory_info().rss)
        except psutil.NoSuchProcess:
            return

    @property
    def growth_mb(self) -> float:
        """Return the growth in megabytes."""
        return max(0, self.highest - self.first) / 1e6


@contextmanager
def watched(pid: int) -> Iterator[PeakMemory]:
    """Watch a process while the block runs."""
    peak = PeakMemory(pid)
    thread = threading.Thread(target=peak.watch)
    thread.start()
    try:
        yield peak
    finally:
        peak.is_over.set()
        thread.join()


def context_of(layout: Layout, path: Path, dataset_id: str) -> JobContext:
    """Return what the job's own entry is given to import a file in this process."""
    options = {"paths": [str(path)], "dataset_id": dataset_id, "name": "Benchmark"}
    info = JobInfo(
        id="benchmark",
        kind=JobKind.IMPORT,
        name="Benchmark",
        entry="engine.api.importing:run",
        created_at="",
        options={name: msgspec.Raw(msgspec.json.encode(one)) for name, one in options.items()},
    )
    events: list[Event] = []
    return JobContext(
        workspace=layout.root,
        folder=layout.job(info.id).root,
        info=info,
        attempt=1,
        emit=events.append,
        stop_requested=lambda: False,
        now=lambda: datetime.now(UTC),
    )


def import_here(layout: Layout, path: Path, dataset_id: str) -> Measured:
    """Import through the job's own entry, in this process."""
    context = context_of(layout, path, dataset_id)
    with watched(psutil.Process().pid) as peak:
        begun, busy = time.perf_counter(), time.process_time()
        importing.run(context)
        seconds, busy = time.perf_counter() - begun, time.process_time() - busy
    return Measured(seconds, peak.growth_mb, dataset_id, busy)


def import_in_a_worker(datasets: Datasets, jobs: Jobs, path: Path) -> Measured:
    """Import as the window does; the time counts from the click to the last event."""
    begun = time.perf_counter()
    job_id = datasets.start_import([path], name="Benchmark in a worker")
    feed = jobs.feed(job_id)
    started: WorkerStarted | None = None
    while started is None:
        found = [one.event for one in feed.poll()]
        started = next((one for one in found if isinstance(one, WorkerStarted)), None)
    with watched(started.pid) as peak:
        while not feed.state().is_over:
            feed.poll()
            time.sleep(0.02)
    seconds = time.perf_counter() - begun
    if feed.snapshot.failure is not None:
        raise SystemExit(f"the worker failed: {feed.snapshot.failure.message}")
    return Measured(seconds, peak.growth_mb, feed.snapshot.result["dataset_id"])


def look_at_rows(datasets: Datasets, dataset_id: str) -> list[float]:
    """Return the milliseconds that each of many screens of rows takes, at random places."""
    source = random.Random(SEED)
    table = datasets.open_rows(dataset_id)
    taken: list[float] = []
    for _ in range(SCREENS):
        first = source.randrange(len(table) - ROWS_ON_SCREEN)
        begun = time.perf_counter()
        for row in range(first, first + ROWS_ON_SCREEN):
            table.preview(row)
        taken.append((time.perf_counter() - begun) * 1000)
    table.close()
    return sorted(taken)


def report(title: str, measured: list[Measured], size_mb: float, rows: int) -> tuple[float, float]:
    """Print the median of some imports; return MB/s and memory growth in MB."""
    seconds = statistics.median(one.seconds for one in measured)
    growth = max(one.growth_mb for one in measured)
    say(
        f"{title}: {seconds:.2f} s, {size_mb / seconds:.1f} MB/s, {rows / seconds:,.0f} rows/s, "
        f"memory growth {growth:.0f} MB"
    )
    if busy := statistics.median(one.processor_s for one in measured):
        say(f"  of it {busy:.2f} s of processor time, {size_mb / busy:.1f} MB for each second")
    return size_mb / seconds, growth


def main() -> int:
    """Run everything and print it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--check", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="burnish-benchmark-") as place:
        path = Path(place) / "chat.jsonl"
        make_file(path, given.rows)
        size_mb = path.stat().st_size / 1e6
        say(f"{platform.machine()}, {psutil.cpu_count()} processors, load {psutil.getloadavg()}")
        say(f"{given.rows:,} rows, {size_mb:.1f} MB")
        layout = open_workspace(Path(place) / "workspace", now=datetime.now(UTC))
        jobs = Jobs(layout)
        datasets = Datasets(layout, jobs)
        here = [import_here(layout, path, f"here{number}") for number in range(given.repeat)]
        speeds = [report("in this process", here, size_mb, given.rows)]
        there = [import_in_a_worker(datasets, jobs, path) for _ in range(given.repeat)]
        speeds.append(report("in a worker", there, size_mb, given.rows))
        screens = look_at_rows(datasets, there[-1].dataset_id)
        p50, p99 = screens[len(screens) // 2], screens[len(screens) * 99 // 100]
        say(f"a screen of {ROWS_ON_SCREEN} rows: p50 {p50:.2f} ms, p99 {p99:.2f} ms")
    is_met = all(
        speed >= LOWEST_MB_PER_S and growth <= HIGHEST_GROWTH_MB for speed, growth in speeds
    )
    return 0 if not given.check or (is_met and p99 <= HIGHEST_SCREEN_MS) else 1


if __name__ == "__main__":
    sys.exit(main())
