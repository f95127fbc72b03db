# SPDX-License-Identifier: Apache-2.0
"""How documents are cut into rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from gettext import gettext as _

import msgspec

TokenCounts = Callable[[Sequence[str]], list[int]]
"""Returns for each text how many tokens a row of it has, those around every row included."""

BYTES_PER_TOKEN = 4
"""A common rule of thumb for English; other languages and code take fewer bytes for a token."""


class Chunking(msgspec.Struct, frozen=True, kw_only=True):
    """How long the pieces of a document are.

    Attributes:
        tokens: The most that a piece holds.
        overlap_tokens: How much of the end of a piece the next one of its section begins with.
        finds_questions: A document that consists of questions with answers becomes such rows,
            which are never cut.
        model_id: The model of the library whose tokenizer counts; where empty, tokens are
            estimated, see `about_tokens`.
    """

    tokens: int = 1000
    overlap_tokens: int = 0
    finds_questions: bool = True
    model_id: str = ""


class Cutting(msgspec.Struct, frozen=True, kw_only=True):
    """How a document was cut, as it is kept with the dataset.

    Attributes:
        chunking: How long the pieces are.
        model_name: Name of the model whose tokenizer counted; empty where tokens were estimated.
        fingerprint: That of the model.
    """

    chunking: Chunking
    model_name: str = ""
    fingerprint: str = ""


def cutting_text(cutting: Cutting) -> str:
    """Return how a document was cut, as a sentence."""
    chunking = cutting.chunking
    words = _("Cut into pieces of at most {tokens} tokens.").format(tokens=f"{chunking.tokens:,}")
    if chunking.overlap_tokens:
        words = _(
            "Cut into pieces of at most {tokens} tokens, up to {overlap} of them repeated."
        ).format(tokens=f"{chunking.tokens:,}", overlap=f"{chunking.overlap_tokens:,}")
    if not cutting.model_name:
        return f"{words} {_('Tokens were estimated, one for each 4 bytes.')}"
    counted = _("Tokens were counted by the tokenizer of {model}.").format(model=cutting.model_name)
    return f"{words} {counted}"


class ChunkPreview(msgspec.Struct, frozen=True, kw_only=True):
    """One row that a document would become.

    Attributes:
        file: The document.
        line: Its line, paragraph or page.
        text: The whole text of the row.
        overlap_start: Where the part begins that the row before ends with; 0 where there is none.
        overlap_end: Where it ends.
        tokens: How many tokens, about or exactly as in `DocumentPreview.is_exact`.
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
        is_exact: Tokens were counted by the tokenizer of a model; else they are estimated.
        is_partial: Of long documents only the first part was looked at.
        tokens_min: How many tokens the shortest has.
        tokens_median: The same of the middle one.
        tokens_max: The same of the longest.
        chunks: The first rows.
        rejects: Pages and files that hold no text, with the reason, the first of them.
    """

    rows: int
    questions: int
    is_exact: bool = False
    is_partial: bool = False
    tokens_min: int
    tokens_median: int
    tokens_max: int
    chunks: tuple[ChunkPreview, ...]
    rejects: tuple[str, ...]


def about_tokens(text: str) -> int:
    """Return about how many tokens a text has."""
    return -(-len(text.encode("utf-8", errors="replace")) // BYTES_PER_TOKEN)


def estimated_tokens(texts: Sequence[str]) -> list[int]:
    """Return about how many tokens each text has."""
    return [about_tokens(one) for one in texts]


def problems_of_chunking(chunking: Chunking) -> list[str]:
    """Return every fault as a sentence."""
    problems: list[str] = []
    if not 32 <= chunking.tokens <= 100_000:
        problems.append(_("A piece of a document must have 32 to 100,000 tokens."))
    if not 0 <= chunking.overlap_tokens <= chunking.tokens // 2:
        problems.append(_("At most half of a piece can be repeated in the next one."))
    return problems
