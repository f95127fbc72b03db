# SPDX-License-Identifier: Apache-2.0
"""What documents would become, before anything is imported."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from engine.domain.chunking import (
    Chunking,
    ChunkPreview,
    DocumentPreview,
    about_tokens,
    problems_of_chunking,
)
from engine.domain.dataset import Reject
from engine.errors import WrongUsage
from engine.formats.contents import contents_of
from engine.formats.document import chunks_of, questions_of
from engine.formats.format import Block, Format
from engine.formats.packed import shown_path

__all__ = ["ChunkPreview", "Chunking", "DocumentPreview", "Documents"]

MOST_BLOCKS = 20_000
"""Blocks of each document that a preview reads; a longer one is told of as far as that."""


def check_chunking(chunking: Chunking) -> None:
    """Refuse pieces that are not possible.

    Raises:
        WrongUsage: The message names every fault.
    """
    problems = problems_of_chunking(chunking)
    if problems:
        raise WrongUsage(" ".join(problems))


class Documents:
    """Looks into documents that are not imported yet."""

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
            FileMissing, FileUnreadable, FileEmpty, FormatUnknown: A path cannot be used.
            ArchiveUnsafe, ArchiveNested, FileEncrypted: A named archive cannot be used.
        """
        check_chunking(chunking)
        shown: list[ChunkPreview] = []
        lengths: list[int] = []
        rejects: list[str] = []
        questions = 0
        for path in paths:
            for one, used in contents_of(path, _ignore_check)[0].items():
                known = list(islice(_blocks(one, used, rejects), MOST_BLOCKS))
                pairs = questions_of(known) if chunking.finds_questions else []
                questions += len(pairs)
                rows = _asked(one, pairs) if pairs else _pieces(one, known, chunking)
                for row in rows:
                    lengths.append(row.tokens)
                    if len(shown) < limit:
                        shown.append(row)
        return DocumentPreview(
            rows=len(lengths),
            questions=questions,
            tokens_min=min(lengths, default=0),
            tokens_median=int(statistics.median(lengths)) if lengths else 0,
            tokens_max=max(lengths, default=0),
            chunks=tuple(shown),
            rejects=tuple(rejects[:limit]),
        )


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


def _pieces(path: Path, blocks: Iterable[Block], chunking: Chunking) -> Iterator[ChunkPreview]:
    for one in chunks_of(blocks, chunking):
        yield ChunkPreview(
            file=shown_path(path),
            line=one.line,
            text=one.text,
            overlap_start=one.overlap_start,
            overlap_end=one.overlap_end,
            tokens=about_tokens(one.text),
        )


def _asked(path: Path, pairs: Sequence[tuple[int, str, str]]) -> Iterator[ChunkPreview]:
    for line, question, answer in pairs:
        text = f"{question}\n\n{answer}"
        yield ChunkPreview(
            file=shown_path(path),
            line=line,
            text=text,
            overlap_start=0,
            overlap_end=0,
            tokens=about_tokens(text),
        )
