# SPDX-License-Identifier: Apache-2.0
"""The language of every row: by its script, and by little words where many languages share one.

Both are counted for a whole batch at once. A row of code, of numbers or of a few words has no
language that could be told; it is "unknown" and never counted against anything.
"""

from __future__ import annotations

from gettext import gettext as _
from typing import TYPE_CHECKING, Any, cast

import msgspec

from engine.domain.dataset import RowKind
from engine.domain.problem import Severity
from engine.quality.batch import TurnBatch
from engine.quality.check import Check
from engine.quality.found import Found
from engine.quality.language_names import language_name
from engine.quality.language_words import (
    FUNCTION_WORDS,
    SCRIPT_LANGUAGES,
    SCRIPT_RANGES,
    WRITTEN_WITH_WORDS,
)
from engine.quality.row_local import is_not_ascii

if TYPE_CHECKING:
    from numpy import float32, int16, int64, uint8
    from numpy.typing import NDArray
    from pyarrow import Array

UNKNOWN = "unknown"
LANGUAGES: tuple[str, ...] = (UNKNOWN, *FUNCTION_WORDS, *SCRIPT_LANGUAGES.values())
_SCRIPTS = tuple(dict.fromkeys(name for name, _first, _last in SCRIPT_RANGES))
_LATIN = _SCRIPTS.index("latin")

LONGEST_LOOK = 600
"""Characters of a text that are looked at; more would tell no more."""

CHARACTERS_FOR_SCRIPT = 160
"""Of a text; a script shows sooner than a language."""

FEWEST_WORDS = 3.0
"""Weight of little words below which a row is unknown."""

LEAST_SHARE = 0.12
"""Of the words of a row, how many must be little words of its language; prose has 0.3 to 0.5."""

LEAST_LEAD = 1.15
"""How far the best language must be ahead of the second."""


class _Profiles(msgspec.Struct, frozen=True, kw_only=True):
    """The tables for one pass.

    Attributes:
        words: All little words.
        weights: (words + 1, languages): what a word says for each language; the last row is zero.
        script_of: (65536,): script by code point; the number of scripts for none.
    """

    words: Array
    weights: NDArray[float32]
    script_of: NDArray[uint8]


def _profiles() -> _Profiles:
    import numpy as np
    import pyarrow as pa

    sets = [set(words.split()) for words in FUNCTION_WORDS.values()]
    words = sorted(set[str]().union(*sets))
    weights = np.array([[word in one for one in sets] for word in words], np.float32)
    script_of = np.full(0x10000, len(_SCRIPTS), np.uint8)
    for name, first, last in SCRIPT_RANGES:
        script_of[first : last + 1] = _SCRIPTS.index(name)
    return _Profiles(
        words=pa.array(words),
        weights=weights / weights.sum(axis=1, keepdims=True) ** 0.5,
        script_of=script_of,
    )


class LanguagePass:
    """Names the language of every row, then finds those that are not in the main one."""

    def __init__(self) -> None:
        """Make the tables."""
        self._profiles = _profiles()

    def see(self, batch: TurnBatch) -> object:
        """Return the first row of the batch and the language of each row, as index."""
        return batch.first_row, self._languages(batch)

    def end(self, seen: list[object]) -> Found:
        """Return the rows in another known language than most rows."""
        import numpy as np

        parts = sorted(cast("list[tuple[int, Any]]", seen), key=lambda part: part[0])
        rows = [np.arange(first, first + len(one), dtype=np.int64) for first, one in parts]
        every = np.concatenate([np.empty(0, np.int64), *rows])
        codes = np.concatenate([np.empty(0, np.int16), *(one for _, one in parts)])
        counts = np.bincount(codes, minlength=len(LANGUAGES))
        main = 1 + int(np.argmax(counts[1:]))
        found = (codes > 0) & (codes != main)
        return Found(
            rows=every[found],
            groups=None,
            labels=codes[found].astype(np.int16),
            label_names=LANGUAGES,
            tally=self.tally(seen),
        )

    def tally(self, seen: list[object]) -> dict[str, int]:
        """Return how many rows each language has, the most frequent first; with "unknown"."""
        import numpy as np

        codes = [one for _, one in cast("list[tuple[int, Any]]", seen)]
        counts = np.bincount(
            np.concatenate([np.empty(0, np.int16), *codes]), minlength=len(LANGUAGES)
        )
        order = np.argsort(-counts, kind="stable")
        return {LANGUAGES[index]: int(counts[index]) for index in order if counts[index]}

    def _languages(self, batch: TurnBatch) -> NDArray[int16]:
        import numpy as np
        from pyarrow import compute

        texts = batch.texts
        if len(texts) and texts.nbytes > LONGEST_LOOK * len(texts):
            texts = compute.utf8_slice_codeunits(texts, 0, LONGEST_LOOK)
        local = batch.rows - batch.first_row
        script = self._scripts(texts, local, batch.count)
        by_words = self._by_words(texts, local, batch.count)
        of_script = np.array([_language_of(name) for name in (*_SCRIPTS, "")], np.int16)
        codes = of_script[script]
        return np.where(codes < 0, by_words, codes).astype(np.int16)

    def _scripts(self, texts: Array, local: NDArray[int64], count: int) -> NDArray[uint8]:
        """Return the script of most letters of each row; Latin where all is ASCII."""
        import numpy as np
        import pyarrow as pa
        from pyarrow import compute

        beyond = np.flatnonzero(is_not_ascii(texts))
        scripts = np.full(count, _LATIN, np.uint8)
        if not len(beyond):
            return scripts
        chosen = np.flatnonzero(np.isin(local, local[beyond]))
        taken = compute.utf8_slice_codeunits(texts.take(pa.array(chosen)), 0, CHARACTERS_FOR_SCRIPT)
        points = _code_points(taken)
        owner = np.repeat(local[chosen], compute.utf8_length(taken).to_numpy(zero_copy_only=False))
        kinds = self._profiles.script_of[np.minimum(points, 0xFFFF)]
        width = len(_SCRIPTS) + 1
        counts = np.bincount(owner * width + kinds, minlength=count * width).reshape(count, width)
        counts[:, _SCRIPTS.index("kana")] *= _KANA_WEIGHT
        touched = np.unique(local[beyond])
        scripts[touched] = np.argmax(counts[touched, :-1], axis=1)
        return scripts

    def _by_words(self, texts: Array, local: NDArray[int64], count: int) -> NDArray[int16]:
        """Return the language of each row by its little words, 0 where none stands out."""
        import numpy as np
        from pyarrow import compute

        words = compute.ascii_split_whitespace(compute.utf8_lower(texts))
        lengths = compute.list_value_length(words).to_numpy(zero_copy_only=False)
        totals = np.bincount(local, weights=lengths, minlength=count)
        plain = compute.ascii_trim(compute.list_flatten(words), characters=_AROUND_WORDS)
        known = compute.index_in(plain, value_set=self._profiles.words)
        place = compute.fill_null(known, -1).to_numpy(zero_copy_only=False)
        hit = place >= 0
        owner = np.repeat(local, lengths)[hit]
        scores = np.zeros((count, len(FUNCTION_WORDS)), np.float32)
        if len(owner):
            starts = np.flatnonzero(np.concatenate([[True], owner[1:] != owner[:-1]]))
            sums = np.add.reduceat(self._profiles.weights[place[hit]], starts)
            np.add.at(scores, owner[starts], sums)
        return _decided(scores, totals)


_AROUND_WORDS = '.,;:!?()"*'
_KANA_WEIGHT = 4
"""Japanese mixes its own letters with more Han ones; Chinese has none of the former."""


def _decided(scores: NDArray[float32], totals: NDArray[Any]) -> NDArray[int16]:
    """Return 1 + the index of the leading language of each row, 0 where it does not stand out."""
    import numpy as np

    if not len(scores):
        return np.empty(0, np.int16)
    best = np.argmax(scores, axis=1)
    two = np.partition(scores, -2, axis=1)[:, -2:]
    second, first = two[:, 0], two[:, 1]
    is_clear = (
        (first >= FEWEST_WORDS) & (first >= LEAST_SHARE * totals) & (first >= LEAST_LEAD * second)
    )
    return np.where(is_clear, best + 1, 0).astype(np.int16)


def _language_of(script: str) -> int:
    """Return the index of the language of a script, -1 where its words decide, 0 for none."""
    if script in WRITTEN_WITH_WORDS:
        return -1
    return LANGUAGES.index(SCRIPT_LANGUAGES[script]) if script else 0


def _code_points(texts: Array) -> NDArray[Any]:
    """Return the code points of all texts, one after the other."""
    import numpy as np

    joined: str = "".join(texts.to_pylist())
    return np.frombuffer(joined.encode("utf-32-le"), np.uint32)


CHECK = Check(
    id="language",
    title=lambda: _("Rows in another language"),
    why=lambda: _(
        "These rows are in another language than most. That is fine where it is meant; else the "
        "model learns to answer in the wrong one. Rows of code, of numbers or of a few words "
        "have no language that could be told, and are not counted."
    ),
    severity=Severity.NOTE,
    kinds=tuple(RowKind),
    name_label=language_name,
    begin=lambda _settings: LanguagePass(),
)
