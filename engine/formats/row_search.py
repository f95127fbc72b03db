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


class RowSearch:
    """One search through the rows of a table, a little at a time."""

    def __init__(
        self,
        table: RowTable,
        *,
        text: str = "",
        is_pattern: bool = False,
        within: Positions | None = None,
        sort: RowSort = RowSort.STORED,
    ) -> None:
        """Begin a search; nothing is read yet.

        Args:
            table: Where to search.
            text: What a text of the row holds, whatever the case; empty takes every row.
            is_pattern: `text` is a regular expression, in which case counts.
            within: Only these positions of the table, ascending; None takes all.
            sort: The order of what is found.

        Raises:
            WrongUsage: The regular expression is none.
        """
        import numpy as np

        self._text, self._is_pattern, self._sort = text, is_pattern, sort
        _check_pattern(text, is_pattern=is_pattern)
        self._within = np.arange(len(table), dtype=np.int64) if within is None else within
        part = table if within is None else table.narrowed(table.ids[within])
        self._batches: Iterator[RecordBatch] = part.batches()
        self._found: list[Positions] = []
        self._lengths: list[Positions] = []
        self._done = 0
        self._is_over = False

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

    def found(self) -> Positions:
        """Return the positions found so far, int64 of shape (rows,), in the wanted order."""
        import numpy as np

        positions = np.concatenate([self._within[:0], *self._found])
        if self._sort is RowSort.STORED:
            return positions
        lengths = np.concatenate([self._within[:0], *self._lengths])
        sign = -1 if self._sort is RowSort.LONGEST else 1
        return positions[np.argsort(sign * lengths, kind="stable")]

    def _look(self, batch: RecordBatch) -> None:
        import numpy as np

        texts = list(_texts(batch))
        hit = np.ones(batch.num_rows, np.bool_)
        if self._text:
            hit[:] = False
            for _name, values, rows in texts:
                hit[rows[self._matches(values)]] = True
        places = np.flatnonzero(hit)
        self._found.append(self._within[self._done : self._done + batch.num_rows][places])
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
