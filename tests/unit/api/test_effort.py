# SPDX-License-Identifier: Apache-2.0
"""Time comes from an earlier run, else roughly from the card, else is not named; disk adds up."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from engine.api.effort import Share, disk_need, time_need
from engine.domain.mix import Part
from engine.domain.plan import TimeNeed
from engine.domain.recipe import Recipe
from engine.hardware.calibration import Measurements
from engine.hardware.gpu import Gpu
from tests.fakes.api import a_dataset, a_model
from tests.unit.hardware.test_calibration import SPEED
from tests.unit.hardware.test_memory import CARD, LLAMA_8B, need

RECIPE = Recipe(dataset_id="d", model_id="m", effective_batch_size=10)
MODEL = replace(a_model(), fingerprint="f", shape=LLAMA_8B, size_bytes=16 * 10**9)
DATASET = replace(a_dataset(), id="d", version=1)


def asked(measured: Measurements, *, gpu: Gpu | None = CARD, **values: int) -> TimeNeed | None:
    return time_need(
        replace(RECIPE, **values),
        data=[Share(info=DATASET, part=Part(rows=100, per_pass=100))],
        model=MODEL,
        steps=20,
        device="RTX 4090",
        gpu=gpu,
        measured=measured,
    )


def test_time_of_a_known_model_and_dataset_follows_the_earlier_run() -> None:
    found = asked(Measurements(speeds=(SPEED,)))
    assert found is not None
    assert found.is_measured
    assert found.tokens == 20 * 10 * 321
    seconds = found.tokens / 2500
    assert found.low_s < seconds < found.high_s < 1.2 * seconds


def test_time_at_another_length_is_rough() -> None:
    found = asked(Measurements(speeds=(SPEED,)), max_length=512)
    assert found is not None
    assert not found.is_measured
    assert found.reason.startswith("Rough")


def test_time_without_any_run_is_rough_on_a_known_card_and_not_named_elsewhere() -> None:
    found = asked(Measurements())
    assert found is not None
    assert not found.is_measured
    assert found.high_s > 2 * found.low_s
    assert asked(Measurements(), gpu=replace(CARD, name="Other")) is None
    assert asked(Measurements(), gpu=None) is None


def test_rows_count_no_more_than_the_longest_row() -> None:
    found = asked(Measurements(speeds=(SPEED,)), max_length=100)
    assert found is not None
    assert found.tokens == 20 * 10 * 100


def test_disk_is_checkpoints_with_moments_and_the_adapter_without_gradients() -> None:
    found = disk_need(replace(RECIPE, lora_rank=32), MODEL, need())
    assert found.adapter == 4 * 83_886_080
    assert found.checkpoint_bytes == 12 * 83_886_080
    assert found.required == 5 * found.checkpoint_bytes + found.adapter
    assert found.cache == pytest.approx(0.5159 * LLAMA_8B.linear_parameters, rel=1e-3)
    assert found.total == found.required + found.cache
    assert found.export == MODEL.size_bytes


def test_disk_counts_tokenised_rows_by_their_number_and_their_mean_length() -> None:
    dataset = replace(DATASET, splits={"train": 1000, "eval": 50})
    found = disk_need(
        RECIPE, MODEL, need(), datasets=[dataset], measured=Measurements(speeds=(SPEED,))
    )
    assert found.tokens == 1000 * (5 * 321 + 32)
    assert found.total == found.required + found.cache + found.tokens


def test_disk_keeps_no_copy_of_a_model_that_is_not_rounded_or_is_already() -> None:
    whole = replace(RECIPE, method="sft_lora")
    assert disk_need(whole, MODEL, need()).cache == 0
    packed = replace(MODEL, size_bytes=LLAMA_8B.linear_parameters // 2)
    assert disk_need(RECIPE, packed, need()).cache == 0
