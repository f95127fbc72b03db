# SPDX-License-Identifier: Apache-2.0
"""The memory estimate: its exact parts, its bounds, and public figures it must agree with."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from engine.domain.model import ModelShape
from engine.domain.plan import MemoryNeed
from engine.domain.recipe import Dtype, Recipe
from engine.hardware.gpu import Gpu
from engine.hardware.memory import adapter_parameters, estimate, item_bytes, weight_bytes

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
        host_total_bytes=16 * GB,
        host_free_bytes=free,
    )


def test_adapter_of_8b_at_rank_32_has_84_million_parameters() -> None:
    assert adapter_parameters(LLAMA_8B, 32) == 83_886_080


def test_weights_of_8b_are_4127_bits_per_linear_weight_and_16_bits_elsewhere() -> None:
    packed = weight_bytes(LLAMA_8B, quantised=True, item=2)
    whole = weight_bytes(LLAMA_8B, quantised=False, item=2)
    others = 2 * (2 * 128_256 * 4096 + 65 * 4096)
    assert (packed - others) * 8 / LLAMA_8B.linear_parameters == pytest.approx(4.127, abs=1e-3)
    assert whole == 16_060_522_496
    tied = weight_bytes(replace(LLAMA_8B, tied=True), quantised=False, item=2)
    assert whole - tied == 2 * 128_256 * 4096


def test_parts_of_the_adapter_are_weights_gradients_and_two_moments() -> None:
    found = need()
    assert found.adapter == found.optimizer == 8 * 83_886_080


def test_known_qlora_run_of_8b_lies_within_the_estimate() -> None:
    # torchtune's README: 7.4 GiB for Llama-3.1-8B QLoRA, 2 x 2048 tokens, 8-bit Adam.
    found = need(replace(RECIPE, lora_rank=8, micro_batch_size=2))
    eight_bit = found.optimizer * 3 // 4
    assert found.low_bytes - eight_bit < 7.4 * 2**30 < found.high_bytes


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
