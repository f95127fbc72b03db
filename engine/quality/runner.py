# SPDX-License-Identifier: Apache-2.0
"""Runs checks over the rows of a dataset: two threads, a batch at a time, in bounded memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

from engine.quality.batch import turn_batch
from engine.quality.check import Check, CheckSettings, Pass
from engine.quality.found import Found, labelled

if TYPE_CHECKING:
    from numpy import bool_
    from numpy.typing import NDArray
    from pyarrow import RecordBatch

THREADS = 2
WAITING_BATCHES = 4
"""Batches that are worked on or wait; more would only take memory."""
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
    with ThreadPoolExecutor(THREADS) as threads:
        for count, seen in _in_order(threads, batches, passes):
            for one, part in zip(kept, seen, strict=True):
                one.append(part)
            done += count
            on_rows(done)
    ends = {begin: one.end(parts) for begin, one, parts in zip(begins, passes, kept, strict=True)}
    return {
        check.id: labelled(ends[check.begin], check.label) if check.label else ends[check.begin]
        for check in checks
    }


def _in_order(
    threads: ThreadPoolExecutor,
    batches: Iterable[tuple[RecordBatch, NDArray[bool_]]],
    passes: Sequence[Pass],
) -> Iterator[tuple[int, list[object]]]:
    """Yield rows and results of each batch, in the order of the batches."""
    waiting: deque[tuple[int, Future[list[object]]]] = deque()
    first_row = 0
    try:
        for batch, is_eval in _small(batches):
            waiting.append(
                (batch.num_rows, threads.submit(_see, passes, batch, first_row, is_eval))
            )
            first_row += batch.num_rows
            if len(waiting) >= WAITING_BATCHES:
                count, future = waiting.popleft()
                yield count, future.result()
        while waiting:
            count, future = waiting.popleft()
            yield count, future.result()
    finally:
        for _count, future in waiting:
            future.cancel()


def _small(
    batches: Iterable[tuple[RecordBatch, NDArray[bool_]]],
) -> Iterator[tuple[RecordBatch, NDArray[bool_]]]:
    for batch, is_eval in batches:
        for start in range(0, batch.num_rows, LARGEST_BATCH_ROWS):
            end = start + LARGEST_BATCH_ROWS
            yield batch.slice(start, LARGEST_BATCH_ROWS), is_eval[start:end]


def _see(
    passes: Sequence[Pass], batch: RecordBatch, first_row: int, is_eval: NDArray[bool_]
) -> list[object]:
    turns = turn_batch(batch, first_row=first_row, is_eval=is_eval)
    return [one.see(turns) for one in passes]
