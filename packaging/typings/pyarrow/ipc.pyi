# SPDX-License-Identifier: Apache-2.0
"""Arrow streams and files."""

from collections.abc import Mapping
from os import PathLike
from types import TracebackType
from typing import IO, Any, Self

from pyarrow import Buffer, NativeFile, RecordBatch, RecordBatchReader, Schema, Table

class IpcWriteOptions:
    def __init__(
        self,
        *,
        compression: str | None = None,
        use_threads: bool = True,
        allow_64bit: bool = False,
        emit_dictionary_deltas: bool = False,
        unify_dictionaries: bool = False,
    ) -> None: ...

class IpcReadOptions:
    def __init__(
        self,
        *,
        ensure_native_endian: bool = True,
        use_threads: bool = True,
        included_fields: list[int] | None = None,
    ) -> None: ...

class RecordBatchStreamReader(RecordBatchReader): ...

class RecordBatchFileReader:
    @property
    def schema(self) -> Schema: ...
    @property
    def num_record_batches(self) -> int: ...
    @property
    def metadata(self) -> Mapping[bytes, bytes] | None: ...
    def get_batch(self, i: int) -> RecordBatch: ...
    def read_all(self) -> Table: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

class _Writer:
    def write(self, table_or_batch: Table | RecordBatch) -> None: ...
    def write_batch(
        self, batch: RecordBatch, custom_metadata: Mapping[str, str] | None = None
    ) -> None: ...
    def write_table(self, table: Table, max_chunksize: int | None = None) -> None: ...
    def close(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

class RecordBatchStreamWriter(_Writer): ...
class RecordBatchFileWriter(_Writer): ...

def open_stream(
    source: bytes | Buffer | NativeFile | IO[bytes] | str | PathLike[str],
    *,
    options: IpcReadOptions | None = None,
    memory_pool: Any = None,
) -> RecordBatchStreamReader: ...
def open_file(
    source: bytes | Buffer | NativeFile | IO[bytes] | str | PathLike[str],
    footer_offset: int | None = None,
    *,
    options: IpcReadOptions | None = None,
    memory_pool: Any = None,
) -> RecordBatchFileReader: ...
def new_stream(
    sink: NativeFile | IO[bytes] | str | PathLike[str],
    schema: Schema,
    *,
    options: IpcWriteOptions | None = None,
) -> RecordBatchStreamWriter: ...
def new_file(
    sink: NativeFile | IO[bytes] | str | PathLike[str],
    schema: Schema,
    *,
    options: IpcWriteOptions | None = None,
    metadata: Mapping[str, str] | None = None,
) -> RecordBatchFileWriter: ...
