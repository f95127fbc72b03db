# SPDX-License-Identifier: Apache-2.0
"""The run of the checks: none is passed over, whatever another one does or lacks."""

from __future__ import annotations

from pathlib import Path

import bundle_needs as needs
import check_bundle
import pytest
from bundle_under_test import Bundle, Missed


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return Bundle(
        app=tmp_path / "burnish", runtime=None, scratch=tmp_path, is_full=True, packages=tmp_path
    )


def test_check_that_misses_or_breaks_off_is_counted_and_the_next_one_runs(
    bundle: Bundle, capsys: pytest.CaptureFixture[str]
) -> None:
    def misses(_bundle: Bundle) -> str:
        raise Missed("too large")

    def breaks(_bundle: Bundle) -> str:
        raise KeyError("id")

    wanted = {"A91": misses, "A92": breaks, "A93": lambda _bundle: "measured"}
    assert check_bundle.run_checks(bundle, wanted) == 2
    said = capsys.readouterr().out
    assert "bundle: 1 passed, 2 missed" in said
    for number, words in (("A91", "too large"), ("A92", "KeyError('id')"), ("A93", "measured")):
        assert len([one for one in said.splitlines() if number in one and words in one]) == 2


def test_check_that_lacks_what_it_needs_is_missed_and_not_begun(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(needs, "PROGRAMS", {"A91": ("xvfb-run", "no-such-program")})
    monkeypatch.setattr(needs, "MODULES", {"A91": ("no_such_module",)})
    monkeypatch.setattr(needs, "FILES", {"A91": ("burnish_*.deb",)})
    begun: list[Bundle] = []

    def check(given: Bundle) -> str:
        begun.append(given)
        return "measured"

    assert check_bundle.run_checks(bundle, {"A91": check}) == 1
    assert not begun
    said = capsys.readouterr().out
    lacking = ("no-such-program (Debian", "the Python module no_such_module", "burnish_*.deb in")
    for one in lacking:
        assert f"A91 will be missed: it needs {one}" in said
    (bundle.packages / "burnish_1_amd64.deb").touch()
    assert not [one for one in needs.missing("A91", bundle) if "burnish_" in one]


def test_full_run_holds_each_of_the_checks_that_the_documents_list() -> None:
    pages = Path(__file__).parents[3] / "docs/packaging.md"
    rows = [one.split("|")[1] for one in pages.read_text("utf-8").splitlines() if one[:3] == "| A"]
    listed = {number.strip() for row in rows for number in row.replace("A", "").split(",")}
    held = {
        number
        for name in (*check_bundle.SHORT, *check_bundle.FULL)
        for number in name.removeprefix("A").split("+")
    }
    assert listed == held == {str(number) for number in range(1, 20)}
    lacking_names = set(needs.PROGRAMS) | set(needs.MODULES) | set(needs.FILES)
    assert lacking_names <= {*check_bundle.SHORT, *check_bundle.FULL}
