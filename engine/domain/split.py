# SPDX-License-Identifier: Apache-2.0
"""Which split a row belongs to: a function of its content, so that duplicates never straddle."""

from __future__ import annotations

import hashlib

TRAIN, EVAL = "train", "eval"


def row_hash(normalised: bytes) -> bytes:
    """Return the 16-byte content hash of a normalised row (BLAKE2b)."""
    return hashlib.blake2b(normalised, digest_size=16).digest()


def split_of(digest: bytes, eval_ratio: float) -> str:
    """Return `eval` for about `eval_ratio` (0..1) of all hashes, else `train`.

    The first 8 bytes of the hash are read as a number and compared with the ratio, so that the
    answer never depends on the order, the number or the source of the rows.
    """
    return EVAL if int.from_bytes(digest[:8], "big") < eval_ratio * 2**64 else TRAIN
