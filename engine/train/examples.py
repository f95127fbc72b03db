# SPDX-License-Identifier: Apache-2.0
"""Rows of a dataset to tokenised examples; what is left out is counted and told."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from gettext import gettext as _
from gettext import ngettext
from itertools import chain

import msgspec
import numpy as np

from engine.chat.rows import note_text, problem_text
from engine.chat.tokenizer import ChatTokenizer
from engine.domain.dataset import ChatRow, Row, TextRow
from engine.errors import NothingToTrain
from engine.protocol.events import Warned
from engine.train.batches import Examples, Ids, Marks, join_examples
from engine.train.sources import RowSource
from engine.train.token_cache import EncodedRows, TokenCache, joined

Named = tuple[str, Row]
"""The content hash of a row, hex, and the row."""

_BATCH_ROWS = 256
_BATCH_CHARACTERS = 500_000
"""What is encoded together: half a second of work, so that a stop is heeded within it."""
_MANY_TRUNCATED_SHARE = 0.2


class EncodedSplit(msgspec.Struct, frozen=True, kw_only=True):
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
    cache: TokenCache | None,
    on_rows: Callable[[int], None],
) -> EncodedSplit:
    """Tokenise the rows of `train` of all datasets, one after the other.

    Args:
        sources: The datasets.
        tokenizer: Of the base model.
        max_length: Longer rows are cut at the end.
        cache: Where tokens of an earlier run may be, and these are kept; None keeps none.
        on_rows: Is told how many rows were read so far; may raise to end the work.

    Raises:
        NothingToTrain: No row holds a token that would be trained.
    """
    parts: list[EncodedRows] = []
    done = 0
    for source in sources:
        found = cache.read(source) if cache else None
        if found is None:
            rows = source.training_rows()
            found = encode(rows, tokenizer, max_length=max_length, on_rows=_from(done, on_rows))
            if cache:
                cache.write(source, found)
        done += found.rows
        on_rows(done)
        parts.append(found if source.left_out is None else found.without(source.left_out))
    split = _split(parts, ())
    if not len(split.examples):
        raise NothingToTrain(_nothing(split.skipped))
    return split


def _from(done: int, on_rows: Callable[[int], None]) -> Callable[[int], None]:
    return lambda count: on_rows(done + count)


def encode_held_out_rows(
    sources: Sequence[RowSource],
    tokenizer: ChatTokenizer,
    *,
    max_length: int,
    limit: int,
    on_rows: Callable[[int], None],
) -> EncodedSplit:
    """Tokenise at most `limit` held-out rows of all datasets that are not replayed.

    Those with the lowest content hashes are taken: a fair sample that depends neither on the order
    nor on the number of files that were imported.

    Args:
        sources: The datasets.
        tokenizer: Of the base model.
        max_length: Longer rows are cut at the end.
        limit: Rows at most.
        on_rows: Is told how many rows were read, then encoded; may raise to end the work.
    """
    held = chain.from_iterable(one.held_out_rows() for one in sources if not one.is_replay)
    told = _told(held, on_rows)
    chosen = [row for _digest, row in heapq.nsmallest(limit, told, key=lambda one: one[0])]
    found = encode(chosen, tokenizer, max_length=max_length, on_rows=on_rows)
    return _split([found], tuple(chosen[int(place)] for place in found.places))


def _told(rows: Iterable[Named], on_rows: Callable[[int], None]) -> Iterator[Named]:
    """Yield rows, and tell of every so many."""
    for count, row in enumerate(rows, start=1):
        if count % _BATCH_ROWS == 0:
            on_rows(count)
        yield row


def encode(
    rows: Iterable[Row],
    tokenizer: ChatTokenizer,
    *,
    max_length: int,
    on_rows: Callable[[int], None],
) -> EncodedRows:
    """Tokenise rows in order.

    Args:
        rows: Chat or text rows.
        tokenizer: Of the base model.
        max_length: Longer rows are cut at the end.
        on_rows: Is told how many rows were read so far; may raise to end the work.
    """
    pairs: list[tuple[Ids, Marks]] = []
    kept: list[tuple[int, bool, int]] = []  # place, is cut, bits of notes
    problems: list[tuple[int, int]] = []  # place, number of the problem
    note_names: dict[str, int] = {}
    problem_names: dict[str, int] = {}
    place = 0
    for batch in row_batches(rows):
        for found in tokenizer.encode_rows(batch, max_length=max_length):
            if found.problem:
                number = problem_names.setdefault(found.problem, len(problem_names))
                problems.append((place, number))
            else:
                # As arrays at once: a list of ids takes ten times the memory.
                ids = np.fromiter(found.ids, np.int32, len(found.ids))
                pairs.append((ids, np.frombuffer(bytes(found.trained), np.bool_)))
                bits = sum(1 << note_names.setdefault(one, len(note_names)) for one in found.notes)
                kept.append((place, found.truncated, bits))
            place += 1
        on_rows(place)
    return EncodedRows(
        rows=place,
        examples=join_examples(pairs),
        places=np.array([one for one, _cut, _bits in kept], np.int64),
        truncated=np.array([cut for _one, cut, _bits in kept], np.bool_),
        notes=np.array([bits for _one, _cut, bits in kept], np.uint32),
        problem_places=np.array([one for one, _number in problems], np.int64),
        problems=np.array([number for _one, number in problems], np.uint8),
        note_names=tuple(note_names),
        problem_names=tuple(problem_names),
    )


def row_batches(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """Yield rows in order, few of those that are long; a row alone may be of any length."""
    batch: list[Row] = []
    characters = 0
    for row in rows:
        batch.append(row)
        if isinstance(row, ChatRow):
            characters += sum(len(turn.content) for turn in row.messages)
        elif isinstance(row, TextRow):
            characters += len(row.text)
        if len(batch) == _BATCH_ROWS or characters >= _BATCH_CHARACTERS:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch


def _split(parts: Sequence[EncodedRows], rows: tuple[Row, ...]) -> EncodedSplit:
    skipped: Counter[str] = Counter()
    noted: Counter[str] = Counter()
    for one in parts:
        for number, name in enumerate(one.problem_names):
            skipped[name] += int(np.count_nonzero(one.problems == number))
        for number, name in enumerate(one.note_names):
            noted[name] += int(np.count_nonzero(one.notes & (1 << number)))
    return EncodedSplit(
        examples=joined(parts),
        rows=rows,
        truncated=sum(int(np.count_nonzero(one.truncated)) for one in parts),
        skipped={name: count for name, count in sorted(skipped.items()) if count},
        noted={name: count for name, count in sorted(noted.items()) if count},
        counts=tuple(len(one.examples) for one in parts),
    )


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
