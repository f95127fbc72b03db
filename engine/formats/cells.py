# SPDX-License-Identifier: Apache-2.0
"""Rows of a table whose first row names the columns."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

from engine.formats.refusal import RefusedRecord
from engine.formats.wording import translated as _


def column_name(cell: str) -> str:
    """Return the name of a column as it is compared."""
    return cell.strip().lower()


def record_of(header: Sequence[str], cells: Sequence[str]) -> dict[str, str]:
    """Return the cells by name, missing ones empty; of two columns of one name the first counts.

    A column without a name, as of row numbers, is left out.

    Raises:
        RefusedRecord: There are more cells than columns.
    """
    if len(cells) > len(header) and any(cell.strip() for cell in cells[len(header) :]):
        raise RefusedRecord(
            "too_many_cells",
            _("This line has {cells} cells, but the header has {columns}.").format(
                cells=len(cells), columns=len(header)
            ),
        )
    whole = dict(zip(header, cells, strict=False))
    if len(whole) == len(header) <= len(cells) and "" not in whole:
        return whole
    found: dict[str, str] = {}
    for name, cell in zip_longest(header, cells[: len(header)], fillvalue=""):
        if name:
            found.setdefault(name, cell)
    return found
