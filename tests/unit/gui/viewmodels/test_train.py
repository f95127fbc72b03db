# SPDX-License-Identifier: Apache-2.0
"""A draft of a recipe: what is suggested, what was changed, and why it cannot start."""

from __future__ import annotations

from typing import Any, cast

import pytest
from msgspec.structs import replace

from engine.domain.dataset import RowKind
from engine.domain.plan import Plan
from engine.domain.problem import Problem, Severity
from engine.domain.recipe import Recipe
from gui.viewmodels.train import (
    PASSES,
    Draft,
    TrainArgument,
    dataset_choices,
    effort_stop,
    effort_words,
    first_draft,
    same_again,
    start_reason,
    values_of,
)
from tests.fakes.api import PRESETS, FakeApi, a_dataset, a_model

RECIPE = Recipe(dataset_id="d1", model_id="m1")


def draft(**values: Any) -> Draft:
    made = Draft(dataset_id="d1", model_id="m1")
    for name, value in values.items():
        made = made.with_value(name, value)
    return made


def plan(*problems: Problem, **memory: int) -> Plan:
    api = FakeApi()
    api.runs.problems = problems
    made = api.runs.plan(RECIPE)
    return replace(made, memory=replace(made.memory, **memory))


def problem(severity: Severity = Severity.ERROR, code: str = "bad", field: str = "") -> Problem:
    return Problem(field=field, severity=severity, code=code, message="Bad.", remedy="Do.")


def test_value_that_differs_from_the_suggestion_counts_as_changed() -> None:
    changed = draft(epochs=5.0)
    assert changed.changed == {"epochs"}
    assert changed.effective["epochs"] == 5.0


def test_suggested_value_is_no_change() -> None:
    assert draft(epochs=5.0).with_value("epochs", 2.0).changed == frozenset()


def test_put_back_takes_the_value_of_the_preset() -> None:
    made = Draft().with_preset(cast("Any", PRESETS["instructions"])).with_value("lora_rank", 8)
    assert made.put_back("lora_rank").effective["lora_rank"] == 32


def test_other_preset_keeps_what_the_person_set() -> None:
    made = draft(seed=7).with_preset(cast("Any", PRESETS["instructions"]))
    assert made.effective["seed"] == 7
    assert made.effective["epochs"] == 1.0
    assert made.changed == {"seed"}


def test_put_all_back_leaves_no_change() -> None:
    assert draft(seed=7, epochs=3.0).put_all_back().changed == frozenset()


def test_first_draft_takes_the_newest_that_suits() -> None:
    preference = a_dataset(id="d9", kind=RowKind.PREFERENCE)
    made = first_draft(
        None,
        datasets=[preference, a_dataset()],
        models=[a_model()],
        presets=cast("Any", list(PRESETS.values())),
    )
    assert (made.dataset_id, made.model_id, made.preset) == ("d1", "m1", "style")


def test_first_draft_of_an_argument_takes_its_choices_and_values() -> None:
    argument = TrainArgument(dataset_id="d2", preset="quick_try", values={"seed": 3})
    made = first_draft(
        argument,
        datasets=[a_dataset()],
        models=[],
        presets=cast("Any", list(PRESETS.values())),
    )
    assert (made.dataset_id, made.model_id, made.preset) == ("d2", "", "quick_try")
    assert made.effective["seed"] == 3
    assert not made.is_complete


def test_first_draft_of_values_alone_takes_the_nearest_goal() -> None:
    preset = cast("Any", PRESETS["instructions"])
    values = Draft().with_preset(preset).effective | {"seed": 9}
    made = first_draft(
        TrainArgument(values=values, is_exact=True),
        datasets=[],
        models=[],
        presets=cast("Any", list(PRESETS.values())),
    )
    assert (made.preset, made.changed) == ("instructions", {"seed"})


def test_exact_argument_leaves_open_what_it_does_not_name() -> None:
    made = first_draft(
        TrainArgument(model_id="m1", method="sft_lora", is_exact=True),
        datasets=[a_dataset()],
        models=[a_model()],
        presets=cast("Any", list(PRESETS.values())),
    )
    assert (made.dataset_id, made.model_id, made.method) == ("", "m1", "sft_lora")


def test_same_again_carries_every_value_of_the_run() -> None:
    api = FakeApi()
    api.runs.make("one", "r1", recipe=replace(RECIPE, lora_rank=64, seed=9))
    argument = same_again(cast("Any", api.runs.get("r1")))
    assert argument.dataset_id == "d1"
    assert argument.values["lora_rank"] == 64
    assert argument.values == values_of(api.runs.recipes["r1"])


def test_preference_dataset_is_offered_with_the_reason_against_it() -> None:
    (choice,) = dataset_choices([a_dataset(kind=RowKind.PREFERENCE)])
    assert choice.reason


@pytest.mark.parametrize(("epochs", "stop"), [(0.1, 0), (2.0, 2), (3.4, 3), (100.0, 6)])
def test_effort_stop_is_the_nearest(epochs: float, stop: int) -> None:
    assert effort_stop(epochs) == stop
    assert len(PASSES) == 7


def test_effort_words_name_a_step_limit_and_no_time() -> None:
    limited = draft(max_steps=46)
    assert effort_words(limited, plan()) == "2 passes, ends after 46 steps"
    assert effort_words(draft(), None) == "2 passes"
    assert effort_words(draft(epochs=1.0), plan()) == "1 pass, 46 steps"


@pytest.mark.parametrize(
    ("made", "has", "reason"),
    [
        (Draft(), False, "Import a dataset first."),
        (Draft(), True, "Choose a dataset."),
        (Draft(dataset_id="d1"), False, "Add a model first."),
        (Draft(dataset_id="d1"), True, "Choose a model."),
    ],
)
def test_start_without_choices_names_the_missing_one(made: Draft, has: bool, reason: str) -> None:
    assert start_reason(made, None, "", has_datasets=has, has_models=has) == reason


def test_start_is_possible_while_the_plan_is_worked_out() -> None:
    assert start_reason(draft(), None, "", has_datasets=True, has_models=True) == ""


def test_start_with_an_error_gives_it_as_reason() -> None:
    bad = plan(problem(Severity.NOTE), problem())
    assert start_reason(draft(), bad, "", has_datasets=True, has_models=True) == "Bad."
    assert start_reason(draft(), None, "Gone.", has_datasets=True, has_models=True) == "Gone."
