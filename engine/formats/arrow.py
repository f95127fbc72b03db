# SPDX-License-Identifier: Apache-2.0
"""Arrow: record batches as a stream or as a file, as `datasets` and Feather write them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING

from engine.domain.dataset import Reject
from engine.errors import FileUnreadable, mark
from engine.formats.format import CERTAIN, Chunk, Format, Record, Seen
from engine.formats.packed import seekable, size_bytes
from engine.formats.plain_rows import PlainRows
from engine.formats.record_batches import (
    BatchChunk,
    LostRows,
    class_names,
    damaged_rows,
    rows_at_once,
    text_columns,
    values_of,
    with_class_names,
)
from engine.formats.refusal import RefusedRecord, reject
from engine.formats.source import naming_read_errors
from engine.formats.wording import translated as _

if TYPE_CHECKING:
    from pyarrow import RecordBatch, RecordBatchReader
    from pyarrow.ipc import RecordBatchFileReader

FILE_MAGIC = b"ARROW1\0\0"
_CONTINUED = b"\xff\xff\xff\xff"
_METADATA_CAP_BYTES = 16 << 20


def sniff(path: Path, head: bytes) -> float:
    """Score by the magic number of a file, or by the schema message that begins a stream."""
    del path
    if head.startswith(FILE_MAGIC):
        return CERTAIN
    length = int.from_bytes(head[4:8], "little")
    is_stream = head.startswith(_CONTINUED) and 0 < length < _METADATA_CAP_BYTES and length % 8 == 0
    return CERTAIN if is_stream else 0.0


def read(path: Path, seen: Seen) -> Iterator[Record | Reject]:
    """Yield every row; where a batch is damaged, one reject for what cannot be read behind it.

    Raises:
        FileUnreadable: Its schema cannot be read.
    """
    for chunk in chunks(path, seen):
        yield from chunk.records()


def chunks(path: Path, seen: Seen) -> Iterator[Chunk]:
    """Yield the same, many rows at a time.

    Raises:
        FileUnreadable: Its schema cannot be read.
    """
    row = 1
    with contextlib.ExitStack() as stack:
        with naming_read_errors(path):
            stream = stack.enter_context(seekable(path, seen))
            total_bytes = size_bytes(path)
            end = stream.seek(0, 2)
            stream.seek(0)
        for batch in _batches(path, stream):
            if isinstance(batch, RefusedRecord):
                yield LostRows(told=reject(path.name, row, batch))
                break
            step = rows_at_once(batch)
            for start in range(0, batch.num_rows, step):
                seen(total_bytes * min(stream.tell(), end) // max(end, 1))
                part = batch.slice(start, step)
                yield _UncheckedChunk(file=path.name, row=row, batch=part)
                row += part.num_rows
    seen(total_bytes)


class _UncheckedChunk(BatchChunk, frozen=True):
    """Rows of a batch that may not be what it says of itself.

    Arrow trusts its files: unchecked offsets would lead outside of the memory of the batch.
    """

    def plain_rows(self) -> PlainRows | None:
        """Return them in columns where each is a plain conversation, as the batch says."""
        import pyarrow

        try:
            self.batch.validate(full=True)
        except pyarrow.ArrowException:
            return None
        return super().plain_rows()

    def _values(self, batch: RecordBatch) -> Iterator[object]:
        return _checked_values(batch)


def _batches(path: Path, stream: IO[bytes]) -> Iterator[RecordBatch | RefusedRecord]:
    """Yield the batches, without columns of bytes; a refusal ends them."""
    import pyarrow

    # A damaged length asks for more memory than there is.
    faults = (pyarrow.ArrowException, OSError, EOFError, MemoryError)
    try:
        opened = _opened(stream)
        columns = text_columns(opened.schema)
        classes = class_names(opened.schema)
    except (*faults, UnicodeDecodeError) as error:
        raise FileUnreadable(
            _("{path} is a damaged Arrow file. Nothing was imported.").format(path=path),
            detail=str(error),
        ) from error
    batches = _in_order(opened)
    while True:
        try:
            batch = next(batches, None)
            if batch is None:
                return
            batch.validate()
            chosen = with_class_names(batch.select(columns), classes)
        except (*faults, KeyError):
            yield _damaged_from_here()
            return
        yield chosen


def _opened(stream: IO[bytes]) -> RecordBatchReader | RecordBatchFileReader:
    from pyarrow import ipc

    options = ipc.IpcReadOptions(use_threads=False)
    is_file = stream.read(len(FILE_MAGIC)) == FILE_MAGIC
    stream.seek(0)
    if is_file:
        return ipc.open_file(stream, options=options)
    return ipc.open_stream(stream, options=options)


def _in_order(opened: RecordBatchReader | RecordBatchFileReader) -> Iterator[RecordBatch]:
    from pyarrow import RecordBatchReader

    if isinstance(opened, RecordBatchReader):
        yield from opened
    else:
        for number in range(opened.num_record_batches):
            yield opened.get_batch(number)


def _checked_values(batch: RecordBatch) -> Iterator[object]:
    """Yield the rows of a batch, a refusal for each whose bytes are not what the batch says."""
    import pyarrow

    try:
        batch.validate(full=True)
    except pyarrow.ArrowException:
        if batch.num_rows == 1:
            yield damaged_rows(1)
        else:
            for row in range(batch.num_rows):
                yield from _checked_values(batch.slice(row, 1))
    else:
        yield from values_of(batch)


def _damaged_from_here() -> RefusedRecord:
    return RefusedRecord("damaged_rows", _("The file is damaged here; what follows was not read."))


FORMAT = Format(
    id="arrow",
    title=mark("Arrow"),
    suffixes=(".arrow", ".feather", ".ipc", ".arrows"),
    sniff=sniff,
    read=read,
    chunks=chunks,
)
