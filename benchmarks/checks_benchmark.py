# SPDX-License-Identifier: Apache-2.0
"""What the checks of rows cost: each in processor time, all together in rows a second.

Usage: python benchmarks/checks_benchmark.py [--rows N] [--only ID] [--check]

Makes seeded conversations of two turns, about 330 characters a row, as batches in the form in which
they are stored. One row in twenty holds an e-mail address, one in three a date and a number, one in
five accented letters. Checks that share a pass cost it once when they run together. With --check
the exit status is 1 where all together go through fewer than 20,000 rows a second.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pyarrow import RecordBatch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from engine.quality.check import Check, CheckSettings
from engine.quality.language_words import FUNCTION_WORDS
from engine.quality.registry import CHECKS
from engine.quality.runner import run_checks
from tests.builders.conversations import chat
from tests.builders.turn_batches import stored

Batch = tuple[RecordBatch, NDArray[np.bool_]]
SEED = 7
BATCH_ROWS = 4096
LOWEST_ROWS_PER_S = 20_000
REPEAT = 3


def make_batches(rows: int) -> list[Batch]:
    """Return conversations and whether each is held out, the same ones at every call."""
    source = random.Random(SEED)
    letters = "etaoinshrdlucmfwypvbgkjqxz"
    words = ["".join(source.choices(letters, k=source.randint(2, 9))) for _ in range(5000)]
    words += FUNCTION_WORDS["en"].split() * 40
    batches: list[Batch] = []
    for first in range(0, rows, BATCH_ROWS):
        numbers = range(first, min(first + BATCH_ROWS, rows))
        batch = stored([chat(*(_text(source, words, n, k) for k in (20, 36))) for n in numbers])
        batches.append((batch, np.arange(len(numbers)) % 10 == 0))
    return batches


def _text(source: random.Random, words: list[str], number: int, count: int) -> str:
    chosen = source.choices(words, k=count)
    if number % 3 == 0:
        chosen[3:5] = ["2024-05-11,", str(source.randint(1, 99999))]
    if number % 5 == 0:
        chosen[7:9] = ["café", "“naïve”"]
    if number % 20 == 0:
        chosen[9] = f"bob{number}@mail.org"
    if number % 33 == 0:
        chosen[10:12] = ["Mr", "Smith"]
    return " ".join(chosen) + "."


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=40_000)
    parser.add_argument("--only", default="", choices=["", *(one.id for one in CHECKS)])
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    batches = make_batches(arguments.rows)
    chosen = [one for one in CHECKS if arguments.only in ("", one.id)]
    for check in chosen:
        _wall_s, spent_s = _measured([check], batches)
        sys.stdout.write(f"{check.id:24}{spent_s / arguments.rows * 1e6:8.2f} us a row\n")
    wall_s, spent_s = _measured(chosen, batches)
    rate = arguments.rows / wall_s
    sys.stdout.write(f"{'together':24}{spent_s / arguments.rows * 1e6:8.2f} us a row, ")
    sys.stdout.write(f"{wall_s:.1f} s for {arguments.rows:,} rows: {rate:,.0f} rows/s\n")
    return 1 if arguments.check and rate < LOWEST_ROWS_PER_S else 0


def _measured(checks: list[Check], batches: list[Batch]) -> tuple[float, float]:
    """Return the fastest of several runs: seconds, and seconds of the processor."""
    runs: list[tuple[float, float]] = []
    for _run in range(REPEAT):
        start, spent = time.perf_counter(), time.process_time()
        run_checks(batches, checks, CheckSettings(), on_rows=lambda _done: None)
        runs.append((time.perf_counter() - start, time.process_time() - spent))
    return min(runs)


if __name__ == "__main__":
    sys.exit(main())
