# SPDX-License-Identifier: Apache-2.0
"""How large the sheets of an Excel workbook are, measured before they are held in memory.

The reader of sheets lays out the rectangle around all their cells: two cells in far corners would
ask for half a terabyte. Names and references: ECMA-376 part 1, 18.2.19 (sheet) and 18.3.1.4 (c).
"""

from __future__ import annotations

import posixpath
import re
import struct
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO
from xml.parsers import expat
from zipfile import BadZipFile, ZipFile

from engine.formats.zip_archive import members_in

WORKBOOK = "xl/workbook.xml"
_RELATIONS = "xl/_rels/workbook.xml.rels"
_ROOT_RELATIONS = "_rels/.rels"
_OTHER_ROOTS = frozenset({"xl/workbook.bin", "content.xml"})
XML_CAP_BYTES = 192 << 20
"""Longest content of a workbook that is read, unpacked: about four million short cells."""

CELL_CAP = 8_000_000
"""Largest rectangle of cells of a sheet; each takes 32 bytes of memory."""

_REFERENCE = re.compile(r"([A-Z]{1,3})([1-9]\d{0,6})")
_ROW_NUMBER = re.compile(r"[1-9]\d{0,6}")
_LAST_ROW, _LAST_COLUMN = 1_048_576, 16_384
_BLOCK_BYTES = 1 << 18

FAULTS = (
    BadZipFile, LookupError, NotImplementedError, RuntimeError, OSError, EOFError, MemoryError,
    UnicodeDecodeError, struct.error, zlib.error, expat.ExpatError,
)  # fmt: skip
"""What reading a part of an archive and parsing it may raise."""

Found = Callable[[str, Mapping[str, str]], None]


class WorkbookTooLarge(ValueError):
    """A sheet does not fit into memory."""


class WorkbookDamaged(ValueError):
    """A part of a workbook is missing, or is not the XML that it should be."""


def check_size(stream: IO[bytes], path: Path) -> None:
    """Refuse a workbook whose sheets memory does not hold.

    Raises:
        WorkbookTooLarge: A sheet is too large.
        WorkbookDamaged: A part of it is missing or broken.
        EngineError: The archive that it is cannot be used.
    """
    sizes = {one.name: one.size_bytes for one in members_in(stream, path).values()}
    if sum(sizes.values()) > XML_CAP_BYTES:
        raise WorkbookTooLarge
    try:
        with ZipFile(stream) as archive:
            for name in _sheet_parts(archive, sizes):
                sheet = _Sheet()
                parse(archive, name, sheet.see)
                sheet.check()
    except FAULTS as error:
        raise WorkbookDamaged(str(error)) from error


def _sheet_parts(archive: ZipFile, names: Mapping[str, int]) -> list[str]:
    """Return the names of the parts that the workbook takes for its sheets."""
    ids: set[str] = set()

    def _see_sheet(tag: str, values: Mapping[str, str]) -> None:
        if tag == "sheet":
            ids.update(one for name, one in values.items() if name == "id")

    _check_root(archive, names)
    parse(archive, WORKBOOK, _see_sheet)
    targets = _targets(archive, _RELATIONS)
    wanted = {_part_name(target).lower() for one, _kind, target in targets if one in ids}
    return [name for name in names if name.lower() in wanted]


def _check_root(archive: ZipFile, names: Mapping[str, int]) -> None:
    """Refuse a workbook that holds a second one, which a reader may take instead."""
    if any(name.lower() in _OTHER_ROOTS for name in names):
        raise WorkbookDamaged("two workbooks")
    for _id, kind, target in _targets(archive, _ROOT_RELATIONS):
        if kind.endswith("/officeDocument") and target.lstrip("/") != WORKBOOK:
            raise WorkbookDamaged(_ROOT_RELATIONS)


def _targets(archive: ZipFile, name: str) -> list[tuple[str, str, str]]:
    """Return id, type and target of every relation that a part states."""
    found: list[tuple[str, str, str]] = []

    def _see(tag: str, values: Mapping[str, str]) -> None:
        if tag == "Relationship":
            found.append((values.get("Id", ""), values.get("Type", ""), values.get("Target", "")))

    parse(archive, name, _see)
    return found


def _part_name(target: str) -> str:
    inside = target if target.startswith(("/", "xl/")) else f"xl/{target}"
    return posixpath.normpath(inside).lstrip("/")


def parse(archive: ZipFile, name: str, found: Found) -> None:
    """Call `found` with local name and attributes of every element of a part.

    Raises:
        WorkbookDamaged: It declares a document type.
    """
    parser = expat.ParserCreate()
    parser.buffer_text = True

    def _start(tag: str, values: dict[str, str]) -> None:
        found(_local(tag), {_local(one): value for one, value in values.items()})

    def _refuse(*_declared: object) -> None:
        raise WorkbookDamaged(f"{name}: a document type is declared")

    parser.StartElementHandler = _start
    parser.StartDoctypeDeclHandler = _refuse
    with archive.open(name) as part:
        while block := part.read(_BLOCK_BYTES):
            parser.Parse(block, False)
        parser.Parse(b"", True)


def _local(name: str) -> str:
    return name.rpartition(":")[2]


class _Sheet:
    """The rectangle that the cells of a sheet span from its first row and column on."""

    def __init__(self) -> None:
        self._rows = self._columns = 0
        self._row = self._column = 0

    def see(self, tag: str, values: Mapping[str, str]) -> None:
        """Take an element of the sheet into account.

        Raises:
            WorkbookDamaged: It stands at a place that no sheet has.
        """
        reference = values.get("r")
        if tag == "row":
            self._column = 0
            if reference is not None and not _ROW_NUMBER.fullmatch(reference):
                raise WorkbookDamaged("row")
            self._row = self._row + 1 if reference is None else int(reference)
        elif tag == "c":
            self._column, self._row = (
                (self._column + 1, self._row) if reference is None else _place(reference)
            )
            self._rows = max(self._rows, self._row)
            self._columns = max(self._columns, self._column)

    def check(self) -> None:
        """Refuse a sheet that is too large.

        Raises:
            WorkbookTooLarge: It is.
        """
        if self._rows > _LAST_ROW or self._columns > _LAST_COLUMN:
            raise WorkbookDamaged("cell")
        if self._rows * self._columns > CELL_CAP:
            raise WorkbookTooLarge


def _place(reference: str) -> tuple[int, int]:
    """Return column and row of a cell reference such as AB12, from 1."""
    found = _REFERENCE.fullmatch(reference)
    if found is None:
        raise WorkbookDamaged("cell")
    column = 0
    for letter in found[1]:
        column = column * 26 + ord(letter) - ord("A") + 1
    return column, int(found[2])
