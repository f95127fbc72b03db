# SPDX-License-Identifier: Apache-2.0
"""Numbers are written as people read them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from gui.viewmodels import numbers

NOW = datetime(2026, 11, 3, 18, 0, tzinfo=UTC).astimezone()


def at(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


@pytest.mark.parametrize(
    ("number", "expected"), [(0, "0"), (999, "999"), (11_874, "11,874"), (1_000_000, "1,000,000")]
)
def test_count_of_a_whole_number_has_separators(number: int, expected: str) -> None:
    assert numbers.count(number) == expected


@pytest.mark.parametrize(
    ("bytes_", "expected"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (999, "999 bytes"),
        (6_000_000, "6 MB"),
        (250_000, "250 kB"),
        (8_045_000_000, "8.0 GB"),
        (212_000_000_000, "212 GB"),
    ],
)
def test_size_of_a_file_is_decimal_with_its_unit(bytes_: int, expected: str) -> None:
    assert numbers.size(bytes_) == expected


@pytest.mark.parametrize(
    ("bytes_", "expected"),
    [(24 * 2**30, "24.0 GB"), (round(0.3 * 2**30), "0.3 GB"), (42 * 2**20, "42 MB")],
)
def test_memory_is_counted_as_cards_are_sold(bytes_: int, expected: str) -> None:
    assert numbers.memory(bytes_) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0.2, "0 s"),
        (42.4, "42 s"),
        (185, "3 min 5 s"),
        (3_599.6, "1 h 0 min"),
        (7_800, "2 h 10 min"),
    ],
)
def test_duration_is_said_in_two_units_at_most(seconds: float, expected: str) -> None:
    assert numbers.duration(seconds) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0, "1 s"), (8, "8 s"), (43, "45 s"), (59.2, "60 s"), (860, "14 min"), (5_100, "1 h 25 min")],
)
def test_rough_duration_has_no_false_precision(seconds: float, expected: str) -> None:
    assert numbers.rough_duration(seconds) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [(None, "–"), (1.2149, "1.21"), (0.0312, "0.0312"), (0.00041, "0.00041"), (123.45, "123.5")],
)
def test_loss_has_three_figures(value: float | None, expected: str) -> None:
    assert numbers.loss(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [(2e-4, "0.0002"), (0.0000689, "0.000069"), (0.0, "0"), (None, "–"), (3.14e-9, "3.1e-09")],
)
def test_learning_rate_has_no_exponent_where_it_can_be_read(
    value: float | None, expected: str
) -> None:
    assert numbers.learning_rate(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.0000704, "0.000070"),
        (0.0000689, "0.000069"),
        (2e-4, "0.00020"),
        (0.3, "0.30"),
        (0.0, "0"),
        (3e-9, "3.0e-09"),
    ],
)
def test_learning_rates_of_a_column_have_equally_many_figures(value: float, expected: str) -> None:
    assert numbers.rate_of_step(value) == expected


@pytest.mark.parametrize(
    ("number", "expected"),
    [(812, "812"), (6_300_000, "6.3 million"), (4_022_468_096, "4.0 billion")],
)
def test_big_counts_are_said_in_words(number: int, expected: str) -> None:
    assert numbers.big(number) == expected


def test_day_and_clock_names_today_and_yesterday() -> None:
    assert numbers.day_and_clock(at(NOW), now=NOW).startswith("today ")
    assert numbers.day_and_clock(at(NOW - timedelta(days=1)), now=NOW).startswith("yesterday ")
    long_ago = NOW - timedelta(days=40)
    expected = f"{long_ago.day} {long_ago:%b} {long_ago.year}"
    assert numbers.day_and_clock(at(long_ago), now=NOW) == expected
    assert numbers.day_and_clock("", now=NOW) == ""


def test_separators_follow_the_catalogue_of_the_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    german = {("thousands separator", ","): ".", ("decimal point", "."): ","}
    monkeypatch.setattr(
        numbers, "pgettext", lambda context, text: german.get((context, text), text)
    )
    assert numbers.decimal(1234.5) == "1.234,5"
    assert numbers.count(11_874) == "11.874"
