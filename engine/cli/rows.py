# SPDX-License-Identifier: Apache-2.0
"""Rows of a dataset for the command line: those of a split, or those that checks found."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from contextlib import closing
from itertools import accumulate
from math import inf

import msgspec

from engine.api.facade import Api
from engine.domain.dataset import DatasetInfo, Row
from engine.domain.row_query import RowMark, RowQuery


class ShownRow(msgspec.Struct, frozen=True, kw_only=True):
    """A row with where it stands.

    Attributes:
        id: Its id, which it keeps in every version.
        split: Its split.
        group: Number of its group among those that were found, from 1; 0 for none.
        file: Name of the file that it came from.
        line: Its line there.
        row: The row itself.
    """

    id: int
    split: str
    group: int
    file: str
    line: int
    row: Row


class FoundRows(msgspec.Struct, frozen=True, kw_only=True):
    """Some of the rows that were asked for, and how many there are in all."""

    rows: tuple[ShownRow, ...]
    count: int
    groups: int


def find_rows(
    api: Api, info: DatasetInfo, split: str | None, marks: Sequence[RowMark], page: range
) -> FoundRows:
    """Return some of the rows with any of the marks, groups together.

    Args:
        api: The open workspace.
        info: The dataset.
        split: Which split; None takes all.
        marks: What the rows are picked by; none takes every row.
        page: Which of what is found.

    Raises:
        DatasetNotFound: There is no such split.
        DatasetDamaged: The rows cannot be read.
        WrongUsage: The rows were not checked yet, or there is no such check.
    """
    names = [split] if split is not None else list(info.splits)
    ends = list(accumulate(info.splits.values())) if split is None else []
    with closing(api.datasets.open_rows(info.id, split)) as table:
        search = api.row_views.search(info.id, table, RowQuery(marks=tuple(marks)))
        search.go_on(inf)
        hits = search.found()
        count = len(hits.positions)
        found: list[ShownRow] = []
        for place in page[: max(count - page.start, 0)]:
            position = int(hits.positions[place])
            file, line = table.source(position)
            found.append(
                ShownRow(
                    id=int(table.ids[position]),
                    split=names[bisect_right(ends, position)],
                    group=0 if hits.groups is None else int(hits.groups[place]) + 1,
                    file=file,
                    line=line,
                    row=table.row(position),
                )
            )
    return FoundRows(rows=tuple(found), count=count, groups=hits.group_count)
