# SPDX-License-Identifier: Apache-2.0
"""What would be trained of many rows, counted over what the trainer's own encoder says of each."""

from __future__ import annotations

import queue
from array import array
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from gettext import gettext as _
from itertools import islice
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.chat.rows import (
    EndOfTurn,
    TokenisedRow,
    note_text,
    problem_text,
)
from engine.chat.tokenizer import ChatTokenizer
from engine.domain.coverage import EndsOfTurn, LengthBin, RoleTokens, RowGroup
from engine.domain.dataset import Row
from engine.domain.in_order import in_order

TEMPLATE = "template"
_BATCH_ROWS = 256
_WAITING_BATCHES = 2
"""Batches that are encoded ahead for each tokenizer."""
_EXAMPLES = 20
_EDGES = (0, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768, 65536)
"""Last lengths of the ranges of the histogram, tokens."""


def encode_ahead(
    tokenizers: Sequence[ChatTokenizer], rows: Iterable[Row], *, max_length: int
) -> Generator[list[TokenisedRow], None, None]:
    """Yield rows in batches as tokens, in order; each tokenizer works in a thread of its own.

    A tokenizer lets other threads run while it encodes, so a second one uses a second core.

    Args:
        tokenizers: Several of the same model.
        rows: Chat or text rows.
        max_length: Longer rows are cut at the end, tokens.

    Raises:
        NoChatTemplate: Chat rows, but the model has no chat template.
        KindUnsuitable: Rows of another kind.
        TemplateInvalid: The chat template reaches for what it must not.
    """
    idle: queue.SimpleQueue[ChatTokenizer] = queue.SimpleQueue()
    for one in tokenizers:
        idle.put(one)

    def encode(batch: list[Row]) -> list[TokenisedRow]:
        """Encode one batch with a tokenizer that no other thread uses."""
        tokenizer = idle.get()
        try:
            return tokenizer.encode_rows(batch, max_length=max_length)
        finally:
            idle.put(tokenizer)

    count = len(tokenizers)
    for _batch, found in in_order(
        encode, _batches(rows), threads=count, waiting=_WAITING_BATCHES * count + 1
    ):
        yield found


def _batches(rows: Iterable[Row]) -> Iterator[list[Row]]:
    source = iter(rows)
    while batch := list(islice(source, _BATCH_ROWS)):
        yield batch


class _Group(msgspec.Struct):
    rows: int = 0
    examples: list[int] = msgspec.field(default_factory=list[int])

    def add(self, row: int) -> None:
        """Count a row."""
        self.rows += 1
        if len(self.examples) < _EXAMPLES:
            self.examples.append(row)

    def named(self, code: str, text: str) -> RowGroup:
        """Return the group with its words."""
        return RowGroup(code=code, text=text, rows=self.rows, examples=tuple(self.examples))


class CoverageCount:
    """Sums up rows, one after the other; takes eight bytes for each row."""

    def __init__(self) -> None:
        """Begin with no row."""
        self._whole = array("i")  # tokens before cutting; 0 where they are not known
        self._examples = array("i")  # tokens after cutting; 0 for a row that is not trained
        self._problems: dict[str, _Group] = {}
        self._notes: dict[str, _Group] = {}
        self._cut = _Group()
        self._tokens: Counter[str] = Counter()
        self._trained: Counter[str] = Counter()
        self._ends: Counter[EndOfTurn] = Counter()
        self._lost = self._trained_rows = 0

    def __len__(self) -> int:
        """Return the number of rows so far."""
        return len(self._whole)

    def add(self, found: TokenisedRow) -> None:
        """Count one row."""
        row = len(self._whole)
        self._whole.append(found.length_tokens)
        self._examples.append(0 if found.problem else len(found.ids))
        self._lost += found.lost_tokens
        if found.truncated:
            self._cut.add(row)
        for one in found.answers:
            self._ends[one.end_of_turn] += 1
        if found.problem:
            self._problems.setdefault(found.problem, _Group()).add(row)
            return
        self._trained_rows += 1
        for note in found.notes:
            self._notes.setdefault(note, _Group()).add(row)
        self._count_roles(found)

    def _count_roles(self, found: TokenisedRow) -> None:
        tokens, trained = len(found.ids), sum(found.trained)
        for one in found.sections:
            mine = sum(found.trained[one.start : one.end])
            self._tokens[one.role] += one.end - one.start
            self._trained[one.role] += mine
            tokens -= one.end - one.start
            trained -= mine
        self._tokens[TEMPLATE] += tokens
        self._trained[TEMPLATE] += trained

    @property
    def example_lengths(self) -> NDArray[np.int32]:
        """Return the tokens of each row after cutting; 0 for a row that is not trained [rows]."""
        return np.frombuffer(self._examples, np.int32) if self._examples else np.zeros(0, np.int32)

    def sums(self) -> dict[str, Any]:
        """Return what is counted, by the names of the fields of Coverage."""
        whole = np.frombuffer(self._whole, np.int32) if self._whole else np.zeros(0, np.int32)
        known = whole[whole > 0]
        return {
            "rows": len(whole),
            "trained_rows": self._trained_rows,
            "tokens": self._tokens.total(),
            "trained_tokens": self._trained.total(),
            "lost_tokens": self._lost,
            "cut": self._cut.named("cut", _("The end of the row lies behind the longest length.")),
            "left_out": _groups(self._problems, problem_text),
            "notes": _groups(self._notes, note_text),
            "ends": EndsOfTurn(**{one.value: self._ends[one] for one in EndOfTurn}),
            "roles": tuple(
                RoleTokens(role=role, tokens=count, trained_tokens=self._trained[role])
                for role, count in sorted(self._tokens.items())
                if count
            ),
            "lengths": _histogram(known),
            "longest_tokens": int(known.max()) if len(known) else 0,
            "longest_row": int(whole.argmax()) if len(known) else -1,
            "median_tokens": int(np.median(known)) if len(known) else 0,
        }


def _groups(groups: dict[str, _Group], text: Callable[[str], str]) -> tuple[RowGroup, ...]:
    """Return groups with their sentences, the largest first."""
    often = sorted(groups.items(), key=lambda item: (-item[1].rows, item[0]))
    return tuple(group.named(code, text(code)) for code, group in often)


def _histogram(lengths: NDArray[np.int32]) -> tuple[LengthBin, ...]:
    """Return how many lengths lie in each range, up to the last range that holds one."""
    counts = np.bincount(np.searchsorted(_EDGES, lengths), minlength=len(_EDGES) + 1)
    last = int(np.flatnonzero(counts)[-1]) if len(lengths) else 0
    return tuple(
        LengthBin(
            from_tokens=_EDGES[at - 1] + 1,
            to_tokens=_EDGES[at] if at < len(_EDGES) else 0,
            rows=int(counts[at]),
        )
        for at in range(1, last + 1)
    )
