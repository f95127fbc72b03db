# SPDX-License-Identifier: Apache-2.0
"""What the checks found, as values: lines, and rows by language."""

from __future__ import annotations

from datetime import UTC, datetime

from engine.domain.report import CheckResult, Report
from engine.quality.registry import CHECKS
from gui.viewmodels.health import HealthView, health_view
from tests.fakes.api import MOMENT


def view(*results: CheckResult) -> HealthView:
    report = Report(
        version=1,
        checked_at=MOMENT,
        duration_s=1.0,
        rows=1_000,
        near_similarity=0.8,
        eval_rows_needed=385,
        results=results,
    )
    return health_view(report, CHECKS, lambda _check: None, now=datetime(2026, 11, 4, tzinfo=UTC))


def languages(**tally: int) -> list[tuple[str, str]]:
    found = view(CheckResult(check="language", rows=0, tally=tally)).languages
    return [(one.name, one.value) for one in found]


def test_languages_are_told_with_count_and_share() -> None:
    assert languages(en=9_960, unknown=30, de=10) == [
        ("English", "9,960 · over 99 %"),
        ("No language to tell", "30 · under 1 %"),
        ("German", "10 · under 1 %"),
    ]
    (only,) = view(CheckResult(check="language", rows=0, tally={"fr": 4})).languages
    assert (only.name, only.value, only.share) == ("French", "4 · 100 %", 1.0)


def test_languages_beyond_the_first_are_told_together() -> None:
    codes = ("en", "de", "fr", "es", "it", "pt", "nl", "sv", "da", "pl")
    found = languages(**{code: 20 - place for place, code in enumerate(codes)})
    assert len(found) == 9
    assert found[0] == ("English", "20 · 13 %")
    assert found[-1] == ("Others", "23 · 15 %")


def test_report_of_an_earlier_burnish_has_no_languages() -> None:
    assert view(CheckResult(check="language", rows=0)).languages == ()
    assert view(CheckResult(check="leakage", rows=0)).languages == ()


def test_kinds_of_a_finding_are_named_in_words() -> None:
    (line,) = view(CheckResult(check="language", rows=3, labels={"de": 2, "fr": 1})).lines
    assert line.text.startswith("2 German, 1 French.")
    (line,) = view(
        CheckResult(check="personal_data", rows=3, labels={"e_mail": 2, "iban": 1})
    ).lines
    assert line.text.startswith("2 e mail, 1 iban.")
