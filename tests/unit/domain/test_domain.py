# SPDX-License-Identifier: Apache-2.0
"""Pure rules: recipes and their fields, splits, steps, plans, errors."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import errors
from engine.domain.adapter import AdapterShape
from engine.domain.content_hash import digest as digest_of
from engine.domain.plan import MemoryNeed, steps_of
from engine.domain.recipe import Recipe, recipe_fields
from engine.domain.recipe_values import from_text, problems_of
from engine.domain.run import JobState
from engine.domain.split import EVAL, TRAIN, split_of


def test_every_settable_field_is_described() -> None:
    described = {one.name for one in recipe_fields()}
    data = {"dataset_id", "dataset_version", "mix", "replay", "start"}
    fixed = {"schema_version", "method", "model_id"} | data
    assert described == {one.name for one in msgspec.structs.fields(Recipe)} - fixed
    assert all(one.title and one.why for one in recipe_fields())


def test_defaults_are_within_their_own_limits() -> None:
    assert problems_of({one.name: one.default for one in recipe_fields()}) == []


def test_every_problem_is_found_at_once() -> None:
    found = problems_of({"lora_rnk": 1, "epochs": 0, "learning_rate": "fast", "seed": 1})
    assert {one.field for one in found} == {"lora_rnk", "epochs", "learning_rate"}
    assert "lora_rank" in found[0].remedy


def test_whole_numbers_are_taken_for_fractions_but_not_the_other_way() -> None:
    assert problems_of({"epochs": 2}) == []
    assert problems_of({"lora_rank": 2.5}) != []


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("epochs", "2", 2.0),
        ("lora_rank", "8", 8),
        ("gradient_checkpointing", "false", False),
        ("schedule", "linear", "linear"),
        ("no_such", "x", "x"),
    ],
)
def test_text_becomes_the_fields_type(name: str, text: str, value: object) -> None:
    assert from_text(name, text) == value


def test_recipe_survives_the_trip_and_refuses_strangers() -> None:
    recipe = Recipe(dataset_id="d", model_id="m", epochs=3)
    content = msgspec.json.encode(recipe)
    assert msgspec.json.decode(content, type=Recipe) == recipe
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(content[:-1] + b',"typo":1}', type=Recipe)


@given(st.binary(min_size=0, max_size=50), st.floats(0, 0.9))
def test_split_depends_on_content_alone(content: bytes, ratio: float) -> None:
    digest = digest_of(content)
    assert split_of(digest, ratio) == split_of(digest_of(content), ratio)
    assert split_of(digest, 0.0) == TRAIN


def test_split_keeps_the_asked_share() -> None:
    splits = [split_of(digest_of(str(one).encode()), 0.1) for one in range(20_000)]
    assert 0.09 < splits.count(EVAL) / len(splits) < 0.11


@given(st.integers(1, 5000), st.integers(1, 64), st.floats(0.1, 5), st.integers(0, 1000))
def test_steps_cover_the_rows(rows: int, batch: int, epochs: float, limit: int) -> None:
    steps = steps_of(rows=rows, effective_batch_size=batch, epochs=epochs, max_steps=limit)
    assert steps >= 1
    assert not limit or steps <= limit
    assert steps_of(rows=0, effective_batch_size=batch, epochs=epochs, max_steps=limit) == 0


def test_memory_adds_up() -> None:
    need = MemoryNeed(
        other=1, weights=2, adapter=3, optimizer=4, activations_low=5, activations_high=6,
        reserve=7, capacity=30,
    )  # fmt: skip
    assert (need.low_bytes, need.high_bytes, need.spare_bytes) == (14, 22, 7)


def test_scale_is_alpha_by_rank() -> None:
    shape = AdapterShape(rank=16, alpha=32, dropout_ratio=0, targets=("q_proj",))
    assert shape.scale == 2.0


def test_states_that_are_over() -> None:
    open_states = {one for one in JobState if not one.is_over}
    assert open_states == {JobState.STARTING, JobState.RUNNING}


def test_error_codes_are_unique_and_have_remedies() -> None:
    found = errors.all_errors()
    assert len({one.code for one in found}) == len(found) > 30
    assert all(one.default_remedy and one.__doc__ for one in found)


def test_error_crosses_a_process_border() -> None:
    error = errors.error_from("disk_full", "full", "free some", "x")
    assert isinstance(error, errors.DiskFull)
    assert (error.message, error.remedy, error.detail) == ("full", "free some", "x")
    assert isinstance(errors.error_from("new_code", "m", "r"), errors.Unforeseen)
