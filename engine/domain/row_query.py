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


class RowQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Conditions that all have to hold.

    Attributes:
        text: What a text of the row holds, whatever the case; empty takes every row.
        is_pattern: `text` is a regular expression (RE2), in which case counts.
        check: Id of a check that found the row; empty takes every row.
        label: Only findings of this label; empty takes all of the check.
        tag: A tag that the row carries; empty takes every row.
        sort: In which order; rows of one length stay in the order in which they are stored.
    """

    text: str = ""
    is_pattern: bool = False
    check: str = ""
    label: str = ""
    tag: str = ""
    sort: RowSort = RowSort.STORED

    @property
    def takes_all(self) -> bool:
        """Return whether it is every row, as stored."""
        return self == RowQuery(is_pattern=self.is_pattern)
