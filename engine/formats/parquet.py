# SPDX-License-Identifier: Apache-2.0
"""Parquet: typed columns; those of bytes, such as pictures, are not read."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from engine.domain.dataset import Reject
from engine.errors import ArchiveUnsafe, FileUnreadable, mark
from engine.formats.format import CERTAIN, Chunk, Format, Record, Seen
from engine.formats.packed import seekable_by_arrow, size_bytes
from engine.formats.record_batches import (
    BATCH_ROWS,
    BatchChunk,
    LostRows,
    class_names,
    damaged_rows,
    rows_at_once,
    text_columns,
    with_class_names,
)
from engine.formats.refusal import reject
from engine.formats.source import BLOCK_BYTES, naming_read_errors
from engine.formats.wording import translated as _

if TYPE_CHECKING:
    from pyarrow import RecordBatch
    from pyarrow.parquet import ParquetFile

MAGIC = b"PAR1"
FEW_ROWS = 8 * BATCH_ROWS
"""Of larger row groups, the first rows tell how many of the others to decode at once."""

FREE_ROWS = 10_000_000
ROWS_PER_BYTE_CAP = 8
"""Most rows for each byte beyond FREE_ROWS: of equal rows, 1 kB may state billions."""


def sniff(path: Path, head: bytes) -> float:
    """Score by the magic number with which every Parquet file begins."""
    del path
    return CERTAIN if head.startswith(MAGIC) else 0.0


def read(path: Path, seen: Seen) -> Iterator[Record | Reject]:
    """Yield every row; of a damaged row group, one reject for the rows that cannot be read.

    Raises:
        FileUnreadable: The file is cut off, or its footer is damaged.
        ArchiveUnsafe: It states far more rows than its bytes can hold.
    """
    for chunk in chunks(path, seen):
        yield from chunk.records()


def chunks(path: Path, seen: Seen) -> Iterator[Chunk]:
    """Yield the same, many rows at a time.

    Raises:
        FileUnreadable: The file is cut off, or its footer is damaged.
        ArchiveUnsafe: It states far more rows than its bytes can hold.
    """
    import pyarrow
    from pyarrow.parquet import ParquetFile

    with contextlib.ExitStack() as stack:
        with naming_read_errors(path):
            stream = stack.enter_context(seekable_by_arrow(path, seen))
            total_bytes = size_bytes(path)
        try:
            # Read ahead, whole row groups would be held in memory.
            file = ParquetFile(stream, buffer_size=BLOCK_BYTES, pre_buffer=False)
            stack.enter_context(file)
            names = file.schema_arrow.names
            columns = [names[at] for at in text_columns(file.schema_arrow)]
            classes = class_names(file.schema_arrow)
        except (pyarrow.ArrowException, OSError, MemoryError, UnicodeDecodeError) as error:
            raise FileUnreadable(
                _("{path} is a damaged Parquet file. Nothing was imported.").format(path=path),
                detail=str(error),
            ) from error
        total = max(1, file.metadata.num_rows)
        if total > max(FREE_ROWS, total_bytes * ROWS_PER_BYTE_CAP):
            raise _bomb(path)
        before = 0
        for group in range(file.num_row_groups):
            for one in _group(path.name, file, group, before, columns):
                if isinstance(one, BatchChunk):
                    seen(total_bytes * (one.row - 1) // total)
                    yield replace(one, batch=with_class_names(one.batch, classes))
                else:
                    yield one
            before += file.metadata.row_group(group).num_rows
    seen(total_bytes)


def _bomb(path: Path) -> ArchiveUnsafe:
    return ArchiveUnsafe(
        _("{path} states far more rows than any data has. Nothing was imported.").format(path=path),
        detail="bomb",
    )


def _group(
    name: str, file: ParquetFile, group: int, before: int, columns: list[str]
) -> Iterator[BatchChunk | LostRows]:
    """Yield the rows of one row group, numbered from 1 over the whole file."""
    import pyarrow

    row, rows = before, file.metadata.row_group(group).num_rows

    def batches(count: int, done: int) -> Iterator[RecordBatch]:
        """Decode that many rows at a time; leave out the first ones."""
        for batch in file.iter_batches(
            count, row_groups=[group], columns=columns, use_threads=False
        ):
            if batch.num_rows > done:
                yield batch.slice(done)
            done = max(done - batch.num_rows, 0)

    try:
        step = BATCH_ROWS
        if rows > FEW_ROWS and (first := next(batches(BATCH_ROWS, 0), None)):
            yield BatchChunk(file=name, row=row + 1, batch=first)
            row, step = row + first.num_rows, rows_at_once(first)
        for batch in batches(step, row - before):
            yield BatchChunk(file=name, row=row + 1, batch=batch)
            row += batch.num_rows
    except (pyarrow.ArrowException, OSError, MemoryError):
        lost = damaged_rows(before + rows - row)
        yield LostRows(told=reject(name, row + 1, lost))


FORMAT = Format(
    id="parquet",
    title=mark("Parquet"),
    suffixes=(".parquet", ".pq"),
    sniff=sniff,
    read=read,
    chunks=chunks,
)
