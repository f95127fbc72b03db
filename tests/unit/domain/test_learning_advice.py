# SPDX-License-Identifier: Apache-2.0
"""What passes and learning rate are usual: the numbers of its sources, and never a refusal."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.domain.learning_advice import advise, far_off, usual_epochs, usual_rate
from engine.domain.problem import Severity
from engine.domain.recipe import Recipe


def recipe(**values: Any) -> Recipe:
    return msgspec.convert({"dataset_id": "d", "model_id": "m", **values}, Recipe)


@pytest.mark.parametrize(
    ("rows", "epochs"),
    [(1, 25), (4, 25), (20, 5), (33, 4), (34, 3), (800, 3), (8333, 3), (10_000, 2), (25_001, 1)],
)
def test_usual_epochs_are_those_of_the_source(rows: int, epochs: float) -> None:
    assert usual_epochs(rows) == epochs


@given(st.integers(1, 10**7))
def test_usual_epochs_never_rise_with_the_rows(rows: int) -> None:
    assert 1 <= usual_epochs(rows + 1) <= usual_epochs(rows) <= 25


@pytest.mark.parametrize(
    ("hidden", "alpha", "steps", "rate"),
    [
        (4096, 32, 150, 2e-4),
        (8192, 32, 150, 1e-4),
        (2048, 32, 150, 3e-4),
        (4096, 64, 150, 1e-4),
        (4096, 16, 150, 5e-4),
        (4096, 32, 99, 3e-4),
        (256, 32, 60, 3e-3),
        (32, 32, 60, 5e-3),
    ],
)
def test_usual_rate_follows_width_alpha_and_length(
    hidden: int, alpha: float, steps: int, rate: float
) -> None:
    assert usual_rate(hidden=hidden, alpha=alpha, steps=steps) == rate


@given(st.integers(16, 20_000), st.floats(1, 1024), st.integers(1, 10**6))
def test_usual_rate_is_a_round_number_within_limits(hidden: int, alpha: float, steps: int) -> None:
    rate = usual_rate(hidden=hidden, alpha=alpha, steps=steps)
    assert 1e-5 <= rate <= 5e-3
    assert f"{rate:.0e}"[0] in "1235"


def test_advice_for_800_rows_of_a_7b_model_is_three_passes_at_2e_4() -> None:
    advice = advise(recipe(), rows=800, hidden=4096)
    assert advice is not None
    assert (advice.rows, advice.epochs, advice.learning_rate) == (800, 3, 2e-4)
    assert advice.epochs_reason.endswith(".")
    assert "4,096" in advice.rate_reason


def test_rank_counts_where_alpha_is_divided_by_its_root() -> None:
    plain = advise(recipe(lora_rank=64), rows=800, hidden=4096)
    steady = advise(recipe(lora_rank=64, use_rslora=True), rows=800, hidden=4096)
    assert plain is not None
    assert steady is not None
    assert (plain.learning_rate, steady.learning_rate) == (2e-4, 3e-5)


def test_no_rows_and_other_methods_have_no_advice() -> None:
    assert advise(recipe(), rows=0, hidden=4096) is None
    assert advise(recipe(method="dpo"), rows=800, hidden=4096) is None


def test_usual_values_have_no_note() -> None:
    assert far_off(recipe(epochs=3), advise(recipe(), rows=800, hidden=4096)) == []
    assert far_off(recipe(), None) == []


@pytest.mark.parametrize(
    ("values", "codes"),
    [
        ({"learning_rate": 3e-3}, ["learning_rate_far"]),
        ({"learning_rate": 1e-6}, ["learning_rate_far"]),
        ({"epochs": 20.0}, ["passes_far"]),
        ({"epochs": 0.5}, ["passes_far"]),
        ({"epochs": 20.0, "max_steps": 50}, []),
        ({"epochs": 8.0, "learning_rate": 5e-4}, []),
    ],
)
def test_value_that_is_far_off_has_a_note_that_forbids_nothing(
    values: dict[str, Any], codes: list[str]
) -> None:
    asked = recipe(**values)
    notes = far_off(asked, advise(asked, rows=800, hidden=4096))
    assert [one.code for one in notes] == codes
    assert all(one.severity is Severity.NOTE and one.remedy for one in notes)
