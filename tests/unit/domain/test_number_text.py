# SPDX-License-Identifier: Apache-2.0
"""A rate reads the same wherever it stands: in a window, in a terminal and in a sentence."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from engine.cli.plan_lines import plan_lines
from engine.cli.rate import advice_lines, curve_rows
from engine.domain.learning_advice import advise, far_off
from engine.domain.number_text import RATE_FIGURES, decimal_text
from engine.domain.plan import LearningAdvice
from engine.domain.rate_sweep import RateSweep, Sureness, SweepPoint
from engine.domain.recipe import Recipe
from gui.viewmodels import numbers
from tests.fakes.api import FakeApi


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (2e-4, "0.0002"),
        (2e-5, "0.00002"),
        (0.9999999e-6, "0.000001"),
        (3.14159e-9, "3.14159e-09"),
        (0.0, "0"),
        (3.0, "3"),
        (1000.0, "1000"),
        (0.05, "0.05"),
        (-1.5e-5, "-0.000015"),
    ],
)
def test_numbers_have_no_exponent_where_they_can_be_read(number: float, expected: str) -> None:
    assert decimal_text(number) == expected


@pytest.mark.parametrize("rate", [2e-4, 2e-5, 0.0000689, 1e-6, 0.1])
def test_window_and_engine_write_a_rate_alike(rate: float) -> None:
    assert numbers.learning_rate(rate) == decimal_text(rate, RATE_FIGURES)


def test_terminal_writes_rates_without_an_exponent() -> None:
    found = RateSweep(
        points=(SweepPoint(rate=1e-6, loss=2.0, untouched=2.0),),
        smoothed=(0.0,),
        rate=3e-5,
        sureness=Sureness.SURE,
        reason="It falls.",
        source="Smith",
        exploded_at=4e-5,
    )
    assert curve_rows(found)[0][0] == "0.000001"
    told = " ".join(advice_lines(found))
    for words in ("exploded at 0.00004.", "rate: 0.00003 (sure)", "learning_rate=0.00003."):
        assert words in told
    advice = LearningAdvice(
        rows=800, epochs=3.0, learning_rate=5e-5, rate_reason="", epochs_reason=""
    )
    recipe = Recipe(dataset_id="d1", model_id="m1")
    plan = replace(FakeApi().runs.plan(recipe), advice=advice)
    assert "learning rate 0.00005." in "\n".join(plan_lines(plan))


def test_note_on_a_rate_has_no_exponent() -> None:
    recipe = Recipe(dataset_id="d1", model_id="m1", learning_rate=2e-6)
    (note,) = far_off(recipe, advise(recipe, rows=800, hidden=4096))
    assert "0.000002 is low" in note.message
    assert "e-" not in note.remedy
