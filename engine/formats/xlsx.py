# SPDX-License-Identifier: Apache-2.0
"""Excel workbooks: every sheet that holds something is a table, its first row names the columns."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING

from engine.domain.dataset import Reject
from engine.errors import EngineError, FileEncrypted, FileUnreadable, mark
from engine.formats.cells import column_name, record_of
from engine.formats.format import CERTAIN, LIKELY, Format, Record, Seen
from engine.formats.packed import is_zip, seekable, size_bytes
from engine.formats.refusal import RefusedRecord, reject
from engine.formats.source import naming_read_errors
from engine.formats.wording import translated as _
from engine.formats.xlsx_layout import WORKBOOK, WorkbookDamaged, WorkbookTooLarge, check_size
from engine.formats.zip_archive import members_in

if TYPE_CHECKING:
    from python_calamine import CalamineSheet, CalamineWorkbook

PROGRESS_ROWS = 256
_OLE2_MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED_STREAM = "EncryptedPackage".encode("utf-16-le")
_OLD_WORKBOOK = "Workbook".encode("utf-16-le")
_DIRECTORY_BYTES = 16 * 128

Cell = str | float | bool | dt.date | dt.time | dt.timedelta


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
    with naming_read_errors(path), seekable(path, seen) as stream:
        total_bytes = size_bytes(path)
        seen(0)
        book = _opened(path, stream)
    before = 0
    with contextlib.closing(book):
        for name in book.sheet_names:
            sheet = _sheet(path, book, name)
            yield from _rows(path.name, sheet, before, seen)
            before += sheet.total_height
    seen(total_bytes)


def _opened(path: Path, stream: IO[bytes]) -> CalamineWorkbook:
    """Return a workbook that is whole, open to all and of a size that memory holds."""
    from python_calamine import CalamineError, CalamineWorkbook

    head = stream.read(512)
    if head.startswith(_OLE2_MAGIC):
        raise _encrypted(path) if _ENCRYPTED_STREAM in _ole2_names(path, head) else _old(path)
    try:
        check_size(stream, path)
        stream.seek(0)
        return CalamineWorkbook.from_filelike(stream)
    except WorkbookTooLarge as error:
        raise _too_large(path) from error
    except (WorkbookDamaged, CalamineError) as error:
        raise _damaged(path, str(error)) from error


def _sheet(path: Path, book: CalamineWorkbook, name: str) -> CalamineSheet:
    from python_calamine import CalamineError

    try:
        return book.get_sheet_by_name(name)
    except CalamineError as error:
        raise _damaged(path, str(error)) from error


def _rows(file: str, sheet: CalamineSheet, before: int, seen: Seen) -> Iterator[Record | Reject]:
    """Yield the rows of a sheet below its first row that is not empty."""
    header: list[str] | None = None
    for number, row in enumerate(sheet.iter_rows(), start=before + 1):
        if number % PROGRESS_ROWS == 0:
            seen(0)
        cells = [_text(cell) for cell in row]
        if not any(cell.strip() for cell in cells):
            continue
        if header is None:
            header = [column_name(cell) for cell in cells]
            continue
        try:
            yield Record(line=number, value=record_of(header, cells))
        except RefusedRecord as refused:
            yield reject(file, number, refused, cells[0])


def _text(cell: Cell) -> str:
    """Return what a cell shows, as a table in text would hold it."""
    if isinstance(cell, str):
        return cell
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, float | int):
        return str(int(cell)) if cell == cell // 1 and abs(cell) < 1e15 else repr(cell)
    return str(cell) if isinstance(cell, dt.timedelta) else cell.isoformat()


def _encrypted(path: Path) -> FileEncrypted:
    return FileEncrypted(
        _("{name} is protected by a password. Nothing was imported.").format(name=path.name)
    )


def _old(path: Path) -> FileUnreadable:
    return FileUnreadable(
        _("{name} is a workbook of Excel 2003 or older. Nothing was imported.").format(
            name=path.name
        ),
        remedy=_("Save it as .xlsx or CSV, and import that."),
    )


def _too_large(path: Path) -> FileUnreadable:
    return FileUnreadable(
        _("{name} has a sheet that is too large for the memory. Nothing was imported.").format(
            name=path.name
        ),
        remedy=_("Save the sheet as CSV, and import that."),
    )


def _damaged(path: Path, detail: str) -> FileUnreadable:
    return FileUnreadable(
        _("{path} is a damaged Excel workbook. Nothing was imported.").format(path=path),
        remedy=_("Open it in a spreadsheet program and save it anew."),
        detail=detail,
    )


FORMAT = Format(
    id="xlsx",
    title=mark("Excel workbook"),
    suffixes=(".xlsx", ".xlsm"),
    sniff=sniff,
    read=read,
)
