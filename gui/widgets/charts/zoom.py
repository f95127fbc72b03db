# SPDX-License-Identifier: Apache-2.0
"""The part of a chart's steps that is shown, and the parts that were shown before."""

from __future__ import annotations

Window = tuple[float, float]

_NARROWEST = 2.0
"""Steps that are shown at least: a chart of one point says nothing."""


class Zoom:
    """Goes into a range of steps and back out the same way."""

    def __init__(self) -> None:
        self._windows: list[Window] = []

    @property
    def window(self) -> Window | None:
        """Return the first and last step that are shown, or None for all of them."""
        return self._windows[-1] if self._windows else None

    def show(self, low: float, high: float, whole: Window) -> None:
        """Show a range of steps, as far as it lies in the whole one.

        Args:
            low: One end.
            high: The other; which of them is larger does not matter.
            whole: All steps that there are.
        """
        low, high = sorted((low, high))
        low, high = max(low, whole[0]), min(high, whole[1])
        missing = _NARROWEST - (high - low)
        if missing > 0:
            low = max(whole[0], low - missing / 2)
            high = min(whole[1], low + _NARROWEST)
        if (low, high) == whole:
            self.clear()
        elif (low, high) != self.window and high > low:
            self._windows.append((low, high))

    def closer(self, factor: float, around: float | None, whole: Window) -> None:
        """Show less, or with a factor above 1 more, around a step or the middle."""
        low, high = self.window or whole
        middle = (low + high) / 2 if around is None or not low <= around <= high else around
        left, right = middle - (middle - low) * factor, middle + (high - middle) * factor
        self.show(left, right, whole)

    def back(self) -> None:
        """Show what was shown before the last change."""
        if self._windows:
            self._windows.pop()

    def clear(self) -> None:
        """Show all steps."""
        self._windows.clear()
