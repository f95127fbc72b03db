# SPDX-License-Identifier: Apache-2.0
"""A growing series of points, its smooth line, and its reduction to what a screen can show."""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

SMOOTHING = 0.975
"""Weight of the past in the smooth line: about the last 40 points count."""
_START = 1024


class Series:
    """Points in order of their steps. Appending is cheap: room grows by doubling.

    A step that is not larger than the last one starts the series again from there, as a run
    does that goes on from an earlier checkpoint.
    """

    def __init__(self) -> None:
        self._steps: Floats = np.empty(_START)
        self._values: Floats = np.empty(_START)
        self._smooth: Floats = np.empty(_START)
        self._once: Floats = np.empty(_START)
        self._twice: Floats = np.empty(_START)
        self._size = 0

    def __len__(self) -> int:
        return self._size

    @property
    def steps(self) -> Floats:
        """The steps, shape `[points]`."""
        return self._steps[: self._size]

    @property
    def values(self) -> Floats:
        """The values, shape `[points]`; NaN where a value was not finite."""
        return self._values[: self._size]

    @property
    def smooth(self) -> Floats:
        """The moving average, shape `[points]`."""
        return self._smooth[: self._size]

    def clear(self) -> None:
        """Forget all points."""
        self._size = 0

    def append(self, steps: Sequence[float], values: Sequence[float]) -> None:
        """Append points.

        Args:
            steps: Where, rising.
            values: How much; as many as steps.

        Raises:
            ValueError: There are not as many values as steps.
        """
        new_steps = np.asarray(steps, dtype=np.float64)
        new_values = np.asarray(values, dtype=np.float64)
        if new_steps.shape != new_values.shape:
            raise ValueError(f"{new_steps.shape} steps, but {new_values.shape} values")
        if not new_steps.size:
            return
        self._size = int(np.searchsorted(self.steps, new_steps[0], side="left"))
        self._make_room(new_steps.size)
        start, end = self._size, self._size + new_steps.size
        self._steps[start:end] = new_steps
        self._values[start:end] = np.where(np.isfinite(new_values), new_values, np.nan)
        self._size = end
        self._extend_smooth(start)

    def _make_room(self, added: int) -> None:
        needed = self._size + added
        if needed <= self._steps.size:
            return
        room = max(needed, 2 * self._steps.size)
        for name in ("_steps", "_values", "_smooth", "_once", "_twice"):
            grown = np.empty(room)
            grown[: self._size] = getattr(self, name)[: self._size]
            setattr(self, name, grown)

    def _extend_smooth(self, start: int) -> None:
        """Continue the average.

        It is the double exponential one (P. Mulloy, 1994): twice the average less the average
        of the average, which follows a slope without lagging behind it. The past weighs less
        at the start, so that the first points do not drag.
        """
        once = float(self._once[start - 1]) if start else 0.0
        twice = float(self._twice[start - 1]) if start else 0.0
        for i, value in enumerate(self._values[start : self._size].tolist(), start=start):
            weight = min(SMOOTHING, i / (i + 1))
            if not isnan(value):
                once = weight * once + (1 - weight) * value
                twice = weight * twice + (1 - weight) * once
            self._once[i], self._twice[i] = once, twice
            self._smooth[i] = 2 * once - twice


def decimate(
    steps: Floats, values: Floats, *, low: float, high: float, columns: int
) -> tuple[Floats, Floats]:
    """Reduce points to what can be seen: first, lowest, highest and last of each pixel column.

    No peak is lost, whatever the number of points.

    Args:
        steps: Rising, shape `[points]`.
        values: Shape `[points]`; NaN is left out.
        low: Step at the left edge.
        high: Step at the right edge.
        columns: Width in pixels.

    Returns:
        Steps and values, shape `[shown]` each; `shown` is at most four times `columns` + 4.
    """
    known = ~np.isnan(values)
    if not known.all():
        steps, values = steps[known], values[known]
    if steps.size <= 4 * columns or high <= low:
        return steps, values
    edges = low + (high - low) * np.arange(columns + 1) / columns
    starts = np.unique(np.searchsorted(steps, edges[:-1], side="left"))
    starts = starts[starts < steps.size]
    if starts.size == 0 or starts[0] != 0:
        starts = np.concatenate(([0], starts))
    ends = np.append(starts[1:], steps.size) - 1
    lowest = np.minimum.reduceat(values, starts)
    highest = np.maximum.reduceat(values, starts)
    middle = (steps[starts] + steps[ends]) / 2
    shown_steps = np.column_stack((steps[starts], middle, middle, steps[ends])).ravel()
    shown_values = np.column_stack((values[starts], lowest, highest, values[ends])).ravel()
    return shown_steps, shown_values
