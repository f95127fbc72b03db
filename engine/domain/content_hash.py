# SPDX-License-Identifier: Apache-2.0
"""The content hash of a row: equal rows, and next to surely only they, have the same one.

XXH3 with 128 bits. It is no cryptographic hash: whoever sets out to can make two rows that share
one, by which a row would count as a copy. Files are known by their SHA-256.
"""

from __future__ import annotations

import msgspec
import xxhash

from engine.domain.dataset import ChatRow, Row

HASH_BYTES = 16
END = "\0"
"""Ends each role and each text of a plain conversation where it is hashed."""

digest = xxhash.xxh3_128_digest
"""Returns the hash of bytes, HASH_BYTES long."""

_encoder = msgspec.json.Encoder()


def content_hash(row: Row) -> bytes:
    """Return the hash of a row, HASH_BYTES long."""
    return digest(canonical(row))


def canonical(row: Row) -> bytes:
    """Return the bytes by which a row is known.

    A conversation of plain turns is its roles and texts, each ended by NUL, so that whole columns
    of them can be hashed as they lie. Any other row is its JSON text, which begins with a brace, as
    no role does.
    """
    if isinstance(row, ChatRow) and row.tools is None:
        turns = row.messages
        if all(turn.is_plain and END not in turn.content for turn in turns):
            return "".join(f"{turn.role.value}\0{turn.content}\0" for turn in turns).encode()
    return _encoder.encode(row)
