# SPDX-License-Identifier: Apache-2.0
"""What a lock or the constraints pin."""

from __future__ import annotations

import re


def pins(text: str) -> dict[str, str]:
    """Return what a lock or the constraints pin, by the one spelling of each name."""
    lines = [line.partition(" ")[0] for line in text.splitlines() if line[:1] not in ("#", "")]
    pairs = [line.partition("==")[::2] for line in lines]
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in pairs}
