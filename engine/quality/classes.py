# SPDX-License-Identifier: Apache-2.0
"""Classes with far fewer rows than the largest one, and equal texts in different classes.

For rated answers the classes are liked and disliked.
"""

from __future__ import annotations

from gettext import gettext as _
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, cast

import msgspec

from engine.domain.dataset import RowKind
from engine.domain.problem import Severity
from engine.quality.answers import contradicting, text_hashes
from engine.quality.batch import TurnBatch
from engine.quality.check import Check
from engine.quality.found import Found, grouped
from engine.quality.shingles import mixed

if TYPE_CHECKING:
    from numpy import int32, uint64
    from numpy.typing import NDArray

LARGEST_RATIO = 9
"""Rows of the largest class for each row of another, beyond which a set is highly imbalanced.

The border of the KEEL repository (Alcalá-Fdez et al. 2011, J. of Multiple-Valued Logic and Soft
Computing 17); likes and dislikes were trained at up to 9 to 1 by KTO (Ethayarajh et al. 2024, 4.3).
"""


class _Classes(msgspec.Struct, frozen=True, kw_only=True):
    """The classes of one batch; `codes` are indices into `names`."""

    first_row: int
    names: list[str]
    codes: NDArray[int32]


class ClassPass:
    """Counts the rows of each class, and finds those of the rare ones."""

    def see(self, batch: TurnBatch) -> object:
        """Return the classes of one batch."""
        import numpy as np

        if batch.classes is None:
            return _Classes(first_row=batch.first_row, names=[], codes=np.empty(0, np.int32))
        coded: Any = batch.classes.dictionary_encode()
        return _Classes(
            first_row=batch.first_row,
            names=[str(one) for one in coded.dictionary.to_pylist()],
            codes=coded.indices.to_numpy(zero_copy_only=False).astype(np.int32),
        )

    def end(self, seen: list[object]) -> Found:
        """Return the rows of classes that the largest outnumbers too far."""
        import numpy as np

        parts = cast("list[_Classes]", seen)
        counts: dict[str, int] = {}
        for part in parts:
            for name, count in zip(part.names, np.bincount(part.codes).tolist(), strict=True):
                counts[name] = counts.get(name, 0) + count
        largest = max(counts.values(), default=0)
        rare = {name for name, count in counts.items() if count * LARGEST_RATIO < largest}
        rows = [np.empty(0, np.int64)]
        for part in parts:
            is_rare = np.array([name in rare for name in part.names], np.bool_)
            if is_rare.any():
                rows.append(part.first_row + np.flatnonzero(is_rare[part.codes]))
        return Found(rows=np.sort(np.concatenate(rows)))


class _Classed(msgspec.Struct, frozen=True, kw_only=True):
    """Hashes of the texts of each row of a batch, and of its class; 0 where there is none."""

    texts: NDArray[uint64]
    classes: NDArray[uint64]


class ContradictionPass:
    """Looks for rows of the same texts that are in different classes."""

    def see(self, batch: TurnBatch) -> object:
        """Return a hash of all texts of each row, and one of its class."""
        import numpy as np

        rows = batch.rows - batch.first_row
        hashes = text_hashes(batch.texts)
        place = (np.arange(len(rows)) - np.searchsorted(rows, rows)).astype(np.uint64)
        texts = np.zeros(batch.count, np.uint64)
        np.add.at(texts, rows[hashes != 0], mixed(hashes + place)[hashes != 0])
        if batch.classes is None:
            return _Classed(texts=texts, classes=np.zeros(batch.count, np.uint64))
        coded: Any = batch.classes.dictionary_encode()
        names = [str(one).encode("utf-8") for one in coded.dictionary.to_pylist()]
        keys = [int.from_bytes(blake2b(one, digest_size=8).digest()) | 1 for one in names]
        codes = coded.indices.to_numpy(zero_copy_only=False)
        return _Classed(texts=texts, classes=np.array(keys, np.uint64)[codes])

    def end(self, seen: list[object]) -> Found:
        """Return the rows of all groups."""
        import numpy as np

        parts = cast("list[_Classed]", seen)
        nothing = np.zeros(0, np.uint64)
        texts = np.concatenate([nothing, *(one.texts for one in parts)])
        classes = np.concatenate([nothing, *(one.classes for one in parts)])
        return grouped(contradicting(texts, classes))


RARE = Check(
    id="rare_classes",
    title=lambda: _("Classes with few rows"),
    why=lambda: _(
        "The largest class has more than {ratio} times the rows of these. A model then learns to "
        "answer with the large one, and looks good while it never finds the small ones. Add rows "
        "to the small classes, or take some out of the large one."
    ).format(ratio=LARGEST_RATIO),
    severity=Severity.WARNING,
    kinds=(RowKind.LABEL, RowKind.RATED),
    begin=lambda _settings: ClassPass(),
)
CONTRADICTING = Check(
    id="contradicting_classes",
    title=lambda: _("Equal texts in different classes"),
    why=lambda: _("The same text is in several classes, so the model can learn none of them."),
    severity=Severity.WARNING,
    kinds=(RowKind.LABEL, RowKind.RATED),
    begin=lambda _settings: ContradictionPass(),
)
