# SPDX-License-Identifier: Apache-2.0
"""The memory estimate: its exact parts, its bounds, and public figures it must agree with."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from engine.domain.adapter import LoraTargets
from engine.domain.model import ModelShape
from engine.domain.plan import MemoryNeed
from engine.domain.recipe import Recipe
from engine.domain.recipe_choices import Dtype
from engine.hardware.adapter_form import AdapterForm
from engine.hardware.calibration import Calibration, Surroundings
from engine.hardware.families import FAMILIES, matrices
from engine.hardware.gpu import Gpu
from engine.hardware.held import (
    adapter_parameters,
    input_bytes,
    moment_bytes,
    restored_bytes,
    weight_bytes,
)
from engine.hardware.layer import layer_bytes
from engine.hardware.memory import (
    MainMemory,
    estimate,
    item_bytes,
)

GB = 10**9
LLAMA_8B = ModelShape(
    layers=32,
    hidden=4096,
    intermediate=14336,
    heads=32,
    kv_heads=8,
    head_dim=128,
    vocabulary=128_256,
    tied=False,
    linear_parameters=32 * (2 * 4096 * 4096 + 2 * 4096 * 1024 + 3 * 4096 * 14336),
)
CARD = Gpu(
    name="RTX 4090",
    driver="580.1",
    total_bytes=24 * GB,
    free_bytes=23 * GB,
    used_bytes=GB,
    temperature_c=40,
    compute_capability=(8, 9),
)
RECIPE = Recipe(dataset_id="d", model_id="m", lora_rank=32)


def need(
    recipe: Recipe = RECIPE, *, gpu: Gpu | None = CARD, quantised: bool = True, free: int = 12 * GB
) -> MemoryNeed:
    return estimate(
        LLAMA_8B,
        recipe,
        quantised=quantised,
        gpu=gpu,
        host=MainMemory(total_bytes=16 * GB, free_bytes=free),
    )


def test_adapter_of_8b_at_rank_32_has_84_million_parameters() -> None:
    assert adapter_parameters(LLAMA_8B, AdapterForm(rank=32), FAMILIES["llama"]) == 83_886_080


def test_weights_of_8b_are_4127_bits_per_linear_weight_and_16_bits_elsewhere() -> None:
    packed = weight_bytes(LLAMA_8B, quantised=True, item=2)
    whole = weight_bytes(LLAMA_8B, quantised=False, item=2)
    others = 2 * (2 * 128_256 * 4096 + 65 * 4096)
    assert (packed - others) * 8 / LLAMA_8B.linear_parameters == pytest.approx(4.127, abs=1e-3)
    assert whole == 16_060_522_496
    tied = weight_bytes(replace(LLAMA_8B, tied=True), quantised=False, item=2)
    assert whole - tied == 2 * 128_256 * 4096


def test_parts_of_the_adapter_are_weights_gradients_a_copy_and_two_moments() -> None:
    found = need()
    assert found.adapter == (4 + 4 + 2) * 83_886_080
    assert found.optimizer == 8 * 83_886_080
    assert need(replace(RECIPE, dtype=Dtype.FP32)).adapter == (4 + 4) * 83_886_080


def test_known_qlora_run_of_8b_lies_within_the_estimate() -> None:
    # torchtune's README: 7.4 GiB for Llama-3.1-8B QLoRA, 2 x 2048 tokens, 8-bit Adam; torch's own
    # figure, which leaves out the driver's context; it restores one matrix at a time.
    found = need(replace(RECIPE, lora_rank=8, micro_batch_size=2))
    all_matrices, one = (
        restored_bytes(LLAMA_8B, FAMILIES["llama"], item=2, shared=shared)
        for shared in (True, False)
    )
    unseen = found.optimizer * 3 // 4 + found.context + all_matrices - one
    assert found.low_bytes - unseen < 7.4 * 2**30 < found.high_bytes - unseen


def test_longer_rows_and_more_of_them_need_more_of_working_memory_alone() -> None:
    short, long = need(), need(replace(RECIPE, max_length=8192))
    assert long.activations_high > 2 * short.activations_high
    assert need(replace(RECIPE, micro_batch_size=4)).activations_high == long.activations_high
    assert (long.weights, long.adapter) == (short.weights, short.adapter)


def test_storing_everything_on_a_card_needs_many_times_more() -> None:
    stored = need(replace(RECIPE, gradient_checkpointing=False))
    assert stored.activations_high > 8 * need().activations_high


def test_processor_stores_everything_only_where_memory_is_plenty() -> None:
    plenty, scarce = need(gpu=None, free=10_000 * GB), need(gpu=None, free=12 * GB)
    assert plenty.activations_high > 6 * scarce.activations_high


def test_room_is_that_of_the_card_or_of_the_computer() -> None:
    on_card, on_host = need(), need(gpu=None)
    assert (on_card.capacity, on_card.other) == (24 * GB, GB)
    assert (on_host.capacity, on_host.other) == (16 * GB, 4 * GB)
    assert on_card.spare_bytes > 0 > on_host.spare_bytes


def test_low_estimate_never_exceeds_the_high_one() -> None:
    for length in (16, 256, 4096, 65_536):
        found = need(replace(RECIPE, max_length=length))
        assert found.activations_low <= found.activations_high


@pytest.mark.parametrize(
    ("dtype", "capability", "wanted"),
    [
        (Dtype.AUTO, (8, 0), 2),
        (Dtype.AUTO, (7, 5), 4),
        (Dtype.AUTO, None, 4),
        (Dtype.BF16, None, 2),
        (Dtype.FP32, (9, 0), 4),
    ],
)
def test_numbers_take_two_bytes_where_bf16_is_chosen_or_native(
    dtype: Dtype, capability: tuple[int, int] | None, wanted: int
) -> None:
    gpu = replace(CARD, compute_capability=capability) if capability else None
    assert item_bytes(dtype, gpu) == wanted


# --- properties ------------------------------------------------------------------------------

LENGTHS, RANKS, BATCHES = (16, 255, 256, 2048, 4096, 65_536), (1, 8, 64, 512), (1, 2, 16)
FAMILY_NAMES = sorted(FAMILIES)


def grid() -> list[tuple[Recipe, Gpu | None, bool]]:
    return [
        (replace(RECIPE, max_length=length, lora_rank=rank, micro_batch_size=batch), gpu, packed)
        for length in LENGTHS
        for rank in RANKS
        for batch in BATCHES
        for gpu in (CARD, None)
        for packed in (True, False)
    ]


def test_estimate_is_never_negative_and_always_the_sum_of_its_parts() -> None:
    for recipe, gpu, packed in grid():
        found = need(recipe, gpu=gpu, quantised=packed)
        parts = (
            *(found.weights, found.adapter, found.optimizer, found.activations_low),
            *(found.activations_high, found.head, found.context, found.reserve),
        )
        assert min(parts) >= 0
        high = sum(parts) - found.activations_low
        assert found.high_bytes == high
        assert found.low_bytes == high - found.reserve - (
            found.activations_high - found.activations_low
        )
        assert found.spare_bytes == found.capacity - found.other - high


@pytest.mark.parametrize(
    ("name", "steps"),
    [("max_length", LENGTHS), ("lora_rank", RANKS), ("micro_batch_size", BATCHES)],
)
@pytest.mark.parametrize("kind", ["llama", "qwen3", "gpt2", "gemma2"])
def test_more_of_anything_never_needs_less(name: str, steps: tuple[int, ...], kind: str) -> None:
    for base in (RECIPE, replace(RECIPE, max_length=64), replace(RECIPE, micro_batch_size=8)):
        needs = [
            estimate(
                LLAMA_8B,
                replace(base, **{name: one}),
                quantised=True,
                gpu=CARD,
                host=MainMemory(total_bytes=1, free_bytes=1),
                model_type=kind,
            )
            for one in steps
        ]
        assert [one.high_bytes for one in needs] == sorted(one.high_bytes for one in needs)
        assert [one.low_bytes for one in needs] == sorted(one.low_bytes for one in needs)


def test_terms_at_the_peak_add_up_to_the_need_without_its_margin() -> None:
    for recipe, gpu, packed in grid():
        found = need(recipe, gpu=gpu, quantised=packed)
        if found.phase == "loading":
            continue
        there = [one for one in found.terms if one.at_peak]
        assert sum(one.high for one in there) == found.high_bytes - found.reserve


@pytest.mark.parametrize("kind", FAMILY_NAMES)
def test_matrices_of_each_family_are_finite_and_positive(kind: str) -> None:
    sizes = matrices(LLAMA_8B, FAMILIES[kind])
    assert all(before > 0 and after > 0 for before, after in sizes)
    ups = 3 if FAMILIES[kind].gated else 2
    wanted = 2 * 4096 * 4096 + 2 * 4096 * 1024 + ups * 4096 * 14336
    assert sum(before * after for before, after in sizes) == wanted


def test_eight_bit_moments_take_two_bytes_except_for_small_tensors() -> None:
    full = moment_bytes(LLAMA_8B, FAMILIES["llama"], form=AdapterForm(rank=32), eight_bit=False)
    small = moment_bytes(LLAMA_8B, FAMILIES["llama"], form=AdapterForm(rank=32), eight_bit=True)
    assert full == 8 * 83_886_080
    assert small == pytest.approx(2 * 83_886_080, rel=0.02)
    tiny = replace(LLAMA_8B, hidden=64, intermediate=128, heads=2, kv_heads=2, head_dim=32)
    both = [
        moment_bytes(tiny, FAMILIES["llama"], form=AdapterForm(rank=4), eight_bit=one)
        for one in (True, False)
    ]
    assert both[0] == both[1]


def test_parts_of_the_layers_and_trained_lengths_change_what_is_trained() -> None:
    llama, wide = FAMILIES["llama"], 4096 + 4096
    found = {
        part: adapter_parameters(LLAMA_8B, AdapterForm(rank=1, targets=part), llama) // 32
        for part in LoraTargets
    }
    assert found[LoraTargets.ATTENTION] == 2 * wide + 2 * (4096 + 1024)
    assert found[LoraTargets.MLP] == 3 * (4096 + 14336)
    assert found[LoraTargets.ALL] == found[LoraTargets.ATTENTION] + found[LoraTargets.MLP]
    plain, lengths = (
        adapter_parameters(LLAMA_8B, AdapterForm(rank=1, dora=one), llama) for one in (False, True)
    )
    assert lengths - plain == 32 * (2 * 4096 + 2 * 1024 + 2 * 14336 + 4096)
    assert need(replace(RECIPE, use_dora=True)).high_bytes > need().high_bytes
    alone = need(replace(RECIPE, lora_targets=LoraTargets.ATTENTION))
    assert alone.adapter < need().adapter / 3


def test_offloaded_inputs_are_two_whatever_the_depth() -> None:
    whole, away = (
        input_bytes(LLAMA_8B, tokens=4096, item=2, layers=32, offload=one) for one in (False, True)
    )
    assert whole == 32 * 4096 * 4096 * 2
    assert away == whole / 16


def test_one_layer_of_8b_per_token_lies_around_the_public_slope() -> None:
    # 227 kB per token is the slope of Unsloth's table of longest contexts (2025), Llama-3.1-8B.
    low = layer_bytes(LLAMA_8B, tokens=1, item=2, is_high=False)
    high = layer_bytes(LLAMA_8B, tokens=1, item=2, is_high=True)
    assert low < 227_000 < high


# --- what was measured -----------------------------------------------------------------------


def measured(scale: float, context: int = 0) -> Calibration:
    return Calibration(
        surroundings=Surroundings(device="RTX 4090", driver="580.1", libraries="torch 2"),
        model_type="llama",
        item=2,
        quantised=True,
        layer_scale=scale,
        context_bytes=context,
        measured_at="2026-01-02T03:04:05.000Z",
    )


def calibrated(calibration: Calibration) -> MemoryNeed:
    return estimate(
        LLAMA_8B,
        replace(RECIPE, max_length=8192),
        quantised=True,
        gpu=CARD,
        host=MainMemory(total_bytes=1, free_bytes=1),
        calibration=calibration,
    )


def test_measured_layer_leaves_no_range_and_says_that_it_was_measured() -> None:
    found = calibrated(measured(1.0))
    assert found.is_calibrated
    assert found.activations_low == found.activations_high
    rough = need(replace(RECIPE, max_length=8192))
    assert not rough.is_calibrated
    assert found.activations_high == rough.activations_high
    assert found.high_bytes < rough.high_bytes


def test_measured_layer_and_context_take_the_place_of_the_counted_ones() -> None:
    usual, less = calibrated(measured(1.0)), calibrated(measured(0.8, context=123 << 20))
    assert less.activations_high < usual.activations_high
    assert less.context == 123 << 20
