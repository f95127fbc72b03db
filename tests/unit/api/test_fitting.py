# SPDX-License-Identifier: Apache-2.0
"""The change that is named makes the run fit, and is the least harmful one that does."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from engine.api.fitting import changed, changes_of, fixes, smaller_model, spare_use
from engine.domain.model import ModelShape
from engine.domain.plan import MemoryNeed
from engine.domain.recipe import Recipe
from engine.hardware.gpu import Gpu
from engine.hardware.memory import estimate
from engine.methods.registry import method
from tests.unit.hardware.test_memory import CARD, LLAMA_8B

GIB = 2**30
RECIPE = Recipe(dataset_id="d", model_id="m", lora_rank=64, max_length=4096)


def card(gib: float) -> Gpu:
    total = int(gib * GIB)
    return replace(CARD, total_bytes=total, used_bytes=GIB // 2, free_bytes=total - GIB // 2)


def on(gpu: Gpu, shape: ModelShape = LLAMA_8B) -> Callable[[Recipe], MemoryNeed]:
    return lambda recipe: estimate(
        shape,
        recipe,
        quantised=method(recipe.method).quantised,
        gpu=gpu,
        host_total_bytes=1,
        host_free_bytes=1,
    )


@pytest.mark.parametrize("size", [7.5, 8, 8.5, 9, 9.5, 10, 10.5, 11, 12, 14, 16, 24])
@pytest.mark.parametrize("batch", [1, 4])
def test_named_change_makes_it_fit_and_nothing_is_named_where_none_is_needed(
    size: float, batch: int
) -> None:
    recipe, need = replace(RECIPE, micro_batch_size=batch), on(card(size))
    found = fixes(recipe, need, layers=32, quantised=True)
    for one in found:
        after = need(changed(recipe, one.values))
        assert after.spare_bytes >= 0
        assert after.high_bytes == one.high_bytes
    if found and len(found[0].values) == 1:
        singles = list(changes_of(recipe, layers=32, quantised=True))
        before = singles[: singles.index(found[0].values)]
        assert all(need(changed(recipe, one)).spare_bytes < 0 for one in before)


def test_first_change_is_the_least_harmful_one_and_is_named_in_words() -> None:
    need = on(card(12))
    recipe = replace(RECIPE, micro_batch_size=4)
    assert need(recipe).spare_bytes < 0
    first = fixes(recipe, need, layers=32, quantised=True)[0]
    assert first.words == "sequences at once 4 → 1"
    assert first.arguments == "--set micro_batch_size=1"


def test_length_goes_to_the_next_lower_useful_one() -> None:
    lengths = [
        one["max_length"]
        for one in changes_of(RECIPE, layers=32, quantised=True)
        if "max_length" in one
    ]
    assert lengths[:2] == [3072, 2048]
    assert lengths == sorted(lengths, reverse=True)


def test_whole_model_is_offered_the_method_in_4_bits() -> None:
    recipe = replace(RECIPE, method="sft_lora")
    found = fixes(recipe, on(card(12)), layers=32, quantised=False)
    assert found[0].values == {"method": "sft_qlora"}
    assert found[0].arguments == "--method sft_qlora"


def test_two_changes_are_named_where_none_alone_is_enough() -> None:
    for tenths in range(60, 100):
        need = on(card(tenths / 10))
        if need(RECIPE).spare_bytes >= 0:
            break
        found = fixes(RECIPE, need, layers=32, quantised=True)
        if found and len(found[0].values) == 2:
            singles = changes_of(RECIPE, layers=32, quantised=True)
            assert all(need(changed(RECIPE, one)).spare_bytes < 0 for one in singles)
            return
    pytest.fail("no card needs two changes")


def test_card_that_nothing_helps_is_told_what_size_of_model_fits() -> None:
    gpu = card(4)
    assert fixes(RECIPE, on(gpu), layers=32, quantised=True) == ()
    short = replace(RECIPE, max_length=1024, lora_rank=16)
    assert smaller_model(lambda shape: on(gpu, shape)(short)) == "3"
    assert smaller_model(lambda shape: on(card(0.6), shape)(short)) == ""
    assert smaller_model(lambda shape: on(card(80), shape)(short)) == "70"


def test_spare_memory_is_offered_to_layers_as_far_as_a_tenth_stays_free() -> None:
    found = spare_use(RECIPE, on(card(24)), layers=32)
    assert found is not None
    assert 0 < found.values["uncheckpointed_layers"] <= 32
    need = on(card(24))(changed(RECIPE, found.values))
    assert need.spare_bytes >= 0.1 * need.capacity
    more = found.values["uncheckpointed_layers"] + 1
    beyond = on(card(24))(replace(RECIPE, uncheckpointed_layers=more))
    assert more > 32 or beyond.spare_bytes < 0.1 * beyond.capacity


def test_nothing_is_offered_where_nothing_is_spare_or_nothing_is_computed_again() -> None:
    assert spare_use(RECIPE, on(card(11)), layers=32) is None
    stored = replace(RECIPE, gradient_checkpointing=False)
    assert spare_use(stored, on(card(80)), layers=32) is None


def test_long_rows_are_helped_by_offload_before_anything_else() -> None:
    long = replace(RECIPE, max_length=16_384, lora_rank=16)
    first = fixes(long, on(card(16)), layers=32, quantised=True)[0]
    assert first.words == "offload on"
    assert first.arguments == "--set activation_offload=true"
