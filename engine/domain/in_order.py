# SPDX-License-Identifier: Apache-2.0
"""Work that a few threads do ahead, and whose results come in the order of the work."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_order(
    work: Callable[[Item], Result], items: Iterable[Item], *, threads: int, waiting: int
) -> Generator[tuple[Item, Result], None, None]:
    """Yield each item with its result.

    Worth it for work that lets go of the interpreter's lock, as Arrow, numpy and tokenizers do.

    Args:
        work: Called in one of the threads.
        items: Taken one by one, in the thread of the caller.
        threads: How many work.
        waiting: Most items that are worked on or wait; more would only take memory.
    """
    ahead: deque[tuple[Item, Future[Result]]] = deque()
    with ThreadPoolExecutor(threads, thread_name_prefix="in-order") as pool:
        try:
            for item in items:
                ahead.append((item, pool.submit(work, item)))
                if len(ahead) >= waiting:
                    first, future = ahead.popleft()
                    yield first, future.result()
            while ahead:
                first, future = ahead.popleft()
                yield first, future.result()
        finally:
            for _item, future in ahead:
                future.cancel()
