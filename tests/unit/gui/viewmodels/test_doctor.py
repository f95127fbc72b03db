# SPDX-License-Identifier: Apache-2.0
"""What the doctor found in words: reasons with remedies, and what was looked at in any case."""

from __future__ import annotations

from engine.hardware.doctor.snapshot import error, note, warning
from gui.viewmodels.doctor import bar_view, doctor_views

FULL = error("e", "Disk full", "No room.", "Free some.")
SMALL = warning("w", "Small", "It is small.", "Buy more.")


def test_nothing_found_says_what_was_looked_at() -> None:
    (only,) = doctor_views([], ("driver", "disk"))
    assert (only.kind, only.text) == ("success", "Looked at: driver, disk.")


def test_findings_keep_order_reason_and_remedy() -> None:
    first, second, third, last = doctor_views([FULL, SMALL, note("n", "N", "m", "")], ("disk",))
    assert [one.kind for one in (first, second, third)] == ["danger", "warning", "info"]
    assert (first.title, first.text, first.remedy) == ("Disk full", "No room.", "Free some.")
    assert (last.title, last.text) == ("", "Looked at: disk.")


def test_only_an_error_bars_training() -> None:
    assert bar_view([SMALL]) is None
    found = bar_view([FULL, SMALL])
    assert found is not None
    assert (found.cause, found.consequence) == ("Disk full", "No room. Free some.")
