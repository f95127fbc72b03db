# SPDX-License-Identifier: Apache-2.0
"""Text to token ids with the characters behind each, control texts of the user's own disarmed."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from functools import cached_property
from itertools import pairwise
from operator import itemgetter

from tokenizers import Encoding, Tokenizer

from engine.chat.messages import Protected

_NEVER = re.compile(r"(?!)")
_START = itemgetter(0)


class Encoded:
    """Token ids of a text, and the characters each came from.

    Attributes:
        ids: Token ids.
        spans: First character of each token, never falling, and the one after its last.
    """

    def __init__(self, ids: list[int], spans: list[tuple[int, int]]) -> None:
        """Bring both together."""
        self.ids = ids
        self.spans = spans

    def index_of(self, character: int) -> int:
        """Return the first token that begins at or behind a character."""
        return bisect_left(self.spans, character, key=_START)

    def is_straddled(self, character: int) -> bool:
        """Return whether a token begins before a character and goes on behind it."""
        index = self.index_of(character)
        return index > 0 and self.spans[index - 1][1] > character


class _Whole(Encoded):
    """The same of a text that was encoded at once.

    The library is asked for the few characters that are wanted; all of them in Python's own objects
    would take a sixth of the time that a row takes.
    """

    def __init__(self, found: Encoding) -> None:
        self.ids = found.ids
        self._found = found

    @cached_property
    def spans(self) -> list[tuple[int, int]]:
        """Return first and last character of every token, which takes its time."""
        return self._found.offsets

    def index_of(self, character: int) -> int:
        """Return the first token that begins at or behind a character."""
        before = self._found.char_to_token(character - 1) if character else None
        if before is None:
            return super().index_of(character)
        index = before + 1
        while index < len(self.ids) and self._span(index)[0] < character:
            index += 1
        return index

    def is_straddled(self, character: int) -> bool:
        """Return whether a token begins before a character and goes on behind it."""
        index = self.index_of(character)
        return index > 0 and self._span(index - 1)[1] > character

    def _span(self, token: int) -> tuple[int, int]:
        # Every token of one text has characters, if only none at all: (n, n).
        return self._found.token_to_chars(token) or (0, 0)


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
        return [_Whole(one) for one in found]

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
        spans: list[tuple[int, int]] = []
        for begin, end in pairwise(sorted(borders)):
            if begin in plain:
                piece = self._plain(text[begin:end], control_ids)
                part = Encoded(piece, [(begin, end)] * len(piece))
            else:
                part = self._piece(text[begin:end], begin)
            ids += part.ids
            spans += part.spans
        return Encoded(ids, spans)

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
    return Encoded(ids, [(begin + shift, end + shift) for begin, end in offsets])
