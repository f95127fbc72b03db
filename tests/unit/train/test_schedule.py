# SPDX-License-Identifier: Apache-2.0
"""The learning rate: a pure function of the step that is never zero."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.domain.recipe import Schedule
from engine.train.schedule import learning_rate


def rates(schedule: Schedule, total: int, warmup: float) -> list[float]:
    return [
        learning_rate(step, total_steps=total, peak=1.0, schedule=schedule, warmup_ratio=warmup)
        for step in range(1, total + 1)
    ]


@given(st.sampled_from(Schedule), st.integers(1, 300), st.floats(0, 0.5))
def test_learning_rate_any_step_is_above_zero_and_at_most_the_peak(
    schedule: Schedule, total: int, warmup: float
) -> None:
    assert all(0 < rate <= 1.0 for rate in rates(schedule, total, warmup))


@given(st.sampled_from(Schedule), st.integers(1, 300), st.floats(0, 0.5))
def test_learning_rate_rises_over_the_warm_up_and_then_never_rises(
    schedule: Schedule, total: int, warmup: float
) -> None:
    found, rising = rates(schedule, total, warmup), round(warmup * total)
    assert found[: rising + 1] == sorted(found[: rising + 1])
    assert found[rising:] == sorted(found[rising:], reverse=True)
    assert found[rising] == 1.0


def test_learning_rate_cosine_halfway_is_half() -> None:
    assert rates(Schedule.COSINE, 10, 0.0)[5] == pytest.approx(0.5)


def test_learning_rate_linear_falls_in_equal_steps() -> None:
    assert rates(Schedule.LINEAR, 4, 0.0) == pytest.approx([1.0, 0.75, 0.5, 0.25])


def test_learning_rate_without_warm_up_equals_transformers_cosine() -> None:
    total = 12
    expected = [0.5 * (1 + math.cos(math.pi * step / total)) for step in range(total)]
    assert rates(Schedule.COSINE, total, 0.0) == pytest.approx(expected)
