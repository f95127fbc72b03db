# SPDX-License-Identifier: Apache-2.0
"""How many held-out rows a statement about a share needs."""

from __future__ import annotations

from math import ceil
from statistics import NormalDist


def rows_needed(margin: float, *, confidence: float = 0.95) -> int:
    """Return how many rows give an interval of this half width for any share.

    n = z^2 p (1 - p) / margin^2 with p = 1/2, the worst case (Cochran, Sampling Techniques, 1977).

    Args:
        margin: Half width of the interval, above 0; 0.05 means plus or minus 5 points.
        confidence: How sure, 0 to 1.
    """
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    return ceil(z * z * 0.25 / (margin * margin))
