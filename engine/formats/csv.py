# SPDX-License-Identifier: Apache-2.0
"""Tables as text: CSV, TSV and other delimiters, in the usual ways of quoting, in any encoding.

The first line names the columns. A quote that is never closed would swallow what follows it: such a
line is rejected alone, and reading goes on behind it.
"""

from __future__ import annotations

import csv
import re
from collections import deque
from collections.abc import Iterator
from gettext import ngettext
from pathlib import Path

from engine.domain.dataset import Reject
from engine.errors import mark
from engine.formats.cells import column_name, record_of
from engine.formats.csv_dialect import Dialect, dialect_of, reader
from engine.formats.encoding import decoded_head, looks_like_text, text_encoding
from engine.formats.format import (
    HEAD_BYTES,
    RECORD_CAP_BYTES,
    Format,
    Record,
    Seen,
)
from engine.formats.refusal import RefusedRecord, bad_encoding, reject, too_long
from engine.formats.source import lines, read_head, utf8_blocks
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

    def __init__(self, raw_lines: Iterator[bytes | None]) -> None:
        self._raw = raw_lines
        self._again: deque[str | None] = deque()
        self._again_characters = AGAIN_CAP_CHARACTERS
        self.number = 0
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
    head = read_head(path)
    dialect = dialect_of(_whole_lines(head))[0]
    source = _Lines(lines(utf8_blocks(path, text_encoding(path, head), seen)))
    header: list[str] | None = None
    if dialect.is_hinted:
        next(source)
    for line, cells, refused in _rows(source, dialect):
        if refused is None and header is None:
            header = [column_name(_readable(cell)) for cell in cells]
        elif refused is None and header is not None:
            try:
                yield Record(line=line, value=_record(header, cells))
            except RefusedRecord as error:
                yield reject(path.name, line, error, _excerpt(source))
        elif refused is not None:
            yield reject(path.name, line, refused, _excerpt(source))


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
)
