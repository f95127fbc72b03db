# SPDX-License-Identifier: Apache-2.0
"""What each check of rows costs: processor time for one short chat row.

Usage: python benchmarks/checks_benchmark.py [--rows N] [--check]

Makes seeded conversations of two turns, about 330 characters a row, as batches in the form in which
they are stored. One row in twenty holds an e-mail address, one in three a date and a number, one in
five accented letters. With --check the exit status is 1 where all checks together take longer than
100 microseconds of one core, which is 20,000 rows a second on two.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from engine.quality.batch import TurnBatch, turn_batch
from engine.quality.check import CheckSettings, Pass
from engine.quality.language_words import FUNCTION_WORDS
from engine.quality.registry import CHECKS
from tests.builders.conversations import chat
from tests.builders.turn_batches import stored

SEED = 7
BATCH_ROWS = 8192
HIGHEST_US = 100.0
REPEAT = 3


def make_batches(rows: int) -> list[TurnBatch]:
    """Return conversations, the same ones at every call."""
    source = random.Random(SEED)
    letters = "etaoinshrdlucmfwypvbgkjqxz"
    words = ["".join(source.choices(letters, k=source.randint(2, 9))) for _ in range(5000)]
    words += FUNCTION_WORDS["en"].split() * 40
    batches: list[TurnBatch] = []
    for first in range(0, rows, BATCH_ROWS):
        numbers = range(first, min(first + BATCH_ROWS, rows))
        batch = stored([chat(*(_text(source, words, n, k) for k in (20, 36))) for n in numbers])
        is_eval = np.zeros(len(numbers), np.bool_)
        batches.append(turn_batch(batch, first_row=first, is_eval=is_eval))
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
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    batches, total = make_batches(arguments.rows), 0.0
    for check in CHECKS:
        spent = min(_spent_s(check.begin(CheckSettings()), batches) for _ in range(REPEAT))
        cost = spent / arguments.rows * 1e6
        total += cost
        sys.stdout.write(f"{check.id:24}{cost:8.2f} us a row\n")
    sys.stdout.write(f"{'all':24}{total:8.2f} us a row\n")
    return 1 if arguments.check and total > HIGHEST_US else 0


def _spent_s(begun: Pass, batches: list[TurnBatch]) -> float:
    start = time.process_time()
    begun.end([begun.see(batch) for batch in batches])
    return time.process_time() - start


if __name__ == "__main__":
    sys.exit(main())
