# SPDX-License-Identifier: Apache-2.0
"""Batches of turns for checks, made from rows as they are stored."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO

import numpy as np
from pyarrow import RecordBatch, ipc

from engine.domain.dataset import Row, RowKind
from engine.formats.arrow_rows import RowPlace, RowWriter, schema_of
from engine.formats.shapes import kind_of
from engine.quality.batch import TurnBatch, turn_batch
from engine.quality.check import Check, CheckSettings


def stored(rows: Sequence[Row]) -> RecordBatch:
    """Return rows of one kind as one batch, written and read as a dataset is."""
    kind = kind_of(rows[0]) if rows else RowKind.CHAT
    if not rows:
        return RecordBatch.from_pylist([], schema=schema_of(kind))
    stream = BytesIO()
    writer = RowWriter(stream, kind)
    for number, row in enumerate(rows):
        writer.add(row, RowPlace(row_hash=f"{number:032x}", source=0, line=number + 1))
    writer.close()
    (batch,) = ipc.open_stream(stream.getvalue())
    return batch


def batch_of(rows: Sequence[Row], first_row: int = 0) -> TurnBatch:
    """Return rows of one kind as a batch of turns, none of them held out."""
    return turn_batch(stored(rows), first_row=first_row, is_eval=np.zeros(len(rows), np.bool_))


def finds(check: Check, rows: Sequence[Row]) -> list[tuple[int, str]]:
    """Return row and label of everything that a check finds in rows of one kind."""
    begun = check.begin(CheckSettings())
    found = begun.end([begun.see(batch_of(rows))])
    assert found.labels is not None
    return [
        (int(row), found.label_names[label])
        for row, label in zip(found.rows, found.labels, strict=True)
    ]
