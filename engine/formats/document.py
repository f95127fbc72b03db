# SPDX-License-Identifier: Apache-2.0
"""Documents as blocks, and how they become rows: by section and length, or as questions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec

from engine.domain.chunking import Chunking, about_tokens
from engine.domain.dataset import Reject, TextRow
from engine.formats.format import Block, Format, Record, Seen

WHOLE_CHARACTERS = 32 << 20
"""Of a longer document the form of all of it is not looked at; it is cut as it is read."""

LEAST_QUESTIONS = 3
LEAST_SHARE = 0.8
"""Share of the headings with a text below that must be questions."""

_SENTENCE = re.compile(r"(?<=[.!?…。！？])\s+")  # marks of Chinese and Japanese
_ASKED = re.compile(r"(?:Q|Question|Frage|F)\s*\d*\s*[:.)]\s*(.*)", re.S)
_ANSWERED = re.compile(r"(?:A|Answer|Antwort)\s*\d*\s*[:.)]\s*(.*)", re.S)
_END_OF_QUESTION = ("?", "？")  # the mark of Chinese and Japanese


class Chunk(msgspec.Struct, frozen=True, gc=False):
    """A piece of a document.

    Attributes:
        line: Where it begins.
        text: Its text, under the headings that it stands under.
        overlap_start: Where the part begins that the piece before ends with.
        overlap_end: Where it ends; both 0 where there is none.
    """

    line: int
    text: str
    overlap_start: int = 0
    overlap_end: int = 0


def cut(used: Format, chunking: Chunking) -> Format:
    """Return a format whose documents are cut so; any other format as it is."""
    blocks = used.blocks
    if blocks is None:
        return used

    def read(path: Path, seen: Seen) -> Iterator[Record | Reject]:
        """Yield the pieces of a document."""
        return document_records(blocks(path, seen), chunking)

    return msgspec.structs.replace(used, read=read)


def document_records(
    blocks: Iterable[Block | Reject], chunking: Chunking
) -> Iterator[Record | Reject]:
    """Yield what a document becomes: questions with answers, or texts."""
    source = iter(blocks)
    known: list[Block] = []
    room = WHOLE_CHARACTERS
    for one in source:
        if isinstance(one, Reject):
            yield one
            continue
        known.append(one)
        room -= len(one.text)
        if room < 0:
            break
    pairs = questions_of(known) if room >= 0 and chunking.finds_questions else []
    if pairs:
        for line, asked, answered in pairs:
            yield Record(line=line, value={"question": asked, "answer": answered})
        return
    rejects: list[Reject] = []
    for chunk in chunks_of(_all(known, source, rejects), chunking):
        yield Record(line=chunk.line, value=TextRow(text=chunk.text))
    yield from rejects


def _all(
    known: Sequence[Block], source: Iterator[Block | Reject], rejects: list[Reject]
) -> Iterator[Block]:
    yield from known
    for one in source:
        if isinstance(one, Reject):
            rejects.append(one)
        else:
            yield one


# --- questions -----------------------------------------------------------------------------------


def questions_of(blocks: Sequence[Block]) -> list[tuple[int, str, str]]:
    """Return line, question and answer where a whole document consists of them, else nothing."""
    return _marked_questions(blocks) or _asking_headings(blocks)


def _marked_questions(blocks: Sequence[Block]) -> list[tuple[int, str, str]]:
    """Return what stands behind `Q:` and `A:`; what comes before the first is an introduction."""
    pairs: list[tuple[int, list[str], list[str]]] = []
    for block in blocks:
        if block.level:
            continue
        question, answer = _ASKED.fullmatch(block.text), _ANSWERED.fullmatch(block.text)
        if question is not None:
            pairs.append((block.line, [question[1].strip()], []))
        elif pairs:
            _line, asked, answered = pairs[-1]
            # A further paragraph goes on with what came last.
            goes_on = answered if answer is not None or answered else asked
            goes_on.append(block.text if answer is None else answer[1].strip())
    found = [(line, _joined(asked), _joined(answered)) for line, asked, answered in pairs]
    is_whole = all(asked and answered for _line, asked, answered in found)
    return found if len(found) >= LEAST_QUESTIONS and is_whole else []


def _asking_headings(blocks: Sequence[Block]) -> list[tuple[int, str, str]]:
    """Return headings that ask, each with the text below it."""
    pairs: list[tuple[int, str, str]] = []
    heading: Block | None = None
    body: list[str] = []
    others = 0
    for block in (*blocks, Block(0, "", 1)):
        if not block.level:
            body.append(block.text)
            continue
        if heading is not None and body:
            if heading.text.endswith(_END_OF_QUESTION):
                pairs.append((heading.line, heading.text, _joined(body)))
            else:
                others += 1
        heading, body = block, []
    is_form = len(pairs) >= LEAST_QUESTIONS and len(pairs) >= LEAST_SHARE * (len(pairs) + others)
    return pairs if is_form else []


def _joined(parts: Sequence[str]) -> str:
    return "\n\n".join(one for one in parts if one)


# --- pieces --------------------------------------------------------------------------------------


def chunks_of(blocks: Iterable[Block], chunking: Chunking) -> Iterator[Chunk]:
    """Cut a document: at headings, then between paragraphs, then sentences, then words.

    A heading begins a new piece where the one before is at least a quarter full. Every piece
    stands under its headings. No text is lost, and no piece is longer than asked for, save where a
    single word is.
    """
    writer = _ChunkWriter(chunking)
    for block in blocks:
        yield from writer.add(block)
    yield from writer.take()


class _ChunkWriter:
    """Gathers blocks until a piece is full."""

    def __init__(self, chunking: Chunking) -> None:
        self._chunking = chunking
        self._headings: list[Block] = []
        self._path = ""
        self._parts: list[str] = []
        self._line = 0
        self._overlap: list[str] = []

    def add(self, block: Block) -> Iterator[Chunk]:
        """Add a block; yield the piece that it does not fit into any more."""
        if block.level:
            yield from self._add_heading(block)
            return
        for part in _fitting(block.text, self._room()):
            if self._parts and self._size([*self._parts, part]) > self._chunking.tokens:
                yield from self.take(goes_on=True)
            if not self._parts:
                self._line = block.line
            self._parts.append(part)

    def _add_heading(self, block: Block) -> Iterator[Chunk]:
        if (
            self._size(self._parts) * 4 >= self._chunking.tokens
            or not self._parts
            or self._size([*self._parts, block.text]) > self._chunking.tokens
        ):
            yield from self.take()
            self._nest(block)
        else:
            # A short section goes on in the same piece, its heading as a line of it.
            self._parts.append(block.text)
            self._headings = [one for one in self._headings if one.level < block.level]
            self._headings.append(block)

    def _nest(self, block: Block) -> None:
        self._headings = [one for one in self._headings if one.level < block.level]
        self._headings.append(block)
        path = " > ".join(one.text for one in self._headings)
        # Headings must leave room for what stands below them.
        is_short = about_tokens(path) * 2 <= self._chunking.tokens
        last = block.text if about_tokens(block.text) * 2 <= self._chunking.tokens else ""
        self._path = path if is_short else last
        if not self._path:
            self._parts = list(_fitting(block.text, self._chunking.tokens))[:1]
            self._line = block.line

    def take(self, *, goes_on: bool = False) -> Iterator[Chunk]:
        """Yield what was gathered, if anything, and begin anew.

        Args:
            goes_on: What follows belongs to the same section, so that the end may be repeated.
        """
        if self._parts:
            text = _under(self._path, [*self._overlap, *self._parts])
            start = len(self._path) + 2 if self._path else 0
            end = start + len("\n\n".join(self._overlap))
            yield Chunk(self._line, text, *((start, end) if self._overlap else (0, 0)))
            self._overlap = self._repeated() if goes_on else []
        self._parts = []

    def _repeated(self) -> list[str]:
        """Return the last sentences, as many as may be repeated."""
        chosen: list[str] = []
        for sentence in reversed(_SENTENCE.split(self._parts[-1])):
            if about_tokens(" ".join([sentence, *chosen])) > self._chunking.overlap_tokens:
                break
            chosen.insert(0, sentence)
        return [" ".join(chosen)] if chosen else []

    def _room(self) -> int:
        """Return the tokens that one part may have, beside headings and what is repeated."""
        taken = about_tokens(self._path) + self._chunking.overlap_tokens + 2
        return max(self._chunking.tokens - taken, 1)

    def _size(self, parts: Sequence[str]) -> int:
        return about_tokens(_under(self._path, [*self._overlap, *parts])) if parts else 0


def _under(path: str, parts: Sequence[str]) -> str:
    return "\n\n".join([path, *parts] if path else parts)


def _fitting(text: str, tokens: int) -> Iterator[str]:
    """Yield a text in parts of at most so many tokens: whole, by sentences, or by words."""
    if about_tokens(text) <= tokens:
        yield text
        return
    pieces = _SENTENCE.split(text)
    if len(pieces) == 1:
        pieces = text.split()
    kept: list[str] = []
    for piece in pieces:
        if kept and about_tokens(" ".join([*kept, piece])) > tokens:
            yield " ".join(kept)
            kept = []
        if about_tokens(piece) > tokens and len(piece.split()) > 1:
            yield from _fitting(piece, tokens)
        else:
            kept.append(piece)
    if kept:
        yield " ".join(kept)
