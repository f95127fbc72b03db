# SPDX-License-Identifier: Apache-2.0
"""Changes to rows of a dataset, written as they come, and what is refused of them."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from gettext import gettext as _

import msgspec

from engine.domain.dataset import DatasetInfo, Row
from engine.errors import WrongUsage
from engine.formats.arrow_rows import RowPlace
from engine.formats.refusal import RefusedRecord
from engine.formats.row_order import HASH_FORM, Order, kept_apart, without_and_replaced
from engine.formats.row_rules import check_row
from engine.formats.row_table import RowTable
from engine.formats.shapes import kind_of
from engine.formats.versions import VersionWriter


class RowChange(msgspec.Struct, frozen=True, gc=False):
    """A change to one row.

    Attributes:
        id: Id of the row.
        row: The row that takes its place; None leaves it out.
        before: What is kept beside the old row.
    """

    id: int
    row: Row | None = None
    before: RowPlace = RowPlace("", -1, 0)


class RowRewrite:
    """Takes the changes that make a version; of each it remembers the id alone."""

    def __init__(self, info: DatasetInfo, table: RowTable, writer: VersionWriter) -> None:
        """Change rows of a table, which are those of the current version."""
        self._info = info
        self._table = table
        self._writer = writer
        self._gone = array("q")
        self._replaced = array("q")

    @property
    def rows(self) -> int:
        """Return how many rows were left out and replaced."""
        return len(self._gone) + len(self._replaced)

    def take(self, changes: Iterable[RowChange]) -> None:
        """Write the rows that take the places of others.

        Raises:
            DiskFull: No room.
        """
        for one in changes:
            if one.row is None:
                self._gone.append(one.id)
            else:
                self._replaced.append(one.id)
                before = one.before
                self._writer.add(one.row, before.source, before.line, before.fields)

    def order(self, before: Order, first: int) -> Order:
        """Return which rows the version has, none of them in two splits.

        Args:
            before: Which rows the current version has.
            first: Id of the first row that was written.

        Raises:
            WrongUsage: There was no change, a row is not in the dataset, or none would be left.
        """
        import numpy as np

        gone, replaced = np.array(self._gone, np.int64), np.array(self._replaced, np.int64)
        touched, known = np.union1d(gone, replaced), self._table.ids
        if not len(touched) or len(np.setdiff1d(touched, known)):
            raise no_such_rows(self._info)
        if not len(np.setdiff1d(known, gone)):
            raise WrongUsage(
                _("No row of {name} would be left. Nothing was changed.").format(
                    name=self._info.name
                )
            )
        new = np.arange(first, first + len(replaced), dtype=np.int64)
        others = self._table.narrowed(np.setdiff1d(known, touched))
        changed = without_and_replaced(before, gone, replaced, first)
        return kept_apart(changed, new, np.frombuffer(self._writer.hashes, HASH_FORM), others)


def check_kind(info: DatasetInfo, rows: Iterable[Row]) -> None:
    """Refuse rows of another kind than the dataset holds.

    Raises:
        WrongUsage: There is one.
    """
    if any(kind_of(row) is not info.kind for row in rows):
        raise WrongUsage(
            _("{name} holds rows of the kind {kind}; a row of another kind cannot go in.").format(
                name=info.name, kind=info.kind.value
            )
        )


def check_rows(rows: Iterable[Row]) -> None:
    """Refuse rows that a person wrote and from which nothing can be learned.

    Raises:
        WrongUsage: There is one.
    """
    for row in rows:
        try:
            check_row(row)
        except RefusedRecord as refused:
            raise WrongUsage(
                _("The row was not kept. {reason}").format(reason=refused.message),
                remedy=_("Fill in what is missing."),
            ) from refused


def no_such_rows(info: DatasetInfo) -> WrongUsage:
    """Return the error for rows that are not in the current version."""
    return WrongUsage(
        _("These rows are not in the current version of {name}. Nothing was changed.").format(
            name=info.name
        ),
        remedy=_("Open the dataset again to see its rows."),
    )
