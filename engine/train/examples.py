# SPDX-License-Identifier: Apache-2.0
"""Rows of a dataset to tokenised examples; what is left out is counted and told."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from gettext import gettext as _
from gettext import ngettext
from itertools import islice

import numpy as np

from engine.chat.rows import note_text, problem_text
from engine.chat.tokenizer import ChatTokenizer
from engine.domain.dataset import Row
from engine.domain.split import EVAL, TRAIN
from engine.errors import NothingToTrain
from engine.formats.versions import iter_rows
from engine.protocol.events import Warned
from engine.store.layout import DatasetFolder
from engine.train.batches import Examples, Ids, Marks, join_examples

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
    """

    examples: Examples
    rows: tuple[Row, ...]
    truncated: int
    skipped: dict[str, int]
    noted: dict[str, int]


def encode_training_rows(
    dataset: DatasetFolder,
    version: int,
    tokenizer: ChatTokenizer,
    *,
    max_length: int,
    on_rows: Callable[[int], None],
) -> EncodedSplit:
    """Tokenise the split `train`.

    Args:
        dataset: Where its rows are.
        version: Which version of them.
        tokenizer: Of the base model.
        max_length: Longer rows are cut at the end.
        on_rows: Is told how many rows were read so far; may raise to end the work.

    Raises:
        NothingToTrain: No row holds a token that would be trained.
    """
    rows = (row for _digest, row in iter_rows(dataset, TRAIN, version))
    found = _encode(rows, tokenizer, max_length=max_length, keep_rows=False, on_rows=on_rows)
    if not len(found.examples):
        raise NothingToTrain(_nothing(found.skipped))
    return found


def encode_held_out_rows(
    dataset: DatasetFolder,
    version: int,
    tokenizer: ChatTokenizer,
    *,
    max_length: int,
    limit: int,
) -> EncodedSplit:
    """Tokenise at most `limit` rows of the split `eval`.

    Those with the lowest content hashes are taken: a fair sample that depends neither on the order
    nor on the number of files that were imported.
    """
    chosen = heapq.nsmallest(limit, iter_rows(dataset, EVAL, version), key=lambda one: one[0])
    rows = (row for _digest, row in chosen)
    return _encode(
        rows, tokenizer, max_length=max_length, keep_rows=True, on_rows=lambda _count: None
    )


def _encode(
    rows: Iterable[Row],
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
    done = truncated = 0
    for batch in _batches(rows):
        for row, found in zip(
            batch, tokenizer.encode_rows(batch, max_length=max_length), strict=True
        ):
            if found.problem:
                skipped[found.problem] += 1
                continue
            truncated += found.truncated
            noted.update(found.notes)
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
    )


def _batches(rows: Iterable[Row]) -> Iterator[list[Row]]:
    source = iter(rows)
    while batch := list(islice(source, _BATCH_ROWS)):
        yield batch


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
