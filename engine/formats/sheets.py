# SPDX-License-Identifier: Apache-2.0
"""Workbooks of any kind: every sheet that holds something is a table, its first row names columns.

What each kind has to be checked for before memory is given to it is said where it is opened.
"""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING

from engine.domain.dataset import Reject
from engine.errors import FileEncrypted, FileUnreadable
from engine.formats.cells import column_name, record_of
from engine.formats.format import Record, Seen
from engine.formats.packed import seekable, size_bytes
from engine.formats.refusal import RefusedRecord, reject
from engine.formats.source import naming_read_errors
from engine.formats.wording import translated as _
from engine.formats.xlsx_layout import WorkbookDamaged, WorkbookTooLarge

if TYPE_CHECKING:
    from python_calamine import CalamineSheet, CalamineWorkbook

PROGRESS_ROWS = 256

Cell = str | float | bool | dt.date | dt.time | dt.timedelta


def read_book(
    path: Path, seen: Seen, check: Callable[[IO[bytes], Path], None]
) -> Iterator[Record | Reject]:
    """Yield every row below the header of each sheet; rows are numbered through all sheets.

    Args:
        path: The file, or one in an archive.
        seen: Hears of progress.
        check: Refuses a workbook that is not to be read: by an error with words of its own, or by
            WorkbookTooLarge or WorkbookDamaged.

    Raises:
        FileUnreadable: It is damaged, or memory does not hold it.
        EngineError: What `check` raises.
    """
    with naming_read_errors(path), seekable(path, seen) as stream:
        total_bytes = size_bytes(path)
        seen(0)
        book = _opened(path, stream, check)
    before = 0
    with contextlib.closing(book):
        for name in book.sheet_names:
            sheet = _sheet(path, book, name)
            yield from _rows(path.name, sheet, before, seen)
            before += sheet.total_height
    seen(total_bytes)


def _opened(
    path: Path, stream: IO[bytes], check: Callable[[IO[bytes], Path], None]
) -> CalamineWorkbook:
    from python_calamine import CalamineError, CalamineWorkbook

    try:
        check(stream, path)
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


def encrypted(path: Path) -> FileEncrypted:
    """Return the error of a workbook with a password."""
    return FileEncrypted(
        _("{name} is protected by a password. Nothing was imported.").format(name=path.name)
    )


def _too_large(path: Path) -> FileUnreadable:
    """Return the error of a workbook that memory does not hold."""
    return FileUnreadable(
        _("{name} has a sheet that is too large for the memory. Nothing was imported.").format(
            name=path.name
        ),
        remedy=_("Save the sheet as CSV, and import that."),
    )


def _damaged(path: Path, detail: str) -> FileUnreadable:
    """Return the error of a workbook that is not what it should be."""
    return FileUnreadable(
        _("{path} is a damaged workbook. Nothing was imported.").format(path=path),
        remedy=_("Open it in a spreadsheet program and save it anew."),
        detail=detail,
    )
