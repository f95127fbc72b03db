# SPDX-License-Identifier: Apache-2.0
"""A batch of rows as one flat column of texts, so that Arrow and numpy can judge all at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from engine.domain.dataset import Role

if TYPE_CHECKING:
    from numpy import bool_, int8, int64
    from numpy.typing import NDArray
    from pyarrow import Array, RecordBatch

ROLE_CODES = {Role.SYSTEM: 0, Role.USER: 1, Role.ASSISTANT: 2, Role.TOOL: 3}
NO_ROLE = -1
PARTS = {"chosen": 1, "rejected": 2, "completion": 1}
NO_TEXT = ("tools", "fields", "row_hash", "source", "line", "image", "label", "is_liked")
"""Columns that hold no text of the row itself."""
CLASSES = ("label", "is_liked")
"""Columns that say to which class a row belongs."""
TOOLS = "tools"
"""The column of the tools that a conversation may call."""
BESIDE_CONTENT = ("name", "tool_call_id", "tool_calls")
"""Fields of a turn that hold texts too, most of them JSON or none at all."""


_Plain = tuple["Array", "NDArray[int64]"]
"""Texts without nulls, and the row of each in the batch."""


class TurnBatch(msgspec.Struct, frozen=True, kw_only=True):
    """One Arrow batch of rows; texts stand in the order of rows, parts and turns.

    Attributes:
        first_row: Number of its first row, counted over all checked rows.
        count: Rows.
        is_eval: For each row, whether it is held out.
        texts: Content of every turn, or the text of a text row; no nulls.
        roles: For each text a code of ROLE_CODES, or -1.
        rows: For each text the number of its row, over all checked rows.
        parts: For each text 1 for `chosen` and `completion`, 2 for `rejected`, else 0.
        has_calls: For each text, whether its turn has tool calls.
        row_hashes: Content hash of each row, hex.
        classes: The class of each row (label), whether it was liked (rated), or None.
        beside: The texts of BESIDE_CONTENT and of TOOLS that are there, in any order.
        beside_rows: For each of them the number of its row, over all checked rows.
    """

    first_row: int
    count: int
    is_eval: NDArray[bool_]
    texts: Array
    roles: NDArray[int8]
    rows: NDArray[int64]
    parts: NDArray[int8]
    has_calls: NDArray[bool_]
    row_hashes: Array
    classes: Array | None = None
    beside: Array
    beside_rows: NDArray[int64]


class _Column(msgspec.Struct, frozen=True, kw_only=True):
    """The texts of one column of a batch, and those beside them, each with its row."""

    texts: Array
    roles: NDArray[int8]
    rows: NDArray[int64]
    has_calls: NDArray[bool_]
    beside: tuple[_Plain, ...] = ()


def turn_batch(batch: RecordBatch, *, first_row: int, is_eval: NDArray[bool_]) -> TurnBatch:
    """Return a stored batch of rows as a batch of texts.

    Args:
        batch: Columns as `engine.formats.arrow_rows` writes them.
        first_row: Number of its first row.
        is_eval: For each row, whether it is held out.
    """
    import numpy as np
    import pyarrow as pa

    names = [name for name in batch.schema.names if name not in NO_TEXT]
    columns = [_column(batch, name) for name in names]
    parts = [
        np.full(len(column.rows), PARTS.get(name, 0), np.int8)
        for name, column in zip(names, columns, strict=True)
    ]
    rows = np.concatenate([column.rows for column in columns])
    texts = pa.concat_arrays([column.texts for column in columns])
    roles = np.concatenate([column.roles for column in columns])
    has_calls = np.concatenate([column.has_calls for column in columns])
    all_parts = np.concatenate(parts)
    if len(columns) > 1:
        order = np.argsort(rows, kind="stable")
        rows, roles, has_calls = rows[order], roles[order], has_calls[order]
        texts, all_parts = texts.take(pa.array(order)), all_parts[order]
    beside, beside_rows = _joined([one for column in columns for one in column.beside], batch)
    return TurnBatch(
        first_row=first_row,
        count=batch.num_rows,
        is_eval=is_eval,
        texts=texts,
        roles=roles,
        rows=rows + first_row,
        parts=all_parts,
        has_calls=has_calls,
        row_hashes=batch.column("row_hash"),
        classes=next((batch.column(one) for one in CLASSES if one in batch.schema.names), None),
        beside=beside,
        beside_rows=beside_rows + first_row,
    )


def _joined(beside: list[_Plain], batch: RecordBatch) -> _Plain:
    """Return the texts beside the content of all columns as one, those of the tools with them."""
    import numpy as np
    import pyarrow as pa

    if TOOLS in batch.schema.names:
        column = batch.column(TOOLS)
        beside = [*beside, _filled(column, np.arange(batch.num_rows, dtype=np.int64))]
    texts = [pa.array([], pa.string()), *(texts for texts, _rows in beside)]
    rows = [np.empty(0, np.int64), *(rows for _texts, rows in beside)]
    return pa.concat_arrays(texts), np.concatenate(rows)


def _filled(texts: Array, rows: NDArray[int64]) -> _Plain:
    """Return the texts that are there, with their rows."""
    if not texts.null_count:
        return texts, rows
    return texts.drop_null(), rows[texts.is_valid().to_numpy(zero_copy_only=False)]


def _column(batch: RecordBatch, name: str) -> _Column:
    """Return the texts of a column of conversations, or of plain texts."""
    import numpy as np
    from pyarrow import compute, types

    column = batch.column(name)
    if not types.is_list(column.type):
        return _plain_column(column)
    lengths = compute.fill_null(compute.list_value_length(column), 0).to_numpy()
    fields = compute.list_flatten(column)
    roles, content = (compute.struct_field(fields, one) for one in ("role", "content"))
    rows = np.repeat(np.arange(batch.num_rows, dtype=np.int64), lengths)
    # Early datasets have no names and ids.
    known = {fields.type.field(one).name for one in range(fields.type.num_fields)}
    beside = {one: compute.struct_field(fields, one) for one in BESIDE_CONTENT if one in known}
    return _Column(
        texts=compute.fill_null(content, ""),
        roles=_role_codes(roles),
        rows=rows,
        has_calls=~compute.is_null(beside["tool_calls"]).to_numpy(zero_copy_only=False),
        beside=tuple(_filled(one, rows) for one in beside.values()),
    )


def _plain_column(column: Array) -> _Column:
    """Return the texts of a column of plain texts; a row without one (a picture) has none."""
    import numpy as np

    texts, rows = _filled(column, np.arange(len(column), dtype=np.int64))
    return _Column(
        texts=texts,
        roles=np.full(len(rows), NO_ROLE, np.int8),
        rows=rows,
        has_calls=np.zeros(len(rows), np.bool_),
    )


def _role_codes(roles: Array) -> NDArray[int8]:
    import numpy as np
    import pyarrow as pa
    from pyarrow import compute

    names: Sequence[str] = [role.value for role in ROLE_CODES]
    codes = compute.fill_null(compute.index_in(roles, value_set=pa.array(names)), NO_ROLE)
    return codes.to_numpy().astype(np.int8)
