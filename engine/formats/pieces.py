# SPDX-License-Identifier: Apache-2.0
"""Cutting documents into pieces of at most so many tokens, where a reader would cut them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice

import msgspec

from engine.domain.chunking import Chunking, TokenCounts, estimated_tokens
from engine.formats.format import Block

_BATCH = 256
"""Texts that are counted together."""

_LONGEST_TOKEN = 16
"""Characters that tokens have on average at most. A text of more is cut without being counted."""

_USUAL_TOKEN = 8
"""Characters of a text for each token of it that may be repeated; what is before is not."""

_REMEASURED = 16
"""A piece is filled up to 15/16: what the sum of its parts may be wrong by is measured anew."""

_GAP = "\n\n"
_PARAGRAPHS = re.compile(r"\n{2,}")
_SENTENCES = re.compile(r"\n{2,}|(?<=[.!?…])\s+|(?<=[。！？])\s*")  # marks of Chinese and Japanese
_LINES = re.compile(r"\n+")
_WORDS = re.compile(r"\s+")
_BORDERS = (_PARAGRAPHS, _SENTENCES, _LINES, _WORDS)
_SLICES = 64
_MARKS = 8
"""Marks above and below a letter that a cut leaves with it."""


class Chunk(msgspec.Struct, frozen=True, gc=False):
    """A piece of a document.

    Attributes:
        line: Where it begins.
        text: Its text, under the headings that it stands under.
        tokens: How many tokens it has.
        overlap_start: Where the part begins that the piece before ends with.
        overlap_end: Where it ends; both 0 where there is none.
    """

    line: int
    text: str
    tokens: int
    overlap_start: int = 0
    overlap_end: int = 0


class _Part(msgspec.Struct, frozen=True, gc=False):
    """What goes into a piece as a whole.

    Attributes:
        line: Where it stands.
        before: What parts it from the part before; left out at the beginning of a piece.
        text: Its text.
        tokens: How many more tokens a piece has with it, roughly; too many where not counted.
        depth: The borders at which it can be cut are those from here on.
        is_heading: It is a heading that stands within a piece.
    """

    line: int
    before: str
    text: str
    tokens: int
    depth: int = 0
    is_heading: bool = False


def chunks_of(
    blocks: Iterable[Block], chunking: Chunking, count: TokenCounts = estimated_tokens
) -> Iterator[Chunk]:
    """Cut a document: at headings, then between paragraphs, sentences, lines, words and letters.

    A heading begins a new piece where the one before is at least a quarter full. Every piece
    stands under its headings. No text is lost, and no piece is longer than asked for. The time
    grows with the document: a text is counted a few times, whatever the number of its pieces.

    Args:
        blocks: The document.
        chunking: How long pieces are.
        count: Counts the tokens.
    """
    writer = _ChunkWriter(chunking, count)
    source = iter(blocks)
    while group := list(islice(source, _BATCH)):
        counted = writer.counted(_GAP + one.text for one in group)
        for block, tokens in zip(group, counted, strict=True):
            yield from writer.add(block, tokens)
    yield from writer.end()


class _ChunkWriter:
    """Gathers parts until a piece is full."""

    def __init__(self, chunking: Chunking, count: TokenCounts) -> None:
        self._most = chunking.tokens
        self._most_repeated = chunking.overlap_tokens
        self._count = count
        self._always = count([""])[0]
        self._room_of_all = self._most - self._always - self._most_repeated
        self._headings: list[Block] = []
        self._bare: Block | None = None
        self._path = ""
        self._overlap = ""
        self._parts: list[_Part] = []
        self._last = ("", self._always)
        self._begin()

    # --- what comes in ---------------------------------------------------------------------------

    def add(self, block: Block, tokens: int) -> Iterator[Chunk]:
        """Add a block; yield the pieces that are full by that."""
        is_heading = block.level > 0 and tokens * 2 <= self._room_of_all
        part = _Part(block.line, _GAP, block.text, tokens, is_heading=is_heading)
        if not is_heading:
            yield from self._place(part)
            return
        yield from self._keep_bare(block.level)
        is_filled = self._size * 4 >= self._most or self._size + tokens > self._most
        if self._parts and not is_filled:
            # A short section goes on in the same piece, its heading as a line of it.
            self._nest(block)
            yield from self._place(part)
            return
        yield from self.take()
        self._nest(block)
        self._begin()
        if self._path.endswith(block.text):
            self._bare = block
        else:
            yield from self._place(part)

    def end(self) -> Iterator[Chunk]:
        """Yield what is left."""
        yield from self._keep_bare(0)
        yield from self.take()

    def _keep_bare(self, level: int) -> Iterator[Chunk]:
        """Keep as text a heading without anything below it, where the next is not below either."""
        bare = self._bare
        if bare is None or level > bare.level:
            return
        self._headings.remove(bare)
        self._begin()
        (tokens,) = self.counted([_GAP + bare.text])
        yield from self._place(_Part(bare.line, _GAP, bare.text, tokens))

    def _nest(self, block: Block) -> None:
        self._headings = [one for one in self._headings if one.level < block.level]
        self._headings.append(block)

    # --- parts -----------------------------------------------------------------------------------

    def counted(self, texts: Iterable[str]) -> list[int]:
        """Return how many tokens each text adds to a piece, too many for what is very long."""
        known, too_many = list(texts), self._most + 1
        longest = _LONGEST_TOKEN * self._most
        short = [one for one in known if len(one) <= longest]
        found = iter(self._count(short) if short else ())
        return [
            max(next(found) - self._always, 0) if len(one) <= longest else too_many for one in known
        ]

    def _place(self, part: _Part) -> Iterator[Chunk]:
        """Add a part to the piece, or to the next, or cut it where it fits into none."""
        self._bare = None
        if part.tokens > self._room and len(part.text) > 1:
            for one in self._cut(part):
                yield from self._place(one)
            return
        while self._parts and self._size + part.tokens > self._most:
            if self._since * _REMEASURED > self._most:
                self._size, self._since = self._tokens_of(self._text(self._parts)), 0
            else:
                yield from self.take(goes_on=True)
        self._parts.append(part)
        self._size += part.tokens
        self._since += part.tokens

    def _cut(self, part: _Part) -> Iterator[_Part]:
        """Yield a part in smaller ones, at the coarsest borders that it has."""
        size = min(self._room // 8, len(part.text) // 2)
        found = _slices(part, max(size, len(part.text) // _SLICES, 1))
        for depth in range(part.depth, len(_BORDERS)):
            source = _between(part, _BORDERS[depth], depth + 1)
            first = list(islice(source, 2))
            if len(first) > 1:
                found = chain(first, source)
                break
        while group := list(islice(found, _BATCH)):
            counts = self.counted(one.before + one.text for one in group)
            for one, tokens in zip(group, counts, strict=True):
                yield msgspec.structs.replace(one, tokens=tokens)

    # --- pieces ----------------------------------------------------------------------------------

    def _begin(self, overlap: str = "") -> None:
        """Begin a piece under the present headings."""
        whole = " > ".join(one.text for one in self._headings)
        last = self._headings[-1].text if self._headings else ""
        sizes = self.counted((whole + _GAP, last + _GAP, overlap))
        # Headings must leave room for what stands below them.
        known = zip((whole, last, ""), [*sizes[:2], 0], strict=True)
        self._path, size = next(one for one in known if one[1] * 2 <= self._room_of_all)
        self._room = self._room_of_all - size - 2
        self._overlap = overlap
        self._size = self._always + size + sizes[2]
        self._since = 0

    def take(self, *, goes_on: bool = False) -> Iterator[Chunk]:
        """Yield what was gathered, if anything, and begin anew.

        Args:
            goes_on: What follows belongs to the same section, so that the end may be repeated.
        """
        parts, self._parts = self._parts, []
        if not parts:
            return
        # What follows a heading at the end of a piece stands under it in the next one.
        last = [parts.pop()] if goes_on and len(parts) > 1 and parts[-1].is_heading else []
        number = self._fitting(parts)
        taken, rest = parts[:number], parts[number:]
        if taken:
            yield self._chunk(taken)
        else:
            rest = [*self._cut(rest[0]), *rest[1:]]
        self._begin(self._repeated(taken) if goes_on or rest else "")
        shown = self._path.endswith(tuple(one.text for one in last))
        for one in [*rest, *(last if not shown else ())]:
            yield from self._place(one)
        if rest and not goes_on:
            yield from self.take()

    def _fitting(self, parts: Sequence[_Part]) -> int:
        """Return how many parts fit; what is repeated and the headings give way to the first."""
        number = len(parts)
        while number:
            excess = self._tokens_of(self._text(parts[:number])) - self._most
            if excess <= 0 or (number == 1 and len(parts[0].text) == 1):
                break
            if number == 1 and not self._overlap and not self._path:
                return 0
            if number == 1:
                self._path = self._path if self._overlap else ""
                self._overlap = ""
            while excess > 0 and number > 1:
                number -= 1
                excess -= max(parts[number].tokens, 1)
        return number

    def _chunk(self, parts: Sequence[_Part]) -> Chunk:
        text = self._text(parts)
        start = len(self._path) + len(_GAP) if self._path else 0
        overlap = (start, start + len(self._overlap)) if self._overlap else (0, 0)
        return Chunk(parts[0].line, text, self._tokens_of(text), *overlap)

    def _text(self, parts: Sequence[_Part]) -> str:
        head = f"{self._path}{_GAP}" if self._path else ""
        return f"{head}{self._overlap}{_joined(parts, whole=bool(self._overlap))}"

    def _tokens_of(self, text: str) -> int:
        if text != self._last[0]:
            self._last = (text, self._count([text])[0])
        return self._last[1]

    def _repeated(self, parts: Sequence[_Part]) -> str:
        """Return as much of the end as may be repeated: whole sentences, else lines, else words."""
        most = self._most_repeated
        text = _joined(parts) if most else ""
        tail = text[-_USUAL_TOKEN * most :]
        for border in (_SENTENCES, _LINES, _WORDS):
            found = list(_between(_Part(0, "", tail, 0), border, 0))
            found = found[1:] if len(tail) < len(text) else found
            left, kept = most, len(found)
            counts = self.counted(one.before + one.text for one in found)
            while kept and counts[kept - 1] <= left:
                kept -= 1
                left -= counts[kept]
            for first in range(kept, len(found)):
                repeated = _joined(found[first:])
                if self._count([repeated])[0] - self._always <= most:
                    return repeated
        return ""


def _joined(parts: Sequence[_Part], *, whole: bool = False) -> str:
    """Return parts as one text; only the whole of it has what stands before the first."""
    text = "".join(one.before + one.text for one in parts)
    return text if whole or not parts else text[len(parts[0].before) :]


def _between(part: _Part, border: re.Pattern[str], depth: int) -> Iterator[_Part]:
    """Yield what stands between the borders of a text, in parts that are not counted yet."""
    before, end = part.before, 0
    for found in border.finditer(part.text):
        if found.start() > end:
            yield _Part(part.line, before, part.text[end : found.start()], 0, depth)
            before = ""
        before += found[0]
        end = found.end()
    if end < len(part.text):
        yield _Part(part.line, before, part.text[end:], 0, depth)


def _slices(part: _Part, size: int) -> Iterator[_Part]:
    """Yield a text in slices of about so many characters, in parts that are not counted yet."""
    text, start, before = part.text, 0, part.before
    while start < len(text):
        end = min(start + size, len(text))
        for _mark in range(min(_MARKS, end - start - 1)):
            if end == len(text) or not unicodedata.category(text[end]).startswith("M"):
                break
            end -= 1
        yield _Part(part.line, before, text[start:end], 0, part.depth)
        start, before = end, ""
