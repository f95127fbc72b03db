# SPDX-License-Identifier: Apache-2.0
"""Text to token ids with the characters behind each, control texts of the user's own disarmed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise

from tokenizers import Tokenizer, decoders

from engine.chat.encoded import Encoded, Placed, Spelling, Whole
from engine.chat.messages import Protected

_NEVER = re.compile(r"(?!)")
_SAMPLE = "A a  b\n\n\tc é, 你好!  12 🙂 \n"
"""What tokens must spell before they are trusted to: blanks and letters of one to four bytes."""
_CREDIT = 100
"""Texts that tokens may not spell, and so are encoded twice, beyond one for each that they do."""


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
        self._spelling = Spelling(tokenizer) if self._spells() else None
        self._credit = _CREDIT

    def encode_batch(self, texts: Sequence[str]) -> list[Encoded]:
        """Encode whole texts, in which every control text counts as control."""
        if self._spelling is None:
            return self._with_places(texts)
        quick = self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        found = [self._spelling.read(text, one.ids) for text, one in zip(texts, quick, strict=True)]
        others = [text for text, one in zip(texts, found, strict=True) if one is None]
        self._credit += len(texts) - 2 * len(others)
        if self._credit < 0:
            self._spelling = None  # e.g. its control tokens take in the blanks beside them
        rest = iter(self._with_places(others))
        return [next(rest) if one is None else one for one in found]

    def _with_places(self, texts: Sequence[str]) -> list[Encoded]:
        """Encode whole texts and let the library tell where each token begins."""
        found = self._tokenizer.encode_batch(list(texts), add_special_tokens=False)
        return [Whole(one) for one in found]

    def _spells(self) -> bool:
        """Return whether tokens spell a sample, and begin where the library says they do."""
        (told,) = self._with_places([_SAMPLE])
        found = Spelling(self._tokenizer).read(_SAMPLE, told.ids)
        if found is None or not isinstance(self._tokenizer.decoder, decoders.ByteLevel):
            return False
        return all(
            (found.index_of(at), found.is_straddled(at))
            == (told.index_of(at), told.is_straddled(at))
            for at in range(len(_SAMPLE) + 1)
        )

    def encode_pieces(
        self, text: str, *, cuts: Iterable[int], protected: Protected, control_ids: frozenset[int]
    ) -> Placed:
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
                part = Placed(piece, [(begin, end)] * len(piece))
            else:
                part = self._piece(text[begin:end], begin)
            ids += part.ids
            spans += part.spans
        return Placed(ids, spans)

    def _piece(self, piece: str, at: int) -> Placed:
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


def _encoded(ids: list[int], offsets: list[tuple[int, int]], shift: int) -> Placed:
    return Placed(ids, [(begin + shift, end + shift) for begin, end in offsets])
