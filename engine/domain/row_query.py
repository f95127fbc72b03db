# SPDX-License-Identifier: Apache-2.0
"""Which rows of a dataset are wanted, and in which order."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class RowSort(StrEnum):
    """The order in which rows are wanted."""

    STORED = "stored"
    LONGEST = "longest"
    SHORTEST = "shortest"


class RowMark(msgspec.Struct, frozen=True, kw_only=True):
    """What a row can be picked by: that a check found it, or that it carries a tag.

    Attributes:
        check: Id of a check that found the row.
        label: Only findings of this label; empty takes all of the check.
        tag: A tag that the row carries, where there is no check.
    """

    check: str = ""
    label: str = ""
    tag: str = ""


class RowQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Conditions that all have to hold.

    Attributes:
        text: What a text of the row holds, whatever the case; empty takes every row.
        is_pattern: `text` is a regular expression (RE2), in which case counts.
        marks: The row has at least one of them; empty takes every row.
        sort: In which order; rows of one length stay in the order in which they are stored. Rows
            that a finding puts in one group stand together all the same, in this order among
            themselves, where the first of them would stand.
    """

    text: str = ""
    is_pattern: bool = False
    marks: tuple[RowMark, ...] = ()
    sort: RowSort = RowSort.STORED

    @property
    def takes_all(self) -> bool:
        """Return whether it is every row, as stored."""
        return self == RowQuery(is_pattern=self.is_pattern)
