# SPDX-License-Identifier: Apache-2.0
"""How a number with decimals is written in sentences and tables."""

from __future__ import annotations

from decimal import Decimal

_UNREADABLE = 1e-6
"""Below this, the zeros behind the point can no longer be counted at a glance."""

RATE_FIGURES = 2
"""Of a learning rate that was measured or follows a curve; one that a person set is exact."""


def decimal_text(number: float, figures: int = 6, *, is_even: bool = False) -> str:
    """Return a number without an exponent, as briefly as it can be: `2`, `0.05`, `0.00002`.

    Args:
        number: The number; below a millionth it keeps its exponent.
        figures: The most figures that count.
        is_even: Keep zeros at the end, so that numbers of a column have equally many figures.
    """
    if not number:
        return "0"
    short = f"{number:#.{figures}g}" if is_even else f"{number:.{figures}g}"
    if abs(float(short)) < _UNREADABLE:
        return short
    text = format(Decimal(short), "f")
    return text.rstrip("0").rstrip(".") if "." in text and not is_even else text
