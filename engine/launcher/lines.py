# SPDX-License-Identifier: Apache-2.0
"""Lines between the processes of one job: two pipes each, no socket, no port, no name to find.

A pipe is the one channel of every system that is neither a socket nor visible to anybody else, and
its end is told at once when the process at the other side dies, however it dies.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence
from gettext import gettext as _

from engine.errors import ProcessLost

_COUNT = struct.Struct("<I")
_SIZE = struct.Struct("<Q")
_MOST_PARTS = 64


class Line:
    """Sends and receives messages of some parts of bytes."""

    def __init__(self, reads: io.RawIOBase, writes: io.RawIOBase) -> None:
        """Speak over two pipes.

        Args:
            reads: What the other process writes.
            writes: What it reads.
        """
        self._reads = reads
        self._writes = writes

    def send(self, parts: Sequence[bytes]) -> None:
        """Send one message.

        Raises:
            ProcessLost: The other process has ended.
        """
        sizes = b"".join(_SIZE.pack(len(one)) for one in parts)
        self._write(_COUNT.pack(len(parts)) + sizes)
        for one in parts:
            self._write(one)

    def receive(self) -> list[bytes]:
        """Wait for one message.

        Raises:
            ProcessLost: The other process has ended, or what comes is no message of ours.
        """
        (count,) = _COUNT.unpack(self._read(_COUNT.size))
        if count > _MOST_PARTS:
            raise _lost(f"a message of {count} parts")
        sizes = [_SIZE.unpack(self._read(_SIZE.size))[0] for _part in range(count)]
        return [bytes(self._read(size)) for size in sizes]

    def close(self) -> None:
        """Close both pipes; the other process is told at once."""
        self._reads.close()
        self._writes.close()

    def _write(self, data: bytes) -> None:
        left = memoryview(data)
        while left:
            try:
                left = left[self._writes.write(left) or 0 :]
            except (OSError, ValueError) as error:
                raise _lost(str(error)) from error

    def _read(self, size: int) -> bytearray:
        data = bytearray(size)
        left = memoryview(data)
        while left:
            try:
                count = self._reads.readinto(left)
            except (OSError, ValueError) as error:
                raise _lost(str(error)) from error
            if not count:
                raise _lost("end of the line")
            left = left[count:]
        return data


def line_over(reads: int, writes: int) -> Line:
    """Return a line over two open file descriptors, which it owns from now on."""
    return Line(io.FileIO(reads, "r"), io.FileIO(writes, "w"))


def _lost(detail: str) -> ProcessLost:
    return ProcessLost(
        _(
            "One of the processes that train together has ended without a word. "
            "The checkpoints up to then are safe."
        ),
        detail=detail,
    )
