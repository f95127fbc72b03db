# SPDX-License-Identifier: Apache-2.0
"""Writes event files that TensorBoard reads: figures by step, and texts. Why by hand: ADR 16.

A file is a row of records, each its length, the masked CRC-32C of the length, the content and the
masked CRC-32C of the content (tensorflow/core/lib/io/record_writer.h). The content is an `Event`
(tensorflow/core/util/event.proto, tensorflow/core/framework/{summary,tensor}.proto) in the wire
form of Protocol Buffers, of which five kinds of fields are needed.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from functools import cache

FILE_VERSION = "brain.Event:2"
"""What the first event of each file says of its form."""

_CASTAGNOLI = 0x82F63B78
_MASK_DELTA = 0xA282EAD8
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_DT_STRING = 7


def file_start(*, wall_s: float) -> bytes:
    """Return the record that stands first.

    Args:
        wall_s: Seconds since 1970, UTC.
    """
    return _record(_wall(wall_s) + _field(3, FILE_VERSION.encode()))


def figures(values: Mapping[str, float], *, step: int, wall_s: float) -> bytes:
    """Return the record of the figures of one step.

    Args:
        values: By tag, such as `train/loss`; kept in 32 bits, not-a-number included.
        step: Where they stand on the axis.
        wall_s: Seconds since 1970, UTC.
    """
    points = [_point_start(tag) + struct.pack("<f", value) for tag, value in values.items()]
    return _summary(points, step=step, wall_s=wall_s)


def text(words: str, *, tag: str, wall_s: float) -> bytes:
    """Return the record of a text at step 0, which TensorBoard reads as Markdown."""
    shape = _field(2, _number(1, 1))  # a row of one text
    tensor = _number(1, _DT_STRING) + _field(2, shape) + _field(8, words.encode())
    plugin = _field(1, _field(1, b"text"))
    return _summary(
        [_field(1, tag.encode()) + _field(8, tensor) + _field(9, plugin)], step=0, wall_s=wall_s
    )


def _summary(values: list[bytes], *, step: int, wall_s: float) -> bytes:
    summary = b"".join(_field(1, one) for one in values)
    return _record(_wall(wall_s) + _number(2, step) + _field(5, summary))


def _wall(wall_s: float) -> bytes:
    return _key(1, _FIXED64) + struct.pack("<d", wall_s)


@cache
def _point_start(tag: str) -> bytes:
    return _field(1, tag.encode()) + _key(2, _FIXED32)


def _field(number: int, content: bytes) -> bytes:
    return _key(number, _BYTES) + _varint(len(content)) + content


def _number(number: int, value: int) -> bytes:
    return _key(number, _VARINT) + _varint(value)


def _key(number: int, kind: int) -> bytes:
    return _varint(number << 3 | kind)


def _varint(value: int) -> bytes:
    """Return a number that is not negative in groups of seven bits, the lowest first."""
    groups = bytearray()
    while value > 0x7F:
        groups.append(value & 0x7F | 0x80)
        value >>= 7
    groups.append(value)
    return bytes(groups)


def _record(content: bytes) -> bytes:
    length = struct.pack("<Q", len(content))
    return length + _masked(length) + content + _masked(content)


def _masked(content: bytes) -> bytes:
    """Return the check sum of a content, turned so that sums of sums do not collide."""
    found = crc32c(content)
    turned = (found >> 15 | found << 17) + _MASK_DELTA
    return struct.pack("<I", turned & 0xFFFFFFFF)


def crc32c(content: bytes) -> int:
    """Return the CRC-32C (Castagnoli) of a content; no library that Burnish ships offers it."""
    table, found = _table(), 0xFFFFFFFF
    for byte in content:
        found = table[(found ^ byte) & 0xFF] ^ found >> 8
    return found ^ 0xFFFFFFFF


@cache
def _table() -> tuple[int, ...]:
    return tuple(_table_entry(value) for value in range(256))


def _table_entry(value: int) -> int:
    for _bit in range(8):
        value = value >> 1 ^ (_CASTAGNOLI if value & 1 else 0)
    return value
