# SPDX-License-Identifier: Apache-2.0
"""Classes that others outnumber."""

from __future__ import annotations

import numpy as np
import pytest

from engine.domain.dataset import LabelRow, RatedRow, Role, Row, RowKind, Turn
from engine.quality.check import CheckSettings
from engine.quality.classes import CONTRADICTING, RARE
from engine.quality.registry import CHECKS
from engine.quality.runner import run_checks
from tests.builders.turn_batches import batch_of, stored


def rated(answer: str, *, is_liked: bool) -> RatedRow:
    return RatedRow(
        prompt=(Turn(role=Role.USER, content="Why?"),),
        completion=(Turn(role=Role.ASSISTANT, content=answer),),
        is_liked=is_liked,
    )


def found(rows: list[Row]) -> list[int]:
    begun = RARE.begin(CheckSettings())
    return begun.end([begun.see(batch_of(rows))]).rows.tolist()


@pytest.mark.parametrize(("large", "rows"), [(9, []), (10, [0])])
def test_rows_of_a_class_that_is_outnumbered_too_far_are_found(large: int, rows: list[int]) -> None:
    labels = ["rare", *["common"] * large]
    assert found([LabelRow(text=f"t{n}", label=one) for n, one in enumerate(labels)]) == rows


def test_counts_go_over_all_batches() -> None:
    begun = RARE.begin(CheckSettings())
    parts = [
        begun.see(batch_of([LabelRow(text="a", label=one)] * 20, first))
        for one, first in (("x", 0), ("y", 20), ("x", 40))
    ]
    assert begun.end(parts).rows.tolist() == []
    parts = [begun.see(batch_of([LabelRow(text="a", label="x")] * 20, 0)),
             begun.see(batch_of([LabelRow(text="a", label="y")], 20))]  # fmt: skip
    assert begun.end(parts).rows.tolist() == [20]


def test_dislikes_among_many_likes_are_found() -> None:
    assert found([rated(f"a{n}", is_liked=n != 4) for n in range(12)]) == [4]


def test_an_even_set_and_an_empty_one_have_none() -> None:
    assert found([rated("a", is_liked=True), rated("b", is_liked=False)]) == []
    assert RARE.begin(CheckSettings()).end([]).rows.tolist() == []


def test_equal_texts_in_different_classes_are_found_together() -> None:
    rows: list[Row] = [
        LabelRow(text="So good!", label="praise"),
        LabelRow(text="so  good", label="complaint"),
        LabelRow(text="So good!", label="praise"),
        LabelRow(text="Too late", label="complaint"),
        LabelRow(text="Too late", label="complaint"),
        LabelRow(image="a.png", label="x"),
        LabelRow(image="a.png", label="y"),
    ]
    begun = CONTRADICTING.begin(CheckSettings())
    result = begun.end([begun.see(batch_of(rows[:3])), begun.see(batch_of(rows[3:], 3))])
    assert result.rows.tolist() == [0, 1, 2]
    assert result.groups is not None
    assert set(result.groups.tolist()) == {0}
    assert begun.end([]).rows.tolist() == []


def test_an_answer_that_was_liked_and_disliked_is_found() -> None:
    begun = CONTRADICTING.begin(CheckSettings())
    rows: list[Row] = [rated("a", is_liked=True), rated("b", is_liked=True)]
    assert begun.end([begun.see(batch_of([*rows, rated("a", is_liked=False)]))]).rows.tolist() == [
        0,
        2,
    ]


@pytest.mark.parametrize(
    ("rows", "kind"),
    [
        ([LabelRow(text=f"Write to jo{n}@acme.com", label="a") for n in range(2)], RowKind.LABEL),
        ([LabelRow(image=f"{n}.png", label="a") for n in range(2)], RowKind.LABEL),
        ([rated(f"Write to jo{n}@acme.com", is_liked=True) for n in range(2)], RowKind.RATED),
    ],
)
def test_all_checks_see_the_texts_of_such_rows(rows: list[Row], kind: RowKind) -> None:
    checks = [one for one in CHECKS if kind in one.kinds]
    batch = stored(rows)
    batches = [(batch, np.zeros(batch.num_rows, np.bool_))] * 2
    results = run_checks(batches, checks, CheckSettings(), on_rows=lambda _rows: None)
    has_text = not isinstance(rows[0], LabelRow) or rows[0].text is not None
    assert results["personal_data"].rows.tolist() == ([0, 1, 2, 3] if has_text else [])
    assert results["exact_copies"].rows.tolist() == [0, 1, 2, 3]
    if not has_text:
        assert not any(len(one.rows) for name, one in results.items() if name != "exact_copies")
