# SPDX-License-Identifier: Apache-2.0
"""Writes the rows of a dataset that is being built: hash, split, count, Arrow files."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import msgspec

from engine.domain.content_hash import HASH_BYTES, canonical, digest
from engine.domain.dataset import Row, RowKind
from engine.domain.split import EVAL, TRAIN, first_mark_of_train, split_of
from engine.formats.arrow_layout import data_file, write_documents
from engine.formats.arrow_rows import RowPlace, RowWriter, move_rows, plain_batch
from engine.formats.plain_rows import PlainRows
from engine.store import atomicfs
from engine.store.ledger import Ledger

if TYPE_CHECKING:
    from pyarrow import RecordBatch


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """What was written.

    Attributes:
        splits: Rows by split name.
        duplicates: Rows that repeat an earlier one exactly.
    """

    splits: dict[str, int]
    duplicates: int


class Prepared(msgspec.Struct, frozen=True, kw_only=True):
    """Conversations in columns, as they are written.

    Attributes:
        shape: How they were recognised.
        digests: Their content hashes, HASH_BYTES each.
        batches: Their columns by split, for each split that gets any.
    """

    shape: str
    digests: bytes
    batches: dict[str, RecordBatch]

    def __len__(self) -> int:
        return len(self.digests) // HASH_BYTES


class DatasetWriter:
    """Writes rows into the split that their content says; a context that closes the files.

    No split is left empty where there are two different rows: if the hashes put all rows on one
    side, the rows of the lowest hash go to `eval`, or those of the highest to `train`.
    """

    def __init__(self, rows: Path, kind: RowKind, eval_ratio: float, ledger: Ledger) -> None:
        """Write into a folder that does not exist yet.

        Args:
            rows: The folder.
            kind: Kind of all rows.
            eval_ratio: Share of rows that go to `eval`, 0 to 1.
            ledger: Told what was written to the files.
        """
        self._rows = rows
        self._ledger = ledger
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
        # Its name is synced with the whole folder that is being built.
        file.parent.mkdir(mode=0o700, parents=True)
        return RowWriter(
            files.enter_context(atomicfs.followed_file(file, self._ledger)), self._kind
        )

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
        text = canonical(row)
        found = digest(text)
        self._hashes += found
        writer = self._writers[split_of(found, self._eval_ratio)]
        place = RowPlace(found.hex(), source, line, fields)
        writer.add(row, place, size_bytes=len(text))

    def prepared(self, rows: PlainRows, source: int) -> Prepared:
        """Return conversations as they will be written; may be called in any thread.

        Args:
            rows: At least one.
            source: Index of their source file.
        """
        import numpy as np

        marks = np.frombuffer(rows.digests, ">u8")[:: HASH_BYTES // 8]
        is_eval = marks < np.uint64(first_mark_of_train(self._eval_ratio))
        batches = {
            split: plain_batch(rows.chosen(np.flatnonzero(chosen)), source)
            for split, chosen in ((TRAIN, ~is_eval), (EVAL, is_eval))
            if chosen.any()
        }
        return Prepared(shape=rows.shape, digests=rows.digests, batches=batches)

    def add_prepared(self, rows: Prepared) -> None:
        """Write conversations.

        Raises:
            OSError: The file could not be written.
        """
        for split, batch in rows.batches.items():
            self._writers[split].add_batch(batch)
        self._hashes += rows.digests

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
        # The last bytes are on their way to the disk meanwhile.
        distinct, lowest, highest = _extremes(bytes(self._hashes))
        self._files.close()
        splits = {split: writer.rows for split, writer in self._writers.items()}
        if distinct > 1 and splits[EVAL] == 0 and self._eval_ratio > 0:
            splits = self._moved(splits, lowest, TRAIN, EVAL)
        elif splits[TRAIN] == 0 < splits[EVAL]:
            splits = self._moved(splits, highest, EVAL, TRAIN)
        fingerprint = digest(bytes(self._hashes)).hex()[:16]
        write_documents(self._rows, self._kind, {one: f"{one}-{fingerprint}" for one in splits})
        return Written(splits=splits, duplicates=self.count - distinct)

    def _moved(
        self, splits: dict[str, int], digest: str, source: str, target: str
    ) -> dict[str, int]:
        moved = move_rows(self._rows, self._kind, digest, source=source, target=target)
        for split in (source, target):
            self._ledger.forget(data_file(self._rows, split))
        return {**splits, source: splits[source] - moved, target: moved}


def _extremes(hashes: bytes) -> tuple[int, str, str]:
    """Return how many of the hashes differ, and the lowest and the highest as hex."""
    import numpy as np

    if not hashes:
        return 0, "", ""
    halves = np.frombuffer(hashes, dtype=">u8").reshape(-1, 2)
    firsts = np.sort(halves[:, 0].astype(np.uint64))
    if (firsts[1:] != firsts[:-1]).all():
        # Far faster than to sort by both halves, and what next to all datasets are.
        lowest, highest = halves[:, 0].argmin(), halves[:, 0].argmax()
        return len(halves), halves[lowest].tobytes().hex(), halves[highest].tobytes().hex()
    order = np.lexsort((halves[:, 1], halves[:, 0]))
    ordered = halves[order]
    distinct = 1 + int(np.count_nonzero((ordered[1:] != ordered[:-1]).any(axis=1)))
    return distinct, ordered[0].tobytes().hex(), ordered[-1].tobytes().hex()
