# SPDX-License-Identifier: Apache-2.0
"""Text to token ids with the characters behind each, control texts of the user's own disarmed."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import pairwise

import msgspec
from tokenizers import Tokenizer

from engine.chat.messages import Protected

_NEVER = re.compile(r"(?!)")


class Encoded(msgspec.Struct, frozen=True, kw_only=True):
    """Token ids of a text, and the characters each came from.

    Attributes:
        ids: Token ids.
        starts: First character of each token, never falling.
        ends: The character after the last of each token.
    """

    ids: list[int]
    starts: list[int]
    ends: list[int]

    def index_of(self, character: int) -> int:
        """Return the first token that begins at or behind a character."""
        return bisect_left(self.starts, character)

    def is_straddled(self, character: int) -> bool:
        """Return whether a token begins before a character and goes on behind it."""
        index = bisect_left(self.starts, character)
        return index > 0 and self.ends[index - 1] > character


class ControlUnavoidable(ValueError):
    """The tokenizer makes a control token out of plain text."""


def pattern_of(texts: Iterable[str]) -> re.Pattern[str]:
    """Return a pattern that finds any of some texts, the longest first; of none, nothing."""
    ordered = sorted({one for one in texts if one}, key=len, reverse=True)
    return re.compile("|".join(re.escape(one) for one in ordered)) if ordered else _NEVER


class Encoder:
    """Encodes rendered conversations by one tokenizer."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        """Learn how the tokenizer treats the beginning of a text."""
        self._tokenizer = tokenizer
        newline = tokenizer.encode("\n", add_special_tokens=False).ids
        together = tokenizer.encode("\na", add_special_tokens=False).ids
        alone = tokenizer.encode("a", add_special_tokens=False).ids
        # Tokenizers of the SentencePiece kind put a space before a text. A piece from the middle of
        # a text gets none, so it is encoded behind a newline, which is then taken off again.
        self._newline = newline if together != newline + alone else []

    def encode_batch(self, texts: Sequence[str]) -> list[Encoded]:
        """Encode whole texts, in which every control text counts as control."""
        found = self._tokenizer.encode_batch(list(texts), add_special_tokens=False)
        return [_encoded(one.ids, one.offsets, 0) for one in found]

    def encode_pieces(
        self, text: str, *, cuts: Iterable[int], protected: Protected, control_ids: frozenset[int]
    ) -> Encoded:
        """Encode a text in pieces.

        Args:
            text: The text.
            cuts: Characters before which a token must begin.
            protected: Stretches that are encoded as plain text, whatever they spell.
            control_ids: Ids that plain text must not make.

        Raises:
            ControlUnavoidable: A protected stretch makes a control token even letter by letter.
        """
        borders = {0, len(text), *cuts}
        borders.update(at for stretch in protected for at in stretch)
        plain = {begin for begin, _end in protected}
        ids: list[int] = []
        starts: list[int] = []
        ends: list[int] = []
        for begin, end in pairwise(sorted(borders)):
            if begin in plain:
                piece = self._plain(text[begin:end], control_ids)
                part = Encoded(ids=piece, starts=[begin] * len(piece), ends=[end] * len(piece))
            else:
                part = self._piece(text[begin:end], begin)
            ids += part.ids
            starts += part.starts
            ends += part.ends
        return Encoded(ids=ids, starts=starts, ends=ends)

    def _piece(self, piece: str, at: int) -> Encoded:
        skip = len(self._newline)
        if skip and at:
            found = self._tokenizer.encode(f"\n{piece}", add_special_tokens=False)
            if found.ids[:skip] == self._newline:
                return _encoded(found.ids[skip:], found.offsets[skip:], at - 1)
        found = self._tokenizer.encode(piece, add_special_tokens=False)
        return _encoded(found.ids, found.offsets, at)

    def _plain(self, piece: str, control_ids: frozenset[int]) -> list[int]:
        """Encode a piece without looking for added tokens; letter by letter where that fails."""
        ids = self._without_added(piece)
        if control_ids.intersection(ids):
            ids = [one for letter in piece for one in self._without_added(letter)]
        if control_ids.intersection(ids):
            raise ControlUnavoidable("plain text makes a control token")
        return ids

    def _without_added(self, piece: str) -> list[int]:
        skip = len(self._newline)
        if skip:
            ids = self._model_ids(f"\n{piece}")
            if ids[:skip] == self._newline:
                return ids[skip:]
        return self._model_ids(piece)

    def _model_ids(self, piece: str) -> list[int]:
        """Run normalizer, pre-tokenizer and model alone; added tokens have no part in it."""
        tokenizer = self._tokenizer
        text = tokenizer.normalizer.normalize_str(piece) if tokenizer.normalizer else piece
        splits = [text]
        if tokenizer.pre_tokenizer:
            splits = [one for one, _range in tokenizer.pre_tokenizer.pre_tokenize_str(text)]
        return [token.id for one in splits for token in tokenizer.model.tokenize(one)]


def _encoded(ids: list[int], offsets: list[tuple[int, int]], shift: int) -> Encoded:
    return Encoded(
        ids=ids,
        starts=[begin + shift for begin, _end in offsets],
        ends=[end + shift for _begin, end in offsets],
    )
