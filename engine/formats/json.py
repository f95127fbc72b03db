# SPDX-License-Identifier: Apache-2.0
"""JSON: a list of rows, an object that holds such a list or columns, or objects in sequence.

The file is cut into values without ever holding more than one of them, so its size does not matter.
A value that is broken within its own brackets is rejected alone.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from pathlib import Path

from engine.domain.dataset import Reject
from engine.errors import mark
from engine.formats import field_names, json_columns
from engine.formats.encoding import decoded_head, unicode_encoding
from engine.formats.format import (
    CERTAIN,
    HEAD_BYTES,
    LIKELY,
    RECORD_CAP_BYTES,
    Format,
    Record,
    Seen,
)
from engine.formats.json_value import decode_record
from engine.formats.jsonl import share_of_whole_lines
from engine.formats.refusal import RefusedRecord, broken_json, reject, too_long
from engine.formats.source import read_head, utf8_blocks
from engine.formats.wording import translated as _

LOOKAHEAD_BYTES = 64 * 1024
"""How much of an object is looked at to tell whether it is a row or holds rows."""

EXCERPT_BYTES = 1024
AGAIN_CAP_BYTES = 32 << 20
"""How much is read a second time, over the whole file, to go on behind values that do not end."""

_TOKEN = re.compile(rb'"[^"\\\n]*+(?:\\.[^"\\\n]*+)*+"|["\[\]{},]', re.DOTALL)
_TEXT = re.compile(rb"\S")
_COLON = re.compile(rb"\s*:")
_LIST_START = re.compile(r"\[\s*(?:(?:\[\s*)?[{\"]|\]\s*$)")
_OBJECT_START = re.compile(r"\{\s*(?:[\"}]|$)")
_CLOSING = {b"{": b"}", b"[": b"]"}
_OPENING = {b"}": b"{", b"]": b"["}
_END_OF_PLACE = {"list": b"]", "members": b"}"}
_ROW_IN_LIST = [b"{", b"[", b"{"]
_NEVER_ROWS = frozenset(field_names.TOOLS)


def holds_rows(text: bytes) -> bool:
    """Return whether an object holds rows in a list, rather than being a row itself.

    Rows are objects without a role; a list of objects with roles is a conversation.

    Args:
        text: The object, or its start.
    """
    names, lists = _names_of(text)
    rows = {
        one
        for one, inner in lists.items()
        if one not in _NEVER_ROWS and inner.isdisjoint(field_names.ROLES)
    }
    return bool(rows) and field_names.KNOWN.isdisjoint(names - rows)


def _names_of(text: bytes) -> tuple[set[str], dict[str, set[str]]]:
    """Return the names of an object, and for each list of objects in it the names of these."""
    path: list[bytes] = []
    names: set[str] = set()
    lists: dict[str, set[str]] = {}
    name = list_name = ""
    for token in _TOKEN.finditer(text):
        sign = token[0][:1]
        if sign in _CLOSING:
            list_name = name if len(path) == 1 else list_name
            path.append(sign)
            if path == _ROW_IN_LIST:
                lists.setdefault(list_name, set())
        elif sign == b'"' and _COLON.match(text, token.end()):
            name = token[0][1:-1].decode(errors="replace").lower()
            target = lists[list_name] if path == _ROW_IN_LIST else names
            if path in (_ROW_IN_LIST, [b"{"]):
                target.add(name)
        elif path and sign == _CLOSING[path[-1]]:
            path.pop()
            if not path:
                break
    return names, lists


class _Cutter:
    """Cuts blocks of UTF-8 text into the JSON values that are rows.

    Between values it stands in `places`: nothing (top level), a list of rows, or the members of an
    object that holds such lists. `opened` holds the brackets opened inside the current value.
    Where brackets do not match, the value is rejected up to the next line that opens a value as
    this one was opened, and reading goes on there; from then on every such line opens a value.
    """

    def __init__(self, file: str) -> None:
        self._file = file
        self._places: list[str] = []
        self._opened: list[bytes] = []
        self._buffer = b""
        self._start: int = 0  # of the current value in the buffer
        self._scanned: int = 0  # tokens before here are done
        self._counted = 0  # line ends before here are in _line
        self._line = 1
        self._long_line = 0  # where a value began that is too long to be held; else 0
        self._again_bytes = AGAIN_CAP_BYTES
        self._margin = b""  # with which a line opens a value, known once one was broken
        self._is_first = True
        self._is_last_block = False

    def feed(self, block: bytes) -> Iterator[Record | Reject]:
        """Yield what is complete with one more block."""
        if self._scanned - self._start > RECORD_CAP_BYTES and not self._long_line:
            yield from self._resynchronise()
        self._forget()
        self._buffer += block
        yield from self._scan()

    def finish(self) -> Iterator[Record | Reject]:
        """Yield what is left at the end of the file."""
        self._is_last_block = True
        yield from self._scan()
        while self._opened and (yield from self._resynchronise()):
            yield from self._scan()
        if self._opened or self._places:
            first = self._first()
            line = self._long_line or self._count_lines(first)
            refused = broken_json(_("the file ends before this is closed"))
            yield reject(self._file, line, refused, self._buffer[first : first + EXCERPT_BYTES])
        else:
            yield from self._value(len(self._buffer))

    def _forget(self) -> None:
        """Drop what is done from the buffer, and what is too long to be kept."""
        is_long = self._scanned - self._start > RECORD_CAP_BYTES
        is_long_string = len(self._buffer) - self._scanned > RECORD_CAP_BYTES
        if (is_long or is_long_string) and not self._long_line:
            self._long_line = self._count_lines(self._first())
        if is_long:
            self._start = self._scanned
        self._count_lines(self._start)
        rest = self._buffer[self._start :]
        self._scanned -= self._start
        self._counted -= self._start
        self._start = 0
        if is_long_string:
            self._line += rest.count(b"\n", self._counted)
            is_escape_open = (len(rest) - len(rest.rstrip(b"\\"))) % 2 == 1
            rest = b'"\\' if is_escape_open else b'"'
            self._scanned = self._counted = 0
        self._buffer = rest

    def _count_lines(self, position: int) -> int:
        """Return the line number at a position of the buffer, from 1."""
        if position > self._counted:
            self._line += self._buffer.count(b"\n", self._counted, position)
            self._counted = position
        return self._line

    def _scan(self) -> Iterator[Record | Reject]:
        """Go through the tokens of the buffer as far as what they mean is known."""
        is_on = True
        while is_on:
            is_on = False
            for token in _TOKEN.finditer(self._buffer, self._scanned):
                sign, at = token[0][:1], token.start()
                if self._is_short_of(at, sign, is_whole=len(token[0]) > 1):
                    self._scanned = at
                    return
                self._scanned = token.end()
                if not self._opened:
                    yield from self._between(sign, at)
                elif not self._matches(sign, at):
                    is_on = yield from self._mismatch()
                    break
                elif not self._opened:
                    yield from self._value(token.end())
        self._scanned = len(self._buffer)

    def _matches(self, sign: bytes, position: int) -> bool:
        """Open or close a bracket inside a value; return False where it belongs to another one."""
        if sign in _CLOSING:
            self._opened.append(sign)
            return not self._margin or not self._buffer.endswith(self._margin, 0, position)
        if sign in _OPENING:
            return self._opened.pop() == _OPENING[sign]
        return True

    def _is_short_of(self, position: int, sign: bytes, *, is_whole: bool) -> bool:
        """Return whether more must be read to know what a token means."""
        if self._is_last_block:
            return False
        if sign == b'"':
            return not is_whole and self._buffer.find(b"\n", position) < 0
        is_undecided = self._is_first or self._places[-1:] == ["members"]
        is_short = len(self._buffer) - position < LOOKAHEAD_BYTES
        return is_undecided and is_short and not self._opened and sign in _CLOSING

    def _mismatch(self) -> Generator[Record | Reject, None, bool]:
        """Leave a value whose brackets do not match; return True, for the rest goes on."""
        end = self._scanned
        if not (yield from self._resynchronise()):
            self._opened.clear()
            yield from self._value(end)
        return True

    def _resynchronise(self) -> Generator[Reject, None, bool]:
        """Reject the current value up to the next line that opens one; return whether there is."""
        first = self._first()
        line_end = self._buffer.rfind(b"\n", self._start, first)
        margin = self._buffer[line_end:first] if line_end >= 0 else b""
        pattern = re.escape(margin) if margin else rb"\n[ \t]*"
        again = re.compile(pattern + rb"(?=[{\[])").search(self._buffer, first + 1)
        taken_bytes = self._scanned - first
        if again is None or self._long_line or taken_bytes > self._again_bytes:
            return False
        self._again_bytes -= taken_bytes
        self._margin = margin or self._margin
        refused = broken_json(_("its brackets do not match"))
        excerpt = self._buffer[first : min(again.end(), first + EXCERPT_BYTES)]
        yield reject(self._file, self._count_lines(first), refused, excerpt)
        self._opened.clear()
        self._start = self._scanned = again.end()
        return True

    def _first(self) -> int:
        """Return where in the buffer the text of the current value begins."""
        found = _TEXT.search(self._buffer, self._start)
        return found.start() if found else len(self._buffer)

    def _between(self, sign: bytes, position: int) -> Iterator[Record | Reject]:
        """Go on between values: into a list or an object that holds rows, or out of it."""
        place = self._places[-1] if self._places else ""
        if sign == b",":
            yield from self._value(position)
            self._start = position + 1
        elif sign in _CLOSING:
            inner = self._place_behind(place, sign, position)
            self._is_first = False
            if inner:
                self._places.append(inner)
                self._start = position + 1
            else:
                self._opened.append(sign)
        elif sign == _END_OF_PLACE.get(place):
            yield from self._value(position)
            self._places.pop()
            self._start = position + 1

    def _place_behind(self, place: str, sign: bytes, position: int) -> str:
        """Return what a bracket opens: a list of rows, the members of an object, or a value."""
        ahead = self._buffer[position : position + LOOKAHEAD_BYTES]
        if not place and sign == b"[":
            return "list"
        if not place and self._is_first and holds_rows(ahead):
            return "members"
        if place == "members" and sign == b"[" and ahead[1:].lstrip().startswith(b"{"):
            return "list"
        return ""

    def _value(self, end: int) -> Iterator[Record | Reject]:
        """Yield the value that ends at a position, if there is one."""
        raw = self._buffer[self._start : end]
        body = raw.lstrip()
        line = self._count_lines(end - len(body))
        self._start = end
        long_line, self._long_line = self._long_line, 0
        if self._places[-1:] == ["members"]:
            return
        if long_line or len(body) > RECORD_CAP_BYTES:
            yield reject(self._file, long_line or line, too_long())
        elif body:
            try:
                yield Record(line=line, value=decode_record(body))
            except RefusedRecord as refused:
                yield reject(self._file, line, refused, body)


def sniff(path: Path, head: bytes) -> float:
    """Score by the first bracket; the more lines are whole values, the rather it is JSON Lines."""
    del path
    text = decoded_head(head).lstrip()
    share = share_of_whole_lines(text, is_cut=len(head) >= HEAD_BYTES)
    if text.startswith("["):
        is_one = "\n" not in text.strip()
        return 0.9 * (1.0 if is_one else 1 - share) if _LIST_START.match(text) else 0.0
    if not _OBJECT_START.match(text):
        return 0.0
    if holds_rows(text[:LOOKAHEAD_BYTES].encode("utf-8", errors="replace")):
        return 0.98 * CERTAIN
    if _is_of_columns(text, share):
        return 0.98 * CERTAIN
    return LIKELY * (1 - share)


def _is_of_columns(text: str, share_of_whole_lines: float) -> bool:
    """Return whether this is one object of columns, and not one such object on every line."""
    is_one = share_of_whole_lines == 0 or "\n" not in text.strip()
    return is_one and json_columns.holds_columns(text)


def read(path: Path, seen: Seen) -> Iterator[Record | Reject]:
    """Yield every row of the list, or every value, as a record or as a reject."""
    head = read_head(path)
    encoding, text = unicode_encoding(head), decoded_head(head).lstrip()
    if _is_of_columns(text, share_of_whole_lines(text, is_cut=len(head) >= HEAD_BYTES)):
        yield from json_columns.read(path, encoding, seen)
        return
    cutter = _Cutter(path.name)
    for block in utf8_blocks(path, encoding, seen):
        yield from cutter.feed(block)
    yield from cutter.finish()


FORMAT = Format(
    id="json",
    title=mark("JSON"),
    suffixes=(".json",),
    sniff=sniff,
    read=read,
)
