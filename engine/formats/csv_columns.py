# SPDX-License-Identifier: Apache-2.0
"""Tables as text, cut into cells a piece at a time.

Only for quotes that leave no doubt: each opens a cell, closes one, or is doubled inside one. The
cells that Arrow finds are then those that the csv module finds, which reads whatever else there is.
"""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING

from engine.formats.source import count_lines, holds_lone_return

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from pyarrow import Array, RecordBatch

    Bytes = NDArray[np.uint8]
    Places = NDArray[np.int64]

_QUOTE, _LINE_END, _RETURN = ord('"'), ord("\n"), ord("\r")
_BLOCK_BYTES = 256 << 10
"""Behind its first block Arrow knows how long cells are, and takes half the time for each."""


def end_of_records(buffer: bytes, delimiter: str, *, is_last: bool) -> int:
    """Return where the last whole record of a buffer ends; 0 where quotes leave a doubt.

    Args:
        buffer: Text from the beginning of a record on.
        delimiter: Parts cells.
        is_last: Nothing follows, so that its end ends a record.
    """
    import numpy as np

    if holds_lone_return(buffer):
        return 0
    if b'"' not in buffer:
        return len(buffer) if is_last else buffer.rfind(b"\n") + 1
    signs = np.frombuffer(buffer, np.uint8)
    quotes = np.flatnonzero(signs == _QUOTE)
    end = (0 if len(quotes) % 2 else len(buffer)) if is_last else _last_line_end(buffer, quotes)
    quotes = quotes[: np.searchsorted(quotes, end)]
    return end if _are_clean(signs[:end], quotes, ord(delimiter)) else 0


def _last_line_end(buffer: bytes, quotes: Places) -> int:
    """Return where the last line ends that ends outside of quotes; 0 where none does."""
    import numpy as np

    end = len(buffer)
    while (end := buffer.rfind(b"\n", 0, end)) >= 0:
        before = int(np.searchsorted(quotes, end))
        if before % 2 == 0:
            return end + 1
        end = int(quotes[before - 1])
    return 0


def _are_clean(signs: Bytes, quotes: Places, delimiter: int) -> bool:
    """Return whether each quote opens or closes a cell, or is one of a pair within it."""
    import numpy as np

    opening, closing = quotes[::2], quotes[1::2]
    before = signs[np.maximum(opening, 1) - 1]
    is_start = (opening == 0) | (before == delimiter) | (before == _LINE_END)
    behind = signs[np.minimum(closing + 1, len(signs) - 1)] if len(signs) else closing
    is_end = (closing == len(signs) - 1) | (behind == delimiter)
    is_end |= (behind == _LINE_END) | (behind == _RETURN)
    is_pair = closing[:-1] + 1 == opening[1:]
    is_start[1:] |= is_pair
    is_end[:-1] |= is_pair
    return bool(is_start.all() and is_end.all())


def pairs_of(buffer: bytes, delimiter: str, *, is_turned: bool) -> Array | None:
    """Return the cells of records of two cells without quotes, each on a line of its own.

    Args:
        buffer: Whole records.
        delimiter: Parts cells.
        is_turned: The second cell of each record comes first.

    Returns:
        A cell, the other cell of its record, a cell of the next one ...; they may be no valid
        UTF-8. None where a line has not two cells.
    """
    import numpy as np
    import pyarrow as pa

    if not buffer.endswith(b"\n"):
        buffer += b"\n"
    signs = np.frombuffer(buffer, np.uint8)
    ends = np.flatnonzero((signs == ord(delimiter)) | (signs == _LINE_END))
    parting, line_ends = ends[::2], ends[1::2]
    if (
        len(ends) % 2
        or (signs[parting] == _LINE_END).any()
        or (signs[line_ends] != _LINE_END).any()
    ):
        return None
    # Where each cell begins, and where it ends: what lies between is a sign or two.
    edges = np.zeros(2 * len(ends) + 1, np.int32)
    edges[1:-1:2], edges[2::2] = ends, ends + 1
    edges[3::4] -= signs[np.maximum(line_ends - 1, 0)] == _RETURN
    parts = pa.StringArray.from_buffers(
        2 * len(ends), pa.py_buffer(edges.data), pa.py_buffer(buffer)
    )
    places = np.arange(0, 2 * len(ends), 2, dtype=np.int32)
    return parts.take(pa.array(places ^ 2 if is_turned else places))


def cells_of(buffer: bytes, names: list[str], delimiter: str) -> tuple[RecordBatch, Places] | None:
    """Return records in columns, and where they begin.

    Args:
        buffer: Whole records, whose quotes leave no doubt.
        names: Names of the columns.
        delimiter: Parts cells.

    Returns:
        The cells, with the number of line ends before each record; None where a record has other
        than one cell for each name, or where it cannot be told by the cells on which line one is.
    """
    import numpy as np
    import pyarrow as pa
    from pyarrow import csv

    if buffer.startswith(codecs.BOM_UTF8):
        # Arrow takes it for the mark of a file, but it belongs to the first cell.
        return None
    has_quotes = b'"' in buffer
    try:
        table = csv.read_csv(
            pa.BufferReader(buffer),
            csv.ReadOptions(use_threads=False, block_size=_BLOCK_BYTES, column_names=names),
            csv.ParseOptions(
                delimiter=delimiter,
                quote_char='"' if has_quotes else False,
                newlines_in_values=has_quotes,
            ),
            csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string())),
        )
    except pa.ArrowInvalid:
        return None
    (cells,) = table.combine_chunks().to_batches()
    del table
    before = np.arange(cells.num_rows)
    if has_quotes:
        within = _line_ends_within(cells)
        before[1:] += np.cumsum(within)[:-1]
        count = cells.num_rows + int(within.sum())
    else:
        count = cells.num_rows
    return (cells, before) if count == count_lines(buffer) else None


def _line_ends_within(cells: RecordBatch) -> Places:
    """Return how many lines end within the cells of each record."""
    import numpy as np
    from pyarrow import compute

    found = np.zeros(cells.num_rows, np.int64)
    for one in cells.columns:
        found += compute.count_substring(one, "\n").to_numpy()
    return found
