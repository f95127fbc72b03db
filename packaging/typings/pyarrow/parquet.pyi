# SPDX-License-Identifier: Apache-2.0
"""Parquet files."""

from collections.abc import Iterator, Sequence
from os import PathLike
from types import TracebackType
from typing import IO, Any, Self

from pyarrow import NativeFile, RecordBatch, Schema, Table

class RowGroupMetaData:
    @property
    def num_rows(self) -> int: ...
    @property
    def total_byte_size(self) -> int: ...

class FileMetaData:
    @property
    def num_rows(self) -> int: ...
    @property
    def num_columns(self) -> int: ...
    @property
    def num_row_groups(self) -> int: ...
    @property
    def serialized_size(self) -> int: ...
    def row_group(self, i: int) -> RowGroupMetaData: ...

class ParquetFile:
    def __init__(
        self,
        source: str | PathLike[str] | NativeFile | IO[bytes],
        *,
        memory_map: bool = False,
        buffer_size: int = 0,
        pre_buffer: bool = False,
    ) -> None: ...
    @property
    def metadata(self) -> FileMetaData: ...
    @property
    def schema_arrow(self) -> Schema: ...
    @property
    def num_row_groups(self) -> int: ...
    def read(
        self, columns: Sequence[str] | None = None, use_threads: bool = True
    ) -> Table: ...
    def read_row_group(
        self, i: int, columns: Sequence[str] | None = None, use_threads: bool = True
    ) -> Table: ...
    def iter_batches(
        self,
        batch_size: int = 65536,
        row_groups: Sequence[int] | None = None,
        columns: Sequence[str] | None = None,
        use_threads: bool = True,
    ) -> Iterator[RecordBatch]: ...
    def close(self, force: bool = False) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

class ParquetWriter:
    def __init__(
        self,
        where: str | PathLike[str] | NativeFile | IO[bytes],
        schema: Schema,
        *,
        compression: str = "snappy",
    ) -> None: ...
    def write(self, table_or_batch: Table | RecordBatch) -> None: ...
    def close(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

def read_table(
    source: str | PathLike[str] | NativeFile | IO[bytes],
    *,
    columns: Sequence[str] | None = None,
    use_threads: bool = True,
    memory_map: bool = False,
    filters: Any = None,
) -> Table: ...
def write_table(
    table: Table,
    where: str | PathLike[str] | NativeFile | IO[bytes],
    row_group_size: int | None = None,
    *,
    compression: str = "snappy",
    use_dictionary: bool = True,
) -> None: ...
def read_schema(where: str | PathLike[str] | NativeFile | IO[bytes]) -> Schema: ...
def read_metadata(where: str | PathLike[str] | NativeFile | IO[bytes]) -> FileMetaData: ...
