# SPDX-License-Identifier: Apache-2.0
"""Rows as Arrow columns: written in batches, read back through the memory map.

Columns: chat `messages` (list of struct) and `tools`; text `text`; preference `prompt`, `chosen`
and `rejected` (as messages); all kinds `row_hash` (hex), `source` (index of the source file) and
`line`. pyarrow is imported where it is used, so that naming these types costs nothing.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from gettext import gettext as _
from itertools import accumulate, chain
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

from engine.domain.dataset import ChatRow, PreferenceRow, Role, Row, RowKind, TextRow, Turn
from engine.errors import DatasetDamaged, DocumentDamaged
from engine.formats.arrow_layout import data_file
from engine.formats.row_preview import RowPreview, preview_of
from engine.store import atomicfs
from engine.store.layout import DatasetFolder

if TYPE_CHECKING:
    from pyarrow import Array, MemoryMappedFile, RecordBatch, Schema

BATCH_ROWS = 8192
BATCH_BYTES = 32 << 20
"""A batch is written at whichever of both comes first."""

PREFERENCE_COLUMNS = ("prompt", "chosen", "rejected")


def schema_of(kind: RowKind) -> Schema:
    """Return the columns of a kind of rows."""
    import pyarrow as pa

    turn = pa.struct(
        [
            ("role", pa.string()),
            ("content", pa.string()),
            ("tool_calls", pa.string()),
            ("weight", pa.float64()),
        ]
    )
    turns = pa.list_(turn)
    content = {
        RowKind.CHAT: [("messages", turns), ("tools", pa.string())],
        RowKind.TEXT: [("text", pa.string())],
        RowKind.PREFERENCE: [(name, turns) for name in PREFERENCE_COLUMNS],
    }
    return pa.schema(
        [*content[kind], ("row_hash", pa.string()), ("source", pa.int32()), ("line", pa.int64())]
    )


class RowWriter:
    """Writes rows of one kind to one Arrow stream; holds at most one batch in memory."""

    def __init__(self, stream: IO[bytes], kind: RowKind) -> None:
        """Begin the stream; the caller opens and closes the file."""
        from pyarrow import ipc

        self._schema = schema_of(kind)
        self._columns = _columns_of(kind)
        self._writer = ipc.new_stream(stream, self._schema)
        self._begin()
        self.rows = 0

    def _begin(self) -> None:
        self._batch: list[Row] = []
        self._hashes: list[str] = []
        self._sources: list[int] = []
        self._lines: list[int] = []
        self._bytes = 0

    def add(self, row: Row, row_hash: str, source: int, line: int, size_bytes: int) -> None:
        """Add one row.

        Args:
            row: A row of the writer's kind.
            row_hash: Its content hash, hex.
            source: Index of its source file.
            line: Where it stands there.
            size_bytes: About how much it takes.

        Raises:
            OSError: The file could not be written.
        """
        self._batch.append(row)
        self._hashes.append(row_hash)
        self._sources.append(source)
        self._lines.append(line)
        self._bytes += size_bytes
        if len(self._batch) >= BATCH_ROWS or self._bytes >= BATCH_BYTES:
            self._flush()

    def _flush(self) -> None:
        import pyarrow as pa

        arrays = [
            *self._columns(self._batch),
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
    if kind is RowKind.CHAT:
        return _chat_columns
    return _text_columns if kind is RowKind.TEXT else _preference_columns


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


def _turns_column(conversations: Sequence[tuple[Turn, ...]]) -> Array:
    """Return the conversations as one list column over four flat columns."""
    import pyarrow as pa

    turns = list(chain.from_iterable(conversations))
    ends = accumulate((len(one) for one in conversations), initial=0)
    flat = [
        pa.array([turn.role for turn in turns], pa.string()),
        pa.array([turn.content for turn in turns], pa.string()),
        pa.array([turn.tool_calls for turn in turns], pa.string()),
        pa.array([turn.weight for turn in turns], pa.float64()),
    ]
    structs = pa.StructArray.from_arrays(flat, ["role", "content", "tool_calls", "weight"])
    return pa.ListArray.from_arrays(pa.array(ends, pa.int32()), structs)


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


# --- reading ----------------------------------------------------------------------------------


class RowTable:
    """The rows of one split, mapped into memory: opening and one row cost next to nothing."""

    def __init__(self, file: Path, sources: Sequence[str]) -> None:
        """Map an Arrow stream.

        Args:
            file: The Arrow stream.
            sources: Names of the source files, in the order of their index.

        Raises:
            DatasetDamaged: The file is missing, or is no such stream.
        """
        self._sources = tuple(sources)
        self._map, batches = _mapped(file)
        self._batches = batches
        self._ends = list(accumulate(batch.num_rows for batch in batches))

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def row(self, index: int) -> Row:
        """Return one row.

        Raises:
            IndexError: There is no such row.
        """
        batch, place = self._find(index)
        names = batch.schema.names[:-3]
        return _row([batch.column(name)[place].as_py() for name in names], names)

    def rows(self) -> Iterator[tuple[str, Row]]:
        """Yield the content hash (hex) and the row of every row, in order."""
        for batch in self._batches:
            names = batch.schema.names[:-3]
            columns = [batch.column(name).to_pylist() for name in names]
            hashes: list[str] = batch.column("row_hash").to_pylist()
            for row_hash, *values in zip(hashes, *columns, strict=True):
                yield row_hash, _row(values, names)

    def preview(self, index: int) -> RowPreview:
        """Return what a list shows of one row.

        Raises:
            IndexError: There is no such row.
        """
        return preview_of(self.row(index))

    def row_hash(self, index: int) -> str:
        """Return the content hash of one row, hex.

        Raises:
            IndexError: There is no such row.
        """
        batch, place = self._find(index)
        return str(batch.column("row_hash")[place].as_py())

    def source(self, index: int) -> tuple[str, int]:
        """Return the name of the file and the line that a row came from.

        Raises:
            IndexError: There is no such row.
        """
        batch, place = self._find(index)
        source: int = batch.column("source")[place].as_py()
        line: int = batch.column("line")[place].as_py()
        return self._sources[source], line

    def close(self) -> None:
        """Let go of the file; Windows deletes no file that is mapped."""
        self._batches, self._ends = [], []
        self._map.close()

    def _find(self, index: int) -> tuple[RecordBatch, int]:
        if not 0 <= index < len(self):
            raise IndexError(index)
        number = bisect_right(self._ends, index)
        return self._batches[number], index - (self._ends[number - 1] if number else 0)


def _mapped(file: Path) -> tuple[MemoryMappedFile, list[RecordBatch]]:
    import pyarrow as pa
    from pyarrow import ipc

    try:
        mapped: MemoryMappedFile = pa.memory_map(str(file))
        batches: list[RecordBatch] = list(ipc.open_stream(mapped))
    except (pa.ArrowException, OSError) as error:
        raise _damaged(file, str(error)) from error
    return mapped, batches


def iter_rows(folder: DatasetFolder, split: str) -> Iterator[tuple[str, Row]]:
    """Yield the content hash (hex) and the row of every row of a split, in their fixed order.

    The whole file is compared with its manifest before the first row.

    Raises:
        DatasetDamaged: A file is missing, or differs from what was written.
    """
    file = data_file(folder.rows, split)
    verify_file(folder, file)
    table = RowTable(file, ())
    try:
        yield from table.rows()
    finally:
        table.close()


def verify_file(folder: DatasetFolder, file: Path, *, by_content: bool = True) -> None:
    """Compare one file of a dataset with its manifest.

    Args:
        folder: The dataset.
        file: One of its files.
        by_content: False compares only the size, which costs nothing.

    Raises:
        DatasetDamaged: It is missing or differs.
    """
    try:
        entries = atomicfs.read_manifest(folder.root).files
    except DocumentDamaged as error:
        raise _damaged(file, error.message) from error
    entry = entries.get(file.relative_to(folder.root).as_posix())
    if entry is None or not file.is_file() or file.stat().st_size != entry.size_bytes:
        raise _damaged(file, "size")
    if by_content and atomicfs.sha256_of(file) != entry.sha256:
        raise _damaged(file, "sha256")


def _damaged(file: Path, detail: str) -> DatasetDamaged:
    return DatasetDamaged(
        _("The rows in {path} are damaged: they are not what was written.").format(path=file),
        detail=detail,
    )


def _row(values: list[Any], names: list[str]) -> Row:
    """Return the row that the content columns of one place hold."""
    match names:
        case ["messages", "tools"]:
            return ChatRow(messages=_turns(values[0]), tools=values[1])
        case ["text"]:
            return TextRow(text=values[0])
        case _:
            prompt, chosen, rejected = (_turns(one) for one in values)
            return PreferenceRow(prompt=prompt, chosen=chosen, rejected=rejected)


def _turns(values: list[dict[str, Any]]) -> tuple[Turn, ...]:
    return tuple(
        Turn(
            role=Role(one["role"]),
            content=one["content"],
            tool_calls=one["tool_calls"],
            weight=one["weight"],
        )
        for one in values
    )
