# SPDX-License-Identifier: Apache-2.0
"""Tables of two columns as text, cut into cells a piece at a time.

Only for quotes that leave no doubt: each opens a cell, closes one, or is doubled inside one. The
cells are then those that the csv module finds, which reads whatever else there is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.formats.source import holds_lone_return

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from pyarrow import Array

    Bytes = NDArray[np.uint8]
    Places = NDArray[np.int64]

_QUOTE, _LINE_END, _RETURN = ord('"'), ord("\n"), ord("\r")


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
    is_end = (closing == len(signs) - 1) | np.isin(behind, (delimiter, _LINE_END, _RETURN))
    is_pair = closing[:-1] + 1 == opening[1:]
    is_start[1:] |= is_pair
    is_end[:-1] |= is_pair
    return bool(is_start.all() and is_end.all())


def pairs_of(buffer: bytes, delimiter: str) -> tuple[Array, Places] | None:
    """Return the cells of records of two cells, one behind the other, and where records begin.

    Args:
        buffer: Whole records, whose quotes leave no doubt.
        delimiter: Parts cells.

    Returns:
        The cells, which may be no valid UTF-8, with the number of line ends before each record;
        None where a record has not two cells.
    """
    import numpy as np
    import pyarrow as pa
    from pyarrow import compute

    if not buffer.endswith(b"\n"):
        buffer += b"\n"
    signs = np.frombuffer(buffer, np.uint8)
    quotes = np.flatnonzero(signs == _QUOTE)
    line_ends = np.flatnonzero(signs == _LINE_END)
    ends = np.flatnonzero((signs == ord(delimiter)) | (signs == _LINE_END))
    if len(quotes):
        ends = ends[np.searchsorted(quotes, ends) % 2 == 0]
    is_even = len(ends) % 2 == 0 and (signs[ends[1::2]] == _LINE_END).all()
    if not is_even or (signs[ends[::2]] == _LINE_END).any():
        return None
    begins = np.concatenate([[0], ends[:-1] + 1])
    lines = np.searchsorted(line_ends, begins[::2])
    ends = ends - ((ends > begins) & (signs[ends] == _LINE_END) & (signs[ends - 1] == _RETURN))
    is_quoted = signs[begins] == _QUOTE
    begins, ends = begins + is_quoted, ends - is_quoted
    # As one column of what is wanted and what lies between, the buffer is not copied twice.
    edges = np.empty(2 * len(ends) + 1, np.int32)
    edges[0:-1:2], edges[1::2], edges[-1] = begins, ends, len(buffer)
    # What lies before the first cell is at most a quote.
    whole = pa.StringArray.from_buffers(
        2 * len(ends), pa.py_buffer(edges.data), pa.py_buffer(buffer)
    )
    cells = whole.take(pa.array(np.arange(0, 2 * len(ends), 2)))
    if len(quotes) > 2 * int(np.count_nonzero(is_quoted)):
        cells = compute.replace_substring(cells, '""', '"')
    return cells, lines
