# SPDX-License-Identifier: Apache-2.0
"""JSON as columns: one object that holds a list for each column, with a value for each row.

Its columns stand one behind the other, so each has a reader of its own that goes through the file;
no column is ever held in memory.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import zip_longest
from pathlib import Path

import msgspec

from engine.domain.dataset import Reject
from engine.formats import field_names
from engine.formats.format import RECORD_CAP_BYTES, Record, Seen
from engine.formats.json_value import decode_value
from engine.formats.refusal import RefusedRecord, broken_json, reject, too_long
from engine.formats.source import utf8_blocks
from engine.formats.wording import translated as _

COLUMNS_CAP = 256
"""Most columns that are read: each keeps a reader open."""

_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|["\[\]{},]', re.DOTALL)
_COLUMN = re.compile(r'\{\s*"((?:[^"\\]|\\.)*+)"\s*:\s*\[\s*([^\s{])')
_CLOSES = {b"{": b"}", b"[": b"]"}


def holds_columns(text: str) -> bool:
    """Return whether a JSON text is one object of columns, by its first member.

    A list of objects under a known name is part of a row (its messages), any other list under one
    is a column, for no field of a row is a list of texts, numbers or lists.
    """
    found = _COLUMN.match(text)
    return found is not None and found[1].lower() in field_names.KNOWN - set(field_names.TOOLS)


class _Value(msgspec.Struct, frozen=True, gc=False):
    """One value of a column, as JSON text."""

    column: int
    name: str
    raw: bytes


class _Cutter:
    """Cuts an object of lists into the values of its lists."""

    def __init__(self) -> None:
        self._buffer = b""
        self._opened: list[bytes] = []
        self._column = -1
        self._name = b""
        self._start = 0  # of the current value in the buffer
        self._scanned = 0  # tokens before here are done

    def feed(self, block: bytes) -> Iterator[_Value]:
        """Yield the values that are complete with one more block.

        Raises:
            RefusedRecord: Brackets do not match, or a value is too long.
        """
        done = self._start if self._in_column() else self._scanned
        self._buffer = self._buffer[done:] + block
        self._scanned -= done
        self._start = 0
        for token in _TOKEN.finditer(self._buffer, self._scanned):
            self._scanned = token.end()
            if token[0] == b'"':
                self._scanned = token.start()
                break
            yield from self._token(token[0], token.start())
        else:
            self._scanned = len(self._buffer)
        if len(self._buffer) - self._start > RECORD_CAP_BYTES + len(block):
            raise too_long()

    def finish(self) -> None:
        """Say that the file is at its end.

        Raises:
            RefusedRecord: Something is still open.
        """
        if self._opened or self._column < 0:
            raise broken_json(_("the file ends before this is closed"))

    def _in_column(self) -> bool:
        return self._opened[:2] == [b"{", b"["]

    def _token(self, token: bytes, at: int) -> Iterator[_Value]:
        depth = len(self._opened)
        if token[:1] == b'"':
            self._name = token if depth == 1 else self._name
        elif token in _CLOSES:
            self._opened.append(token)
            if depth == 1 and self._in_column():
                self._column += 1
                self._start = at + 1
        elif token == b",":
            if depth == 2 and self._in_column():
                yield from self._value(at)
        else:
            if depth == 2 and self._in_column():
                yield from self._value(at)
            if not self._opened or _CLOSES[self._opened.pop()] != token:
                raise broken_json(_("its brackets do not match"))

    def _value(self, end: int) -> Iterator[_Value]:
        raw = self._buffer[self._start : end].strip()
        self._start = end + 1
        if raw:
            yield _Value(self._column, _name_of(self._name), raw)


def _name_of(raw: bytes) -> str:
    try:
        return str(decode_value(raw))
    except RefusedRecord:
        return raw.decode(errors="replace")


def _values(path: Path, encoding: str, seen: Seen) -> Iterator[_Value]:
    cutter = _Cutter()
    for block in utf8_blocks(path, encoding, seen):
        yield from cutter.feed(block)
    cutter.finish()


def read(path: Path, encoding: str, seen: Seen) -> Iterator[Record | Reject]:
    """Yield every row; one reject where a column is broken, for no row can follow.

    Args:
        path: The file.
        encoding: Its codec.
        seen: Told how far the last column is read.
    """
    names: list[str] = []
    refused: RefusedRecord | None = None
    try:
        for value in _values(path, encoding, lambda _done: seen(0)):
            if value.column == len(names):
                names.append(value.name)
    except RefusedRecord as error:
        refused = error
    if len(names) > COLUMNS_CAP:
        names, refused = [], _too_many_columns(len(names))
    row = 0
    for row, values in enumerate(_rows(path, encoding, len(names), seen), start=1):
        try:
            yield Record(line=row, value=_record(names, values))
        except RefusedRecord as error:
            raw = next((one for one in values if one is not None), b"")
            yield reject(path.name, row, error, raw)
    if refused is not None:
        yield reject(path.name, row + 1, refused)


def _rows(path: Path, encoding: str, count: int, seen: Seen) -> Iterator[tuple[bytes | None, ...]]:
    """Yield the values of each row as JSON text, None where a column has already ended."""

    def _quiet(_done: int) -> None:
        seen(0)

    return zip_longest(
        *(_column(path, encoding, at, seen if at == count - 1 else _quiet) for at in range(count))
    )


def _column(path: Path, encoding: str, column: int, seen: Callable[[int], None]) -> Iterator[bytes]:
    try:
        for value in _values(path, encoding, seen):
            if value.column == column:
                yield value.raw
            elif value.column > column:
                return
    except RefusedRecord:
        # Said once for the whole file, by the reader that goes through all columns.
        return


def _record(names: list[str], values: tuple[bytes | None, ...]) -> dict[str, object]:
    found: dict[str, object] = {}
    for name, raw in zip(names, values, strict=True):
        if raw is None:
            raise RefusedRecord(
                "short_column", _("The column {name} ends before this row.").format(name=name)
            )
        found.setdefault(name, decode_value(raw))
    return found


def _too_many_columns(count: int) -> RefusedRecord:
    return RefusedRecord(
        "too_many_columns",
        _("This has {count} columns, more than the {cap} that are read.").format(
            count=count, cap=COLUMNS_CAP
        ),
    )
