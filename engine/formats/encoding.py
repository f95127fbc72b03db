# SPDX-License-Identifier: Apache-2.0
"""Which encoding a text file is in, by its content."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from engine.formats.format import Seen
from engine.formats.source import as_utf8, blocks

UTF8 = "utf-8"
WESTERN = "cp1252"
CANDIDATES = (
    WESTERN, "cp1250", "cp1251", "koi8_r", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257",
    "cp932", "euc_jp", "gb18030", "big5", "cp949",
)  # fmt: skip
"""Encodings that are told apart where a file is not Unicode: those of Windows, and the East Asian
ones. cp1252 holds all letters of latin-1."""

SAMPLE_BYTES = 64 * 1024
_NOT_ASCII = re.compile(r"[^\x00-\x7f]")
_NO_CHARACTER = re.compile(r"[\udc80-\udcff]")


def unicode_encoding(head: bytes) -> str:
    """Return the Unicode encoding that the first bytes of a file show; UTF-8 in doubt.

    UTF-16 without a byte order mark shows by the zero bytes of its ASCII characters, which stand
    all at odd (little endian) or all at even places.
    """
    if head.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return "utf-32-le" if head.startswith(codecs.BOM_UTF32_LE) else "utf-32-be"
    if head.startswith(codecs.BOM_UTF16_LE):
        return "utf-16-le"
    if head.startswith(codecs.BOM_UTF16_BE):
        return "utf-16-be"
    sample = head[:4096]
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    if max(even, odd) >= max(4, len(sample) // 10):
        if even == 0:
            return "utf-16-le"
        if odd == 0:
            return "utf-16-be"
    return UTF8


def decoded_head(head: bytes) -> str:
    """Return the text at the start of a file; what is no character becomes U+FFFD."""
    encoding = unicode_encoding(head)
    return head.decode(encoding, errors="replace").removeprefix("\ufeff")


def looks_like_text(head: bytes) -> bool:
    """Return whether the start of a file has next to no control characters, as text has."""
    text = decoded_head(head)
    raw = text.encode("utf-8", "surrogatepass")
    controls = len(raw) - len(raw.translate(None, _CONTROLS))
    return len(text) > 0 and controls * 100 <= len(text) and not is_marked_binary(head)


def is_marked_binary(head: bytes) -> bool:
    """Return whether a file begins as archives, pictures and programs do, whatever follows."""
    return head.startswith(_BINARY_MARKS)


_CONTROLS = bytes([*range(9), 11, *range(14, 32), 127])
_BINARY_MARKS = (
    b"%PDF-", b"PK\x03\x04", b"\x1f\x8b", b"\x89PNG", b"SQLite format 3", b"{\\rtf", b"GIF8",
    b"\xff\xd8\xff", b"\x7fELF", b"MZ", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd",
)  # fmt: skip


def text_encoding(path: Path, head: bytes) -> str:
    """Return the encoding of a whole text file.

    UTF-8 shows over the whole file: it is taken where more characters are valid UTF-8 than not,
    so that one broken byte does not change the meaning of all others.
    """
    known = unicode_encoding(head)
    if known != UTF8 or _is_utf8(path):
        return known
    sample = bytearray()
    valid = broken = 0
    decoder = codecs.getincrementaldecoder(UTF8)("surrogateescape")
    for block in blocks(path, lambda _: None):
        if block.isascii() and not decoder.getstate()[0]:
            continue
        text = decoder.decode(block)
        bad = len(_NO_CHARACTER.findall(text))
        valid, broken = valid + len(_NOT_ASCII.findall(text)) - bad, broken + bad
        if len(sample) < SAMPLE_BYTES:
            sample += _lines_not_ascii(block, SAMPLE_BYTES - len(sample))
    broken += len(decoder.getstate()[0])
    return UTF8 if valid >= broken else _legacy_encoding(bytes(sample))


def _is_utf8(path: Path) -> bool:
    """Return whether a file is valid UTF-8 to its end, as most are."""
    decoder = codecs.getincrementaldecoder(UTF8)()
    try:
        for block in blocks(path, lambda _: None):
            decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def text_parts(path: Path, head: bytes, seen: Seen) -> Iterator[bytes]:
    """Yield the content of a text file as UTF-8 without a byte order mark.

    All encodings without zero bytes agree on ASCII, so that what a file is in is only found out at
    the first other byte, for that takes one more reading.

    Args:
        path: The file.
        head: Its first bytes.
        seen: Told the bytes read of the file itself.
    """
    known = unicode_encoding(head)
    parts = blocks(path, seen)
    if known != UTF8:
        yield from as_utf8(parts, known)
        return
    is_start = True
    for block in parts:
        if not block.isascii():
            # Only the very first part may begin with a byte order mark.
            before = [] if is_start else [b""]
            yield from as_utf8(chain(before, [block], parts), text_encoding(path, head))
            return
        yield block
        is_start = False


def _lines_not_ascii(block: bytes, limit_bytes: int) -> bytes:
    found = b"".join(line for line in block.splitlines(keepends=True) if not line.isascii())
    return found[:limit_bytes]


def _legacy_encoding(sample: bytes) -> str:
    """Tell the encodings before Unicode apart by how much the text looks like a language."""
    from charset_normalizer import from_bytes

    matches = from_bytes(sample, cp_isolation=list(CANDIDATES))
    best = matches.best()
    if best is None:
        return WESTERN
    for one in matches:
        # Most files that fit Western and another encoding equally well are Western.
        if one.encoding == WESTERN and one.coherence >= best.coherence:
            return WESTERN
    return best.encoding
