# SPDX-License-Identifier: Apache-2.0
"""Random numbers as a pure function of what they are for; no generator state is ever stored."""

from __future__ import annotations

import hashlib


def seed_of(*parts: int | str) -> int:
    """Return a seed of 63 bits that depends on every part."""
    text = "/".join(str(part) for part in parts)
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1
