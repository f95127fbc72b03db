# SPDX-License-Identifier: Apache-2.0
"""Writes the rows of a dataset that is being built: hash, split, count, Arrow files."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from engine.domain.dataset import Row, RowKind
from engine.domain.split import EVAL, TRAIN, row_hash, split_of
from engine.formats.arrow_layout import data_file, write_documents
from engine.formats.arrow_rows import RowPlace, RowWriter, move_rows
from engine.store import atomicfs

HASH_BYTES = 16

_encoder = msgspec.json.Encoder()


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """What was written.

    Attributes:
        splits: Rows by split name.
        duplicates: Rows that repeat an earlier one exactly.
    """

    splits: dict[str, int]
    duplicates: int


class DatasetWriter:
    """Writes rows into the split that their content says; a context that closes the files.

    No split is left empty where there are two different rows: if the hashes put all rows on one
    side, the rows of the lowest hash go to `eval`, or those of the highest to `train`.
    """

    def __init__(self, rows: Path, kind: RowKind, eval_ratio: float) -> None:
        """Write into a folder that does not exist yet."""
        self._rows = rows
        self._kind = kind
        self._eval_ratio = eval_ratio
        self._hashes = bytearray()
        self._files = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as opening:
            self._writers = {split: self._open(split, opening) for split in (TRAIN, EVAL)}
            self._files = opening.pop_all()
        return self

    def _open(self, split: str, files: ExitStack) -> RowWriter:
        file = data_file(self._rows, split)
        atomicfs.make_folder(file.parent)
        return RowWriter(files.enter_context(atomicfs.new_file(file)), self._kind)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._files.__exit__(kind, error, trace)

    def add(self, row: Row, source: int, line: int, fields: str | None = None) -> None:
        """Write one row.

        Args:
            row: Its canonical JSON text is what is hashed.
            source: Index of its source file.
            line: Where it stands there.
            fields: JSON object with what else the source said of it, or None.

        Raises:
            OSError: The file could not be written.
        """
        canonical = _encoder.encode(row)
        digest = row_hash(canonical)
        self._hashes += digest
        writer = self._writers[split_of(digest, self._eval_ratio)]
        place = RowPlace(digest.hex(), source, line, fields)
        writer.add(row, place, size_bytes=len(canonical))

    @property
    def count(self) -> int:
        """Return the rows written so far."""
        return len(self._hashes) // HASH_BYTES

    def finish(self) -> Written:
        """Close the files, see that no split is empty, and write what stands beside them.

        Raises:
            DiskFull: No room.
        """
        for writer in self._writers.values():
            writer.close()
        self._files.close()
        splits = {split: writer.rows for split, writer in self._writers.items()}
        distinct, lowest, highest = _extremes(bytes(self._hashes))
        if distinct > 1 and splits[EVAL] == 0 and self._eval_ratio > 0:
            splits = self._moved(splits, lowest, TRAIN, EVAL)
        elif splits[TRAIN] == 0 < splits[EVAL]:
            splits = self._moved(splits, highest, EVAL, TRAIN)
        fingerprint = row_hash(bytes(self._hashes)).hex()[:16]
        write_documents(self._rows, self._kind, {one: f"{one}-{fingerprint}" for one in splits})
        return Written(splits=splits, duplicates=self.count - distinct)

    def _moved(
        self, splits: dict[str, int], digest: str, source: str, target: str
    ) -> dict[str, int]:
        moved = move_rows(self._rows, self._kind, digest, source=source, target=target)
        return {**splits, source: splits[source] - moved, target: moved}


def _extremes(hashes: bytes) -> tuple[int, str, str]:
    """Return how many of the hashes differ, and the lowest and the highest as hex."""
    import numpy as np

    if not hashes:
        return 0, "", ""
    halves = np.frombuffer(hashes, dtype=">u8").reshape(-1, 2)
    order = np.lexsort((halves[:, 1], halves[:, 0]))
    ordered = halves[order]
    distinct = 1 + int(np.count_nonzero((ordered[1:] != ordered[:-1]).any(axis=1)))
    return distinct, ordered[0].tobytes().hex(), ordered[-1].tobytes().hex()
