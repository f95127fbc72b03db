# SPDX-License-Identifier: Apache-2.0
"""Parquet: typed columns; only those whose names a row shape knows are read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from engine.domain.dataset import Reject
from engine.errors import FileUnreadable, mark
from engine.formats.format import CERTAIN, Format, Record, Seen
from engine.formats.refusal import RefusedRecord, bad_encoding, reject
from engine.formats.source import BLOCK_BYTES, naming_read_errors
from engine.formats.wording import translated as _

if TYPE_CHECKING:
    from pyarrow import DataType, RecordBatch
    from pyarrow.parquet import ParquetFile

MAGIC = b"PAR1"
BATCH_ROWS = 256
"""Rows decoded at a time; few, since a single row may hold megabytes."""


def sniff(path: Path, head: bytes) -> float:
    """Score by the magic number with which every Parquet file begins."""
    del path
    return CERTAIN if head.startswith(MAGIC) else 0.0


def read(path: Path, seen: Seen) -> Iterator[Record | Reject]:
    """Yield every row; of a damaged row group, one reject for the rows that cannot be read.

    Raises:
        FileUnreadable: The file is cut off, or its footer is damaged.
    """
    import pyarrow
    from pyarrow.parquet import ParquetFile

    size_bytes = path.stat().st_size
    with naming_read_errors(path):
        try:
            file = ParquetFile(path, buffer_size=BLOCK_BYTES)
        except pyarrow.ArrowException as error:
            raise FileUnreadable(
                _("{path} is a damaged Parquet file. Nothing was imported.").format(path=path),
                detail=str(error),
            ) from error
    with file:
        total = max(1, file.metadata.num_rows)
        row = 0
        for group in range(file.num_row_groups):
            for one in _group(path.name, file, group, row):
                row = max(row, one.line)
                if row % BATCH_ROWS == 1:
                    seen(size_bytes * row // total)
                yield one
            row = max(row, _rows_up_to(file, group))
    seen(size_bytes)


def _rows_up_to(file: ParquetFile, group: int) -> int:
    return sum(file.metadata.row_group(one).num_rows for one in range(group + 1))


def _group(name: str, file: ParquetFile, group: int, before: int) -> Iterator[Record | Reject]:
    """Yield the rows of one row group, numbered from 1 over the whole file."""
    import pyarrow

    columns = [one.name for one in file.schema_arrow if not _is_binary(one.type)]
    row = before
    try:
        for batch in file.iter_batches(
            batch_size=BATCH_ROWS, row_groups=[group], columns=columns, use_threads=False
        ):
            for value in _values(batch):
                row += 1
                if isinstance(value, RefusedRecord):
                    yield reject(name, row, value)
                else:
                    yield Record(line=row, value=value)
    except (pyarrow.ArrowException, OSError):
        last = before + file.metadata.row_group(group).num_rows
        yield reject(name, row + 1, _damaged(last - row))


def _is_binary(column: DataType) -> bool:
    """Return whether a column holds bytes, such as pictures, which no row is made of."""
    from pyarrow import types

    return types.is_binary(column) or types.is_large_binary(column)


def _values(batch: RecordBatch) -> Iterator[object]:
    """Yield the rows of a batch as objects; a refusal for text that is no valid UTF-8."""
    try:
        yield from batch.to_pylist()
    except UnicodeDecodeError:
        for row in range(batch.num_rows):
            try:
                value = batch.slice(row, 1).to_pylist()[0]
            except UnicodeDecodeError:
                yield bad_encoding()
            else:
                yield value


def _damaged(count: int) -> RefusedRecord:
    return RefusedRecord(
        "damaged_rows",
        _("This row and all that follow it in its part of the file, {count} in sum, "
          "are damaged.").format(count=count),
    )  # fmt: skip


FORMAT = Format(
    id="parquet",
    title=mark("Parquet"),
    suffixes=(".parquet", ".pq"),
    sniff=sniff,
    read=read,
)
