# SPDX-License-Identifier: Apache-2.0
"""Tables as text: CSV, TSV and other delimiters, in the usual ways of quoting, in any encoding.

The first line names the columns. A quote that is never closed would swallow what follows it: such a
line is rejected alone, and reading goes on behind it.
"""

from __future__ import annotations

import csv
import re
from collections import deque
from collections.abc import Iterable, Iterator
from gettext import ngettext
from itertools import chain
from pathlib import Path

import msgspec

from engine.domain.dataset import Reject
from engine.errors import mark
from engine.formats.cells import column_name, record_of
from engine.formats.csv_columns import cells_of, end_of_records, pairs_of
from engine.formats.csv_dialect import Dialect, dialect_of, reader
from engine.formats.encoding import decoded_head, looks_like_text, text_parts
from engine.formats.format import (
    HEAD_BYTES,
    RECORD_CAP_BYTES,
    Chunk,
    Format,
    Record,
    Seen,
)
from engine.formats.plain_rows import PlainRows, of_pairs, plain_rows_of, sides_of
from engine.formats.refusal import RefusedRecord, bad_encoding, reject, too_long
from engine.formats.source import count_lines, lines, pieces, read_head
from engine.formats.wording import translated as _

AGAIN_CAP_CHARACTERS = 64 << 20
"""How much is read a second time, over the whole file, behind quotes that are never closed."""


_CONTROL_DELIMITERS = b"\x1f\x01"
_NO_CHARACTER = re.compile(r"[\udc80-\udcff]")
LINE_CHARACTERS = 64
"""What each line of a record counts on top of its own, for what Python needs to hold it."""


def sniff(path: Path, head: bytes) -> float:
    """Score by known names in the first line, else by how even the table is."""
    del path
    if not looks_like_text(head.translate(None, _CONTROL_DELIMITERS)):
        return 0.0
    return dialect_of(_whole_lines(head))[1]


def _whole_lines(head: bytes) -> str:
    text = decoded_head(head)
    return text.rpartition("\n")[0] or text if len(head) >= HEAD_BYTES else text


class _Lines:
    """Text lines for the csv module, which keeps those of the current record to read them again."""

    def __init__(self, raw_lines: Iterator[bytes | None], number: int) -> None:
        """Read lines, of which some were read before."""
        self._raw = raw_lines
        self._again: deque[str | None] = deque()
        self._again_characters = AGAIN_CAP_CHARACTERS
        self.number = number
        self.taken: list[str | None] = []
        self._taken_characters = 0

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        if self._again:
            line = self._again.popleft()
        else:
            raw = next(self._raw)
            line = None if raw is None else raw.decode("utf-8", errors="surrogateescape")
        self.number += 1
        self.taken.append(line)
        if line is None:
            raise too_long()
        self._taken_characters += len(line) + LINE_CHARACTERS
        if self._taken_characters > RECORD_CAP_BYTES:
            raise too_long()
        return line

    def begin_record(self) -> None:
        """Forget the lines of the record before."""
        self.taken = []
        self._taken_characters = 0

    def take_back(self) -> None:
        """Give all lines but the first of the current record out again, while that is affordable.

        Each is read at most a few times: the whole file gives out AGAIN_CAP_CHARACTERS twice.
        """
        again_characters = sum(len(line or "") for line in self.taken[1:])
        if len(self.taken) < 2 or again_characters > self._again_characters:
            return
        self._again_characters -= again_characters
        self._again.extendleft(reversed(self.taken[1:]))
        self.number -= len(self.taken) - 1
        del self.taken[1:]


def read(path: Path, seen: Seen) -> Iterator[Record | Reject]:
    """Yield every row below the header as a record (cells by column name), or as a reject."""
    for chunk in chunks(path, seen):
        yield from chunk.records()


def chunks(path: Path, seen: Seen) -> Iterator[Chunk]:
    """Yield the same, many rows at a time."""
    head = read_head(path)
    dialect = dialect_of(_whole_lines(head))[0]
    parts = text_parts(path, head, seen)
    first = next(parts, b"")
    table = _Table(file=path.name, dialect=dialect, header=_header_of(first, dialect))
    if table.header is None:
        yield _Rest(table=table, line=1, parts=chain([first], parts))
        return

    def end_of(buffer: bytes, is_last: bool) -> int:
        """Return where the last whole record ends."""
        return end_of_records(buffer, dialect.delimiter, is_last=is_last)

    line = 2
    for piece in pieces(chain([first.partition(b"\n")[2]], parts), end_of):
        if isinstance(piece, bytes):
            yield _Piece(table=table, line=line, parts=(piece,))
            line += count_lines(piece)
        else:
            yield _Rest(table=table, line=line, parts=piece)


def _header_of(block: bytes, dialect: Dialect) -> list[str] | None:
    """Return the names of the columns of a table that is written as most are; None in doubt.

    Args:
        block: Its beginning.
        dialect: How it is written.
    """
    is_usual = dialect.quote == '"' and not dialect.escape and not dialect.is_hinted
    first, end, _rest = block.partition(b"\n")
    if not is_usual or not dialect.delimiter.isascii() or not end or b"\r" in first[:-1]:
        return None
    try:
        cells = next(reader([(first + end).decode()], dialect))
    except (csv.Error, RefusedRecord, StopIteration, UnicodeDecodeError):
        return None
    return [column_name(cell) for cell in cells] or None


class _Table(msgspec.Struct):
    """What is known of a whole file.

    Attributes:
        file: Its name.
        dialect: How it is written.
        header: Names of its columns, once they are read.
    """

    file: str
    dialect: Dialect
    header: list[str] | None


class _Rest(Chunk, frozen=True, kw_only=True):
    """Lines that are read one by one.

    Attributes:
        table: What they belong to.
        line: Number of the first one.
        parts: Their bytes.
    """

    table: _Table
    line: int
    parts: Iterable[bytes]

    def records(self) -> Iterator[Record | Reject]:
        """Yield every row as a record or as a reject; the first row of a file is its header."""
        table, source = self.table, _Lines(lines(self.parts), self.line - 1)
        if table.dialect.is_hinted:
            next(source)
        for line, cells, refused in _rows(source, table.dialect):
            if refused is None and table.header is None:
                table.header = [column_name(_readable(cell)) for cell in cells]
            elif refused is None and table.header is not None:
                try:
                    yield Record(line=line, value=_record(table.header, cells))
                except RefusedRecord as error:
                    yield reject(table.file, line, error, _excerpt(source))
            elif refused is not None:
                yield reject(table.file, line, refused, _excerpt(source))


class _Piece(_Rest, frozen=True):
    """Lines of a table with a header that may be cut into cells at once."""

    def plain_rows(self) -> PlainRows | None:
        """Return the rows in columns where each is a question with its answer."""
        import numpy as np

        names = self.table.header or []
        delimiter, sides = self.table.dialect.delimiter, sides_of(names)
        if sides is None:
            return None
        (raw,) = self.parts
        if b'"' not in raw:
            pairs = pairs_of(raw, delimiter, is_turned=names[0] == sides[1])
            lines = np.arange(self.line, self.line + (0 if pairs is None else len(pairs) // 2))
            return None if pairs is None else of_pairs(sides, pairs, lines)
        found = cells_of(raw, names, delimiter)
        if found is None:
            return None
        cells, before = found
        return plain_rows_of(cells, before + self.line)


def _excerpt(source: _Lines) -> str:
    return _readable((source.taken[0] if source.taken else None) or "")


def _readable(text: str) -> str:
    """Return a text with question marks for bytes that are no characters."""
    return text.encode("utf-8", errors="replace").decode("utf-8")


def _rows(
    source: _Lines, dialect: Dialect
) -> Iterator[tuple[int, list[str], RefusedRecord | None]]:
    """Yield first line, cells and, where it is broken, the refusal of each record."""
    rows = reader(source, dialect)
    while True:
        source.begin_record()
        line = source.number + 1
        try:
            cells = next(rows)
        except StopIteration:
            return
        except RefusedRecord as refused:
            yield from _broken(source, line, refused)
            rows = reader(source, dialect)
        except csv.Error:
            yield from _broken(source, line, _broken_row())
            rows = reader(source, dialect)
        else:
            if cells:
                yield line, cells, None


def _broken(
    source: _Lines, line: int, refused: RefusedRecord
) -> Iterator[tuple[int, list[str], RefusedRecord]]:
    source.take_back()
    yield line, [], refused if len(source.taken) < 2 else _swallowed(len(source.taken) - 1)


def _broken_row() -> RefusedRecord:
    return RefusedRecord(
        "broken_csv", _("A quote in this line is not closed, or text follows a closing quote.")
    )


def _swallowed(count: int) -> RefusedRecord:
    message = ngettext(
        "A quote opens here and is not closed in the next line, which is lost.",
        "A quote opens here and is not closed in the next {count} lines, which are lost.",
        count,
    )
    return RefusedRecord("broken_csv", message.format(count=count))


def _record(header: list[str], cells: list[str]) -> dict[str, str]:
    for cell in cells:
        if not cell.isascii() and _NO_CHARACTER.search(cell):
            raise bad_encoding()
    return record_of(header, cells)


FORMAT = Format(
    id="csv",
    title=mark("CSV or TSV table"),
    suffixes=(".csv", ".tsv", ".tab"),
    sniff=sniff,
    read=read,
    chunks=chunks,
)
