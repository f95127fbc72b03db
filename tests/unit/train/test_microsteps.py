# SPDX-License-Identifier: Apache-2.0
"""Steps are shared out whole, evenly, and with the numbers that dropout depends on."""

from __future__ import annotations

import numpy as np
import pytest

from engine.train.grouping import rows_together
from engine.train.microsteps import share_out, taken_out
from tests.unit.train.models import random_examples

LENGTHS = np.array([90, 10, 40, 40, 20, 60, 5, 30], np.int64)
MEMBERS = np.array([7, 0, 2, 3, 5, 6, 4, 1], np.int64)


@pytest.mark.parametrize("processes", [1, 2, 3, 9])
@pytest.mark.parametrize("keeps", [False, True])
def test_every_row_is_in_exactly_one_share(processes: int, keeps: bool) -> None:
    shares = share_out(MEMBERS, LENGTHS, processes=processes, capacity=100, keeps_micro_steps=keeps)
    assert len(shares) == processes
    rows = [int(one) for share in shares for _number, group in share for one in group]
    assert sorted(rows) == sorted(MEMBERS)


def test_one_process_has_the_micro_steps_in_order() -> None:
    (share,) = share_out(MEMBERS, LENGTHS, processes=1, capacity=100, micro_batch_size=2)
    expected = rows_together(MEMBERS, LENGTHS, capacity=100, micro_batch_size=2)
    assert [number for number, _group in share] == list(range(len(expected)))
    for (_number, group), other in zip(share, expected, strict=True):
        np.testing.assert_array_equal(group, other)


def test_rows_are_dealt_evenly() -> None:
    shares = share_out(MEMBERS, LENGTHS, processes=2, capacity=100)
    loads = [sum(int(LENGTHS[group].sum()) for _number, group in one) for one in shares]
    assert max(loads) - min(loads) <= 5


def test_micro_steps_that_are_kept_have_their_numbers() -> None:
    (alone,) = share_out(MEMBERS, LENGTHS, processes=1, capacity=100)
    shares = share_out(MEMBERS, LENGTHS, processes=2, capacity=100, keeps_micro_steps=True)
    together = {number: group for share in shares for number, group in share}
    assert all(shares)
    for number, group in alone:
        np.testing.assert_array_equal(together[number], group)


def test_rows_that_are_taken_out_are_the_same_rows() -> None:
    examples = random_examples([5, 9, 7, 3])
    alone, groups = taken_out(examples, [np.array([3, 1]), np.array([2])])
    assert [list(one) for one in groups] == [[0, 1], [2]]
    assert list(alone.lengths) == [3, 9, 7]
    np.testing.assert_array_equal(alone.ids[3:12], examples.ids[5:14])
    np.testing.assert_array_equal(alone.supervised, examples.supervised[[3, 1, 2]])
    nothing, none = taken_out(examples, [])
    assert (len(nothing), none) == (0, [])
