# SPDX-License-Identifier: Apache-2.0
"""The learning rate: a pure function of the step that is never zero."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.domain.recipe_choices import Schedule
from engine.train.schedule import learning_rate


def rates(schedule: Schedule, total: int, warmup: float, floor: float = 0.0) -> list[float]:
    return [
        learning_rate(
            step,
            total_steps=total,
            peak=1.0,
            schedule=schedule,
            warmup_ratio=warmup,
            min_ratio=floor,
        )
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


@given(st.sampled_from(Schedule), st.integers(1, 300), st.floats(0, 0.5), st.floats(0, 1))
def test_learning_rate_with_a_floor_falls_to_it_and_never_below(
    schedule: Schedule, total: int, warmup: float, floor: float
) -> None:
    found = rates(schedule, total, warmup, floor)[round(warmup * total) :]
    assert all(floor - 1e-12 <= rate <= 1.0 + 1e-12 for rate in found)
    without = rates(schedule, total, warmup)[round(warmup * total) :]
    expected = [floor + (1 - floor) * rate for rate in without]
    assert found == pytest.approx(expected)


@given(st.sampled_from((Schedule.COSINE, Schedule.LINEAR)), st.integers(1, 200))
def test_learning_rate_without_a_floor_is_what_it_was_to_the_bit(
    schedule: Schedule, total: int
) -> None:
    for step in range(1, total + 1):
        progress = (step - 1) / total
        wave = 1.0 + math.cos(math.pi * progress)
        was = 2e-4 * 0.5 * wave if schedule is Schedule.COSINE else 2e-4 * (1.0 - progress)
        assert was == learning_rate(
            step, total_steps=total, peak=2e-4, schedule=schedule, warmup_ratio=0.0
        )


def test_learning_rate_level_then_fall_keeps_the_peak_for_four_fifths() -> None:
    found = rates(Schedule.STABLE_DECAY, 100, 0.05)
    assert found[5:81] == [1.0] * 76
    assert found[85] == pytest.approx(1 - math.sqrt(5 / 20))
    assert found[99] == pytest.approx(1 - math.sqrt(19 / 20))


def test_learning_rate_level_then_fall_of_few_steps_stays_above_zero() -> None:
    assert all(
        rate > 0 for total in range(1, 12) for rate in rates(Schedule.STABLE_DECAY, total, 0.5)
    )
