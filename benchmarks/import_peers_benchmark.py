# SPDX-License-Identifier: Apache-2.0
"""How fast JSONL, CSV and Parquet are imported, against `datasets.load_dataset` on the same file.

Usage: python benchmarks/import_peers_benchmark.py [--rows N] [--repeat N] [--check]

Makes the same seeded conversations in the three formats in a temporary folder. Each measurement is
a process of its own, the two systems in turn. Seconds begin behind the imports of the libraries;
memory is the peak of the whole process, looked at every 10 ms from outside. With --check the exit
status is 1 where Burnish imports fewer rows a second than the peer or takes more memory.
"""

from __future__ import annotations

import argparse
import csv
import importlib
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from import_benchmark import context_of, make_file, say, watched

from engine.api import importing
from engine.store.workspace import open_workspace

SYSTEMS = ("burnish", "datasets")
READERS = {"jsonl": "json", "csv": "csv", "parquet": "parquet"}
"""Name of the reader of `load_dataset` by the suffix of the file."""


@dataclass
class Taken:
    """What one import took."""

    seconds: float
    processor_s: float
    memory_mb: float


def make_files(folder: Path, rows: int) -> dict[str, Path]:
    """Write the same conversations in all formats; return the files by suffix."""
    import pyarrow as pa
    from pyarrow import parquet

    files = {suffix: folder / f"chat.{suffix}" for suffix in READERS}
    make_file(files["jsonl"], rows)
    with files["jsonl"].open(encoding="utf-8") as stream:
        records = [json.loads(line) for line in stream]
    parquet.write_table(pa.Table.from_pylist(records), files["parquet"])
    with files["csv"].open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["prompt", "completion"])
        for one in records:
            writer.writerow([turn["content"] for turn in one["messages"]])
    return files


def import_with_burnish(path: Path, place: Path) -> tuple[float, float]:
    """Import with validation; return wall and processor seconds."""
    readers = {".jsonl": "pyarrow.json", ".csv": "pyarrow.csv", ".parquet": "pyarrow.parquet"}
    for library in ("numpy.ma", "dateutil.relativedelta", "pyarrow.compute", readers[path.suffix]):
        importlib.import_module(library)
    layout = open_workspace(place / "workspace", now=datetime.now(UTC))
    context = context_of(layout, path, "here")
    begun, busy = time.perf_counter(), time.process_time()
    importing.run(context)
    return time.perf_counter() - begun, time.process_time() - busy


def import_with_datasets(path: Path, place: Path) -> tuple[float, float]:
    """Load with the peer, nothing cached; return wall and processor seconds."""
    import datasets

    begun, busy = time.perf_counter(), time.process_time()
    datasets.load_dataset(
        READERS[path.suffix[1:]], data_files=str(path), cache_dir=str(place), split="train"
    )
    return time.perf_counter() - begun, time.process_time() - busy


def measure_here(system: str, path: Path) -> None:
    """Import once and print the seconds; what the processes of their own do."""
    importer = {"burnish": import_with_burnish, "datasets": import_with_datasets}[system]
    with tempfile.TemporaryDirectory(prefix="burnish-benchmark-") as place:
        say(json.dumps(importer(path, Path(place))))


def measure(system: str, path: Path) -> Taken:
    """Import once in a fresh process that may not use the network."""
    command = [sys.executable, __file__, "--one", system, str(path)]
    environment = {
        **os.environ,
        "HF_HUB_OFFLINE": "1",
        "HF_DATASETS_OFFLINE": "1",
        "HF_HOME": str(path.parent / "hub"),
        "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
    }
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, encoding="utf-8")
    with watched(process.pid) as peak:
        printed, _ = process.communicate()
    if process.returncode:
        raise SystemExit(f"{system} failed on {path.name}")
    seconds, processor_s = json.loads(printed.splitlines()[-1])
    return Taken(seconds, processor_s, peak.highest / 1e6)


def compare(path: Path, rows: int, repeat: int) -> bool:
    """Measure both in turn and print it; return whether the bar is met."""
    taken: dict[str, list[Taken]] = {system: [] for system in SYSTEMS}
    for _ in range(repeat):
        for system in SYSTEMS:
            taken[system].append(measure(system, path))
    for system, found in taken.items():
        speeds = sorted(rows / one.seconds for one in found)
        say(
            f"{path.suffix[1:]:8}{system:9}{statistics.median(speeds):>10,.0f} rows/s "
            f"({speeds[0]:,.0f} to {speeds[-1]:,.0f}), "
            f"{statistics.median(one.processor_s for one in found):.2f} s of processor time, "
            f"peak memory {statistics.median(one.memory_mb for one in found):.0f} MB"
        )
    pairs = list(zip(taken["burnish"], taken["datasets"], strict=True))
    ratios = sorted(peer.seconds / ours.seconds for ours, peer in pairs)
    ratio = statistics.median(ratios)
    memory = statistics.median(ours.memory_mb / peer.memory_mb for ours, peer in pairs)
    say(f"{'':8}{ratio:.2f}x its speed ({ratios[0]:.2f} to {ratios[-1]:.2f}), {memory:.2f}x memory")
    return ratio >= 1.0 and memory <= 1.0


def main() -> int:
    """Run everything and print it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--one", nargs=2, metavar=("SYSTEM", "FILE"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one is not None:
        measure_here(given.one[0], Path(given.one[1]))
        return 0
    with tempfile.TemporaryDirectory(prefix="burnish-benchmark-") as place:
        files = make_files(Path(place), given.rows)
        say(f"{platform.machine()}, {psutil.cpu_count()} processors, load {psutil.getloadavg()}")
        sizes = ", ".join(f"{one.name} {one.stat().st_size / 1e6:.1f} MB" for one in files.values())
        say(f"{given.rows:,} rows: {sizes}")
        is_met = [compare(path, given.rows, given.repeat) for path in files.values()]
    return 0 if all(is_met) or not given.check else 1


if __name__ == "__main__":
    sys.exit(main())
