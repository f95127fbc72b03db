# SPDX-License-Identifier: Apache-2.0
"""Token ids of a text, and where in the text each of them begins.

A tokenizer of the byte-level kind loses nothing: its tokens, joined, are the text. So where each
begins follows from how long they are, and the library, which needs a third more time to tell it,
is not asked. That tokens spell a text is never assumed but compared, for every text.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from bisect import bisect_left
from functools import cached_property
from itertools import accumulate
from operator import itemgetter

import numpy as np
import numpy.typing as npt
from tokenizers import Encoding, Tokenizer

_START = itemgetter(0)
_PRINTED = (*range(33, 127), *range(161, 173), *range(174, 256))
_OTHERS = tuple(one for one in range(256) if one not in _PRINTED)
_BYTES = {chr(one): one for one in _PRINTED} | {
    chr(256 + place): one for place, one in enumerate(_OTHERS)
}
"""The byte behind each letter of a byte-level vocabulary, as GPT-2 laid it down."""


class Encoded(ABC):
    """Token ids of a text, which know where they begin in it.

    Attributes:
        ids: Token ids.
    """

    ids: list[int]

    @abstractmethod
    def index_of(self, character: int) -> int:
        """Return the first token that begins at or behind a character."""

    @abstractmethod
    def is_straddled(self, character: int) -> bool:
        """Return whether a token begins before a character and goes on behind it."""

    def is_spelled(self, start: int, end: int) -> bool:
        """Return whether the tokens of a stretch are known to spell it; False where it is open."""
        return False


class Placed(Encoded):
    """Token ids with the characters that each came from.

    Attributes:
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


class Whole(Placed):
    """The same of a text that the library encoded at once.

    It is asked for the few characters that are wanted; all of them in Python's own objects
    would take a sixth of the time that a row takes.
    """

    def __init__(self, found: Encoding) -> None:
        """Take what the library found."""
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


class Spelled(Encoded):
    """Token ids that spell their text byte by byte."""

    def __init__(self, text: str, data: bytes, ids: list[int], edges: list[int]) -> None:
        """Bring them together.

        Args:
            text: The text.
            data: The same as UTF-8.
            ids: Token ids.
            edges: The byte at which each token begins, and the end of the last.
        """
        self.ids = ids
        self._data = data
        self._edges = edges
        self._is_ascii = len(data) == len(text)

    def index_of(self, character: int) -> int:
        """Return the first token that begins at or behind a character."""
        return bisect_left(self._edges, self._byte(character), hi=len(self.ids))

    def is_straddled(self, character: int) -> bool:
        """Return whether a token begins before a character and goes on behind it."""
        at = self._byte(character)
        return self._edges[bisect_left(self._edges, at)] != at

    def is_spelled(self, start: int, end: int) -> bool:
        """Return whether the tokens of a stretch spell it: where one begins at either end."""
        return not (self.is_straddled(start) or self.is_straddled(end))

    @cached_property
    def _letters(self) -> npt.NDArray[np.int64]:
        """The byte at which each character begins, and the end of the last."""
        data = np.frombuffer(self._data, np.uint8)
        return np.append(np.flatnonzero((data & 0xC0) != 0x80), len(data))

    def _byte(self, character: int) -> int:
        return character if self._is_ascii else int(self._letters[character])


class Spelling(dict[int, bytes]):
    """The bytes that each token stands for, of those that were asked for so far."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        """Begin with none."""
        super().__init__()
        self._tokenizer = tokenizer

    def __missing__(self, token_id: int) -> bytes:
        """Find the bytes of a token by the rule of the byte-level decoder."""
        token = self._tokenizer.id_to_token(token_id) or ""
        try:
            found = bytes([_BYTES[letter] for letter in token])
        except KeyError:
            found = token.encode()
        self[token_id] = found
        return found

    def read(self, text: str, ids: list[int]) -> Spelled | None:
        """Return where tokens begin in a text, or None where they do not spell it."""
        parts = list(map(self.__getitem__, ids))
        data = text.encode()
        if b"".join(parts) != data:
            return None
        return Spelled(text, data, ids, list(accumulate(map(len, parts), initial=0)))
