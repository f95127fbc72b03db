# SPDX-License-Identifier: Apache-2.0
"""Finding rows by their texts, batch after batch, so that the first ones are there at once.

Regular expressions are those of RE2, which takes time in proportion to the text whatever the
pattern (https://github.com/google/re2/wiki/Syntax).
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from gettext import gettext as _
from typing import TYPE_CHECKING

import msgspec

from engine.domain.row_query import RowSort
from engine.errors import WrongUsage
from engine.formats.row_table import RowTable, content_names

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from pyarrow import Array, RecordBatch

    Positions = NDArray[np.int64]

SEARCHED_FIELDS = ("content", "tool_calls", "name", "tool_call_id")
"""Fields of a turn that hold texts."""
MEASURED = ("content", "text")
"""Fields and columns whose characters make up the length of a row, as the table shows it."""


class Hits(msgspec.Struct, frozen=True, kw_only=True):
    """What was found, in the wanted order.

    Attributes:
        positions: Positions in the table, int64 of shape (rows,).
        groups: For each the number of its group, from 0 in this order, -1 for none; None where
            nothing that was asked for has groups.
        group_count: How many groups there are.
    """

    positions: Positions
    groups: Positions | None = None
    group_count: int = 0


class RowSearch:
    """One search through the rows of a table, a little at a time."""

    def __init__(
        self,
        table: RowTable,
        *,
        text: str = "",
        is_pattern: bool = False,
        within: Positions | None = None,
        groups: Positions | None = None,
        sort: RowSort = RowSort.STORED,
    ) -> None:
        """Begin a search; nothing is read yet.

        Args:
            table: Where to search.
            text: What a text of the row holds, whatever the case; empty takes every row.
            is_pattern: `text` is a regular expression, in which case counts.
            within: Only these positions of the table, ascending; None takes all.
            groups: For each of them any number of its group, -1 for none; None has no groups.
            sort: The order of what is found.

        Raises:
            WrongUsage: The regular expression is none.
        """
        import numpy as np

        self._text, self._is_pattern, self._sort = text, is_pattern, sort
        _check_pattern(text, is_pattern=is_pattern)
        self._within = np.arange(len(table), dtype=np.int64) if within is None else within
        self._groups = groups
        part = table if within is None else table.narrowed(table.ids[within])
        self._batches: Iterator[RecordBatch] = part.batches()
        # Places in `_within`, and the lengths of their rows.
        self._found: list[Positions] = []
        self._lengths: list[Positions] = []
        self._done = 0
        self._is_over = False
        if not text and sort is RowSort.STORED:
            # What is wanted is known already; no row has to be read.
            self._found.append(np.arange(len(self._within), dtype=np.int64))
            self._done, self._is_over = len(self._within), True

    @property
    def total(self) -> int:
        """Return how many rows are to be looked at."""
        return len(self._within)

    @property
    def done(self) -> int:
        """Return how many were looked at."""
        return self._done

    @property
    def is_over(self) -> bool:
        """Return whether all were looked at."""
        return self._is_over

    @property
    def grows_at_end(self) -> bool:
        """Return whether what is found so far stays the beginning of what will be found."""
        return self._sort is RowSort.STORED and self._groups is None

    def go_on(self, seconds: float) -> None:
        """Look on for about so long, at least at one batch."""
        end = time.monotonic() + seconds
        while not self._is_over:
            batch = next(self._batches, None)
            if batch is None:
                self._is_over = True
                return
            self._look(batch)
            if time.monotonic() >= end:
                return

    def found(self) -> Hits:
        """Return what is found so far."""
        import numpy as np

        places = np.concatenate([self._within[:0], *self._found])
        if self._sort is not RowSort.STORED:
            lengths = np.concatenate([self._within[:0], *self._lengths])
            sign = -1 if self._sort is RowSort.LONGEST else 1
            places = places[np.argsort(sign * lengths, kind="stable")]
        if self._groups is None:
            return Hits(positions=self._within[places])
        order, numbers, count = _together(self._groups[places])
        return Hits(positions=self._within[places[order]], groups=numbers, group_count=count)

    def _look(self, batch: RecordBatch) -> None:
        import numpy as np

        texts = list(_texts(batch))
        hit = np.ones(batch.num_rows, np.bool_)
        if self._text:
            hit[:] = False
            for _name, values, rows in texts:
                hit[rows[self._matches(values)]] = True
        places = np.flatnonzero(hit)
        self._found.append(self._done + places)
        if self._sort is not RowSort.STORED:
            measured = [(values, rows) for name, values, rows in texts if name in MEASURED]
            self._lengths.append(_lengths(measured, batch.num_rows)[places])
        self._done += batch.num_rows

    def _matches(self, texts: Array) -> NDArray[np.bool_]:
        from pyarrow import compute

        if self._is_pattern:
            found = compute.match_substring_regex(texts, self._text)
        else:
            found = compute.match_substring(texts, self._text, ignore_case=True)
        return compute.fill_null(found, False).to_numpy(zero_copy_only=False)


def _together(groups: Positions) -> tuple[Positions, Positions, int]:
    """Return an order in which groups stand together, each where its first member stands.

    What is in no group comes last.

    Args:
        groups: For each member the number of its group, -1 for none.

    Returns:
        The order, for each place in it the number of its group from 0 or -1, and how many there
        are.
    """
    import numpy as np

    names, firsts, numbers = np.unique(groups, return_index=True, return_inverse=True)
    firsts[names < 0] = len(groups)
    ranks = np.empty(len(names), np.int64)
    ranks[np.argsort(firsts)] = np.arange(len(names))
    count = int((names >= 0).sum())
    member = ranks[numbers]
    order = np.argsort(member, kind="stable")
    return order, np.where(member < count, member, -1)[order], count


def _check_pattern(text: str, *, is_pattern: bool) -> None:
    import pyarrow as pa
    from pyarrow import compute

    if not (text and is_pattern):
        return
    try:
        compute.match_substring_regex(pa.array(["x"]), text)
    except pa.ArrowException as error:
        raise WrongUsage(
            _("This is no regular expression: {text}").format(text=text),
            remedy=_("Escape special characters with a backslash, or search for plain text."),
            detail=str(error),
        ) from error


def _texts(batch: RecordBatch) -> Iterator[tuple[str, Array, Positions]]:
    """Yield the texts of a batch by field: its name, them, and the numbers of their rows."""
    import numpy as np
    from pyarrow import compute, types

    for name in content_names(batch):
        column = batch.column(name)
        if types.is_string(column.type):
            yield name, column, np.arange(batch.num_rows, dtype=np.int64)
        elif types.is_list(column.type):
            lengths = compute.fill_null(compute.list_value_length(column), 0).to_numpy()
            rows = np.repeat(np.arange(batch.num_rows, dtype=np.int64), lengths)
            turns = compute.list_flatten(column)
            # An early Burnish stored fewer fields.
            stored = {turns.type.field(one).name for one in range(turns.type.num_fields)}
            for field in SEARCHED_FIELDS:
                if field not in stored:
                    continue
                yield field, compute.struct_field(turns, field), rows


def _lengths(texts: Sequence[tuple[Array, Positions]], count: int) -> Positions:
    """Return the characters of each row."""
    import numpy as np
    from pyarrow import compute

    total = np.zeros(count, np.int64)
    for values, rows in texts:
        lengths = compute.fill_null(compute.utf8_length(values), 0).to_numpy()
        total += np.bincount(rows, weights=lengths, minlength=count).astype(np.int64)
    return total
