# SPDX-License-Identifier: Apache-2.0
"""What a dataset format is: how its content is recognised, and how its records are read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from engine.domain.dataset import Reject

if TYPE_CHECKING:
    from engine.formats.plain_rows import PlainRows

HEAD_BYTES = 256 * 1024
"""How much of a file a sniffer sees."""

RECORD_CAP_BYTES = 16 << 20
"""Longest line, JSON value or cell that is read; a longer one is rejected unread."""

DEPTH_CAP = 64
"""Deepest nesting of a JSON value that is read."""

CERTAIN, LIKELY, PERHAPS = 1.0, 0.8, 0.1
"""Scores: nothing else can be meant; it looks like it; nothing speaks against it."""

Seen = Callable[[int], None]
"""Told by a reader, before each block, how many bytes of the file it has gone through.

It may raise to end the reading there."""


class Block(msgspec.Struct, frozen=True, gc=False):
    """A heading or a paragraph of a document.

    Attributes:
        line: Its line, paragraph or page.
        text: Its text, without blanks around it.
        level: 1 and more for a heading, 0 for text.
    """

    line: int
    text: str
    level: int = 0


class Record(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One record of a source file, before its shape is known.

    Attributes:
        line: Line (text formats) or row number (tables), from 1.
        value: A JSON value, or a domain row where the format leaves no doubt about its shape.
    """

    line: int
    value: object


class Chunk(msgspec.Struct, frozen=True):
    """Records of a file that follow each other, few enough to be held in memory."""

    def plain_rows(self) -> PlainRows | None:
        """Return all of them in columns; None where any is no plain conversation.

        May be called in another thread than the rest.
        """
        return None

    def records(self) -> Iterator[Record | Reject]:
        """Yield them one by one; each kind of chunk in its own way."""
        raise NotImplementedError


Sniffer = Callable[[Path, bytes], float]
Reader = Callable[[Path, Seen], Iterator[Record | Reject]]


class Format(msgspec.Struct, frozen=True, kw_only=True):
    """One way in which files hold records.

    Attributes:
        id: Stable name, also of the module.
        title: Name for people.
        suffixes: Usual file name endings, with the dot; they only break ties between scores.
        sniff: Scores (0..1) how well the path and the first HEAD_BYTES of content fit.
        read: Yields every record, and a reject for every one that is broken, in constant memory.
        blocks: For documents, yields headings and paragraphs, which can be cut otherwise.
        chunks: Yields the same records as `read` does, many at a time.
    """

    id: str
    title: str
    suffixes: tuple[str, ...]
    sniff: Sniffer
    read: Reader
    blocks: Callable[[Path, Seen], Iterator[Block | Reject]] | None = None
    chunks: Callable[[Path, Seen], Iterator[Chunk]] | None = None
