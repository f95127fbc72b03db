# SPDX-License-Identifier: Apache-2.0
"""Checks that judge each row by itself: what a batch shows is all they need."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, cast

import msgspec

from engine.quality.batch import TurnBatch
from engine.quality.found import Found

if TYPE_CHECKING:
    from numpy import bool_, int64
    from numpy.typing import NDArray
    from pyarrow import Array


class Hits(msgspec.Struct, frozen=True, kw_only=True):
    """What one look at a batch found.

    Attributes:
        rows: Numbers of rows over the whole set; a row may come more than once.
        label: What was found in them, an index into the labels of the check.
    """

    rows: NDArray[int64]
    label: int = 0


class RowLocalPass:
    """One pass of a check that judges each row by itself; every row counts once for each label."""

    def __init__(
        self, labels: tuple[str, ...], look: Callable[[TurnBatch], Sequence[Hits]]
    ) -> None:
        """Begin the pass.

        Args:
            labels: Stable words for what is found.
            look: Returns the hits of one batch; pure.
        """
        self._labels = labels
        self._look = look

    def see(self, batch: TurnBatch) -> object:
        """Return the finds of one batch as pairs of row and label, each pair in one number."""
        import numpy as np

        found = [hits.rows * len(self._labels) + hits.label for hits in self._look(batch)]
        return np.unique(np.concatenate(found)) if found else np.empty(0, np.int64)

    def end(self, seen: list[object]) -> Found:
        """Return the finds of all batches, by row."""
        import numpy as np

        pairs = np.sort(np.concatenate([np.empty(0, np.int64), *cast("list[Any]", seen)]))
        rows, labels = np.divmod(pairs, len(self._labels))
        return Found(
            rows=rows, groups=None, labels=labels.astype(np.int16), label_names=self._labels
        )


def matches(texts: Array, expression: str) -> NDArray[bool_]:
    """Return which texts an RE2 expression matches anywhere."""
    from pyarrow import compute

    return compute.match_substring_regex(texts, expression).to_numpy(zero_copy_only=False)


def is_not_ascii(texts: Array) -> NDArray[bool_]:
    """Return which texts hold a character beyond ASCII."""
    from pyarrow import compute

    return compute.not_equal(compute.binary_length(texts), compute.utf8_length(texts)).to_numpy(
        zero_copy_only=False
    )


def places(mask: NDArray[bool_]) -> NDArray[int64]:
    """Return the indices at which a mask is set."""
    import numpy as np

    return np.flatnonzero(mask)


def confirmed(texts: Array, mask: NDArray[bool_], rule: Callable[[str], bool]) -> NDArray[int64]:
    """Return the indices of the candidates of a mask that an exact rule confirms."""
    import numpy as np
    import pyarrow as pa

    candidates = places(mask)
    values: list[str] = texts.take(pa.array(candidates)).to_pylist()
    kept = [place for place, value in zip(candidates, values, strict=True) if rule(value)]
    return np.array(kept, np.int64)
