# SPDX-License-Identifier: Apache-2.0
"""Rows whose length stands far apart from that of the other rows."""

from __future__ import annotations

from gettext import gettext as _
from typing import Any, cast

from engine.domain.dataset import RowKind
from engine.domain.problem import Severity
from engine.quality.batch import TurnBatch
from engine.quality.check import Check
from engine.quality.found import Found

FEWEST_ROWS = 50
"""Below this, quartiles say nothing about what is usual."""

FENCE = 3.0
"""Quartile distances beyond the quartiles; Tukey's "far out" (Exploratory Data Analysis, 1977)."""

LEAST_SPREAD = 0.5
"""Powers of two; keeps sets of nearly equal lengths from calling small differences extreme."""


class LengthPass:
    """Compares the characters of every row with the quartiles of the whole set, by logarithm."""

    def see(self, batch: TurnBatch) -> object:
        """Return the first row of the batch and the characters of each of its rows."""
        import numpy as np
        from pyarrow import compute

        lengths = compute.utf8_length(batch.texts).to_numpy(zero_copy_only=False)
        characters = np.bincount(
            batch.rows - batch.first_row, weights=lengths, minlength=batch.count
        )
        return batch.first_row, characters.astype(np.float32)

    def end(self, seen: list[object]) -> Found:
        """Return the rows beyond the fences."""
        import numpy as np

        parts = sorted(cast("list[tuple[int, Any]]", seen), key=lambda part: part[0])
        rows = [np.arange(first, first + len(one), dtype=np.int64) for first, one in parts]
        every = np.concatenate([np.empty(0, np.int64), *rows])
        sizes = np.log2(1 + np.concatenate([np.empty(0, np.float32), *(one for _, one in parts)]))
        labels = np.zeros(len(sizes), np.int16)
        if len(sizes) >= FEWEST_ROWS:
            low, high = np.quantile(sizes, (0.25, 0.75))
            reach = FENCE * max(high - low, LEAST_SPREAD)
            labels[sizes < low - reach] = 1
            labels[sizes > high + reach] = 2
        found = labels > 0
        return Found(
            rows=every[found],
            groups=None,
            labels=labels[found] - np.int16(1),
            label_names=("very_short", "very_long"),
        )


CHECK = Check(
    id="extreme_lengths",
    title=lambda: _("Extreme lengths"),
    why=lambda: _(
        "These rows are many times shorter or longer than the rest. Very short ones are often "
        "cut off or empty of meaning; very long ones are cut at the length limit, or make one "
        "batch slow."
    ),
    severity=Severity.NOTE,
    kinds=tuple(RowKind),
    begin=lambda _settings: LengthPass(),
)
