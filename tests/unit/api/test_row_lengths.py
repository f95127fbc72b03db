# SPDX-License-Identifier: Apache-2.0
"""Plans use the lengths that were counted, where they are those of just this training."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest
from msgspec.structs import replace

from engine.api.effort import token_decision
from engine.api.planning import make_plan
from engine.api.row_lengths import CountedRows
from engine.chat.packing import StepOrder, whole
from engine.domain.coverage import Coverage, EndsOfTurn, RowGroup
from engine.domain.mix import MixedDataset, Replay
from engine.domain.randomness import seed_of
from engine.domain.recipe import Recipe
from engine.methods.registry import method
from engine.store import atomicfs
from engine.store.documents import write_document
from engine.store.layout import Layout
from tests.fakes.api import a_dataset, a_model
from tests.unit.api.test_runs import FACTS

LENGTHS = [10, 0, 30, 64, 20, 7, 0, 41, 55, 12]
RECIPE = Recipe(
    dataset_id="d1", dataset_version=2, model_id="m", max_length=64, effective_batch_size=3
)


def coverage(**changes: object) -> Coverage:
    """Return what was counted of ten rows, of which two are not trained."""
    trained = [one for one in LENGTHS if one]
    found = Coverage(
        job_id="j1", dataset_id="d1", dataset_version=2, split="train", model_id="m",
        model_fingerprint="f", max_length=64, made_at="2026-11-01T00:00:00Z", rows=len(LENGTHS),
        trained_rows=len(trained), tokens=sum(trained), trained_tokens=50, lost_tokens=9,
        cut=RowGroup(code="cut", text="", rows=1), left_out=(), notes=(), ends=EndsOfTurn(),
        roles=(), lengths=(), longest_tokens=90, longest_row=3, median_tokens=20,
    )  # fmt: skip
    return replace(found, **changes)


def keep(layout: Layout, found: Coverage) -> None:
    folder = layout.job(found.job_id)
    atomicfs.make_folder(folder.root)
    atomicfs.write_file(folder.example_lengths, np.asarray(LENGTHS, "<i4").tobytes())
    write_document(folder.coverage, found)


@pytest.mark.parametrize(
    "change",
    [
        {"dataset_version": 1},
        {"dataset_id": "d2"},
        {"model_fingerprint": "another tokenizer or template"},
        {"max_length": 128},
        {"max_length": 32},
        {"split": "eval"},
        {"rows": 11},
    ],
)
def test_lengths_of_something_else_are_not_used(tmp_path: Path, change: dict[str, object]) -> None:
    keep(Layout(tmp_path), coverage(**change))
    found = CountedRows(Layout(tmp_path)).find(RECIPE, fingerprint="f")
    assert found == (None,)
    assert token_decision(found, None).source == "estimate"


def test_lengths_that_nothing_cuts_hold_at_any_length_that_cuts_nothing(tmp_path: Path) -> None:
    keep(Layout(tmp_path), coverage(longest_tokens=64))
    counted = CountedRows(Layout(tmp_path))
    for length, is_known in ((64, True), (4096, True), (63, False)):
        found = counted.find(replace(RECIPE, max_length=length), fingerprint="f")
        assert (found[0] is not None) is is_known


@pytest.mark.parametrize("steps", [1, 2, 3, 4, 7])
def test_tokens_are_those_that_the_trainer_steps_through(tmp_path: Path, steps: int) -> None:
    keep(Layout(tmp_path), coverage())
    found = CountedRows(Layout(tmp_path)).find(RECIPE, fingerprint="f")
    trained = np.asarray([one for one in LENGTHS if one], np.int64)
    order = StepOrder(parts=whole(8), effective_batch_size=3, seed=seed_of("order", RECIPE.seed))
    seen = sum(int(trained[order.members(one)].sum()) for one in range(1, steps + 1))
    assert found[0] is not None
    assert found[0].run_tokens(RECIPE, steps=steps) == seen
    assert token_decision(found, None).reason == "Measured on 8 rows."


def test_each_dataset_of_a_mix_is_looked_up_by_itself(tmp_path: Path) -> None:
    keep(Layout(tmp_path), coverage())
    keep(Layout(tmp_path), coverage(job_id="j3", dataset_id="d3", dataset_version=1))
    mixed = replace(RECIPE, mix=(MixedDataset(dataset_id="d2"),), replay=Replay(dataset_id="d3"))
    found = CountedRows(Layout(tmp_path)).find(mixed, fingerprint="f")
    assert [one is not None for one in found] == [True, False, True]
    assert token_decision(found, None).source == "estimate"


def test_counting_again_is_seen_and_damage_is_passed_over(tmp_path: Path) -> None:
    counted = CountedRows(Layout(tmp_path))
    assert counted.find(RECIPE, fingerprint="f") == (None,)
    keep(Layout(tmp_path), coverage())
    assert counted.find(RECIPE, fingerprint="f")[0] is not None
    atomicfs.write_file(Layout(tmp_path).job("j1").coverage, msgspec.json.encode({"odd": 1}))
    assert counted.find(RECIPE, fingerprint="f") == (None,)


def test_plan_has_the_steps_of_the_trainer_and_not_of_rows_that_are_not_trained(
    tmp_path: Path,
) -> None:
    keep(Layout(tmp_path), coverage())
    found = CountedRows(Layout(tmp_path)).find(RECIPE, fingerprint="f")
    dataset = replace(a_dataset(), id="d1", version=2, splits={"train": 10, "eval": 2})
    plan = make_plan(
        replace(RECIPE, epochs=2),
        datasets=[dataset],
        model=a_model(),
        method=method("sft_qlora"),
        facts=FACTS,
        counted=found,
    )
    order = StepOrder(parts=whole(8), effective_batch_size=3, seed=0)
    assert (plan.train_rows, plan.eval_rows) == (8, 2)
    assert plan.total_steps == 2 * order.steps_per_epoch
    assert plan.decisions["train_tokens"].source == "measurement"


@pytest.mark.parametrize(
    ("micro_batch_size", "is_counted", "value", "source"),
    [(1, True, 64, "recipe"), (4, True, 160, "measurement"), (4, False, 256, "recipe")],
)
def test_plan_takes_as_many_tokens_together_as_the_longest_rows_of_a_step_have(
    tmp_path: Path, micro_batch_size: int, is_counted: bool, value: int, source: str
) -> None:
    keep(Layout(tmp_path), coverage())
    recipe = replace(RECIPE, micro_batch_size=micro_batch_size)
    found = CountedRows(Layout(tmp_path)).find(recipe, fingerprint="f") if is_counted else ()
    plan = make_plan(
        recipe,
        datasets=[replace(a_dataset(), id="d1", version=2, splits={"train": 10, "eval": 2})],
        model=a_model(),
        method=method("sft_qlora"),
        facts=FACTS,
        counted=found,
    )
    told = plan.decisions["tokens_together"]
    assert (told.value, told.source) == (value, source)
    assert told.reason
