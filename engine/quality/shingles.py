# SPDX-License-Identifier: Apache-2.0
"""Rows as sets of hashed word sequences, and how alike two such sets are.

A shingle is three words in a row, in lower case, over all texts of a row; words are runs of letters
and digits, and each letter of a script without blanks counts as a word. A row of fewer words is one
shingle. Similarity is the Jaccard index of two rows' shingles: shared ones by all different ones.
Everything is done on the bytes of a whole batch at once: a word's hash is a polynomial over its
bytes modulo 2^64, taken as the difference of two prefix sums.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from numpy import bool_, float64, int64, uint8, uint32, uint64
    from numpy.typing import NDArray
    from pyarrow import Array

WORDS = 3
LARGEST_SKETCH = 256
"""Shingles kept of one row: the lowest hashes. Longer rows are compared by this fair sample."""

_BASE = 0x9E3779B97F4A7C15
_MIX = (0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
"""Odd constants of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014)."""
_FACTORS = (0xD6E8FEB86659FD93, 0xA0761D6478BD642F, 0xE7037ED1A0B428DB)


class Shingles(msgspec.Struct, frozen=True, kw_only=True):
    """The shingles of some rows, row after row.

    Attributes:
        hashes: Each row's different shingles, ascending.
        sizes: How many each row has.
    """

    hashes: NDArray[uint32]
    sizes: NDArray[int64]


def shingles_of(texts: Array, rows: NDArray[int64], count: int) -> Shingles:
    """Return the shingles of rows.

    Args:
        texts: Texts in the order of their rows.
        rows: For each text the number of its row, 0 to count - 1.
        count: Rows.
    """
    import numpy as np

    words, word_rows = words_of(texts, rows)
    ends = np.searchsorted(word_rows, np.arange(count), side="right")
    starts = np.concatenate([[0], ends[:-1]])
    sizes = ends - starts
    shingles = np.zeros(len(words), np.uint64)
    for offset in range(WORDS):
        part = words[offset:] * np.uint64(_FACTORS[offset])
        shingles[: len(part)] += part
    # The last places of a row would reach into the next: only rows that are short use their first.
    place = np.arange(len(words)) - np.repeat(starts, sizes)
    is_whole = place + WORDS <= np.repeat(sizes, sizes)
    short = np.flatnonzero((sizes > 0) & (sizes < WORDS))
    for row in short:
        own = words[starts[row] : ends[row]] * np.array(_FACTORS[: sizes[row]], np.uint64)
        shingles[starts[row]] = own.sum(dtype=np.uint64)
        is_whole[starts[row]] = True
    hashes = (mixed(shingles[is_whole]) >> np.uint64(32)).astype(np.uint32)
    return _sketches(hashes, word_rows[is_whole], count)


def _sketches(hashes: NDArray[uint32], rows: NDArray[int64], count: int) -> Shingles:
    """Return each row's different hashes in order, at most LARGEST_SKETCH of them."""
    import numpy as np

    keys = (rows.astype(np.uint64) << np.uint64(32)) | hashes.astype(np.uint64)
    keys = np.unique(keys)
    owners = (keys >> np.uint64(32)).astype(np.int64)
    starts = np.searchsorted(owners, np.arange(count))
    keys = keys[np.arange(len(keys)) - starts[owners] < LARGEST_SKETCH]
    owners = (keys >> np.uint64(32)).astype(np.int64)
    return Shingles(
        hashes=(keys & np.uint64(0xFFFFFFFF)).astype(np.uint32),
        sizes=np.bincount(owners, minlength=count),
    )


def words_of(texts: Array, owners: NDArray[int64]) -> tuple[NDArray[uint64], NDArray[int64]]:
    """Return the hash of every word of the texts, and the owner of the text that it stands in.

    Args:
        texts: Texts.
        owners: For each text a number, e.g. that of its row.
    """
    import numpy as np
    from pyarrow import compute

    lowered = compute.utf8_lower(texts)
    ends = np.cumsum(compute.binary_length(lowered).to_numpy(), dtype=np.int64)
    size = int(ends[-1]) if len(ends) else 0
    data = lowered.buffers()[2]
    content = np.frombuffer(memoryview(data or b""), np.uint8)[:size]
    starts, stops = _word_places(content, ends)
    prefix = np.zeros(len(content) + 1, np.uint64)
    np.cumsum((content.astype(np.uint64) + np.uint64(1)) * _powers(len(content)), out=prefix[1:])
    hashes = (prefix[stops] - prefix[starts]) * _inverse_powers(len(content))[starts]
    return mixed(hashes), owners[np.searchsorted(ends, starts, side="right")]


def _word_places(
    content: NDArray[uint8], ends: NDArray[int64]
) -> tuple[NDArray[int64], NDArray[int64]]:
    """Return where words begin and end in the bytes of all texts."""
    import numpy as np

    is_word = _is_word_byte()[content]
    begins = is_word.copy()
    begins[1:] &= ~is_word[:-1]
    # Letters of scripts without blanks, and first letters of texts, begin words of their own.
    begins |= (content >= 0xE3) & (content <= 0xED)
    borders = ends[ends < len(content)]
    begins[borders] |= is_word[borders]
    starts = np.flatnonzero(begins)
    is_end = np.zeros(len(content) + 1, np.bool_)
    is_end[:-1] = ~is_word
    is_end[starts] = True
    is_end[borders] = True
    is_end[len(content)] = True
    places = np.flatnonzero(is_end)
    return starts, places[np.searchsorted(places, starts, side="right")]


@cache
def _is_word_byte() -> NDArray[bool_]:
    """Return for each byte whether it belongs to a word: letters, digits, all beyond ASCII."""
    import numpy as np

    table = np.zeros(256, np.bool_)
    table[128:] = True
    table[[*b"0123456789abcdefghijklmnopqrstuvwxyz"]] = True
    return table


def _powers(count: int) -> NDArray[uint64]:
    import numpy as np

    return np.cumprod(np.full(count, _BASE, np.uint64))


def _inverse_powers(count: int) -> NDArray[uint64]:
    import numpy as np

    return np.cumprod(np.full(count, pow(_BASE, -1, 2**64), np.uint64))


def mixed(values: NDArray[uint64]) -> NDArray[uint64]:
    """Return values scattered over all 64 bits."""
    import numpy as np

    values = (values ^ (values >> np.uint64(30))) * np.uint64(_MIX[0])
    values = (values ^ (values >> np.uint64(27))) * np.uint64(_MIX[1])
    return values ^ (values >> np.uint64(31))


def similarities(
    shingles: Shingles, one: NDArray[int64], other: NDArray[int64]
) -> NDArray[float64]:
    """Return how alike pairs of rows are, 0 to 1.

    Args:
        shingles: Of all rows.
        one: Number of the one row of each pair.
        other: Number of the other.
    """
    import numpy as np

    ends = np.cumsum(shingles.sizes)
    starts = ends - shingles.sizes
    full = np.full(len(starts), np.iinfo(np.uint32).max, np.uint32)
    is_cut = shingles.sizes >= LARGEST_SKETCH
    full[is_cut] = shingles.hashes[ends[is_cut] - 1]
    limits = np.minimum(full[one], full[other])
    keys = [_limited(shingles, starts, side, limits) for side in (one, other)]
    sizes = [np.bincount(owners, minlength=len(one)) for _hashes, owners in keys]
    both = np.concatenate(
        [(owners.astype(np.uint64) << np.uint64(32)) | hashes for hashes, owners in keys]
    )
    both.sort()
    twice = both[1:][both[1:] == both[:-1]]
    shared = np.bincount((twice >> np.uint64(32)).astype(np.int64), minlength=len(one))
    return shared / np.maximum(sizes[0] + sizes[1] - shared, 1)


def _limited(
    shingles: Shingles, starts: NDArray[int64], rows: NDArray[int64], limits: NDArray[uint32]
) -> tuple[NDArray[uint32], NDArray[int64]]:
    """Return the hashes of one side of all pairs up to the limit of each, and their pairs."""
    import numpy as np

    sizes = shingles.sizes[rows]
    owners = np.repeat(np.arange(len(rows)), sizes)
    offsets = np.arange(len(owners)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    hashes = shingles.hashes[starts[rows][owners] + offsets]
    is_in = hashes <= limits[owners]
    return hashes[is_in], owners[is_in]
