# SPDX-License-Identifier: Apache-2.0
"""Rows as Arrow columns, written in batches.

Columns: chat `messages` (list of struct) and `tools`; text `text`; preference `prompt`, `chosen`
and `rejected` (as messages); rated `prompt` and `completion` (as messages) and `is_liked`; label
`text`, `image` (one of both is null) and `label`; all kinds `fields` (JSON of what else the source
said of the row), `row_hash` (hex), `source` (index of the source file) and `line`. pyarrow is
imported where it is used, so that naming these types costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate, chain
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

import msgspec

from engine.domain.content_hash import HASH_BYTES
from engine.domain.dataset import (
    ChatRow,
    PreferenceRow,
    RatedRow,
    Row,
    RowKind,
    TextRow,
    Turn,
)
from engine.formats.arrow_layout import TURN_FIELDS, data_file
from engine.formats.plain_rows import PlainRows, role_names
from engine.store import atomicfs
from engine.store.ledger import FollowedStream

if TYPE_CHECKING:
    from pyarrow import Array, DataType, RecordBatch, Schema

BATCH_ROWS = 4096
BATCH_BYTES = 32 << 20
"""A batch is written at whichever of both comes first."""

PREFERENCE_COLUMNS = ("prompt", "chosen", "rejected")
RATED_COLUMNS = ("prompt", "completion", "is_liked")
LABEL_COLUMNS = ("text", "image", "label")


def schema_of(kind: RowKind) -> Schema:
    """Return the columns of a kind of rows."""
    import pyarrow as pa

    turns = turns_type()
    content = {
        RowKind.CHAT: [("messages", turns), ("tools", pa.string())],
        RowKind.TEXT: [("text", pa.string())],
        RowKind.PREFERENCE: [(name, turns) for name in PREFERENCE_COLUMNS],
        RowKind.RATED: list(zip(RATED_COLUMNS, (turns, turns, pa.bool_()), strict=True)),
        RowKind.LABEL: [(name, pa.string()) for name in LABEL_COLUMNS],
    }
    beside = [
        ("fields", pa.string()),
        ("row_hash", pa.string()),
        ("source", pa.int32()),
        ("line", pa.int64()),
    ]
    return pa.schema([*content[kind], *beside])


def turns_type() -> DataType:
    """Return the type of a column of conversations."""
    import pyarrow as pa

    return pa.list_(pa.struct(list(_turn_types().items())))


def _turn_types() -> dict[str, DataType]:
    import pyarrow as pa

    types = {"string": pa.string(), "float64": pa.float64()}
    return {name: types[one] for name, one in TURN_FIELDS.items()}


class RowPlace(msgspec.Struct, frozen=True, gc=False):
    """What is kept beside the content of a row.

    Attributes:
        row_hash: Content hash, hex.
        source: Index of its source file; -1 for a row that was written in Burnish.
        line: Where it stands there.
        fields: JSON object with what else the source said of the row, or None.
    """

    row_hash: str
    source: int
    line: int
    fields: str | None = None


class RowWriter:
    """Writes rows of one kind to one Arrow stream; holds at most one batch in memory."""

    def __init__(self, stream: IO[bytes] | FollowedStream, kind: RowKind) -> None:
        """Begin the stream; the caller opens and closes the file."""
        from pyarrow import ipc

        self._schema = schema_of(kind)
        self._columns = _columns_of(kind)
        self._writer = ipc.new_stream(cast("IO[bytes]", stream), self._schema)
        self._begin()
        self.rows = 0

    def _begin(self) -> None:
        self._batch: list[Row] = []
        self._fields: list[str | None] = []
        self._hashes: list[str] = []
        self._sources: list[int] = []
        self._lines: list[int] = []
        self._bytes = 0

    def add(self, row: Row, place: RowPlace, *, size_bytes: int = 0) -> None:
        """Add one row.

        Args:
            row: A row of the writer's kind.
            place: Its hash, where it came from, and what else stood there.
            size_bytes: About how much it takes.

        Raises:
            OSError: The file could not be written.
        """
        self._batch.append(row)
        self._fields.append(place.fields)
        self._hashes.append(place.row_hash)
        self._sources.append(place.source)
        self._lines.append(place.line)
        self._bytes += size_bytes
        if len(self._batch) >= BATCH_ROWS or self._bytes >= BATCH_BYTES:
            self._flush()

    def add_batch(self, batch: RecordBatch) -> None:
        """Add rows that are columns already, in the schema of the writer.

        Raises:
            OSError: The file could not be written.
        """
        if self._batch:
            self._flush()
        self._writer.write_batch(batch)
        self.rows += batch.num_rows

    def _flush(self) -> None:
        import pyarrow as pa

        arrays = [
            *self._columns(self._batch),
            pa.array(self._fields, pa.string()),
            pa.array(self._hashes, pa.string()),
            pa.array(self._sources, pa.int32()),
            pa.array(self._lines, pa.int64()),
        ]
        self._writer.write_batch(pa.RecordBatch.from_arrays(arrays, schema=self._schema))
        self.rows += len(self._batch)
        self._begin()

    def close(self) -> None:
        """Write what is left and end the stream."""
        if self._batch:
            self._flush()
        self._writer.close()


def _columns_of(kind: RowKind) -> Callable[[list[Row]], list[Array]]:
    return {
        RowKind.CHAT: _chat_columns,
        RowKind.TEXT: _text_columns,
        RowKind.PREFERENCE: _preference_columns,
        RowKind.RATED: _rated_columns,
        RowKind.LABEL: _label_columns,
    }[kind]


def _chat_columns(rows: list[Row]) -> list[Array]:
    import pyarrow as pa

    chats = cast("list[ChatRow]", rows)
    return [
        _turns_column([row.messages for row in chats]),
        pa.array([row.tools for row in chats], pa.string()),
    ]


def _text_columns(rows: list[Row]) -> list[Array]:
    import pyarrow as pa

    return [pa.array([row.text for row in cast("list[TextRow]", rows)], pa.string())]


def _preference_columns(rows: list[Row]) -> list[Array]:
    pairs = cast("list[PreferenceRow]", rows)
    return [
        _turns_column([row.prompt for row in pairs]),
        _turns_column([row.chosen for row in pairs]),
        _turns_column([row.rejected for row in pairs]),
    ]


def _rated_columns(rows: list[Row]) -> list[Array]:
    import pyarrow as pa

    rated = cast("list[RatedRow]", rows)
    return [
        _turns_column([row.prompt for row in rated]),
        _turns_column([row.completion for row in rated]),
        pa.array([row.is_liked for row in rated], pa.bool_()),
    ]


def _label_columns(rows: list[Row]) -> list[Array]:
    import pyarrow as pa

    return [pa.array([getattr(row, name) for row in rows], pa.string()) for name in LABEL_COLUMNS]


def _turns_column(conversations: Sequence[tuple[Turn, ...]]) -> Array:
    """Return the conversations as one list column over flat columns, one for each field."""
    import pyarrow as pa

    turns = list(chain.from_iterable(conversations))
    ends = accumulate((len(one) for one in conversations), initial=0)
    # Written out, since asking for a field by its name takes twice as long.
    values: dict[str, Sequence[object]] = {
        "role": [turn.role for turn in turns],
        "content": [turn.content for turn in turns],
        "tool_calls": [turn.tool_calls for turn in turns],
        "weight": [turn.weight for turn in turns],
        "name": [turn.name for turn in turns],
        "tool_call_id": [turn.tool_call_id for turn in turns],
    }
    flat = [pa.array(values[name], one) for name, one in _turn_types().items()]
    structs = pa.StructArray.from_arrays(flat, list(TURN_FIELDS))
    return pa.ListArray.from_arrays(pa.array(ends, pa.int32()), structs)


def plain_batch(rows: PlainRows, source: int) -> RecordBatch:
    """Return conversations in the columns of chat rows; all that plain turns lack is null.

    Args:
        rows: The conversations.
        source: Index of their source file.
    """
    import numpy as np
    import pyarrow as pa

    schema, types = schema_of(RowKind.CHAT), _turn_types()
    turns = {"role": role_names(rows.roles), "content": rows.contents}
    structs = pa.StructArray.from_arrays(
        _filled_up(turns, types, len(rows.roles)), fields=[pa.field(*one) for one in types.items()]
    )
    columns = {
        "messages": pa.ListArray.from_arrays(pa.array(rows.ends), structs),
        "row_hash": _hex_column(rows.digests),
        "source": pa.array(np.full(len(rows), source, np.int32)),
        "line": pa.array(rows.lines),
    }
    arrays = _filled_up(columns, {one.name: one.type for one in schema}, len(rows))
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _filled_up(given: dict[str, Array], types: dict[str, DataType], count: int) -> list[Array]:
    """Return columns in the order of their types; those that are not given are null."""
    import pyarrow as pa

    return [given[name] if name in given else pa.nulls(count, one) for name, one in types.items()]


def _hex_column(digests: bytes) -> Array:
    import numpy as np
    import pyarrow as pa

    count, length = len(digests) // HASH_BYTES, 2 * HASH_BYTES
    ends = np.arange(count + 1, dtype=np.int32) * length
    text = digests.hex().encode()
    return pa.StringArray.from_buffers(count, pa.py_buffer(ends.data), pa.py_buffer(text))


def move_rows(rows: Path, kind: RowKind, row_hash: str, *, source: str, target: str) -> int:
    """Move all rows of one hash from one split to another, which is empty; return how many.

    For a dataset that is being built: the files are replaced, a batch at a time.

    Raises:
        DiskFull: No room.
    """
    from pyarrow import compute, ipc

    kept, schema, moved = rows / "kept.arrow", schema_of(kind), 0
    data_file(rows, target).unlink()
    with (
        data_file(rows, source).open("rb") as stream,
        ipc.open_stream(stream) as reader,
        atomicfs.new_file(kept) as kept_stream,
        atomicfs.new_file(data_file(rows, target)) as moved_stream,
        ipc.new_stream(kept_stream, schema) as kept_writer,
        ipc.new_stream(moved_stream, schema) as moved_writer,
    ):
        for batch in reader:
            is_moved = compute.equal(batch.column("row_hash"), row_hash)
            part = batch.filter(is_moved)
            moved += part.num_rows
            moved_writer.write_batch(part)
            kept_writer.write_batch(batch.filter(compute.invert(is_moved)))
    kept.replace(data_file(rows, source))
    return moved
