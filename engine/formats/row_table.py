# SPDX-License-Identifier: Apache-2.0
"""Rows read back through the memory map: one by one, in batches, any choice of them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from gettext import gettext as _
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.domain.dataset import (
    ChatRow,
    LabelRow,
    PreferenceRow,
    RatedRow,
    Role,
    Row,
    TextRow,
    Turn,
)
from engine.errors import DatasetDamaged
from engine.formats.arrow_rows import RowPlace
from engine.formats.arrow_start import start_arrow
from engine.formats.row_preview import RowPreview, preview_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from pyarrow import MemoryMappedFile, RecordBatch

    Ids = NDArray[np.int64]

BESIDE = ("fields", "row_hash", "source", "line")
"""Columns that are no content; the first is missing where an early Burnish wrote the rows."""


class RowTable:
    """Rows of one or more Arrow streams, mapped into memory: opening costs next to nothing.

    A row has an id, its number over all the streams, and a position in this table.
    """

    def __init__(
        self, files: Sequence[Path], sources: Sequence[str], ids: Ids | None = None
    ) -> None:
        """Map Arrow streams.

        Args:
            files: The streams, whose rows the ids count.
            sources: Names of the source files, in the order of their index.
            ids: Ids of the rows of the table, in order; None takes all.

        Raises:
            DatasetDamaged: A file is missing, or is no such stream.
        """
        import numpy as np

        self._sources = tuple(sources)
        self._maps: list[MemoryMappedFile] = []
        self._batches: list[RecordBatch] = []
        for file in files:
            mapped, batches = _mapped(file)
            self._maps.append(mapped)
            self._batches += batches
        counts = [batch.num_rows for batch in self._batches]
        self._ends = np.cumsum(np.array(counts, dtype=np.int64))
        self._end_list: list[int] = self._ends.tolist()
        total = self._end_list[-1] if self._end_list else 0
        self._ids: Ids = np.arange(total, dtype=np.int64) if ids is None else ids
        if len(self._ids) and not 0 <= int(self._ids.min()) <= int(self._ids.max()) < total:
            self.close()
            raise damaged(files[0].parent if files else Path(), "row ids")

    def __len__(self) -> int:
        return len(self._ids)

    @property
    def ids(self) -> Ids:
        """Return the ids of the rows, in order, int64 of shape (rows,)."""
        return self._ids

    def narrowed(self, ids: Ids) -> RowTable:
        """Return a table of other rows over the same maps; closing either closes both."""
        table = RowTable.__new__(RowTable)
        table.__dict__.update(self.__dict__, _ids=ids)
        return table

    def row(self, index: int) -> Row:
        """Return one row.

        Raises:
            IndexError: There is no such row.
        """
        batch, place = self._find(index)
        names = content_names(batch)
        return _row([batch.column(name)[place].as_py() for name in names], names)

    def rows(self) -> Iterator[tuple[str, Row]]:
        """Yield the content hash (hex) and the row of every row, in order."""
        for place, row in self.placed_rows():
            yield place.row_hash, row

    def placed_rows(self) -> Iterator[tuple[RowPlace, Row]]:
        """Yield every row with what is kept beside it, in order."""
        for batch in self.batches():
            names = content_names(batch)
            columns = [batch.column(name).to_pylist() for name in names]
            hashes: list[str] = batch.column("row_hash").to_pylist()
            sources: list[int] = batch.column("source").to_pylist()
            lines: list[int] = batch.column("line").to_pylist()
            has_fields = BESIDE[0] in batch.schema.names
            fields: list[str | None] = (
                batch.column("fields").to_pylist() if has_fields else [None] * batch.num_rows
            )
            for place, values in zip(
                map(RowPlace, hashes, sources, lines, fields),
                zip(*columns, strict=True),
                strict=True,
            ):
                yield place, _row(values, names)

    def batches(self) -> Iterator[RecordBatch]:
        """Yield the rows in order as Arrow batches; whole stored batches are not copied."""
        import numpy as np
        import pyarrow as pa

        ids = self._ids
        if not len(ids):
            return
        numbers = np.searchsorted(self._ends, ids, side="right")
        breaks = np.flatnonzero(np.diff(numbers)) + 1
        edges = [0, *breaks.tolist(), len(ids)]
        for first, end in pairwise(edges):
            number = int(numbers[first])
            start = self._end_list[number - 1] if number else 0
            places = ids[first:end] - start
            batch = self._batches[number]
            if int(places[-1]) - int(places[0]) == end - first - 1 and bool(
                np.all(np.diff(places) == 1)
            ):
                yield batch.slice(int(places[0]), end - first)
            else:
                yield batch.take(pa.array(places))

    def preview(self, index: int) -> RowPreview:
        """Return what a list shows of one row.

        Raises:
            IndexError: There is no such row.
        """
        return preview_of(self.row(index))

    def place(self, index: int) -> RowPlace:
        """Return what is kept beside one row.

        Raises:
            IndexError: There is no such row.
        """
        batch, place = self._find(index)
        has_fields = BESIDE[0] in batch.schema.names
        return RowPlace(
            str(batch.column("row_hash")[place].as_py()),
            batch.column("source")[place].as_py(),
            batch.column("line")[place].as_py(),
            batch.column("fields")[place].as_py() if has_fields else None,
        )

    def row_hash(self, index: int) -> str:
        """Return the content hash of one row, hex.

        Raises:
            IndexError: There is no such row.
        """
        return self.place(index).row_hash

    def source(self, index: int) -> tuple[str, int]:
        """Return the name of the file and the line that a row came from; no name if from none.

        Raises:
            IndexError: There is no such row.
        """
        place = self.place(index)
        return (self._sources[place.source] if place.source >= 0 else "", place.line)

    def close(self) -> None:
        """Let go of the files; Windows deletes no file that is mapped."""
        self._batches, self._end_list, self._ids = [], [], self._ids[:0]
        for mapped in self._maps:
            mapped.close()

    def _find(self, index: int) -> tuple[RecordBatch, int]:
        if not 0 <= index < len(self._ids):
            raise IndexError(index)
        row_id = int(self._ids[index])
        number = bisect_right(self._end_list, row_id)
        return self._batches[number], row_id - (self._end_list[number - 1] if number else 0)


def content_names(batch: RecordBatch) -> list[str]:
    """Return the names of the columns that make up the row itself."""
    return [name for name in batch.schema.names if name not in BESIDE]


def _mapped(file: Path) -> tuple[MemoryMappedFile, list[RecordBatch]]:
    import pyarrow as pa
    from pyarrow import ipc

    start_arrow()
    try:
        mapped: MemoryMappedFile = pa.memory_map(str(file))
        batches: list[RecordBatch] = list(ipc.open_stream(mapped))
    except (pa.ArrowException, OSError) as error:
        raise damaged(file, str(error)) from error
    return mapped, batches


def damaged(file: Path, detail: str) -> DatasetDamaged:
    """Return the error for rows that are not what was written."""
    return DatasetDamaged(
        _("The rows in {path} are damaged: they are not what was written.").format(path=file),
        detail=detail,
    )


def _row(values: Sequence[Any], names: list[str]) -> Row:
    """Return the row that the content columns of one place hold."""
    match names:
        case ["messages", "tools"]:
            return ChatRow(messages=_turns(values[0]), tools=values[1])
        case ["text"]:
            return TextRow(text=values[0])
        case ["text", "image", "label"]:
            return LabelRow(text=values[0], image=values[1], label=values[2])
        case ["prompt", "completion", "is_liked"]:
            prompt, completion = _turns(values[0]), _turns(values[1])
            return RatedRow(prompt=prompt, completion=completion, is_liked=values[2])
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
            # An early Burnish stored neither of both.
            name=one.get("name"),
            tool_call_id=one.get("tool_call_id"),
        )
        for one in values
    )
