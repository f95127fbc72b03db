# SPDX-License-Identifier: Apache-2.0
"""The filter of the table: its choices, the query that follows, and counts in words."""

from __future__ import annotations

from engine.domain.report import CheckResult, Report
from engine.domain.row_query import RowMark, RowQuery, RowSort
from engine.quality.registry import CHECKS
from gui.viewmodels.row_filter import (
    filter_choices,
    filter_key,
    filter_words,
    found_words,
    marks_of,
    nothing_words,
    sort_choices,
)
from tests.fakes.api import MOMENT

REPORT = Report(
    version=1,
    checked_at=MOMENT,
    duration_s=1.0,
    rows=40,
    near_similarity=0.8,
    eval_rows_needed=385,
    results=(
        CheckResult(check="exact_copies", rows=1_200, groups=1),
        CheckResult(check="personal_data", rows=3, labels={"email": 2, "iban": 1}),
        CheckResult(check="leakage", rows=0),
    ),
)


def test_choices_are_findings_with_their_labels_and_tags() -> None:
    choices = dict(filter_choices(REPORT, CHECKS, {"odd": [1, 2]}))
    assert choices["check:exact_copies:"] == "Exact copies (1,200)"
    assert choices["check:personal_data:email"].endswith(": email (2)")
    assert choices["tag:odd"] == "Tag: odd (2)"
    assert not any("leakage" in key for key in choices)


def test_choices_without_a_report_are_tags_alone() -> None:
    assert dict(filter_choices(None, CHECKS, {"odd": [1]})) == {"tag:odd": "Tag: odd (1)"}


def test_choices_become_marks() -> None:
    keys = (
        filter_key(check="leakage"),
        filter_key(check="personal_data", label="email"),
        filter_key(tag="a:b"),
    )
    assert marks_of(keys) == (
        RowMark(check="leakage"),
        RowMark(check="personal_data", label="email"),
        RowMark(tag="a:b"),
    )
    assert marks_of(()) == ()


def test_filter_says_what_is_chosen() -> None:
    assert filter_words(["Exact copies (12)"]) == "Exact copies (12)"
    assert filter_words(["a", "b", "c"]) == "Any of 3 kinds"


def test_counts_are_told_as_far_as_they_are_known() -> None:
    query = RowQuery(text="x")
    assert found_words(1_234, 100_000, query, is_over=True) == "1,234 of 100,000 rows"
    assert found_words(12, 100_000, query, is_over=False) == "12 found so far"
    assert found_words(1, 1, RowQuery(), is_over=True) == "1 row"
    assert found_words(4, 9, query, is_over=True, groups=2) == "4 of 9 rows, 2 groups"
    assert found_words(9, 9, query, is_over=True, groups=1) == "9 of 9 rows, 1 group"


def test_empty_table_says_what_was_asked() -> None:
    assert nothing_words(RowQuery(text="x")) == "No row holds this text."
    assert nothing_words(RowQuery(marks=(RowMark(tag="x"),))) == "No row is like this."
    assert nothing_words(RowQuery()) == "There are no rows here."


def test_every_order_has_a_name() -> None:
    assert [key for key, _words in sort_choices()] == [one.value for one in RowSort]
