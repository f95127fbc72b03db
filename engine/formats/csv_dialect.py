# SPDX-License-Identifier: Apache-2.0
"""How a table is written as text: what parts its cells, and how cells hold such signs."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

import msgspec

from engine.formats import field_names
from engine.formats.cells import column_name
from engine.formats.format import LIKELY, PERHAPS, RECORD_CAP_BYTES

DELIMITERS = (",", ";", "\t", "|", "^", "~", "\x1f", "\x01")
RARE_DELIMITERS = (":", "#", "!", "/", "*", "§", "¦", "\xa0")
"""Taken only where the header cut by them has two known names: prose is full of some of them."""

SNIFFED_ROWS = 50
_HINT = re.compile(r'"?sep=(.)"?[ \t;,]*(?:\r\n|\r|\n)', re.IGNORECASE)


class Dialect(msgspec.Struct, frozen=True):
    """How cells are parted and quoted.

    Attributes:
        delimiter: Parts cells.
        quote: Encloses a cell; "" where quotes are signs as any other.
        escape: Stands before a quote inside a cell; "" where a quote is doubled instead.
        is_hinted: The first line only says what the delimiter is, as Excel writes it.
    """

    delimiter: str
    quote: str = '"'
    escape: str = ""
    is_hinted: bool = False


def reader(
    text_lines: Iterable[str], dialect: Dialect, *, is_strict: bool = True
) -> Iterator[list[str]]:
    """Return the cells of each record; strict: csv.Error where quotes do not fit."""
    # A limit of the whole process; the module has no other.
    csv.field_size_limit(RECORD_CAP_BYTES)
    return csv.reader(
        text_lines,
        delimiter=dialect.delimiter,
        quotechar=dialect.quote or None,
        quoting=csv.QUOTE_MINIMAL if dialect.quote else csv.QUOTE_NONE,
        escapechar=dialect.escape or None,
        strict=is_strict,
    )


@lru_cache(maxsize=2)
def dialect_of(text: str) -> tuple[Dialect, float]:
    """Return the dialect that makes the most even table of a text, and a score (0..1).

    A file is asked for when it is recognised, looked into and read; the last two are remembered.
    """
    hint = _HINT.match(text)
    if hint is not None:
        delimiter, score = hint[1], LIKELY
    else:
        delimiter, score = _delimiter_of(text)
    plain = Dialect(delimiter)
    others = [one for one in _others(delimiter) if _may_be(text, one)]
    # Of equals the first wins: the common way of quoting.
    best = min([plain, *others], key=lambda one: _faults(text, one)) if others else plain
    return msgspec.structs.replace(best, is_hinted=hint is not None), score


def _delimiter_of(text: str) -> tuple[str, float]:
    found = [(_evenness(text, one), one) for one in DELIMITERS]
    if max(evenness[0] for evenness, _one in found) < 2:
        rare = [(_evenness(text, one), one) for one in RARE_DELIMITERS]
        found += [one for one in rare if one[0][0] >= 2]
    (known, share, columns), best = max(found, key=lambda one: one[0])
    if known >= 2 or (known == 1 and columns > 1):
        return best, LIKELY * max(share, 0.5)
    return best, PERHAPS if known or (columns > 1 and share > 0.9) else 0.0


def _evenness(text: str, delimiter: str) -> tuple[int, float, int]:
    """Return known column names, share of rows as long as the header, and columns."""
    rows: list[list[str]] = []
    try:
        for row in reader(text.splitlines(keepends=True), Dialect(delimiter), is_strict=False):
            rows += [row] if row else []
            if len(rows) > SNIFFED_ROWS:
                break
    except csv.Error:
        return 0, 0.0, 0
    if not rows:
        return 0, 0.0, 0
    known = len(field_names.KNOWN_COLUMNS.intersection(column_name(cell) for cell in rows[0]))
    even = sum(len(row) == len(rows[0]) for row in rows[1:])
    return known, even / max(1, len(rows) - 1), len(rows[0])


def _others(delimiter: str) -> tuple[Dialect, ...]:
    return (
        Dialect(delimiter, escape="\\"),
        Dialect(delimiter, quote="'"),
        Dialect(delimiter, quote=""),
    )


def _may_be(text: str, dialect: Dialect) -> bool:
    """Return whether a text shows a sign of a dialect that is not the common one."""
    parts = re.escape(dialect.delimiter)
    if dialect.escape:
        return '\\"' in text
    if dialect.quote == "'":
        return re.search(rf"(?:^|{parts})'[^'\n]*'(?:{parts}|\r?$)", text, re.MULTILINE) is not None
    # Only tables with tabs are written without quoting, by a rule of their own (IANA).
    is_quoted = re.search(rf'(?:^|{parts})"[^"\n]*"(?:{parts}|\r?$)', text, re.MULTILINE)
    return dialect.delimiter == "\t" and '"' in text and is_quoted is None


def _faults(text: str, dialect: Dialect) -> int:
    """Return how many of the first records are broken, or not as long as the header."""
    rows = reader(text.splitlines(keepends=True), dialect)
    lengths: list[int] = []
    while len(lengths) <= SNIFFED_ROWS:
        try:
            row = next(rows, None)
        except csv.Error:
            lengths.append(-1)
            continue
        if row is None:
            break
        lengths += [len(row)] if row else []
    return sum(one != lengths[0] for one in lengths)
