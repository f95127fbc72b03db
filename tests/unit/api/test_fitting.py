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
from engine.hardware.memory import MainMemory, estimate
from engine.methods.registry import method
from tests.unit.hardware.test_memory import CARD, LLAMA_8B

GIB = 2**30
KEEPS_QUALITY = {
    "activation_offload",
    "gradient_checkpointing",
    "uncheckpointed_layers",
    "micro_batch_size",
    "optimizer",
}
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
        host=MainMemory(total_bytes=1, free_bytes=1),
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


def test_several_changes_are_named_where_none_alone_is_enough() -> None:
    counts: set[int] = set()
    for tenths in range(50, 100):
        need = on(card(tenths / 10))
        found = fixes(RECIPE, need, layers=32, quantised=True)
        if need(RECIPE).spare_bytes >= 0 or not found or len(found[0].values) == 1:
            continue
        counts.add(len(found[0].values))
        singles = changes_of(RECIPE, layers=32, quantised=True)
        fitting = [one for one in singles if need(changed(RECIPE, one)).spare_bytes >= 0]
        if fitting:
            assert not KEEPS_QUALITY.issuperset(fitting[0])
            assert KEEPS_QUALITY.issuperset(found[0].values)
            assert found[1].values == fitting[0]
        else:
            assert len(found) == 1
        parts = [{name: one} for name, one in found[0].values.items()]
        for left_out in parts:
            rest = {name: one for name, one in found[0].values.items() if name not in left_out}
            assert need(changed(RECIPE, rest)).spare_bytes < 0, "a part of it is not needed"
    assert counts == {2, 3}


def shape(
    layers: int, hidden: int, inner: int, heads: int, kv_heads: int, head: int, vocabulary: int
) -> ModelShape:
    """Return the sizes of a Llama; small ones have no head of their own."""
    linear = 2 * hidden * heads * head + 2 * hidden * kv_heads * head + 3 * hidden * inner
    return ModelShape(
        layers=layers,
        hidden=hidden,
        intermediate=inner,
        heads=heads,
        kv_heads=kv_heads,
        head_dim=head,
        vocabulary=vocabulary,
        tied=hidden < 4096,
        linear_parameters=layers * linear,
    )


SHAPES = {
    "1B": shape(16, 2048, 8192, 32, 8, 64, 128_256),
    "3B": shape(28, 3072, 8192, 24, 8, 128, 128_256),
    "7B": shape(32, 4096, 11_008, 32, 32, 128, 32_000),
    "8B": LLAMA_8B,
    "14B": shape(48, 5120, 13_824, 40, 8, 128, 152_064),
}
USUAL = Recipe(dataset_id="d", model_id="m")
LONG = replace(USUAL, max_length=16_384, lora_rank=64, micro_batch_size=2)
WHOLE = replace(USUAL, method="sft_lora")
ANSWERS: tuple[tuple[Recipe, str, dict[int, str]], ...] = (
    (USUAL, "1B", {8: "fits", 12: "fits", 24: "fits"}),
    (USUAL, "3B", {8: "fits", 12: "fits", 24: "fits"}),
    (USUAL, "7B", {8: "fits", 12: "fits", 24: "fits"}),
    (USUAL, "8B", {8: "offload on, 8-bit optimizer", 12: "fits", 24: "fits"}),
    (USUAL, "14B", {8: "", 12: "offload on, 8-bit optimizer, rank 16 → 4", 24: "fits"}),
    (LONG, "1B", {8: "offload on", 12: "fits", 24: "fits"}),
    (LONG, "3B", {8: "offload on, sequences at once 2 → 1", 12: "offload on", 24: "fits"}),
    (
        LONG,
        "7B",
        {
            8: "offload on, 8-bit optimizer, length 16,384 → 2,048",
            12: "offload on, sequences at once 2 → 1",
            24: "fits",
        },
    ),
    (
        LONG,
        "8B",
        {
            8: "offload on, rank 64 → 16, length 16,384 → 512",
            12: "length 16,384 → 2,048",
            24: "offload on",
        },
    ),
    (
        LONG,
        "14B",
        {
            8: "",
            12: "offload on, length 16,384 → 768, rank 64 → 4",
            24: "offload on, sequences at once 2 → 1",
        },
    ),
    (WHOLE, "1B", {8: "fits", 12: "fits", 24: "fits"}),
    (WHOLE, "3B", {8: "offload on", 12: "fits", 24: "fits"}),
    (WHOLE, "7B", {8: "method 4-bit (QLoRA)", 12: "method 4-bit (QLoRA)", 24: "fits"}),
    (
        WHOLE,
        "8B",
        {
            8: "offload on, 8-bit optimizer, method 4-bit (QLoRA)",
            12: "method 4-bit (QLoRA)",
            24: "fits",
        },
    ),
    (
        WHOLE,
        "14B",
        {
            8: "",
            12: "method 4-bit (QLoRA), length 2,048 → 512, rank 16 → 4",
            24: "method 4-bit (QLoRA)",
        },
    ),
)
"""Recipe, model, and the first advice for cards of so many GiB; empty: a smaller model is named."""


@pytest.mark.parametrize(("recipe", "name", "wanted"), ANSWERS)
def test_advice_for_usual_models_on_usual_cards_is_sensible(
    recipe: Recipe, name: str, wanted: dict[int, str]
) -> None:
    model, is_quantised = SHAPES[name], method(recipe.method).quantised
    found: dict[int, str] = {}
    for gib in wanted:
        need = on(card(gib), model)
        changes = fixes(recipe, need, layers=model.layers, quantised=is_quantised)
        fits = need(recipe).spare_bytes >= 0
        found[gib] = "fits" if fits else changes[0].words if changes else ""
    assert found == wanted


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
