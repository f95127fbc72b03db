# SPDX-License-Identifier: Apache-2.0
"""What a curve of losses over learning rates is worth."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest

from engine.cli.rate import advice_lines, curve_rows
from engine.domain.learning_advice import rounded_rate
from engine.domain.rate_sweep import (
    HIGHEST_RATE,
    LOWEST_RATE,
    SWEEP_STEPS,
    Sureness,
    SweepPoint,
    judge,
    sweep_rate,
)

RATES = [sweep_rate(step) for step in range(1, SWEEP_STEPS + 1)]


def points(*changes: float) -> list[SweepPoint]:
    return [
        SweepPoint(rate=rate, loss=2.0 + one, untouched=2.0)
        for rate, one in zip(RATES, changes, strict=False)
    ]


def valley(rate: float, *, at: float, depth: float) -> float:
    """Return a fall that is steepest at a rate and turns three times above it."""
    fall = -depth / (1 + (at / rate) ** 2)
    return fall + (depth * (rate / (10 * at)) ** 2)


def test_rates_grow_evenly_between_the_bounds() -> None:
    assert (RATES[0], RATES[-1]) == (LOWEST_RATE, pytest.approx(HIGHEST_RATE))
    ratios = [after / before for before, after in pairwise(RATES)]
    assert max(ratios) == pytest.approx(min(ratios))


@pytest.mark.parametrize("at", [1e-4, 1e-3])
def test_clear_valley_gives_a_sure_rate_near_its_steepest_point(at: float) -> None:
    found = judge(points(*(valley(rate, at=at, depth=0.4) for rate in RATES)))
    assert found.sureness is Sureness.SURE
    assert found.rate is not None
    assert at / 3 < found.rate < at * 3


def test_fall_that_is_steepest_just_before_the_rise_is_taken_at_a_third_of_the_lowest() -> None:
    steeper = [-(max(0, number - 15) ** 3) / 8_000 for number in range(31)]
    rising = [steeper[-1] + 0.1 * number for number in range(1, 6)]
    found = judge(points(*steeper, *rising))
    lowest = found.points[found.smoothed.index(min(found.smoothed))].rate
    assert found.rate == rounded_rate(lowest / 3)
    assert "a third of the rate" in found.reason


def test_shallow_valley_gives_a_rough_rate() -> None:
    found = judge(points(*(valley(rate, at=1e-3, depth=0.06) for rate in RATES)))
    assert (found.sureness, found.rate is not None) == (Sureness.ROUGH, True)
    assert "rough" in advice_lines(found)[-2]


def test_loss_that_still_falls_at_the_end_is_rough() -> None:
    found = judge(points(*(-(number / 50) for number in range(SWEEP_STEPS))))
    assert found.sureness is Sureness.ROUGH
    assert "highest rate" in found.reason


def test_flat_curve_gives_no_advice_with_the_reason() -> None:
    found = judge(points(*(1e-3 * (-1) ** number for number in range(SWEEP_STEPS))))
    assert (found.rate, found.sureness) == (None, Sureness.NONE)
    assert "hardly changed" in found.reason
    assert found.reason in advice_lines(found)[-1]


def test_loss_that_is_lowest_before_anything_was_changed_gives_no_advice() -> None:
    assert judge(points(*(-0.5 + number / 100 for number in range(SWEEP_STEPS)))).rate is None
    perfect = [SweepPoint(rate=rate, loss=0.0, untouched=0.0) for rate in RATES]
    assert judge(perfect).rate is None


def test_scatter_that_hides_the_fall_gives_no_advice() -> None:
    found = judge(points(*(-0.05 + 0.2 * (-1) ** number for number in range(SWEEP_STEPS))))
    assert found.rate is None


def test_curve_that_only_explodes_gives_no_advice_and_names_the_rate() -> None:
    found = judge(points(*[0.0] * 20, 0.3, 0.9))
    assert (found.rate, found.exploded_at) == (None, RATES[21])
    assert "before anything was learned" in found.reason
    assert f"{RATES[21]:.2g}" in advice_lines(found)[0]


@pytest.mark.parametrize("loss", [math.inf, math.nan])
def test_loss_that_is_no_number_counts_as_exploded_and_is_left_out(loss: float) -> None:
    broken = SweepPoint(rate=RATES[3], loss=loss, untouched=2.0)
    found = judge([*points(0.0, 0.0, 0.0), broken])
    assert (found.rate, len(found.points), found.exploded_at) == (None, 3, RATES[3])
    assert "before enough rates" in found.reason


def test_curve_that_explodes_at_once_has_no_points_and_no_advice() -> None:
    found = judge([SweepPoint(rate=1e-6, loss=math.inf, untouched=2.0)])
    assert (found.rate, found.points, curve_rows(found)) == (None, (), [])


def test_curve_is_shown_in_numbers() -> None:
    found = judge(points(*(valley(rate, at=1e-3, depth=0.4) for rate in RATES)))
    rows = curve_rows(found)
    assert len(rows) == len(found.points) < SWEEP_STEPS
    assert rows[0] == ["0.000001", "2.0000", "-0.0000", "-0.0000"]
