# SPDX-License-Identifier: Apache-2.0
"""Runs checks over the rows of a dataset: two threads, a batch at a time, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

from engine.domain.in_order import in_order
from engine.quality.batch import turn_batch
from engine.quality.check import Check, CheckSettings, Pass
from engine.quality.found import Found, labelled

if TYPE_CHECKING:
    from numpy import bool_
    from numpy.typing import NDArray
    from pyarrow import RecordBatch

THREADS = 2
WAITING_PARTS = 4
"""Parts of batches that are worked on or wait; more would only take memory."""
LARGEST_BATCH_ROWS = 2048
"""Stored batches are larger; numpy is faster on what fits the processor's cache."""


def run_checks(
    batches: Iterable[tuple[RecordBatch, NDArray[bool_]]],
    checks: Sequence[Check],
    settings: CheckSettings,
    *,
    on_rows: Callable[[int], None],
) -> dict[str, Found]:
    """Return what each check found, by its id.

    Arrow and numpy let go of the interpreter's lock, so that threads are enough.

    Args:
        batches: Rows in order, with whether each is held out.
        checks: Which checks.
        settings: What a person chose.
        on_rows: Told how many rows are through; may raise to end the work.
    """
    begins = list(dict.fromkeys(check.begin for check in checks))
    passes = [begin(settings) for begin in begins]
    kept: list[list[object]] = [[] for _pass in passes]
    done = 0
    seen = in_order(partial(_see, passes), _parts(batches), threads=THREADS, waiting=WAITING_PARTS)
    for (_first_row, batch, _is_eval), results in seen:
        for one, result in zip(kept, results, strict=True):
            one.append(result)
        done += batch.num_rows
        on_rows(done)
    ends = {begin: one.end(parts) for begin, one, parts in zip(begins, passes, kept, strict=True)}
    return {
        check.id: labelled(ends[check.begin], check.label) if check.label else ends[check.begin]
        for check in checks
    }


def _parts(
    batches: Iterable[tuple[RecordBatch, NDArray[bool_]]],
) -> Iterator[tuple[int, RecordBatch, NDArray[bool_]]]:
    """Yield smaller batches, each behind the number of its first row."""
    first_row = 0
    for batch, is_eval in batches:
        for start in range(0, batch.num_rows, LARGEST_BATCH_ROWS):
            end = start + LARGEST_BATCH_ROWS
            yield first_row + start, batch.slice(start, LARGEST_BATCH_ROWS), is_eval[start:end]
        first_row += batch.num_rows


def _see(passes: Sequence[Pass], part: tuple[int, RecordBatch, NDArray[bool_]]) -> list[object]:
    first_row, batch, is_eval = part
    turns = turn_batch(batch, first_row=first_row, is_eval=is_eval)
    return [one.see(turns) for one in passes]
