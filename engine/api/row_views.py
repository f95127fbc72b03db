# SPDX-License-Identifier: Apache-2.0
"""Looking at rows: by text, finding or tag, in another order, and as two versions have them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from typing import TYPE_CHECKING

import msgspec

from engine.api.datasets import Datasets
from engine.api.reports import Reports, not_checked
from engine.api.versions import Versions
from engine.domain.dataset import Row
from engine.domain.row_query import RowMark, RowQuery, RowSort
from engine.formats.row_search import Hits, RowSearch
from engine.formats.row_table import RowTable
from engine.quality.found import joined

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Ids = NDArray[np.int64]

__all__ = ["Hits", "RowChange", "RowMark", "RowQuery", "RowSearch", "RowSort", "RowViews"]


READ_CHANGES = 10
"""Rows of each version that are read for one that is returned, to find the edited ones."""


class RowChange(msgspec.Struct, frozen=True, kw_only=True):
    """A row that two versions have differently; None where one of them does not have it."""

    before: Row | None = None
    after: Row | None = None


class RowViews:
    """Looks at the rows of one workspace."""

    def __init__(self, datasets: Datasets, reports: Reports, versions: Versions) -> None:
        """Work with the other services of the workspace."""
        self._datasets = datasets
        self._reports = reports
        self._versions = versions

    def changes(
        self, dataset_id: str, earlier: int, later: int, *, limit: int = 20
    ) -> list[RowChange]:
        """Return the first rows that two versions have differently, edited ones first.

        A row of the later version that stands at the same place of the same source as one of the
        earlier is taken as that one, edited.

        Raises:
            DatasetNotFound: There is no such dataset.
            DatasetDamaged: There is no such version, or its rows cannot be read.
        """
        import numpy as np

        difference = self._versions.compare(dataset_id, earlier, later)
        read = READ_CHANGES * limit
        with (
            closing(self._datasets.open_rows(dataset_id, None, version=earlier)) as one,
            closing(self._datasets.open_rows(dataset_id, None, version=later)) as other,
        ):
            gone = one.narrowed(np.array(difference.removed[:read], np.int64))
            come = other.narrowed(np.array(difference.added[:read], np.int64))
            before = {_place(gone, at): gone.row(at) for at in range(len(gone))}
            after = {_place(come, at): come.row(at) for at in range(len(come))}
        edited = [place for place in after if place in before]
        found = [RowChange(before=before[one], after=after[one]) for one in edited]
        found += [RowChange(before=row) for place, row in before.items() if place not in after]
        found += [RowChange(after=row) for place, row in after.items() if place not in before]
        return found[:limit]

    def search(self, dataset_id: str, table: RowTable, query: RowQuery) -> RowSearch:
        """Begin a search through an open table of the current version of a dataset.

        Raises:
            WrongUsage: The regular expression is none, or the rows were not checked yet.
            DatasetNotFound: There is no such dataset.
            DatasetDamaged: What is known of its rows cannot be read.
        """
        within, groups = self._marked(dataset_id, table, query.marks)
        return RowSearch(
            table,
            text=query.text,
            is_pattern=query.is_pattern,
            within=within,
            groups=groups,
            sort=query.sort,
        )

    def _marked(
        self, dataset_id: str, table: RowTable, marks: Sequence[RowMark]
    ) -> tuple[Ids | None, Ids | None]:
        """Return the positions of rows with at least one of the marks, and their groups.

        None for all positions; None where no mark has groups.
        """
        import numpy as np

        if not marks:
            return None, None
        found = [self._found(dataset_id, one) for one in marks]
        ids = np.concatenate([one for one, _groups in found])
        groups = np.concatenate([one for _ids, one in found])
        known = (table.ids, ids, groups)
        size = max((int(one.max()) + 1 for one in known if len(one)), default=0)
        is_in = np.zeros(size, np.bool_)
        is_in[ids] = True
        positions = np.flatnonzero(is_in[table.ids]).astype(np.int64)
        has = groups >= 0
        if not has.any():
            return positions, None
        # A row that is in groups of two findings joins them: all of it is to be seen together.
        pairs = np.stack([ids[has], groups[has]], axis=1)
        return positions, joined(pairs, size)[table.ids[positions]]

    def _found(self, dataset_id: str, mark: RowMark) -> tuple[Ids, Ids]:
        """Return the ids of the rows with a mark, and the groups that it puts them in."""
        import numpy as np

        if mark.check:
            report = self._reports.latest(dataset_id)
            if report is None:
                raise not_checked()
            found = self._reports.found(
                dataset_id, mark.check, label=mark.label, version=report.version
            )
            return found.ids, found.groups
        ids = self._versions.tags(dataset_id).get(mark.tag, np.zeros(0, np.int64))
        return ids, np.full(len(ids), -1, np.int64)


def _place(table: RowTable, at: int) -> tuple[int, int]:
    """Return source and line of a row; one that was written in Burnish has a place of its own."""
    place = table.place(at)
    return (place.source, place.line) if place.source >= 0 else (-1, int(table.ids[at]))
