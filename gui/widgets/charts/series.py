# SPDX-License-Identifier: Apache-2.0
"""A growing series of points, its smooth line, and its reduction to what a screen can show."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

WINDOW = 25
"""Points that each value of the smooth line is made of."""
MOST_POINTS = 32_768
"""Points that are kept of a series: many times what a screen can show."""
_NEWEST = 4096
"""The newest points are all kept."""
_START = 1024


class Series:
    """Points in order of their steps. Appending is cheap: room grows by doubling.

    A step that is not larger than the last one starts the series again from there, as a run
    does that goes on from an earlier checkpoint.

    Of a series that gets longer than `MOST_POINTS`, all but the newest points are thinned: of some
    points in a row the lowest and the highest stay, with the mean of the smooth line there. So a
    million steps need no more room than some ten thousand, and no peak is lost.

    Args:
        is_smoothed: There is a smooth line; without, `smooth` is the values themselves.
    """

    def __init__(self, *, is_smoothed: bool = True) -> None:
        self._is_smoothed = is_smoothed
        self._steps: Floats = np.empty(_START)
        self._values: Floats = np.empty(_START)
        self._smooth: Floats = np.empty(_START)
        self._size = 0
        self._thinned = 0
        self._stride = 2

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
        """The smooth line, shape `[points]`; NaN where no value around was finite."""
        return self._smooth[: self._size]

    def clear(self) -> None:
        """Forget all points."""
        self._size = self._thinned = 0
        self._stride = 2

    def cut(self, step: float) -> None:
        """Forget the points from a step on."""
        self._size = int(np.searchsorted(self.steps, step, side="left"))
        self._thinned = min(self._thinned, self._size)

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
        self.cut(new_steps[0])
        self._make_room(new_steps.size)
        start, end = self._size, self._size + new_steps.size
        self._steps[start:end] = new_steps
        self._values[start:end] = np.where(np.isfinite(new_values), new_values, np.nan)
        self._size = end
        self._extend_smooth(start)
        if self._size > MOST_POINTS:
            self._thin()

    def _make_room(self, added: int) -> None:
        needed = self._size + added
        if needed <= self._steps.size:
            return
        self._set_room(max(needed, 2 * self._steps.size))

    def _set_room(self, room: int) -> None:
        for name in ("_steps", "_values", "_smooth"):
            changed = np.empty(room)
            changed[: self._size] = getattr(self, name)[: self._size]
            setattr(self, name, changed)

    def _thin(self) -> None:
        """Thin what is not new, ever more coarsely, until there is room again."""
        while True:
            groups = (self._size - _NEWEST - self._thinned) // self._stride
            if self._stride > 2 and groups > 0:
                self._reduce(self._thinned, groups, self._stride)
                self._thinned += 2 * groups
            if self._size <= MOST_POINTS * 3 // 4:
                break
            self._stride *= 2
            pairs = self._thinned // 4
            self._reduce(0, pairs, 4)
            self._thinned = 2 * pairs
        if self._steps.size > 2 * MOST_POINTS:
            self._set_room(2 * MOST_POINTS)

    def _reduce(self, start: int, groups: int, stride: int) -> None:
        """Leave two points of every `stride` points: the lowest and the highest."""
        end = start + groups * stride
        values = self._values[start:end].reshape(groups, stride)
        low = np.where(np.isnan(values), np.inf, values).argmin(axis=1)
        high = np.where(np.isnan(values), -np.inf, values).argmax(axis=1)
        places = np.sort(np.stack((low, high), axis=1), axis=1)
        places[low == high] = (0, stride - 1)
        places += (np.arange(groups) * stride)[:, None] + start
        means = self._smooth[start:end].reshape(groups, 2, stride // 2).mean(axis=2)
        rest, left = self._size - end, start + 2 * groups
        for name, reduced in (
            ("_steps", self._steps[places]),
            ("_values", self._values[places]),
            ("_smooth", means),
        ):
            column = getattr(self, name)
            column[start:left] = reduced.ravel()
            column[left : left + rest] = column[end : end + rest].copy()
        self._size = left + rest

    def _extend_smooth(self, start: int) -> None:
        """Smooth the new points, and those before them whose windows they enter."""
        if not self._is_smoothed:
            self._smooth[start : self._size] = self._values[start : self._size]
            return
        first = max(0, start - WINDOW)
        before = max(0, first - WINDOW)
        fitted = smoothed(self._values[before : self._size])
        self._smooth[first : self._size] = fitted[first - before :]


def smoothed(values: Floats) -> Floats:
    """Return the smooth line of some values.

    Each point is that of a straight line fitted to the WINDOW values around it (Savitzky and
    Golay, 1964, first order). It follows a slope without lag; at both ends, where the values
    stand on one side only, it is kept between the lowest and the highest of them, so that it
    never says what no point was.

    Args:
        values: Shape `[points]`; NaN is left out.
    """
    count = values.size
    places = np.arange(count, dtype=np.float64)
    half = min(WINDOW, count) // 2
    low = np.clip(np.arange(count) - half, 0, max(0, count - WINDOW))
    high = np.minimum(low + WINDOW, count)
    known = np.isfinite(values)
    filled = np.where(known, values, 0.0)
    weight = known.astype(np.float64)
    # Sums over a window are differences of running sums; x counts from the fitted point itself.
    n, x, xx, y, xy = (
        _window_sums(one, low, high)
        for one in (weight, weight * places, weight * places**2, filled, filled * places)
    )
    x_, xx_, xy_ = x - n * places, xx - 2 * places * x + n * places**2, xy - places * y
    spread = n * xx_ - x_**2
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = y / n
        fitted = np.where(spread > 0.5, (y * xx_ - x_ * xy_) / spread, mean)
    for i in (*range(min(half, count)), *range(max(half, count - half), count)):
        fitted[i] = _between(fitted[i], values[low[i] : high[i]])
    return fitted


def _window_sums(values: Floats, low: NDArray[np.intp], high: NDArray[np.intp]) -> Floats:
    running = np.concatenate(([0.0], np.cumsum(values)))
    return running[high] - running[low]


def _between(value: float, around: Floats) -> float:
    known = around[np.isfinite(around)]
    return float(np.clip(value, known.min(), known.max())) if known.size else float("nan")


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
