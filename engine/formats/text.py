# SPDX-License-Identifier: Apache-2.0
"""Plain text and Markdown.

A file of up to SECTION_CHARACTERS is one row. A longer one is cut where a blank line stands, into
sections of about that length, so that a row holds as much context as a training example can use.
Text without blank lines is cut at the end of a line once a section has grown to four times that.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from engine.domain.dataset import Reject, TextRow
from engine.errors import mark
from engine.formats.document import questions_of
from engine.formats.encoding import decoded_head, looks_like_text, text_parts
from engine.formats.format import PERHAPS, Block, Format, Record, Seen
from engine.formats.markdown import text_blocks
from engine.formats.packed import size_bytes
from engine.formats.refusal import RefusedRecord, bad_encoding, nul_character, reject, too_long
from engine.formats.source import lines, read_head

WHOLE_BYTES = 8 << 20
"""A larger text is not looked at as a whole, whether it consists of questions."""

LEAST_HEADINGS = 2
"""Headings of Markdown in the head of a file that make it Markdown whatever its name."""

_MARKDOWN = (".md", ".markdown")
_HEADING = re.compile(r"#{1,6} \S")
SECTION_CHARACTERS = 4000
"""About 1,000 tokens of English (4 characters per token)."""


def sniff(path: Path, head: bytes) -> float:
    """Score any text as possible: nothing in it can say that it is only text."""
    del path
    return PERHAPS if looks_like_text(head) else 0.0


class _Section:
    """Lines gathered for one row."""

    def __init__(self) -> None:
        self.first_line = 0
        self.characters = 0
        self._parts: list[str] = []

    def add(self, number: int, line: str) -> None:
        """Add one line."""
        if not self._parts:
            self.first_line = number
        self._parts.append(line)
        self.characters += len(line)

    def take(self) -> Iterator[Record]:
        """Yield what was gathered, unless it is blank, and begin anew."""
        text = "".join(self._parts).replace("\r\n", "\n").replace("\r", "\n").strip("\n")
        if text.strip():
            yield Record(line=self.first_line, value=TextRow(text=text))
        self._parts = []
        self.characters = 0


def read(path: Path, seen: Seen) -> Iterator[Record | Reject]:
    """Yield the sections of a text, and a reject for every line that is no text.

    A text that consists of questions with answers becomes these.
    """
    if size_bytes(path) <= WHOLE_BYTES:
        known = [one for one in blocks(path, seen) if isinstance(one, Block)]
        pairs = questions_of(known)
        if pairs:
            for line, asked, answered in pairs:
                yield Record(line=line, value={"question": asked, "answer": answered})
            return
    section = _Section()
    for number, raw in enumerate(lines(text_parts(path, read_head(path), seen)), start=1):
        try:
            line = _text_line(raw)
        except RefusedRecord as refused:
            yield reject(path.name, number, refused, raw or "")
            continue
        if section.characters >= (4 * SECTION_CHARACTERS if line.strip() else SECTION_CHARACTERS):
            yield from section.take()
        section.add(number, line)
    yield from section.take()


def _text_line(raw: bytes | None) -> str:
    if raw is None:
        raise too_long()
    if b"\0" in raw:
        raise nul_character()
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise bad_encoding() from error


def blocks(path: Path, seen: Seen) -> Iterator[Block | Reject]:
    """Yield the paragraphs of a text, and the headings where it is Markdown.

    Lines that are no text are left to the ordinary way of reading, which names them.
    """
    head = read_head(path)
    is_markdown = path.suffix.lower() in _MARKDOWN or _has_headings(decoded_head(head))
    numbered = enumerate(lines(text_parts(path, head, seen)), start=1)
    refused: list[Reject] = []
    yield from text_blocks(_kept(path, numbered, refused), is_markdown=is_markdown)
    yield from refused


def _kept(
    path: Path, numbered: Iterable[tuple[int, bytes | None]], refused: list[Reject]
) -> Iterator[tuple[int, str]]:
    for number, raw in numbered:
        try:
            yield number, _text_line(raw).rstrip("\r\n")
        except RefusedRecord as error:
            refused.append(reject(path.name, number, error, raw or ""))


def _has_headings(text: str) -> bool:
    return sum(1 for line in text.splitlines() if _HEADING.match(line)) >= LEAST_HEADINGS


FORMAT = Format(
    id="text",
    title=mark("Plain text or Markdown"),
    suffixes=(".txt", ".md", ".markdown", ".text", ".rst"),
    sniff=sniff,
    read=read,
    blocks=blocks,
)
