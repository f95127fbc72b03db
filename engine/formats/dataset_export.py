# SPDX-License-Identifier: Apache-2.0
"""Rows of a dataset written as files that other programs read; importing them gives equal rows.

A record is the row in the shape that imports recognise, with the fields that stood beside it in its
source. JSON Lines keep every field exactly. Tables (Parquet, CSV) hold a field whose values are of
several types as JSON text; CSV also messages and tools. A `datasets` folder is the stored form.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from engine.domain.dataset import RatedRow, Row, RowKind
from engine.formats.arrow_layout import data_file, write_documents
from engine.formats.arrow_rows import RowPlace, RowWriter, turns_type
from engine.store import atomicfs

if TYPE_CHECKING:
    from pyarrow import DataType

    from engine.formats.row_table import RowTable

Records = dict[str, Any]
Seen = Callable[[int], None]
BATCH_ROWS = 4096
TURNS = ("messages", "prompt", "chosen", "rejected", "completion")
"""Columns that hold messages."""


class ExportForm(StrEnum):
    """What the rows are written as."""

    JSONL = "jsonl"
    PARQUET = "parquet"
    CSV = "csv"
    DATASETS = "datasets"


def export_rows(
    folder: Path, form: ExportForm, kind: RowKind, tables: Mapping[str, RowTable], seen: Seen
) -> list[str]:
    """Write each split into a folder that is being built, and return the names of its files.

    Args:
        folder: Where to; exists.
        form: As what.
        kind: Kind of the rows.
        tables: The rows of each split.
        seen: Told now and then how many rows are written; may raise to end the work.

    Raises:
        DiskFull: No room.
    """
    if form is ExportForm.DATASETS:
        return _datasets_folder(folder, kind, tables, seen)
    done = 0
    names: list[str] = []
    for split, table in tables.items():
        if not len(table):
            continue
        path = folder / f"{split}.{form.value}"
        before = done

        def told(rows: int, before: int = before) -> None:
            """Count over all splits."""
            seen(before + rows)

        _WRITERS[form](path, table, told)
        done += len(table)
        names.append(path.name)
    return names


def record_of(place: RowPlace, row: Row, *, as_table: bool = False) -> Records:
    """Return a row as the object that an import recognises, with its other fields.

    Args:
        place: What stands beside the row.
        row: The row.
        as_table: Tools and tool calls stay JSON text, as columns hold them.
    """
    record: Records = msgspec.to_builtins(row)
    record.pop("type", None)
    if not as_table:
        for name in TURNS:
            for message in record.get(name, ()):
                if "tool_calls" in message:
                    message["tool_calls"] = msgspec.json.decode(message["tool_calls"])
        if record.get("tools") is not None:
            record["tools"] = msgspec.json.decode(record["tools"])
    if isinstance(row, RatedRow):
        # The name by which other programs know it.
        record["label"] = record.pop("is_liked")
    fields: Records = msgspec.json.decode(place.fields) if place.fields else {}
    return record | {_free_name(name, record): value for name, value in fields.items()}


def _free_name(name: str, record: Records) -> str:
    """Return a name that is none of the row itself; a mapping may have left such a one."""
    return f"{name}_in_source" if name.lower() in record else name


def _records(table: RowTable, *, as_table: bool = False) -> Iterator[Records]:
    return (record_of(place, row, as_table=as_table) for place, row in table.placed_rows())


def _jsonl(path: Path, table: RowTable, seen: Seen) -> None:
    encoder = msgspec.json.Encoder()
    with atomicfs.new_file(path) as stream:
        for number, record in enumerate(_records(table), start=1):
            stream.write(encoder.encode(record) + b"\n")
            if number % BATCH_ROWS == 0:
                seen(number)


def _csv(path: Path, table: RowTable, seen: Seen) -> None:
    """Write a table with a byte order mark, by which spreadsheets know UTF-8."""
    columns: dict[str, None] = {}
    for record in _records(table):
        columns.update(dict.fromkeys(record))
    seen(0)
    with atomicfs.new_file(path) as stream:
        text = io.TextIOWrapper(stream, encoding="utf-8-sig", newline="", write_through=True)
        writer = csv.DictWriter(text, list(columns), lineterminator="\r\n", restval="")
        writer.writeheader()
        for number, record in enumerate(_records(table), start=1):
            writer.writerow({name: _cell(value) for name, value in record.items()})
            if number % BATCH_ROWS == 0:
                seen(number)
        text.detach()


def _cell(value: object) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else msgspec.json.encode(value).decode()


def _parquet(path: Path, table: RowTable, seen: Seen) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    types = _column_types(table)
    schema = pa.schema([(name, _arrow_type(one)) for name, one in types.items()])
    texts = [name for name, one in types.items() if one is str]
    records, done = _records(table, as_table=True), 0
    with (
        atomicfs.new_file(path) as stream,
        parquet.ParquetWriter(stream, schema, compression="zstd") as writer,
    ):
        while batch := list(islice(records, BATCH_ROWS)):
            for record in batch:
                for name in texts:
                    if record.get(name) is not None:
                        record[name] = _cell(record[name])
            writer.write(pa.Table.from_pylist(batch, schema=schema))
            done += len(batch)
            seen(done)


def _column_types(table: RowTable) -> dict[str, type]:
    """Return for each column the one type of its values; str where they differ or are nested."""
    types: dict[str, type] = {}
    for record in _records(table, as_table=True):
        for name, value in record.items():
            if value is None:
                continue
            found = _column_type(name, value)
            if types.setdefault(name, found) is not found:
                types[name] = str
    return types


def _column_type(name: str, value: object) -> type:
    if name in TURNS and isinstance(value, list | tuple):
        return list
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return str
    return type(value) if isinstance(value, bool | int | float) else str


def _arrow_type(found: type) -> DataType:
    import pyarrow as pa

    scalars = {bool: pa.bool_(), int: pa.int64(), float: pa.float64()}
    return turns_type() if found is list else scalars.get(found, pa.string())


def _datasets_folder(
    folder: Path, kind: RowKind, tables: Mapping[str, RowTable], seen: Seen
) -> list[str]:
    """Write the form that `datasets.load_from_disk` opens as a DatasetDict."""
    done = 0
    prints: dict[str, str] = {}
    for split, table in tables.items():
        file = data_file(folder, split)
        atomicfs.make_folder(file.parent)
        digest = hashlib.blake2b(digest_size=8)
        with atomicfs.new_file(file) as stream:
            writer = RowWriter(stream, kind)
            for place, row in table.placed_rows():
                digest.update(place.row_hash.encode())
                writer.add(row, place)
                done += 1
                if done % BATCH_ROWS == 0:
                    seen(done)
            writer.close()
        prints[split] = f"{split}-{digest.hexdigest()}"
    write_documents(folder, kind, prints)
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.arrow"))


_WRITERS: Mapping[ExportForm, Callable[[Path, RowTable, Seen], None]] = {
    ExportForm.JSONL: _jsonl,
    ExportForm.CSV: _csv,
    ExportForm.PARQUET: _parquet,
}
