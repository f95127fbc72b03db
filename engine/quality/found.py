# SPDX-License-Identifier: Apache-2.0
"""What a check found, in columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from numpy import int16, int64
    from numpy.typing import NDArray


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """The findings of one check.

    Attributes:
        rows: Number of the row of each finding, counted over all checked rows, ascending.
        groups: For each finding the number of its group, where findings belong together.
        labels: For each finding an index into `label_names`, where there are kinds of findings.
        label_names: Stable snake_case words.
        tally: How many of all rows are of each kind, found or not, the most frequent first; only
            of a check that sorts every row.
    """

    rows: NDArray[int64]
    groups: NDArray[int64] | None = None
    labels: NDArray[int16] | None = None
    label_names: tuple[str, ...] = ()
    tally: Mapping[str, int] = msgspec.field(default_factory=dict[str, int])


def labelled(found: Found, label: str) -> Found:
    """Return only the findings of one label."""
    if found.labels is None:
        return Found(rows=found.rows[:0])
    is_in = found.labels == found.label_names.index(label)
    groups = None if found.groups is None else found.groups[is_in]
    return Found(rows=found.rows[is_in], groups=groups)


def grouped(groups: NDArray[int64]) -> Found:
    """Return the rows that are in a group as findings.

    Args:
        groups: For each row the number of its group, -1 for none; int64 of shape (rows,).
    """
    import numpy as np

    rows = np.flatnonzero(groups >= 0)
    return Found(rows=rows, groups=groups[rows])


def joined(pairs: NDArray[int64], count: int) -> NDArray[int64]:
    """Return for each row the lowest row of its group, -1 where it is in none.

    Args:
        pairs: Rows that belong to one group, int64 of shape (pairs, 2); what two pairs share joins
            them.
        count: Rows.
    """
    import numpy as np

    lowest = np.arange(count, dtype=np.int64)
    while True:
        before = lowest.copy()
        for one, other in ((0, 1), (1, 0)):
            np.minimum.at(lowest, pairs[:, one], lowest[pairs[:, other]])
        lowest = lowest[lowest]
        if np.array_equal(before, lowest):
            break
    is_in = np.zeros(count, np.bool_)
    is_in[pairs.ravel()] = True
    return np.where(is_in, lowest, -1)
