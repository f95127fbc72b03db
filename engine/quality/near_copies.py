# SPDX-License-Identifier: Apache-2.0
"""Rows that are nearly the same, as groups.

Candidates come from MinHash (Broder, 1997) with banding (Leskovec, Rajaraman and Ullman, Mining of
Massive Datasets, chapter 3): rows whose lowest hashes agree in one of BANDS bands of BAND_ROWS.
Each candidate pair is then compared by its shingles themselves, so that no group rests on a guess.
At a similarity of 0.8 a pair is a candidate with probability 1 - (1 - 0.8^5)^14 = 0.996.
"""

from __future__ import annotations

from gettext import gettext as _
from typing import TYPE_CHECKING, cast

import msgspec
from msgspec.structs import replace

from engine.domain.problem import Severity
from engine.quality.batch import TurnBatch
from engine.quality.check import KEEP_FIRST, LEAVE_OUT_OF_TRAIN, Check, CheckSettings
from engine.quality.found import Found, grouped, joined
from engine.quality.shingles import Shingles, shingles_of, similarities

if TYPE_CHECKING:
    from numpy import bool_, int16, int64, uint64
    from numpy.typing import NDArray

BANDS, BAND_ROWS = 14, 5
PAIRS_AT_ONCE = 1 << 16
SAME_SIDE, ACROSS = "same_side", "across"


class _Sketch(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of a batch: content hashes, shingles, and a key for each band, (rows, BANDS)."""

    row_hashes: NDArray[uint64]
    is_eval: NDArray[bool_]
    shingles: Shingles
    bands: NDArray[uint64]


class NearCopies:
    """One pass; a group is on one side of the split or, which is worse, across it.

    Exact copies are counted once, unless they stand on both sides.
    """

    def __init__(self, settings: CheckSettings) -> None:
        """Begin the pass."""
        self._similarity = settings.near_similarity

    def see(self, batch: TurnBatch) -> object:
        """Return the sketch of one batch."""
        import numpy as np

        shingles = shingles_of(batch.texts, batch.rows - batch.first_row, batch.count)
        halves = [int(one[:16], 16) for one in batch.row_hashes.to_pylist()]
        return _Sketch(
            row_hashes=np.array(halves, np.uint64),
            is_eval=batch.is_eval,
            shingles=shingles,
            bands=_bands(shingles),
        )

    def end(self, seen: list[object]) -> Found:
        """Return the rows of all groups."""
        import numpy as np

        sketches = cast("list[_Sketch]", seen)
        if not sketches:
            return Found(rows=np.zeros(0, np.int64), label_names=(SAME_SIDE, ACROSS))
        shingles = Shingles(
            hashes=np.concatenate([one.shingles.hashes for one in sketches]),
            sizes=np.concatenate([one.shingles.sizes for one in sketches]),
        )
        row_hashes = np.concatenate([one.row_hashes for one in sketches])
        bands = np.concatenate([one.bands for one in sketches])
        is_eval = np.concatenate([one.is_eval for one in sketches])
        first_equal = _first_equal(row_hashes)
        copies = np.flatnonzero(is_eval != is_eval[first_equal])
        straddling = np.stack([first_equal[copies], copies], axis=1)
        firsts = np.unique(first_equal[shingles.sizes > 0])
        pairs = _alike(shingles, _candidates(bands, firsts), self._similarity)
        groups = joined(np.concatenate([pairs, straddling]), len(row_hashes))
        # Of a group across the split no copy may be missing: each would leak on its own.
        leaks = _sides(groups, is_eval)[first_equal] == 1
        groups[leaks] = groups[first_equal][leaks]
        found, sides = grouped(groups), _sides(groups, is_eval)
        return replace(found, labels=sides[found.rows], label_names=(SAME_SIDE, ACROSS))


def _bands(shingles: Shingles) -> NDArray[uint64]:
    """Return a key of each row for each band, uint64 of shape (rows, BANDS)."""
    import numpy as np

    count = len(shingles.sizes)
    keys = np.zeros((count, BANDS), np.uint64)
    filled = np.flatnonzero(shingles.sizes)
    starts = (np.cumsum(shingles.sizes) - shingles.sizes)[filled]
    if not len(filled):
        return keys
    factors = np.random.default_rng(7).integers(0, 2**32, (BANDS, BAND_ROWS), np.uint32) | 1
    for band in range(BANDS):
        key = np.zeros(len(filled), np.uint64)
        for factor in factors[band]:
            hashes = shingles.hashes * factor
            lowest = np.minimum.reduceat(hashes ^ (hashes >> np.uint32(15)), starts)
            key = key * np.uint64(0x9E3779B97F4A7C15) + lowest + np.uint64(1)
        keys[filled, band] = key
    return keys


def _candidates(bands: NDArray[uint64], firsts: NDArray[int64]) -> NDArray[int64]:
    """Return pairs of rows that share a band, int64 of shape (pairs, 2), each once."""
    import numpy as np

    pairs = [np.zeros((0, 2), np.int64)]
    for band in range(BANDS):
        if not len(firsts):
            break
        keys = bands[firsts, band]
        order = np.argsort(keys, kind="stable")
        ordered, rows = keys[order], firsts[order]
        is_new = np.concatenate([[True], ordered[1:] != ordered[:-1]])
        leaders = np.repeat(rows[is_new], np.diff(np.append(np.flatnonzero(is_new), len(rows))))
        # Each row with the first of its group, and with the one before it: a row may be far from
        # the first and yet near to another, and other bands order the rows otherwise.
        follows = np.flatnonzero(~is_new)
        pairs.append(np.stack([leaders[follows], rows[follows]], axis=1))
        pairs.append(np.stack([rows[follows - 1], rows[follows]], axis=1))
    return np.unique(np.concatenate(pairs), axis=0)


def _alike(shingles: Shingles, pairs: NDArray[int64], similarity: float) -> NDArray[int64]:
    """Return the pairs that are as alike as asked for."""
    import numpy as np

    kept = [pairs[:0]]
    for start in range(0, len(pairs), PAIRS_AT_ONCE):
        part = pairs[start : start + PAIRS_AT_ONCE]
        kept.append(part[similarities(shingles, part[:, 0], part[:, 1]) >= similarity])
    return np.concatenate(kept)


def _first_equal(row_hashes: NDArray[uint64]) -> NDArray[int64]:
    """Return for each row the first row of the same content."""
    import numpy as np

    _hashes, firsts, numbers = np.unique(row_hashes, return_index=True, return_inverse=True)
    return firsts[numbers]


def _sides(groups: NDArray[int64], is_eval: NDArray[bool_]) -> NDArray[int16]:
    """Return for each row 1 where its group stands on both sides, else 0."""
    import numpy as np

    rows = np.flatnonzero(groups >= 0)
    held = np.bincount(groups[rows], weights=is_eval[rows], minlength=len(groups))
    members = np.bincount(groups[rows], minlength=len(groups))
    sides = np.zeros(len(groups), np.int16)
    sides[rows] = ((held > 0) & (held < members))[groups[rows]]
    return sides


NEAR_COPIES = Check(
    id="near_copies",
    title=lambda: _("Near copies"),
    why=lambda: _("Rows that are nearly the same weigh several times in training."),
    severity=Severity.WARNING,
    begin=NearCopies,
    label=SAME_SIDE,
    fix=KEEP_FIRST,
)
LEAKAGE = Check(
    id="leakage",
    title=lambda: _("Copies across the split"),
    why=lambda: _(
        "A held-out row that is also trained, or nearly so, makes every check on held-out rows "
        "look better than it is."
    ),
    severity=Severity.ERROR,
    begin=NearCopies,
    label=ACROSS,
    fix=LEAVE_OUT_OF_TRAIN,
)
