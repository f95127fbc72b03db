# SPDX-License-Identifier: Apache-2.0
"""Round ticks for an axis, and how their numbers are written."""

from __future__ import annotations

from math import ceil, floor, isfinite, log10

from PySide6.QtCore import QLocale

_STEPS = (1.0, 2.0, 5.0)
_TOPS = (1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)


def tick_step(span: float, count: int) -> float:
    """Return the largest round distance that gives a span at least `count` ticks."""
    if span <= 0 or not isfinite(span):
        return 1.0
    widest = span / max(count - 1, 1)
    power = 10.0 ** floor(log10(widest))
    return max(one * power for one in _STEPS if one * power <= widest * 1.001)


def round_top(highest: float) -> float:
    """Return the next round number from a value upwards, for an axis that starts at zero."""
    if highest <= 0 or not isfinite(highest):
        return 1.0
    power = 10.0 ** floor(log10(highest))
    return next((one * power for one in _TOPS if one * power >= highest * 0.999), 10 * power)


def ticks_between(low: float, high: float, count: int) -> list[float]:
    """Return round ticks inside a range, at least `count` of them."""
    step = tick_step(high - low, count)
    first, last = ceil(low / step - 1e-6), floor(high / step + 1e-6)
    return [i * step for i in range(first, last + 1)]


def log_ticks(low: float, high: float, count: int) -> list[float]:
    """Return 1, 2 and 5 times powers of ten inside a range; round ticks where those are too few."""
    powers = range(floor(log10(low)), ceil(log10(high)) + 1)
    found = [one * 10.0**power for power in powers for one in _STEPS]
    inside = [at for at in found if low <= at <= high]
    return inside if len(inside) >= count else ticks_between(low, high, count)


def padded(low: float, high: float, share: float = 0.09) -> tuple[float, float]:
    """Return a range with room above and below, so that no label is cut."""
    pad = (high - low) * share or abs(low) * share or 1.0
    return low - pad, high + pad


def tick_text(value: float, step: float) -> str:
    """Write a tick with as many digits as its distance to the next one needs."""
    locale = QLocale()
    if abs(value) >= 1000 and step >= 500:
        return locale.toString(value / 1000, "g", 6) + "k"
    if value == 0:
        return "0"
    digits = max(0, -floor(log10(step) + 1e-9)) if step > 0 else 0
    scaled = step * 10**digits
    if abs(scaled - round(scaled)) > 1e-6:
        digits += 1
    return locale.toString(value, "f", min(digits, 8))
