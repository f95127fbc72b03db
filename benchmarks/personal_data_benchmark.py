# SPDX-License-Identifier: Apache-2.0
"""How much made-up personal data is found, and how much of what is found is personal, by class.

Usage: python benchmarks/personal_data_benchmark.py [--per-class N] [--seed N]

A value counts as found where its class is found inside it. The texts are made by rule, so these
figures say how well the forms are known, not how well real texts of any kind are searched.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from engine.quality.personal_data.finding import spans_of
from tests.builders.personal_values import VALUES, Sample, samples


@dataclass
class Score:
    """Counts by class."""

    made: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    wrong: Counter[str] = field(default_factory=Counter)

    def recall(self, label: str) -> float:
        """Return the share of made values that were found."""
        return self.found[label] / max(1, self.made[label])

    def precision(self, label: str) -> float:
        """Return the share of finds that are right."""
        return self.found[label] / max(1, self.found[label] + self.wrong[label])


def score_of(texts: list[Sample]) -> Score:
    """Search all texts."""
    score = Score()
    for sample in texts:
        score.made[sample.label] += 1
        labels: set[str] = set()
        for span in spans_of(sample.text):
            is_inside = span.start >= sample.start and span.end <= sample.end
            if is_inside and span.label == sample.label:
                labels.add(span.label)
            else:
                score.wrong[span.label] += 1
        score.found.update(labels)
    return score


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--per-class", type=int, default=500)
    parser.add_argument("--seed", type=int, default=7)
    arguments = parser.parse_args()
    texts = samples(arguments.seed, arguments.per_class)
    start = time.process_time()
    score = score_of(texts)
    spent = time.process_time() - start
    lines = [f"{'class':16}{'made':>7}{'recall':>9}{'precision':>11}"]
    lines += [
        f"{label:16}{score.made[label]:7}{score.recall(label):9.3f}{score.precision(label):11.3f}"
        for label in VALUES
    ]
    lines.append(f"{len(texts)} texts in {spent:.2f} s of processor time, all classes on each")
    sys.stdout.write("\n".join(lines) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
