# SPDX-License-Identifier: Apache-2.0
"""Files inside files: what a zip archive holds, and what a .gz or .zst file unpacks to.

Such a file has a path as if its archive were a folder (`rows.zip/train/a.jsonl`,
`rows.jsonl.gz/rows.jsonl`), so that every reader works on it as on any other. It is unpacked while
it is read. One level is opened: a compressed file in a zip archive, but no archive in another one.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import os
import tempfile
import zlib
from collections.abc import Callable, Generator
from contextvars import ContextVar
from gettext import gettext as _
from pathlib import Path
from typing import IO, TYPE_CHECKING, Protocol, cast

import msgspec

from engine.errors import ArchiveUnsafe, FileUnreadable
from engine.formats.unpack_limits import RATIO_CAP, is_bomb
from engine.formats.zip_archive import MAGICS as ZIP_MAGICS
from engine.formats.zip_archive import Member, MemberStream, members

if TYPE_CHECKING:
    from pyarrow import NativeFile

GZIP_MAGIC = b"\x1f\x8b\x08"
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_ZSTD_SKIPPED = b"\x2a\x4d\x18"
COMPRESSED_SUFFIXES = (".gz", ".zst", ".zstd")
ARCHIVE_SUFFIXES = (".zip",)
_USUAL_RATIO = 6
"""Bytes of rows for each that gzip or zstd leaves of them, by an upper guess."""

_JUDGED_BYTES = 32 << 20
"""More than RATIO_CAP times _AHEAD_BYTES: here a file can be judged at all."""

_AHEAD_BYTES = 128 << 10
"""The most that a decompressor has read and not yet unpacked: gzip so much since Python 3.12."""

_COPY_BYTES = 1 << 20
_HELD_BYTES = 32 << 20

SPOOL_FOLDER: ContextVar[Path | None] = ContextVar("SPOOL_FOLDER", default=None)
"""Private folder for copies without a name of what must be unpacked whole; None: the system's."""


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where the bytes of a path are.

    Attributes:
        real: The file on disk.
        member: The file in it, where `real` is a zip archive.
        is_compressed: The content is what this file unpacks to.
    """

    real: Path
    member: Member | None = None
    is_compressed: bool = False


class Source(Protocol):
    """The bytes of a source file, from its beginning."""

    def read(self, size: int = -1, /) -> bytes:
        """Return the next bytes; none at the end."""
        ...

    def close(self) -> None:
        """Close it and all that it reads from."""
        ...

    def taken_bytes(self) -> int:
        """Return how many bytes of the file on disk were taken for what was read."""
        ...


def is_zip(head: bytes) -> bool:
    """Return whether a file begins as a zip archive does."""
    return head.startswith(ZIP_MAGICS)


def is_compressed(head: bytes) -> bool:
    """Return whether a file begins as one that gzip or zstd made."""
    is_skipped = head[1:4] == _ZSTD_SKIPPED and 0x50 <= head[0] <= 0x5F
    return head.startswith((GZIP_MAGIC, ZSTD_MAGIC)) or is_skipped


def place_of(path: Path) -> Place:
    """Return where the bytes of a path are; a path that leads nowhere is its own place.

    Raises:
        ArchiveUnsafe, FileEncrypted, FileUnreadable: The archive on the way cannot be used.
        OSError: It cannot be read.
    """
    if path.exists():
        return Place(real=path)
    real = next((one for one in path.parents if one.is_file()), None)
    if real is None:
        return Place(real=path)
    rest = path.relative_to(real).parts
    with real.open("rb") as stream:
        head = stream.read(4)
    if not is_zip(head):
        return Place(real=real, is_compressed=True)
    found = members(real)
    for names in (rest, rest[:-1]):
        member = found.get("/".join(names))
        if member is not None:
            return Place(real=real, member=member, is_compressed=names != rest)
    return Place(real=path)


def unpacked_path(path: Path) -> Path:
    """Return the path of what a compressed file unpacks to."""
    is_named_so = path.suffix.lower() in COMPRESSED_SUFFIXES
    return path / (path.stem if is_named_so else path.name)


def shown_path(path: Path) -> str:
    """Return the name of a source for people: its file name, or `archive.zip/inner/a.jsonl`."""
    place = place_of(path)
    if place.member is not None:
        return f"{place.real.name}/{place.member.name}"
    return place.real.name


def size_bytes(path: Path) -> int:
    """Return how many bytes of the disk a source takes."""
    place = place_of(path)
    return place.real.stat().st_size if place.member is None else place.member.packed_bytes


def unpacked_bytes(path: Path) -> int:
    """Return how many bytes a source unpacks to; a guess where only its end could tell."""
    place = place_of(path)
    size = place.real.stat().st_size if place.member is None else place.member.size_bytes
    return size * _USUAL_RATIO if place.is_compressed else size


def open_source(path: Path) -> Source:
    """Open a file, or a file inside another one, at its beginning.

    Raises:
        ArchiveUnsafe: It unpacks to far more than any data does; also while it is read.
        FileEncrypted: It is in an archive with a password.
        FileUnreadable: It is damaged; also while it is read.
        OSError: It cannot be read.
    """
    place = place_of(path)
    if not place.is_compressed:
        return _opened(place)
    with contextlib.closing(_opened(place)) as stream:
        head = stream.read(4)
    return _Unpacked(_opened(place), head, path)


def check_bomb(path: Path) -> None:
    """Unpack what packs suspiciously well, before anything is made of it, as far as that goes on.

    Raises:
        ArchiveUnsafe: It unpacks to far more than any data does.
        FileEncrypted, FileUnreadable, OSError: As `open_source` does.
    """
    done_bytes = 0
    with contextlib.closing(open_source(path)) as source:
        while block := source.read(_COPY_BYTES):
            done_bytes += len(block)
            used_bytes = source.taken_bytes() - _AHEAD_BYTES
            if _JUDGED_BYTES <= done_bytes <= used_bytes * RATIO_CAP:
                return


@contextlib.contextmanager
def seekable(path: Path, seen: Callable[[int], None]) -> Generator[IO[bytes], None, None]:
    """Open a source for a reader that moves about in it.

    What is packed is unpacked into a file without a name, which is gone once it is closed.

    Args:
        path: The file.
        seen: Called after each block that is unpacked; may raise to end it.

    Raises:
        ArchiveUnsafe, FileEncrypted, FileUnreadable, OSError: As `open_source` does.
    """
    with contextlib.ExitStack() as stack:
        place = place_of(path)
        if place.member is None and not place.is_compressed:
            yield stack.enter_context(place.real.open("rb"))
            return
        folder = SPOOL_FOLDER.get()
        copy = stack.enter_context(
            tempfile.SpooledTemporaryFile(_HELD_BYTES, dir=str(folder) if folder else None)
        )
        with contextlib.closing(open_source(path)) as source:
            while block := source.read(_COPY_BYTES):
                copy.write(block)
                seen(0)
        copy.seek(0)
        yield copy


@contextlib.contextmanager
def seekable_by_arrow(path: Path, seen: Callable[[int], None]) -> Generator[IO[bytes], None, None]:
    """Open a source as `seekable` does; one that is not packed is read by Arrow itself."""
    import pyarrow

    with contextlib.ExitStack() as stack:
        place = place_of(path)
        if place.member is None and not place.is_compressed:
            opened = stack.enter_context(pyarrow.OSFile(str(place.real)))
            yield cast("IO[bytes]", opened)
        else:
            yield stack.enter_context(seekable(path, seen))


@contextlib.contextmanager
def spooling_in(folder: Path) -> Generator[None, None, None]:
    """Keep copies of packed files in a folder, for as long as this is entered."""
    token = SPOOL_FOLDER.set(folder)
    try:
        yield
    finally:
        SPOOL_FOLDER.reset(token)


def _opened(place: Place) -> MemberStream | _Plain:
    return _Plain(place.real) if place.member is None else MemberStream(place.real, place.member)


class _Plain(io.FileIO):
    """An ordinary file, as long as it was when it was opened: one that grows would never end."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, "rb")
        self._end = os.fstat(self.fileno()).st_size

    def read(self, size: int | None = -1) -> bytes:
        """Return the next bytes."""
        left = max(0, self._end - self.tell())
        return super().read(left if size is None or size < 0 else min(size, left)) or b""

    def taken_bytes(self) -> int:
        """Return how many bytes were read."""
        return self.tell()


class _Unpacked(io.RawIOBase):
    """What a compressed file unpacks to, with its limits and with named errors."""

    def __init__(self, packed: MemberStream | _Plain, head: bytes, path: Path) -> None:
        super().__init__()
        import pyarrow

        self._packed, self._path, self._done_bytes = packed, path, 0
        self._faults = (OSError, EOFError, zlib.error, pyarrow.ArrowException)
        stream = cast("IO[bytes]", packed)
        is_gzip = head.startswith(GZIP_MAGIC)
        self._unpack: gzip.GzipFile | NativeFile = (
            gzip.GzipFile(fileobj=stream, mode="rb")
            if is_gzip
            else pyarrow.CompressedInputStream(stream, "zstd")
        )

    def close(self) -> None:
        """Close the file too that this reads from."""
        self._packed.close()
        super().close()

    def taken_bytes(self) -> int:
        """Return how many packed bytes were read."""
        return self._packed.taken_bytes()

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes.

        Raises:
            ArchiveUnsafe: There were far more than any data has.
            FileUnreadable: The packed bytes are damaged, or end too early.
        """
        try:
            block = self._unpack.read(size)
        except self._faults as error:
            raise FileUnreadable(
                _("{name} is damaged or cut off. Nothing was imported.").format(
                    name=shown_path(self._path)
                ),
                remedy=_("Pack or download the file once more."),
                detail=str(error),
            ) from error
        self._done_bytes += len(block)
        if is_bomb(self._done_bytes, self._packed.taken_bytes()):
            raise ArchiveUnsafe(
                _("{name} unpacks to far more than any data does. Nothing was imported.").format(
                    name=shown_path(self._path)
                ),
                detail="bomb",
            )
        return block
