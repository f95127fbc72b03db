# SPDX-License-Identifier: Apache-2.0
"""Rows of Arrow record batches, as Parquet and Arrow files give them, as plain values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec

from engine.formats.plain_chat import PlainChat
from engine.formats.refusal import RefusedRecord, bad_encoding
from engine.formats.wording import translated as _

if TYPE_CHECKING:
    from pyarrow import RecordBatch, Schema

BATCH_ROWS = 256
"""Rows decoded at a time; few, since a single row may hold megabytes."""


def text_columns(schema: Schema) -> list[int]:
    """Return which columns do not hold bytes, such as pictures, which no row is made of."""
    from pyarrow import types

    return [
        at
        for at, one in enumerate(schema)
        if not (types.is_binary(one.type) or types.is_large_binary(one.type))
    ]


def values_of(batch: RecordBatch) -> Iterator[object]:
    """Yield the rows of a batch as objects; a refusal for text that is no valid UTF-8."""
    try:
        values = batch.to_pylist()
        yield from _plain_chats(batch, values) or values
    except UnicodeDecodeError:
        for row in range(batch.num_rows):
            try:
                value = batch.slice(row, 1).to_pylist()[0]
            except UnicodeDecodeError:
                yield bad_encoding()
            else:
                yield value


def _plain_chats(batch: RecordBatch, values: list[dict[str, object]]) -> list[PlainChat] | None:
    """Return the rows as conversations of plain turns, where all of them are nothing else."""
    if batch.schema.names != ["messages"]:
        return None
    try:
        found = msgspec.convert(values, list[PlainChat])
    except msgspec.ValidationError:
        return None
    has_nul = any("\0" in turn.content for one in found for turn in one.messages)
    return None if has_nul else found


def damaged_rows(count: int) -> RefusedRecord:
    """Return the refusal of rows that cannot be decoded, `count` from this one on."""
    return RefusedRecord(
        "damaged_rows",
        _("This row and all that follow it in its part of the file, {count} in sum, "
          "are damaged.").format(count=count),
    )  # fmt: skip
