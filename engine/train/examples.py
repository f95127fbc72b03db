# SPDX-License-Identifier: Apache-2.0
"""Rows of a dataset to tokenised examples; what is left out is counted and told."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from gettext import gettext as _
from gettext import ngettext
from itertools import chain, islice

import numpy as np

from engine.chat.rows import note_text, problem_text
from engine.chat.tokenizer import ChatTokenizer
from engine.domain.dataset import Row
from engine.errors import NothingToTrain
from engine.protocol.events import Warned
from engine.train.batches import Examples, Ids, Marks, join_examples
from engine.train.sources import RowSource

_BATCH_ROWS = 256
_MANY_TRUNCATED_SHARE = 0.2


@dataclass(frozen=True, kw_only=True)
class EncodedSplit:
    """The examples of one split, and what became of its rows.

    Attributes:
        examples: Rows of which at least one token is supervised.
        rows: Those rows, where they were asked for; else empty.
        truncated: Rows among them that were cut.
        skipped: Rows left out, by the code of the reason.
        noted: Rows that are kept, by the code of what there is to know of them.
        counts: Examples of each dataset that the rows came from.
    """

    examples: Examples
    rows: tuple[Row, ...]
    truncated: int
    skipped: dict[str, int]
    noted: dict[str, int]
    counts: tuple[int, ...]


def encode_training_rows(
    sources: Sequence[RowSource],
    tokenizer: ChatTokenizer,
    *,
    max_length: int,
    on_rows: Callable[[int], None],
) -> EncodedSplit:
    """Tokenise the rows of `train` of all datasets, one after the other.

    Args:
        sources: The datasets.
        tokenizer: Of the base model.
        max_length: Longer rows are cut at the end.
        on_rows: Is told how many rows were read so far; may raise to end the work.

    Raises:
        NothingToTrain: No row holds a token that would be trained.
    """
    rows = [one.training_rows() for one in sources]
    found = _encode(rows, tokenizer, max_length=max_length, keep_rows=False, on_rows=on_rows)
    if not len(found.examples):
        raise NothingToTrain(_nothing(found.skipped))
    return found


def encode_held_out_rows(
    sources: Sequence[RowSource],
    tokenizer: ChatTokenizer,
    *,
    max_length: int,
    limit: int,
) -> EncodedSplit:
    """Tokenise at most `limit` held-out rows of all datasets that are not replayed.

    Those with the lowest content hashes are taken: a fair sample that depends neither on the order
    nor on the number of files that were imported.
    """
    held = chain.from_iterable(one.held_out_rows() for one in sources if not one.is_replay)
    chosen = heapq.nsmallest(limit, held, key=lambda one: one[0])
    rows = (row for _digest, row in chosen)
    return _encode(
        [rows], tokenizer, max_length=max_length, keep_rows=True, on_rows=lambda _count: None
    )


def _encode(
    sources: Sequence[Iterable[Row]],
    tokenizer: ChatTokenizer,
    *,
    max_length: int,
    keep_rows: bool,
    on_rows: Callable[[int], None],
) -> EncodedSplit:
    skipped: Counter[str] = Counter()
    noted: Counter[str] = Counter()
    kept: list[Row] = []
    pairs: list[tuple[Ids, Marks]] = []
    counts = [0] * len(sources)
    done = truncated = 0
    for source, batch in _batches(sources):
        for row, found in zip(
            batch, tokenizer.encode_rows(batch, max_length=max_length), strict=True
        ):
            if found.problem:
                skipped[found.problem] += 1
                continue
            truncated += found.truncated
            noted.update(found.notes)
            counts[source] += 1
            # As arrays at once: a list of ids takes ten times the memory.
            pairs.append((np.asarray(found.ids, np.int32), np.asarray(found.trained, np.bool_)))
            if keep_rows:
                kept.append(row)
        done += len(batch)
        on_rows(done)
    return EncodedSplit(
        examples=join_examples(pairs),
        rows=tuple(kept),
        truncated=truncated,
        skipped=dict(sorted(skipped.items())),
        noted=dict(sorted(noted.items())),
        counts=tuple(counts),
    )


def _batches(sources: Sequence[Iterable[Row]]) -> Iterator[tuple[int, list[Row]]]:
    """Yield a few rows at a time, with the number of the source that they are of."""
    for number, rows in enumerate(sources):
        source = iter(rows)
        while batch := list(islice(source, _BATCH_ROWS)):
            yield number, batch


def skip_warnings(skipped: dict[str, int]) -> list[Warned]:
    """Say for each reason how many rows are left out, and why."""
    return [
        Warned(
            code=code,
            message=ngettext(
                "{count} row is left out. {reason}", "{count} rows are left out. {reason}", count
            ).format(count=count, reason=problem_text(code)),
        )
        for code, count in skipped.items()
    ]


def note_warnings(noted: dict[str, int]) -> list[Warned]:
    """Say for each note of how many rows that are trained it must be known."""
    return [
        Warned(
            code=code,
            message=ngettext("{count} row: {note}", "{count} rows: {note}", count).format(
                count=count, note=note_text(code)
            ),
        )
        for code, count in noted.items()
    ]


def truncation_warning(truncated: int, rows: int) -> Warned | None:
    """Say so where more than a fifth of the rows is cut; the ends of answers are not learned."""
    if truncated <= _MANY_TRUNCATED_SHARE * rows:
        return None
    text = _("{count} of {rows} rows are cut at max_length, so their ends are not learned.")
    return Warned(code="rows_truncated", message=text.format(count=truncated, rows=rows))


def _nothing(skipped: dict[str, int]) -> str:
    if not skipped:
        return _("The dataset has no rows to train on.")
    told = " ".join(one.message for one in skip_warnings(skipped))
    return _("Every row is left out. {reasons}").format(reasons=told)
