# SPDX-License-Identifier: Apache-2.0
"""What the rows of a run come to at most: never under what any step of any epoch brings."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from msgspec.structs import replace

from engine.api.row_lengths import RowLengths, reach_of
from engine.chat.packing import StepOrder, micro_steps
from engine.domain.mix import Part
from engine.domain.model import ModelShape
from engine.domain.plan import MemoryNeed
from engine.domain.recipe import Recipe
from engine.domain.recipe_choices import Dtype
from engine.hardware.gpu import Gpu
from engine.hardware.memory import MainMemory, estimate
from engine.hardware.reach import Reach
from tests.unit.api.test_row_lengths import coverage

GB = 10**9
SHAPE = ModelShape(
    layers=16,
    hidden=2048,
    intermediate=8192,
    heads=32,
    kv_heads=8,
    head_dim=64,
    vocabulary=32_000,
    tied=True,
    linear_parameters=16 * (2 * 2048 * 2048 + 2 * 2048 * 512 + 3 * 2048 * 8192),
)
CARD = Gpu(
    name="card",
    driver="1",
    total_bytes=24 * GB,
    free_bytes=23 * GB,
    used_bytes=GB,
    temperature_c=40,
    compute_capability=(8, 9),
)
RECIPE = Recipe(dataset_id="d", model_id="m", max_length=8192, eval_rows=0)
EPOCHS = 3


def counted(lengths: list[int]) -> RowLengths:
    return RowLengths(coverage(), np.asarray(lengths, "<i4").tobytes())


def need(recipe: Recipe, reach: Reach | None, gpu: Gpu | None = CARD) -> MemoryNeed:
    return estimate(
        SHAPE,
        recipe,
        quantised=True,
        gpu=gpu,
        host=MainMemory(total_bytes=64 * GB, free_bytes=2 * GB),
        reach=reach,
    )


def reach(*longest: int, is_checked: bool = False) -> Reach:
    return Reach(longest=longest, is_checked=is_checked)


@pytest.mark.parametrize("seed", range(40))
def test_no_step_of_any_epoch_brings_more(seed: int) -> None:
    draw = Random(seed)
    recipe = replace(
        RECIPE,
        max_length=draw.choice((16, 40, 100, 400)),
        micro_batch_size=draw.choice((1, 2, 3)),
        effective_batch_size=draw.choice((1, 2, 3, 7)),
        seed=seed,
    )
    sizes = [draw.randrange(1, 12) for _set in range(draw.choice((1, 1, 2)))]
    parts = tuple(
        Part(rows=one, per_pass=one if seed % 2 else draw.randrange(1, 30)) for one in sizes
    )
    rows = [[draw.randint(1, recipe.max_length) for _row in range(one)] for one in sizes]
    found = reach_of(recipe, parts, [counted(one) for one in rows], is_checked=False)
    assert found is not None
    lengths = np.asarray([one for every in rows for one in every], np.int64)
    order = StepOrder(
        parts=parts, effective_batch_size=recipe.effective_batch_size, seed=recipe.seed
    )
    together = [
        int(lengths[members].sum())
        for step in range(1, EPOCHS * order.steps_per_epoch + 1)
        for members in micro_steps(
            order.members(step),
            lengths,
            capacity=recipe.max_length,
            micro_batch_size=recipe.micro_batch_size,
        )
    ]
    assert max(together) <= found.together(recipe)
    assert found.together(recipe) <= recipe.micro_batch_size * recipe.max_length
    assert found.row(recipe) == lengths.max()


def test_rows_that_a_pass_sees_again_count_again() -> None:
    own = counted([9, 5, 0, 7])
    recipe = replace(RECIPE, effective_batch_size=4)
    for per_pass, wanted in ((3, (9, 7, 5)), (6, (9, 9, 7, 7)), (4, (9, 9, 9, 7)), (0, ())):
        found = reach_of(recipe, [Part(rows=3, per_pass=per_pass)], [own], is_checked=False)
        assert found == reach(*wanted)


def test_rows_that_were_not_counted_come_to_what_the_settings_allow() -> None:
    parts = [Part(rows=3, per_pass=3)] * 2
    assert reach_of(RECIPE, parts, [counted([1, 2, 3]), None], is_checked=False) is None


def test_shorter_rows_than_allowed_need_less_and_never_less_than_their_length() -> None:
    # Measured passes before the first step need half a row; a known card needs none.
    recipe = replace(RECIPE, micro_batch_size=4)
    full, counted_need = need(recipe, None), need(recipe, reach(3000, 2000, 1000))
    as_long = need(replace(recipe, max_length=6000, micro_batch_size=1), None)
    least = need(replace(recipe, max_length=8192, micro_batch_size=1), None)
    assert counted_need.high_bytes < full.high_bytes
    assert counted_need.high_bytes >= as_long.high_bytes
    assert counted_need.high_bytes == least.high_bytes


def test_rows_that_fill_the_settings_need_what_they_allow() -> None:
    for checked in (False, True):
        found = need(RECIPE, reach(8192, 8192, is_checked=checked))
        assert found.high_bytes == need(RECIPE, None).high_bytes


@pytest.mark.parametrize("gpu", [CARD, None], ids=["card", "processor"])
@pytest.mark.parametrize("longest", [(10,), (300, 200), (4000, 4000, 4000)])
def test_checks_of_held_out_rows_are_never_left_out(
    gpu: Gpu | None, longest: tuple[int, ...]
) -> None:
    unchecked, checked = (
        need(RECIPE, reach(*longest), gpu),
        need(RECIPE, reach(*longest, is_checked=True), gpu),
    )
    assert unchecked.high_bytes <= checked.high_bytes
    (held,) = (one for one in checked.terms if one.symbol == "V")
    # One layer over the longest row that is allowed, and the keys and values of all.
    assert held.high > 8192 * 2 * SHAPE.kv_heads * SHAPE.head_dim * SHAPE.layers * 2
    assert checked.low_bytes >= held.low


def test_widest_moment_of_short_rows_is_the_check() -> None:
    found = need(replace(RECIPE, micro_batch_size=4), reach(10, is_checked=True), None)
    assert found.phase == "checks"
    at_peak = {one.symbol for one in found.terms if one.at_peak}
    assert "V" in at_peak
    assert not at_peak & set("CUBDG")


def test_processor_in_bf16_fills_rows_up_to_even_lengths() -> None:
    recipe = replace(RECIPE, dtype=Dtype.BF16, gradient_checkpointing=False)
    one, even, next_one = (need(recipe, reach(n), None).high_bytes for n in (1025, 1280, 1281))
    assert one == even < next_one
