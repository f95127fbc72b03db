# SPDX-License-Identifier: Apache-2.0
"""OpenDocument spreadsheets, as LibreOffice saves them; their sheets are read as Excel's are.

Cells and rows that are alike stand there once with a number of repetitions, so that a file of a
hundred bytes can ask for a terabyte: the sheets are measured before they are held in memory. Names:
OpenDocument 1.3 part 3, 9.1 (tables) and part 2, 3 (packages).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO
from zipfile import ZipFile

from engine.domain.dataset import Reject
from engine.errors import EngineError, mark
from engine.formats.format import CERTAIN, Format, Record, Seen
from engine.formats.packed import is_zip, seekable
from engine.formats.sheets import encrypted, read_book
from engine.formats.xlsx_layout import (
    CELL_CAP,
    FAULTS,
    WORKBOOK,
    XML_CAP_BYTES,
    WorkbookDamaged,
    WorkbookTooLarge,
    parse,
)
from engine.formats.zip_archive import members_in

_KIND = b"application/vnd.oasis.opendocument.spreadsheet"
_KIND_PART, _CONTENT, _MANIFEST = "mimetype", "content.xml", "META-INF/manifest.xml"
_KIND_CAP_BYTES = 100
_OTHER_ROOTS = frozenset({WORKBOOK, "xl/workbook.bin"})
_LAST_ROW, _LAST_COLUMN = 1_048_576, 16_384
"""The reader stops there."""

_PLAIN = frozenset(
    {
        "content-validation-name", "id", "number-columns-repeated", "number-columns-spanned",
        "number-rows-repeated", "number-rows-spanned", "protect", "protected", "style-name",
    }
)  # fmt: skip
"""Attributes that cells have which hold nothing: a rule or a look is often given to whole columns.

All but those of values, formulas and what is linked: OpenDocument 1.3 part 3, 9.1.4.
"""


def sniff(path: Path, head: bytes) -> float:
    """Score by the kind that the package states of itself."""
    if not is_zip(head):
        return 0.0
    try:
        with seekable(path, _ignore) as stream:
            return CERTAIN if _is_spreadsheet(stream, path) else 0.0
    except (EngineError, *FAULTS):
        # What is wrong with it is said where it is opened as an archive.
        return 0.0


def _ignore(_done: int) -> None:
    """Hear of progress where nobody waits for it."""


def _is_spreadsheet(stream: IO[bytes], path: Path) -> bool:
    found = members_in(stream, path)
    kind = found.get(_KIND_PART)
    if kind is None or kind.size_bytes > _KIND_CAP_BYTES or WORKBOOK in found:
        return False
    with ZipFile(stream) as archive:
        return archive.read(_KIND_PART).strip().startswith(_KIND)


def read(path: Path, seen: Seen) -> Iterator[Record | Reject]:
    """Yield every row below the header of each sheet; rows are numbered through all sheets.

    Raises:
        FileEncrypted: It is protected by a password.
        FileUnreadable: It is damaged, or too large to be held in memory.
    """
    yield from read_book(path, seen, _check)


def _check(stream: IO[bytes], path: Path) -> None:
    """Refuse a workbook that is damaged, locked or larger than memory holds."""
    if _is_encrypted(stream, path):
        raise encrypted(path)
    check_size(stream, path)


def _is_encrypted(stream: IO[bytes], path: Path) -> bool:
    """Return whether the manifest of the package says that a part is encrypted."""
    _check_parts(stream, path)
    found: list[str] = []

    def _see(tag: str, _values: Mapping[str, str]) -> None:
        if tag == "encryption-data":
            found.append(tag)

    try:
        with ZipFile(stream) as archive:
            if _MANIFEST in archive.namelist():
                parse(archive, _MANIFEST, _see)
    except FAULTS as error:
        raise WorkbookDamaged(str(error)) from error
    return bool(found)


def _check_parts(stream: IO[bytes], path: Path) -> None:
    """Refuse a package that is too large, or that holds a workbook of another kind as well."""
    sizes = {one.name: one.size_bytes for one in members_in(stream, path).values()}
    if sum(sizes.values()) > XML_CAP_BYTES:
        raise WorkbookTooLarge
    if _CONTENT not in sizes or any(name.lower() in _OTHER_ROOTS for name in sizes):
        raise WorkbookDamaged("no sheets, or two workbooks")


def check_size(stream: IO[bytes], path: Path) -> None:
    """Refuse a workbook whose sheets memory does not hold, all of them together.

    Raises:
        WorkbookTooLarge: They are too large.
        WorkbookDamaged: A part of it is missing or broken.
        EngineError: The archive that it is cannot be used.
    """
    _check_parts(stream, path)
    sheets = _Sheets()
    try:
        with ZipFile(stream) as archive:
            parse(archive, _CONTENT, sheets.see)
    except FAULTS as error:
        raise WorkbookDamaged(str(error)) from error
    sheets.end_table()
    if sheets.cells > CELL_CAP:
        raise WorkbookTooLarge


class _Sheets:
    """How large the sheets are at most: the rows of all of them, as wide as the widest.

    A table within a cell ends the count of the one around it, which begins anew: so the sum of all
    rows is told and not the largest of the sheets. The reader holds all of them at a time anyway.
    """

    def __init__(self) -> None:
        self._all_rows = self._widest = 0
        self._begin_table()

    @property
    def cells(self) -> int:
        """Return the cells of the tables that have ended."""
        return self._all_rows * min(self._widest, _LAST_COLUMN)

    def _begin_table(self) -> None:
        self._rows = self._row = self._repeated = self._column = self._wide = 0

    def end_table(self) -> None:
        """Count the rows of the table so far, and begin another."""
        self._end_row()
        self._all_rows += min(self._rows, _LAST_ROW)
        self._begin_table()

    def _end_row(self) -> None:
        self._row += self._repeated
        if self._wide:
            self._rows = self._row
            self._widest = max(self._widest, self._wide)
        self._repeated = self._column = self._wide = 0

    def see(self, tag: str, values: Mapping[str, str]) -> None:
        """Take an element into account.

        Raises:
            WorkbookDamaged: A repetition is no number.
        """
        if tag == "table":
            self.end_table()
        elif tag == "table-row":
            self._end_row()
            self._repeated = _count(values, "number-rows-repeated")
        elif tag in {"table-cell", "covered-table-cell"}:
            self._column += _count(values, "number-columns-repeated")
            if not _PLAIN.issuperset(values):
                self._wide = self._column
        elif tag == "p":  # a text, which stands within a cell
            self._wide = self._column


def _count(values: Mapping[str, str], name: str) -> int:
    found = values.get(name, "1")
    if not (found.isascii() and found.isdigit() and len(found) < 10):
        raise WorkbookDamaged(name)
    return max(1, int(found))


FORMAT = Format(
    id="ods",
    title=mark("OpenDocument spreadsheet"),
    suffixes=(".ods",),
    sniff=sniff,
    read=read,
)
