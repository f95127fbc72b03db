# SPDX-License-Identifier: Apache-2.0
"""What was written to the files of a folder that is being built, hashed while it was written.

A file that is known so is read back once, by a hash that costs next to nothing, and compared with
what was meant to be in it; of any other file only two readings can be compared.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections import deque
from collections.abc import Generator, Iterator
from itertools import groupby
from pathlib import Path
from typing import IO, TYPE_CHECKING

import msgspec
import xxhash

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

    from _typeshed import ReadableBuffer

_SHARE_BYTES = 1 << 20
_WAITING = 2
"""Shares of _SHARE_BYTES and more that wait to be written; their memory is held as long."""

_SHORT_BYTES = 64 << 10

_SYNCED_BYTES = 32 << 20
_BLOCK_BYTES = 256 << 10


class Print(msgspec.Struct, frozen=True, kw_only=True):
    """What a file has to be: its size in bytes, its SHA-256 (hex) and its XXH3 (128 bits)."""

    size_bytes: int
    sha256: str
    xxh3: bytes


class Ledger:
    """Knows the files of one folder that were written through it, by their paths."""

    def __init__(self) -> None:
        """Know no file yet."""
        self._prints: dict[Path, Print] = {}

    @contextlib.contextmanager
    def following(self, path: Path, stream: IO[bytes]) -> Generator[FollowedStream, None, None]:
        """Hash what the block writes to a new file; it is known once the block ends without error.

        Args:
            path: The file.
            stream: It, opened for writing; still open behind the block.
        """
        from concurrent.futures import ThreadPoolExecutor

        self.forget(path)
        with ThreadPoolExecutor(1, thread_name_prefix="written") as pool:
            followed = FollowedStream(stream, pool)
            try:
                yield followed
                self._prints[path] = followed.told()
            finally:
                followed.let_go()

    def forget(self, path: Path) -> None:
        """Hear that a file is no longer what was written."""
        self._prints.pop(path, None)

    def find(self, path: Path) -> Print | None:
        """Return what a file has to be, if that is known."""
        return self._prints.get(path)


class FollowedStream:
    """A thread that writes to a file, hashes the same bytes, and syncs the file now and then.

    What is written must not be changed afterwards.
    """

    def __init__(self, stream: IO[bytes], pool: ThreadPoolExecutor) -> None:
        """Follow a file that is open, and empty, by a thread of its own."""
        self._stream, self._pool = stream, pool
        self._sha256, self._xxh3 = hashlib.sha256(), xxhash.xxh3_128()
        self._held: list[memoryview] = []
        self._held_bytes = self._size_bytes = self._synced_bytes = 0
        self._waiting: deque[Future[None]] = deque()
        self.closed = False

    def write(self, data: ReadableBuffer, /) -> int:
        """Take bytes to be written; return how many.

        Raises:
            OSError: Some before them could not be written or synced.
        """
        part = memoryview(data).cast("B")
        count = len(part)
        self._held.append(part)
        self._held_bytes += count
        self._size_bytes += count
        if self._held_bytes >= _SHARE_BYTES:
            self._hand_over()
        return count

    def told(self) -> Print:
        """Return what was written, once all of it is.

        Raises:
            OSError: Something of it could not be written or synced.
        """
        self._hand_over()
        while self._waiting:
            self._waiting.popleft().result()
        return Print(
            size_bytes=self._size_bytes,
            sha256=self._sha256.hexdigest(),
            xxh3=self._xxh3.digest(),
        )

    def let_go(self) -> None:
        """Write nothing more."""
        self.closed = True
        for one in self._waiting:
            one.cancel()

    def _hand_over(self) -> None:
        if self._size_bytes - self._synced_bytes >= _SYNCED_BYTES:
            # What is on the disk already need not be waited for at the end.
            self._synced_bytes = self._size_bytes
            self._waiting.append(self._pool.submit(self._sync))
        self._waiting.append(self._pool.submit(self._write, self._held))
        self._held, self._held_bytes = [], 0
        while len(self._waiting) > _WAITING:
            self._waiting.popleft().result()

    def _sync(self) -> None:
        self._stream.flush()
        os.fsync(self._stream.fileno())

    def _write(self, parts: list[memoryview]) -> None:
        for one in _in_long_parts(parts):
            self._stream.write(one)
            self._sha256.update(one)
            self._xxh3.update(one)


def _in_long_parts(parts: list[memoryview]) -> Iterator[bytes | memoryview]:
    """Yield the same bytes; short parts that follow each other as one."""
    for is_short, found in groupby(parts, lambda one: len(one) < _SHORT_BYTES):
        if is_short:
            yield b"".join(found)
        else:
            yield from found


def is_as_printed(path: Path, wanted: Print) -> bool:
    """Return whether a file read back is what it has to be."""
    found, size_bytes = xxhash.xxh3_128(), 0
    block = memoryview(bytearray(_BLOCK_BYTES))
    with path.open("rb", buffering=0) as stream:
        while count := stream.readinto(block):
            found.update(block[:count])
            size_bytes += count
    return size_bytes == wanted.size_bytes and found.digest() == wanted.xxh3
