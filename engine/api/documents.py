# SPDX-License-Identifier: Apache-2.0
"""What documents would become, before anything is imported."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path

from engine.api.clock import utc_now
from engine.api.token_counts import TokenCounter, counter_of
from engine.domain.chunking import (
    Chunking,
    ChunkPreview,
    DocumentPreview,
    problems_of_chunking,
)
from engine.domain.dataset import Reject
from engine.errors import WrongUsage
from engine.formats.contents import contents_of
from engine.formats.document import questions_of
from engine.formats.format import Block, Format
from engine.formats.packed import shown_path
from engine.formats.pieces import Chunk, chunks_of
from engine.store.layout import Layout

__all__ = ["ChunkPreview", "Chunking", "DocumentPreview", "Documents"]

MOST_BLOCKS = 20_000
MOST_CHARACTERS = 2 << 20
"""As much of each document a preview reads; a longer one is told of as far as that."""


def check_chunking(chunking: Chunking) -> None:
    """Refuse pieces that are not possible.

    Raises:
        WrongUsage: The message names every fault.
    """
    problems = problems_of_chunking(chunking)
    if problems:
        raise WrongUsage(" ".join(problems))


class Documents:
    """Looks into documents that are not imported yet; previews are one thread's at a time."""

    def __init__(self, layout: Layout, *, now: Callable[[], datetime] = utc_now) -> None:
        """Work with the models of one workspace."""
        self._layout = layout
        self._now = now
        self._counter = TokenCounter()

    def are_documents(self, paths: Sequence[Path]) -> bool:
        """Return whether all of some paths hold documents, which can be cut.

        Raises:
            FileMissing, FileUnreadable, FileEmpty, FormatUnknown: A path cannot be used.
            ArchiveUnsafe, ArchiveNested, FileEncrypted: A named archive cannot be used.
        """
        found = [used for path in paths for used in contents_of(path, _ignore_check)[0].values()]
        return bool(found) and all(used.blocks is not None for used in found)

    def preview(
        self, paths: Sequence[Path], chunking: Chunking, *, limit: int = 20
    ) -> DocumentPreview:
        """Return what documents would become; nothing is written.

        Args:
            paths: Files, folders and archives; what is no document in them is left out.
            chunking: How they are cut.
            limit: Rows to return.

        Raises:
            WrongUsage: The pieces are not possible.
            ModelNotFound, ModelChanged: The model that counts is not what was added.
            TokenizerInvalid, TemplateInvalid: Its tokenizer or chat template cannot be used.
            FileMissing, FileUnreadable, FileEmpty, FormatUnknown: A path cannot be used.
            ArchiveUnsafe, ArchiveNested, FileEncrypted: A named archive cannot be used.
        """
        check_chunking(chunking)
        counter = counter_of(self._layout, chunking, clock=self._now(), known=self._counter)
        # A tokenizer is read once, however often a person asks for other lengths.
        self._counter = counter if counter.model else self._counter
        shown: list[ChunkPreview] = []
        lengths: list[int] = []
        rejects: list[str] = []
        questions, is_partial = 0, False
        for path in paths:
            for one, used in contents_of(path, _ignore_check)[0].items():
                known, is_cut_off = _first(_blocks(one, used, rejects))
                is_partial = is_partial or is_cut_off
                pairs = questions_of(known) if chunking.finds_questions else []
                questions += len(pairs)
                pieces = chunks_of(known, chunking, counter.count)
                rows = _asked(one, pairs, counter) if pairs else _pieces(one, pieces)
                for row in rows:
                    lengths.append(row.tokens)
                    if len(shown) < limit:
                        shown.append(row)
        return DocumentPreview(
            rows=len(lengths),
            questions=questions,
            is_exact=counter.model is not None,
            is_partial=is_partial,
            tokens_min=min(lengths, default=0),
            tokens_median=int(statistics.median(lengths)) if lengths else 0,
            tokens_max=max(lengths, default=0),
            chunks=tuple(shown),
            rejects=tuple(rejects[:limit]),
        )


def _first(blocks: Iterator[Block]) -> tuple[list[Block], bool]:
    """Return the blocks that a preview reads, and whether there are more."""
    known: list[Block] = []
    room = MOST_CHARACTERS
    for one in blocks:
        if room <= 0 or len(known) == MOST_BLOCKS:
            return known, True
        known.append(one)
        room -= len(one.text)
    return known, False


def _ignore_check() -> None:
    """Nobody waits to stop it."""


def _ignore(_done: int) -> None:
    """Nobody waits to hear of progress."""


def _blocks(path: Path, used: Format, rejects: list[str]) -> Iterator[Block]:
    found: Iterable[Block | Reject] = used.blocks(path, _ignore) if used.blocks else ()
    for one in found:
        if isinstance(one, Reject):
            rejects.append(f"{shown_path(path)}:{one.line}  {one.message}")
        else:
            yield one


def _pieces(path: Path, pieces: Iterable[Chunk]) -> Iterator[ChunkPreview]:
    for one in pieces:
        yield ChunkPreview(
            file=shown_path(path),
            line=one.line,
            text=one.text,
            overlap_start=one.overlap_start,
            overlap_end=one.overlap_end,
            tokens=one.tokens,
        )


def _asked(
    path: Path, pairs: Sequence[tuple[int, str, str]], counter: TokenCounter
) -> Iterator[ChunkPreview]:
    for line, question, answer in pairs:
        yield ChunkPreview(
            file=shown_path(path),
            line=line,
            text=f"{question}\n\n{answer}",
            overlap_start=0,
            overlap_end=0,
            tokens=counter.question_tokens(question, answer),
        )
