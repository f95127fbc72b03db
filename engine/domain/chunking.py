# SPDX-License-Identifier: Apache-2.0
"""How documents are cut into rows."""

from __future__ import annotations

from gettext import gettext as _

import msgspec

BYTES_PER_TOKEN = 4
"""A common rule of thumb for English; other languages and code take fewer bytes for a token."""


class Chunking(msgspec.Struct, frozen=True, kw_only=True):
    """How long the pieces of a document are; tokens are estimated, see `about_tokens`.

    Attributes:
        tokens: The most that a piece holds.
        overlap_tokens: How much of the end of a piece the next one of its section begins with.
        finds_questions: A document that consists of questions with answers becomes such rows.
    """

    tokens: int = 1000
    overlap_tokens: int = 0
    finds_questions: bool = True


class ChunkPreview(msgspec.Struct, frozen=True, kw_only=True):
    """One row that a document would become.

    Attributes:
        file: The document.
        line: Its line, paragraph or page.
        text: The whole text of the row.
        overlap_start: Where the part begins that the row before ends with; 0 where there is none.
        overlap_end: Where it ends.
        tokens: About how many tokens.
    """

    file: str
    line: int
    text: str
    overlap_start: int
    overlap_end: int
    tokens: int


class DocumentPreview(msgspec.Struct, frozen=True, kw_only=True):
    """What documents would become.

    Attributes:
        rows: How many rows.
        questions: How many of them are a question with its answer.
        tokens_min: About how many tokens the shortest has.
        tokens_median: The same of the middle one.
        tokens_max: The same of the longest.
        chunks: The first rows.
        rejects: Pages and files that hold no text, with the reason, the first of them.
    """

    rows: int
    questions: int
    tokens_min: int
    tokens_median: int
    tokens_max: int
    chunks: tuple[ChunkPreview, ...]
    rejects: tuple[str, ...]


def about_tokens(text: str) -> int:
    """Return about how many tokens a text has."""
    return -(-len(text.encode("utf-8", errors="replace")) // BYTES_PER_TOKEN)


def problems_of_chunking(chunking: Chunking) -> list[str]:
    """Return every fault as a sentence."""
    problems: list[str] = []
    if not 32 <= chunking.tokens <= 100_000:
        problems.append(_("A piece of a document must have 32 to 100,000 tokens."))
    if not 0 <= chunking.overlap_tokens <= chunking.tokens // 2:
        problems.append(_("At most half of a piece can be repeated in the next one."))
    return problems
