# SPDX-License-Identifier: Apache-2.0
"""The numbers behind a chart: growing, smoothing, thinning out."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest

from gui.widgets.charts.scale import round_top, tick_step, tick_text, ticks_between
from gui.widgets.charts.series import MOST_POINTS, Series, decimate


def _filled(count: int) -> Series:
    series = Series()
    series.append(range(count), [math.sin(i / 50) for i in range(count)])
    return series


def test_append_of_many_small_parts_equals_one_large_part() -> None:
    whole, parts = _filled(5000), Series()
    for start in range(0, 5000, 7):
        steps = range(start, min(start + 7, 5000))
        parts.append(steps, [math.sin(i / 50) for i in steps])

    assert np.array_equal(whole.steps, parts.steps)
    assert np.array_equal(whole.values, parts.values)
    assert np.allclose(whole.smooth, parts.smooth)


def test_append_of_an_earlier_step_goes_on_from_there() -> None:
    series = _filled(100)

    series.append([60, 61], [9.0, 9.5])

    assert series.steps.tolist() == [*range(60), 60, 61]
    assert series.values[-2:].tolist() == [9.0, 9.5]


def test_append_of_unequal_lengths_is_refused() -> None:
    with pytest.raises(ValueError, match="steps"):
        Series().append([1, 2], [1.0])


def test_smooth_line_of_a_constant_is_the_constant() -> None:
    series = Series()
    series.append(range(300), [2.5] * 300)

    assert np.allclose(series.smooth, 2.5)


def test_smooth_line_follows_a_slope_without_lag() -> None:
    series = Series()
    series.append(range(1000), [float(i) for i in range(1000)])

    assert abs(series.smooth[-1] - 999) < 1.0


def test_smooth_line_after_a_steep_fall_never_leaves_its_points() -> None:
    noise = [0.05 * math.sin(7 * i) for i in range(135)]
    falling = [1.1 + 7.5 * math.exp(-i / 6) + noise[i] for i in range(135)]
    series = Series()
    for i, value in enumerate(falling):
        series.append([i], [value])
        around = falling[max(0, i - 24) : i + 1]
        assert min(around) <= series.smooth[-1] <= max(around)
    assert abs(series.smooth[-1] - 1.1) < 0.03
    assert abs(series.smooth[60] - 1.1) < 0.03


def test_smooth_line_is_calmer_than_its_points() -> None:
    raw = [(-1.0) ** i for i in range(400)]
    series = Series()
    series.append(range(400), raw)

    assert np.abs(series.smooth[20:-20]).max() < 0.1


def test_smooth_line_passes_over_values_that_are_not_finite() -> None:
    series = Series()
    series.append(range(4), [1.0, math.nan, math.inf, 1.0])

    assert np.isfinite(series.smooth).all()
    assert np.isnan(series.values[1:3]).all()


def test_decimate_of_few_points_returns_them_all() -> None:
    series = _filled(50)

    steps, values = decimate(series.steps, series.values, low=0, high=50, columns=100)

    assert np.array_equal(steps, series.steps)
    assert np.array_equal(values, series.values)


@pytest.mark.parametrize("spike", [0, 1, 12_345, 54_321, 99_998, 99_999])
@pytest.mark.parametrize("height", [50.0, -50.0])
def test_decimate_keeps_every_peak_at_its_place(spike: int, height: float) -> None:
    values = np.zeros(100_000)
    values[spike] = height
    steps = np.arange(100_000, dtype=np.float64)

    shown_steps, shown = decimate(steps, values, low=0, high=100_000, columns=600)

    assert height in shown
    assert shown.size <= 4 * 600 + 4
    at = shown_steps[np.flatnonzero(shown == height)[0]]
    assert abs(at - spike) <= 100_000 / 600


def test_decimate_keeps_the_order_of_the_steps_and_both_ends() -> None:
    series = _filled(20_000)

    steps, values = decimate(series.steps, series.values, low=0, high=20_000, columns=300)

    assert (np.diff(steps) >= 0).all()
    assert (steps[0], steps[-1]) == (0, 19_999)
    assert values[-1] == series.values[-1]


def test_decimate_leaves_out_what_is_not_a_number() -> None:
    values = np.array([1.0, np.nan, 3.0])

    _steps, shown = decimate(np.arange(3.0), values, low=0, high=3, columns=10)

    assert shown.tolist() == [1.0, 3.0]


def test_decimate_of_a_run_that_has_only_begun_keeps_its_points() -> None:
    series = _filled(3000)

    steps, _values = decimate(series.steps, series.values, low=0, high=1_000_000, columns=500)

    assert steps[-1] == 2999


def test_decimate_of_100_000_points_is_fast_enough_for_ten_times_a_second() -> None:
    series = _filled(100_000)
    started = time.process_time()
    for _turn in range(10):
        decimate(series.steps, series.values, low=0, high=100_000, columns=800)

    assert (time.process_time() - started) / 10 < 0.05


@pytest.mark.parametrize(
    ("span", "count", "step"),
    [(1.65, 3, 0.5), (1000, 5, 200), (3, 3, 1), (0.0002, 2, 0.0002), (0, 3, 1.0)],
)
def test_tick_step_is_the_largest_round_one(span: float, count: int, step: float) -> None:
    assert tick_step(span, count) == pytest.approx(step)


def test_ticks_between_stay_inside_the_range() -> None:
    assert ticks_between(0.9, 2.6, 3) == pytest.approx([1.0, 1.5, 2.0, 2.5])


@pytest.mark.parametrize(
    ("highest", "top"), [(5103, 6000), (11.2, 15), (0.0002, 0.0002), (0, 1.0), (9.9, 10)]
)
def test_round_top_is_the_next_round_number(highest: float, top: float) -> None:
    assert round_top(highest) == pytest.approx(top)


@pytest.mark.parametrize(
    ("value", "step", "text"),
    [(2.0, 0.5, "2.0"), (6000, 6000, "6k"), (0.0002, 0.0002, "0.0002"), (0, 0.5, "0")],
)
def test_tick_text_has_the_digits_that_the_distance_needs(
    value: float, step: float, text: str
) -> None:
    assert tick_text(value, step) == text


def test_long_series_is_thinned_and_loses_no_peak() -> None:
    count, chance = 500_000, np.random.default_rng(1)
    values = 2.0 + chance.exponential(0.5, count)
    values[123_456], values[7], values[250_000:250_100] = 50.0, -3.0, np.nan
    series = Series()
    for start in range(0, count, 1999):
        series.append(range(start, min(start + 1999, count)), values[start : start + 1999].tolist())
        assert len(series) <= MOST_POINTS
    steps = series.steps.astype(int)
    assert (np.diff(steps) > 0).all()
    # Every point that is shown was one.
    assert np.array_equal(series.values, values[steps], equal_nan=True)
    assert {123_456, 7, count - 1} <= set(steps.tolist())
    assert np.array_equal(steps[-4000:], np.arange(count - 4000, count))
    # The smooth line stays the mean, also where few points are left.
    for part in (series.smooth[1000:5000], series.smooth[-4000:]):
        assert abs(np.nanmean(part) - 2.5) < 0.02


def test_thinned_series_goes_on_from_any_earlier_step() -> None:
    series = _filled(200_000)
    for back in (199_000, 100_000, 10):
        series.append(range(back, back + 50), [9.0] * 50)
        assert (series.steps[-1], series.values[-1]) == (back + 49, 9.0)
        assert (np.diff(series.steps) > 0).all()
    series.cut(5)
    assert series.steps.max() < 5
    series.append(range(5, 60_000), [1.0] * 59_995)
    assert len(series) <= MOST_POINTS


def test_thinned_series_of_nothing_known_stays_unknown() -> None:
    series = Series()
    series.append(range(100_000), [math.nan] * 100_000)
    assert np.isnan(series.values).all()
    assert (np.diff(series.steps) > 0).all()
