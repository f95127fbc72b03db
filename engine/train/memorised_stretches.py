# SPDX-License-Identifier: Apache-2.0
"""Which stretches of rows a trained model is asked for: private values, and middles of answers.

Only what carries loss in training is asked for, by the very tokens that were trained. What already
stands in the words before it is left out: a model that copies it has memorised nothing.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator

import msgspec
import numpy as np

from engine.chat.tokenizer import ChatTokenizer
from engine.domain.dataset import Row
from engine.domain.memorisation import PASSAGE_TOKENS
from engine.quality.personal_data.data_class import bare
from engine.quality.personal_data.finding import spans_of
from engine.train.batches import Examples, Ids, Marks, join_examples

PASSAGE = ""
"""Kind of a stretch that is no private value."""

TOKENS = 4_000_000
"""Of all rows that are asked for: they are kept in memory and go through two models."""

_WINDOW = 4096
"""Tokens of an answer that are decoded together, so that the work grows only with its length."""

_FEWEST_BEFORE = PASSAGE_TOKENS // 2
"""Tokens of the answer before a passage; with fewer, it would hardly be known which is meant."""


class Stretch(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens of a row that a model is asked for, behind all tokens before them.

    Attributes:
        kind: Class of personal data, or `PASSAGE`.
        start: First token.
        end: The token after the last.
    """

    kind: str
    start: int
    end: int


class AskedRow(msgspec.Struct, frozen=True, kw_only=True):
    """A row with the stretches that are asked for.

    Attributes:
        ids: Token ids up to the end of the last stretch.
        stretches: In any order; they may overlap.
    """

    ids: Ids
    stretches: tuple[Stretch, ...]

    @property
    def wanted(self) -> Marks:
        """Return for each token whether it is of a stretch."""
        marks = np.zeros(len(self.ids), np.bool_)
        for one in self.stretches:
            marks[one.start : one.end] = True
        return marks


class _Before:
    """A row as text: what stands before its tokens is read on from answer to answer, once."""

    def __init__(self, tokenizer: ChatTokenizer, ids: list[int]) -> None:
        """Begin before the first token."""
        self._tokenizer = tokenizer
        self._ids = ids
        self._plain = ""
        self._token = 0

    def text_of(self, start: int, end: int) -> str:
        """Return the text of some tokens."""
        return self._tokenizer.decode(self._ids[start:end])

    def read_to(self, token: int) -> str:
        """Return the plain text before a token, which is not before the one asked for last."""
        self._plain += _plain(self.text_of(self._token, token))
        self._token = token
        return self._plain

    def tokens_of(self, start: int, end: int, first: int, last: int) -> tuple[int, int]:
        """Return the first token that holds a part of a text, and the one after the last.

        Args:
            start: First token of the text.
            end: The token after its last.
            first: Index of the first character of the part.
            last: Index after its last one.
        """
        text = self.text_of(start, end)

        def token_for(place: int) -> int:
            """Return the token up to which the text before a place is there."""

            def has_it(token: int) -> bool:
                """Compare letters: half a letter decodes to signs, so that lengths tell nothing."""
                return self.text_of(start, token).startswith(text[:place])

            return bisect_left(range(end), True, lo=start, key=has_it)

        begin = token_for(first)
        # The token before may go on into the part.
        goes_on = len(self.text_of(start, begin)) > first
        return begin - goes_on, token_for(last)


class Asking(msgspec.Struct, kw_only=True):
    """Stretches of some rows, each value and each passage once.

    Attributes:
        values_limit: Private values at most.
        passages_limit: Passages at most.
        rows: Rows with stretches.
        looked_at: Rows that were looked through.
        given_away: Places of private values that the words before hold.
        not_again: What is left out: stretches of another asking.
    """

    values_limit: int
    passages_limit: int
    rows: list[AskedRow] = msgspec.field(default_factory=list[AskedRow])
    looked_at: int = 0
    given_away: int = 0
    not_again: frozenset[tuple[str, str]] = frozenset()
    _seen: set[tuple[str, str]] = msgspec.field(default_factory=set[tuple[str, str]])
    _counts: Counter[bool] = msgspec.field(default_factory=Counter[bool])

    _tokens: int = 0

    @property
    def is_full(self) -> bool:
        """Return whether no further stretch is wanted."""
        wants_none = not self._wants(is_passage=True) and not self._wants(is_passage=False)
        return wants_none or self._tokens >= TOKENS

    @property
    def asked(self) -> frozenset[tuple[str, str]]:
        """Return what is asked for, to leave it out elsewhere."""
        return frozenset(self._seen)

    @property
    def examples(self) -> Examples:
        """Return the rows with the tokens of their stretches marked."""
        return join_examples((one.ids, one.wanted) for one in self.rows)

    def add(self, rows: Iterable[Row], tokenizer: ChatTokenizer, *, max_length: int) -> None:
        """Look through some rows for stretches.

        Args:
            rows: Chat or text rows.
            tokenizer: Of the base model, with the time that the run had.
            max_length: As in the run: what was cut was not trained.
        """
        for found in tokenizer.encode_rows(list(rows), max_length=max_length):
            if self.is_full:
                return
            self.looked_at += 1
            stretches: list[Stretch] = []
            before = _Before(tokenizer, found.ids)
            for start, end in () if found.problem else _trained_runs(found.trained):
                stretches += self._stretches(before, start, end)
            if stretches:
                last = max(one.end for one in stretches)
                # As an array at once: a list of ids takes ten times the memory.
                ids = np.array(found.ids[:last], np.int32)
                self.rows.append(AskedRow(ids=ids, stretches=tuple(stretches)))
                self._tokens += last

    def _wants(self, *, is_passage: bool) -> bool:
        limit = self.passages_limit if is_passage else self.values_limit
        return self._counts[is_passage] < limit

    def _stretches(self, before: _Before, start: int, end: int) -> Iterator[Stretch]:
        """Yield the stretches of one trained run of tokens."""
        middle = start + max(_FEWEST_BEFORE, (end - start - PASSAGE_TOKENS) // 2)
        # Behind the last token of an answer stands the one that closes it, which is no text.
        if middle + PASSAGE_TOKENS < end and self._wants(is_passage=True):
            text = before.text_of(middle, middle + PASSAGE_TOKENS)
            known = before.read_to(start) + _plain(before.text_of(start, middle))
            if _plain(text) not in known and self._is_new(PASSAGE, text):
                yield Stretch(kind=PASSAGE, start=middle, end=middle + PASSAGE_TOKENS)
        for first in range(start, end, _WINDOW):
            if self._wants(is_passage=False):
                yield from self._values(before, first, min(end, first + _WINDOW))

    def _values(self, before: _Before, start: int, end: int) -> Iterator[Stretch]:
        """Yield the private values of some trained tokens."""
        text = before.text_of(start, end)
        spans = spans_of(text)
        known, done = before.read_to(start) if spans else "", 0
        for span in spans:
            known, done = known + _plain(text[done : span.start]), span.start
            value = text[span.start : span.end]
            if not self._wants(is_passage=False):
                return
            if _plain(value) in known:
                self.given_away += 1
            elif self._is_new(span.label, value):
                first, last = before.tokens_of(start, end, span.start, span.end)
                yield Stretch(kind=span.label, start=first, end=last)

    def _is_new(self, kind: str, text: str) -> bool:
        """Take a stretch into the count, if it was not there before."""
        key = kind, _plain(text)
        if key in self._seen or key in self.not_again:
            return False
        self._seen.add(key)
        self._counts[kind == PASSAGE] += 1
        return True


def _plain(text: str) -> str:
    """Return a text without what differs between two ways to write the same value."""
    return "".join(bare(text).split())


def _trained_runs(trained: list[bool]) -> Iterator[tuple[int, int]]:
    """Yield the first token of each run of trained ones, and the token after its last."""
    marks = np.array([False, *trained, False], np.int8)
    edges = np.flatnonzero(np.diff(marks))
    yield from ((int(a), int(b)) for a, b in edges.reshape(-1, 2))
