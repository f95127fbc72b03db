# SPDX-License-Identifier: Apache-2.0
"""Rows of extreme length."""

from __future__ import annotations

from random import Random

from engine.domain.dataset import TextRow
from engine.quality.check import CheckSettings
from engine.quality.lengths import CHECK
from tests.builders.turn_batches import batch_of, finds


def rows_of(lengths: list[int]) -> list[TextRow]:
    return [TextRow(text="é" * one) for one in lengths]


def test_rows_far_from_the_rest_are_found() -> None:
    random = Random(1)
    lengths = [random.randint(150, 400) for _ in range(200)]
    lengths[17], lengths[60] = 5, 9000
    assert finds(CHECK, rows_of(lengths)) == [(17, "very_short"), (60, "very_long")]


def test_usual_spread_gives_no_find() -> None:
    random = Random(2)
    assert finds(CHECK, rows_of([int(random.lognormvariate(5.5, 0.8)) for _ in range(500)])) == []


def test_equal_lengths_allow_small_differences() -> None:
    assert finds(CHECK, rows_of([100] * 99 + [180])) == []


def test_few_rows_are_never_extreme() -> None:
    assert finds(CHECK, rows_of([1, 5000, 200])) == []


def test_batches_in_any_order_give_the_same_rows() -> None:
    begun = CHECK.begin(CheckSettings())
    parts = [begun.see(batch_of(rows_of([200] * 40), first)) for first in (80, 0, 40)]
    parts.append(begun.see(batch_of(rows_of([1, 200]), 121)))
    parts.append(begun.see(batch_of(rows_of([99999]), 120)))
    found = begun.end(parts)
    assert list(found.rows) == [120, 121]
    assert found.labels is not None
    assert [found.label_names[one] for one in found.labels] == ["very_long", "very_short"]
