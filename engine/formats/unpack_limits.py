# SPDX-License-Identifier: Apache-2.0
"""How much a packed file may unpack to before it is taken for a bomb."""

from __future__ import annotations

FREE_BYTES = 256 << 20
"""Up to here the ratio does not count: a million equal rows are no bomb."""

RATIO_CAP = 200
"""Most bytes for each packed byte beyond FREE_BYTES; rows of text reach 5 to 50."""

CAP_BYTES = 256 << 30
"""Most bytes of one packed file, whatever the ratio."""


def is_bomb(size_bytes: int, packed_bytes: int) -> bool:
    """Return whether so much from so little is no honest data."""
    is_over_ratio = size_bytes > max(FREE_BYTES, packed_bytes * RATIO_CAP)
    return is_over_ratio or size_bytes > CAP_BYTES
