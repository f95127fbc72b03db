# SPDX-License-Identifier: Apache-2.0
"""Work done ahead comes in its order, in bounded numbers, and its errors reach the caller."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from engine.domain.in_order import in_order


def test_results_come_in_the_order_of_the_items_though_the_first_takes_longest() -> None:
    is_second_done = threading.Event()

    def work(item: int) -> int:
        if item == 0:
            assert is_second_done.wait(10)
        if item == 1:
            is_second_done.set()
        return item * item

    found = list(in_order(work, range(6), threads=2, waiting=3))
    assert found == [(one, one * one) for one in range(6)]


def test_no_more_items_are_taken_than_may_wait() -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for one in range(10):
            taken.append(one)
            yield one

    results = in_order(str, items(), threads=2, waiting=3)
    assert next(results) == (0, "0")
    assert taken == [0, 1, 2]


def test_error_of_the_work_reaches_the_caller_behind_the_results_before_it() -> None:
    def work(item: int) -> int:
        if item == 2:
            raise ValueError("two")
        return item

    found: list[int] = []
    with pytest.raises(ValueError, match="two"):
        found += (result for _item, result in in_order(work, range(5), threads=2, waiting=4))
    assert found == [0, 1]
