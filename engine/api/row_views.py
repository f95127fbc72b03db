# SPDX-License-Identifier: Apache-2.0
"""Choosing rows of an open table: by text, by finding, by tag, and in another order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.api.reports import Reports
from engine.api.versions import Versions
from engine.domain.row_query import RowQuery, RowSort
from engine.formats.row_search import RowSearch
from engine.formats.row_table import RowTable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["RowQuery", "RowSearch", "RowSort", "RowViews"]


class RowViews:
    """Searches in the rows of one workspace."""

    def __init__(self, reports: Reports, versions: Versions) -> None:
        """Work with the other services of the workspace."""
        self._reports = reports
        self._versions = versions

    def search(self, dataset_id: str, table: RowTable, query: RowQuery) -> RowSearch:
        """Begin a search through an open table of the current version of a dataset.

        Raises:
            WrongUsage: The regular expression is none, or the rows were not checked yet.
            DatasetNotFound: There is no such dataset.
            DatasetDamaged: What is known of its rows cannot be read.
        """
        return RowSearch(
            table,
            text=query.text,
            is_pattern=query.is_pattern,
            within=self._within(dataset_id, table, query),
            sort=query.sort,
        )

    def _within(
        self, dataset_id: str, table: RowTable, query: RowQuery
    ) -> NDArray[np.int64] | None:
        """Return the positions that findings and tag leave; None for all."""
        import numpy as np

        wanted: list[NDArray[np.int64]] = []
        if query.check:
            wanted.append(self._reports.row_ids(dataset_id, query.check, label=query.label))
        if query.tag:
            none = table.ids[:0]
            wanted.append(self._versions.tags(dataset_id).get(query.tag, none))
        if not wanted:
            return None
        is_in = np.ones(len(table), np.bool_)
        for ids in wanted:
            is_in &= np.isin(table.ids, ids)
        return np.flatnonzero(is_in).astype(np.int64)
