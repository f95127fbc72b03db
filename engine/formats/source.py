# SPDX-License-Identifier: Apache-2.0
"""The bytes of a source file: opened with named errors, in blocks, as UTF-8, as lines."""

from __future__ import annotations

import codecs
import contextlib
from collections.abc import Callable, Generator, Iterable, Iterator
from gettext import gettext as _
from itertools import chain
from pathlib import Path

from engine.errors import FileMissing, FileUnreadable
from engine.formats.format import HEAD_BYTES, RECORD_CAP_BYTES, Seen
from engine.formats.packed import open_source

BLOCK_BYTES = 256 << 10
PIECE_BYTES = 2 << 20
"""At least so much is held to be read in columns."""

_NOT_UTF8 = b"\xff"
_LAST_CHARACTER, _HALF_PAIR = 0x10FFFF, 0xD800


@contextlib.contextmanager
def naming_read_errors(path: Path) -> Generator[None, None, None]:
    """Turn a file that is missing or refuses to be read into a named error.

    Raises:
        FileMissing: It does not exist.
        FileUnreadable: The system does not let it be read, or it is no ordinary file.
    """
    try:
        yield
    except FileNotFoundError as error:
        raise FileMissing(
            _("{path} does not exist. Nothing was imported.").format(path=path)
        ) from error
    except OSError as error:
        raise FileUnreadable(
            _("{path} cannot be read. Nothing was imported.").format(path=path),
            detail=str(error),
        ) from error


def read_head(path: Path) -> bytes:
    """Return the first HEAD_BYTES of a file.

    Raises:
        FileMissing: It does not exist.
        FileUnreadable: It cannot be read, or is a pipe or a device, which may never end.
    """
    with naming_read_errors(path):
        if path.exists() and not path.is_file():
            raise FileUnreadable(_("{path} is no ordinary file.").format(path=path))
        with contextlib.closing(open_source(path)) as stream:
            return stream.read(HEAD_BYTES)


def blocks(path: Path, seen: Seen) -> Iterator[bytes]:
    """Yield the content of a file in blocks; `seen` hears of each before it is yielded.

    Raises:
        FileMissing: It does not exist.
        FileUnreadable: It cannot be read to its end.
    """
    with contextlib.ExitStack() as stack:
        with naming_read_errors(path):
            stream = stack.enter_context(contextlib.closing(open_source(path)))
        while True:
            with naming_read_errors(path):
                block = stream.read(BLOCK_BYTES)
            if not block:
                return
            seen(stream.taken_bytes())
            yield block


def utf8_blocks(path: Path, encoding: str, seen: Seen) -> Iterator[bytes]:
    """Yield the content of a file as UTF-8 without a byte order mark.

    Args:
        path: The file.
        encoding: A codec name; `utf-8` passes bytes through.
        seen: Told the bytes read of the file itself.
    """
    return as_utf8(blocks(path, seen), encoding)


def as_utf8(parts: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """Yield content as UTF-8 without a byte order mark.

    What is no character in `encoding` stays no valid UTF-8, so that it is met, and refused, in the
    line where it stands.

    Args:
        parts: The content, from its beginning.
        encoding: A codec name; `utf-8` passes bytes through.
    """
    if encoding in ("utf-8", "utf-8-sig"):
        yield from _without_mark(parts)
        return
    errors = "surrogatepass" if encoding in _MARKS else "surrogateescape"
    decoder = codecs.getincrementaldecoder(encoding)(errors)
    for block in _without_mark(parts, _MARKS.get(encoding, b"")):
        try:
            text = decoder.decode(block)
        except UnicodeDecodeError as error:
            whole = len(error.object) // 4 * 4
            text = _within_unicode(error.object[:whole], encoding)
            decoder.setstate((error.object[whole:], 0))
        yield text.encode("utf-8", errors)
    if decoder.getstate()[0]:
        yield _NOT_UTF8


_MARKS = {
    "utf-16-le": codecs.BOM_UTF16_LE,
    "utf-16-be": codecs.BOM_UTF16_BE,
    "utf-32-le": codecs.BOM_UTF32_LE,
    "utf-32-be": codecs.BOM_UTF32_BE,
}


def _within_unicode(data: bytes, encoding: str) -> str:
    """Return UTF-32 as text; numbers beyond all characters become half a pair, which is none."""
    import numpy as np

    points = np.frombuffer(data, "<u4" if encoding.endswith("le") else ">u4")
    kept = np.where(points > _LAST_CHARACTER, points.dtype.type(_HALF_PAIR), points)
    return kept.astype(points.dtype).tobytes().decode(encoding, "surrogatepass")


def _without_mark(parts: Iterable[bytes], mark: bytes = codecs.BOM_UTF8) -> Iterator[bytes]:
    is_first = True
    for part in parts:
        yield part.removeprefix(mark) if is_first else part
        is_first = False


def pieces(
    parts: Iterable[bytes], end_of: Callable[[bytes, bool], int]
) -> Iterator[bytes | Iterator[bytes]]:
    """Yield content in pieces of whole records.

    Where none can be cut off, all that is left comes as one more iterator of parts.

    Args:
        parts: The content.
        end_of: Is given a buffer and whether nothing follows it; returns where its last whole
            record ends (of the last buffer, its end), 0 where that is not known.
    """
    source = iter(parts)
    held: list[bytes] = []
    held_bytes = 0
    for part in source:
        held.append(part)
        held_bytes += len(part)
        if held_bytes >= PIECE_BYTES:
            buffer = b"".join(held)
            # Nothing is held twice while a piece is worked on.
            held.clear()
            end = end_of(buffer, False)
            if not end:
                yield chain([buffer], source)
                return
            held, held_bytes = [buffer[end:]], len(buffer) - end
            buffer = buffer[:end]
            yield buffer
    if held_bytes:
        buffer = b"".join(held)
        yield buffer if end_of(buffer, True) else iter([buffer])


def count_lines(piece: bytes) -> int:
    """Return how many lines there are; the last one may lack its end."""
    import numpy as np

    ends = np.count_nonzero(np.frombuffer(piece, np.uint8) == ord("\n"))
    return int(ends) + (not piece.endswith(b"\n"))


def holds_lone_return(buffer: bytes) -> bool:
    r"""Return whether a \r ends a line by itself, as no system of today writes it."""
    import numpy as np

    if b"\r" not in buffer:
        return False
    signs = np.frombuffer(buffer, np.uint8)
    is_lone = (signs[:-1] == ord("\r")) & (signs[1:] != ord("\n"))
    return buffer.endswith(b"\r") or bool(is_lone.any())


def lines(parts: Iterable[bytes], cap_bytes: int = RECORD_CAP_BYTES) -> Iterator[bytes | None]:
    r"""Yield lines with their ends, which may be \n, \r\n or \r, also mixed.

    Args:
        parts: The content.
        cap_bytes: A line longer than this is yielded as None; no more of it is held in memory.
    """
    pending, is_skipping = b"", False
    for part in parts:
        found = (pending + part).splitlines(keepends=True)
        # A \r at the end may be the first half of \r\n.
        pending = b"" if not found or found[-1].endswith(b"\n") else found.pop()
        for line in found:
            yield None if is_skipping or len(line) > cap_bytes else line
            is_skipping = False
        if len(pending) > cap_bytes:
            pending, is_skipping = pending[-1:], True
    if is_skipping:
        yield None
    elif pending:
        yield pending
