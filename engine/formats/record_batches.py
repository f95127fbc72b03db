# SPDX-License-Identifier: Apache-2.0
"""Rows of Arrow record batches, as Parquet and Arrow files give them, as plain values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec

from engine.domain.dataset import Reject
from engine.formats.format import Chunk, Record
from engine.formats.plain_chat import PlainChat
from engine.formats.plain_rows import PlainRows, plain_rows_of
from engine.formats.refusal import RefusedRecord, bad_encoding, reject
from engine.formats.wording import translated as _

if TYPE_CHECKING:
    from pyarrow import RecordBatch, Schema

BATCH_ROWS = 256
"""Rows decoded at a time; few, since a single row may hold megabytes."""

_MOST_ROWS, _USUAL_BYTES = 4096, 2 << 20


class _Feature(msgspec.Struct, frozen=True):
    kind: str = msgspec.field(name="_type", default="")
    names: list[str] = []


class _Info(msgspec.Struct, frozen=True):
    features: dict[str, msgspec.Raw]


class _Kept(msgspec.Struct, frozen=True):
    """What `datasets` writes into the metadata of a schema."""

    info: _Info


def text_columns(schema: Schema) -> list[int]:
    """Return which columns do not hold bytes, such as pictures, which no row is made of."""
    from pyarrow import types

    return [
        at
        for at, one in enumerate(schema)
        if not (types.is_binary(one.type) or types.is_large_binary(one.type))
    ]


def class_names(schema: Schema) -> dict[str, list[str]]:
    """Return the names of classes that `datasets` keeps beside columns of their numbers."""
    try:
        kept = msgspec.json.decode((schema.metadata or {}).get(b"huggingface", b""), type=_Kept)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return {}
    found: dict[str, list[str]] = {}
    for name, raw in kept.info.features.items():
        try:
            feature = msgspec.json.decode(raw, type=_Feature)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            continue
        if feature.kind == "ClassLabel" and feature.names:
            found[name] = feature.names
    return found


def with_class_names(batch: RecordBatch, classes: dict[str, list[str]]) -> RecordBatch:
    """Return a batch with the names of classes for their numbers; no name for what is no class."""
    import pyarrow as pa
    from pyarrow import types

    for name, names in classes.items():
        at = batch.schema.get_field_index(name)
        if at >= 0 and types.is_integer(batch.schema.field(at).type):
            numbers: list[int | None] = batch.column(at).to_pylist()
            known = dict(enumerate(names))
            named = [None if number is None else known.get(number) for number in numbers]
            batch = batch.set_column(at, name, pa.array(named, pa.string()))
    return batch


def rows_at_once(batch: RecordBatch) -> int:
    """Return how many rows like those of a batch, which has some, are best read together."""
    return min(max(_USUAL_BYTES * batch.num_rows // max(batch.nbytes, 1), BATCH_ROWS), _MOST_ROWS)


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


class BatchChunk(Chunk, frozen=True, kw_only=True):
    """Rows of a record batch, in columns or one by one.

    Attributes:
        file: Name of their file.
        row: Number of the first one, from 1.
        batch: What they are decoded to.
    """

    file: str
    row: int
    batch: RecordBatch

    def plain_rows(self) -> PlainRows | None:
        """Return them in columns where each is a plain conversation."""
        import numpy as np

        return plain_rows_of(self.batch, np.arange(self.row, self.row + self.batch.num_rows))

    def records(self) -> Iterator[Record | Reject]:
        """Yield them one by one."""
        row = self.row
        for start in range(0, self.batch.num_rows, BATCH_ROWS):
            for value in self._values(self.batch.slice(start, BATCH_ROWS)):
                if isinstance(value, RefusedRecord):
                    yield reject(self.file, row, value)
                else:
                    yield Record(line=row, value=value)
                row += 1

    def _values(self, batch: RecordBatch) -> Iterator[object]:
        return values_of(batch)


class LostRows(Chunk, frozen=True, kw_only=True):
    """Rows that cannot be decoded, told by one reject."""

    told: Reject

    def records(self) -> Iterator[Record | Reject]:
        """Yield the reject."""
        yield self.told


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
