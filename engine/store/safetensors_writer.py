# SPDX-License-Identifier: Apache-2.0
"""Writes a safetensors file tensor by tensor, so that it never has to fit into memory.

The format: 8 bytes little-endian header length, a JSON header padded with spaces to a multiple of
8 bytes, then the tensors without gaps (github.com/huggingface/safetensors, README, "Format").
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from engine.store import atomicfs


class TensorEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One tensor of a file to be written.

    Attributes:
        name: As in the header.
        dtype: As in the header, e.g. `BF16`.
        shape: Elements along each axis.
        size_bytes: Length of its content.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    size_bytes: int


def header_bytes(entries: Sequence[TensorEntry]) -> bytes:
    """Return the beginning of a file that holds these tensors in this order."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    start = 0
    for entry in entries:
        end = start + entry.size_bytes
        header[entry.name] = {
            "dtype": entry.dtype,
            "shape": entry.shape,
            "data_offsets": (start, end),
        }
        start = end
    text = msgspec.json.encode(header)
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text


def write_tensors(
    path: Path,
    entries: Sequence[TensorEntry],
    blocks_of: Callable[[TensorEntry], Iterable[bytes | memoryview]],
) -> None:
    """Write a new file.

    Args:
        path: Where; nothing may be there.
        entries: All tensors, in the order in which they are written.
        blocks_of: Yields the content of one tensor in blocks; asked once for each, in order.

    Raises:
        ValueError: The blocks of a tensor are shorter or longer than its entry says.
        DiskFull: No room.
    """
    with atomicfs.new_file(path) as stream:
        stream.write(header_bytes(entries))
        for entry in entries:
            written = sum(stream.write(block) for block in blocks_of(entry))
            if written != entry.size_bytes:
                raise ValueError(
                    f"{entry.name}: {written} bytes came, {entry.size_bytes} were announced"
                )
