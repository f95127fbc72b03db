# SPDX-License-Identifier: Apache-2.0
"""Rows that are exactly the same."""

from __future__ import annotations

from gettext import gettext as _
from typing import TYPE_CHECKING, cast

from engine.domain.problem import Severity
from engine.quality.batch import TurnBatch
from engine.quality.check import KEEP_FIRST, Check, CheckSettings
from engine.quality.found import Found, grouped

if TYPE_CHECKING:
    from numpy import int64, uint64
    from numpy.typing import NDArray


class ExactCopies:
    """One pass of the check; a group is named by its first row."""

    def __init__(self, _settings: CheckSettings) -> None:
        """Begin the pass."""

    def see(self, batch: TurnBatch) -> object:
        """Return the first half of each content hash."""
        import numpy as np

        halves = [int(one[:16], 16) for one in batch.row_hashes.to_pylist()]
        return np.array(halves, np.uint64)

    def end(self, seen: list[object]) -> Found:
        """Return the rows of all groups."""
        import numpy as np

        parts = cast("list[NDArray[uint64]]", seen)
        return grouped(equal_groups(np.concatenate([np.zeros(0, np.uint64), *parts])))


def equal_groups(keys: NDArray[uint64]) -> NDArray[int64]:
    """Return for each row the first row of the same key, -1 where no other row has it."""
    import numpy as np

    _keys, firsts, numbers, counts = np.unique(
        keys, return_index=True, return_inverse=True, return_counts=True
    )
    return np.where(counts[numbers] > 1, firsts[numbers], -1).astype(np.int64)


EXACT_COPIES = Check(
    id="exact_copies",
    title=lambda: _("Exact copies"),
    why=lambda: _("A row that is there twice is trained twice as often as the others."),
    severity=Severity.WARNING,
    begin=ExactCopies,
    fix=KEEP_FIRST,
    is_safe=True,
)
