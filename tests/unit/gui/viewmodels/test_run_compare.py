# SPDX-License-Identifier: Apache-2.0
"""A comparison in words: results, and only what differs between the recipes."""

from __future__ import annotations

from math import isnan
from typing import Any, cast

from engine.api.run_curves import fold_curves
from engine.domain.mix import Replay
from engine.domain.recipe import Recipe
from engine.domain.run_note import RunNote
from engine.protocol.events import EvalDone, Finished, WorkerStarted
from gui.viewmodels.run_compare import (
    curve_view,
    difference_rows,
    result_rows,
    short_name,
    title_words,
)
from tests.fakes.api import FakeApi, a_step

START = WorkerStarted(attempt=1, pid=1)


def check(step: int, loss: float) -> EvalDone:
    return EvalDone(step=step, loss=loss, supervised_tokens=1, examples=1, is_best=True, eval_s=0.1)


def pair(**changes: Any) -> list[Any]:
    api = FakeApi()
    first = Recipe(dataset_id="d1", model_id="m1")
    second = Recipe(dataset_id="d1", model_id="m1", **changes)
    api.runs.make("first", "r1", recipe=first, note=RunNote(tags=("a", "b")))
    api.runs.make("second", "r2", recipe=second)
    return [api.runs.get("r1"), api.runs.get("r2")]


def test_differences_have_plain_names_values_and_units() -> None:
    (found,) = difference_rows(pair(learning_rate=1e-3), str)
    assert found.title == "Learning rate"
    assert found.values == ("0.0002", "0.001")


def test_same_recipes_differ_in_nothing() -> None:
    assert difference_rows(pair(), str) == ()


def test_replayed_data_is_told_by_its_name() -> None:
    replay = Replay(dataset_id="d9", dataset_version=1, ratio=0.1)
    (found,) = difference_rows(pair(replay=replay), {"d9": "General"}.__getitem__)
    assert found.values == ("none", "General: replayed, 10 % of every pass")


def test_result_tells_the_change_of_the_best_check() -> None:
    api = FakeApi()
    api.runs.make("first", "r1", note=RunNote(tags=("a", "b"))).emit(
        START, check(0, 4.0), a_step(5, loss=1.5), check(5, 3.0), Finished()
    )
    (row,) = result_rows([cast("Any", api.runs.get("r1"))])
    assert (row.before, row.best, row.change, row.tags) == ("4.00", "3.00", "−25 %", "a, b")


def test_result_without_a_check_has_dashes() -> None:
    (row, _second) = result_rows(pair())
    assert (row.before, row.best, row.change) == ("–", "–", "–")


def test_curve_keeps_a_gap_where_a_loss_was_not_finite() -> None:
    api = FakeApi()
    job = api.runs.make("first", "r1")
    job.emit(START, check(0, 4.0), a_step(1, loss=None), a_step(2, loss=1.0))
    view = curve_view("first", fold_curves(job.envelopes))
    assert view.steps == (1, 2)
    assert isnan(view.losses[0])
    assert (view.checks, view.held_out) == ((0,), (4.0,))


def test_long_name_is_cut_for_the_legend() -> None:
    assert short_name("x" * 28) == "x" * 28
    assert short_name("x" * 29) == "x" * 27 + "…"
    assert title_words(3) == "3 runs side by side"
