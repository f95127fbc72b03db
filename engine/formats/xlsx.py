# SPDX-License-Identifier: Apache-2.0
"""Excel workbooks: every sheet that holds something is a table, its first row names the columns."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import IO

from engine.domain.dataset import Reject
from engine.errors import EngineError, FileUnreadable, mark
from engine.formats.format import CERTAIN, LIKELY, Format, Record, Seen
from engine.formats.packed import is_zip, seekable
from engine.formats.sheets import encrypted, read_book
from engine.formats.source import naming_read_errors
from engine.formats.wording import translated as _
from engine.formats.xlsx_layout import WORKBOOK, check_size
from engine.formats.zip_archive import members_in

_OLE2_MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED_STREAM = "EncryptedPackage".encode("utf-16-le")
_OLD_WORKBOOK = "Workbook".encode("utf-16-le")
_DIRECTORY_BYTES = 16 * 128


def sniff(path: Path, head: bytes) -> float:
    """Score by the files inside; one with a password, or of an old form, has its own mark."""
    if head.startswith(_OLE2_MAGIC):
        names = _ole2_names(path, head)
        return LIKELY if _ENCRYPTED_STREAM in names or _OLD_WORKBOOK in names else 0.0
    if not is_zip(head):
        return 0.0
    try:
        with seekable(path, _ignore) as stream:
            return CERTAIN if WORKBOOK in members_in(stream, path) else 0.0
    except (EngineError, OSError):
        # What is wrong with it is said where it is opened as an archive.
        return 0.0


def _ignore(_done: int) -> None:
    """Hear of progress where nobody waits for it."""


def _ole2_names(path: Path, head: bytes) -> bytes:
    """Return the start of the directory of a compound file, which holds the names of its streams.

    Header and directory: [MS-CFB] 2.2 and 2.6.
    """
    sector_bytes = 1 << min(int.from_bytes(head[30:32], "little"), 12)
    at = (int.from_bytes(head[48:52], "little") + 1) * sector_bytes
    with naming_read_errors(path), seekable(path, _ignore) as stream:
        stream.seek(at)
        return stream.read(_DIRECTORY_BYTES)


def read(path: Path, seen: Seen) -> Iterator[Record | Reject]:
    """Yield every row below the header of each sheet; rows are numbered through all sheets.

    Raises:
        FileEncrypted: It is protected by a password.
        FileUnreadable: It is damaged, of an old form, or too large to be held in memory.
    """
    yield from read_book(path, seen, _check)


def _check(stream: IO[bytes], path: Path) -> None:
    """Refuse a workbook that is damaged, locked, of an old form or larger than memory holds."""
    head = stream.read(512)
    if head.startswith(_OLE2_MAGIC):
        raise encrypted(path) if _ENCRYPTED_STREAM in _ole2_names(path, head) else _old(path)
    check_size(stream, path)


def _old(path: Path) -> FileUnreadable:
    return FileUnreadable(
        _("{name} is a workbook of Excel 2003 or older. Nothing was imported.").format(
            name=path.name
        ),
        remedy=_("Save it as .xlsx or CSV, and import that."),
    )


FORMAT = Format(
    id="xlsx",
    title=mark("Excel workbook"),
    suffixes=(".xlsx", ".xlsm"),
    sniff=sniff,
    read=read,
)
