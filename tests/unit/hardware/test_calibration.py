# SPDX-License-Identifier: Apache-2.0
"""What runs measured is fitted from two points, found again, replaced, and bounded."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from engine.hardware.calibration import (
    Calibration,
    Measurements,
    Speed,
    Surroundings,
    fit_layer,
    library_versions,
    read_measurements,
    remember,
)

HERE = Surroundings(device="RTX 4090", driver="580.1", libraries="torch 2")
FOUND = Calibration(
    surroundings=HERE,
    model_type="llama",
    item=2,
    quantised=True,
    layer_scale=0.9,
    context_bytes=400,
    measured_at="2026-01-02T03:04:05.000Z",
)
SPEED = Speed(
    device="RTX 4090",
    fingerprint="f",
    method="sft_qlora",
    tokens_per_s=2500.0,
    dataset_id="d",
    dataset_version=1,
    max_length=2048,
    tokens_per_row=321.0,
    measured_at="2026-01-02T03:04:05.000Z",
)


def linear(tokens: int) -> int:
    return tokens * 200_000


def test_fit_takes_the_slope_of_two_points_and_no_constant() -> None:
    asked: list[int] = []

    def measure(tokens: int) -> int:
        asked.append(tokens)
        return 7_000_000_000 + tokens * (262_144 + 180_000)

    scale = fit_layer(measure, passes=(1024, 2048), input_bytes=262_144, layer_bytes=linear)
    assert scale == pytest.approx(0.9)
    assert sorted(asked) == [1024, 2048]


def test_fit_of_scores_that_are_kept_follows_the_square_of_the_tokens() -> None:
    def counted(tokens: int) -> int:
        return tokens * (200_000 + 72 * tokens)

    def measure(tokens: int) -> int:
        return 3_000_000_000 + tokens * 262_144 + int(1.2 * counted(tokens))

    found = fit_layer(measure, passes=(1024, 2048), input_bytes=262_144, layer_bytes=counted)
    assert found == pytest.approx(1.2)
    wrong = fit_layer(measure, passes=(1024, 2048), input_bytes=262_144, layer_bytes=linear)
    assert wrong is None or wrong > 2


@pytest.mark.parametrize("slope", [0, 1_000_000])
def test_fit_refuses_what_is_not_plausible(slope: int) -> None:
    assert (
        fit_layer(lambda n: n * slope, passes=(16, 32), input_bytes=0, layer_bytes=linear) is None
    )


def test_calibration_is_found_for_its_surroundings_alone(tmp_path: Path) -> None:
    path = tmp_path / "measurements.json"
    remember(path, calibration=FOUND)
    known = read_measurements(path)
    assert known.calibration(HERE, model_type="llama", item=2, quantised=True) == FOUND
    newer = replace(HERE, driver="581.0")
    assert known.calibration(newer, model_type="llama", item=2, quantised=True) is None
    assert known.calibration(HERE, model_type="qwen3", item=2, quantised=True) is None
    assert known.calibration(HERE, model_type="llama", item=4, quantised=True) is None


def test_newer_measurement_takes_the_place_of_the_same_and_all_are_bounded(tmp_path: Path) -> None:
    path = tmp_path / "measurements.json"
    remember(path, calibration=FOUND, speed=SPEED)
    remember(path, calibration=replace(FOUND, layer_scale=1.1))
    remember(path, speed=replace(SPEED, tokens_per_s=99.0))
    known = read_measurements(path)
    assert [one.layer_scale for one in known.calibrations] == [1.1]
    assert [one.tokens_per_s for one in known.speeds] == [99.0]
    for number in range(70):
        remember(path, speed=replace(SPEED, dataset_id=str(number)))
    assert len(read_measurements(path).speeds) == 64
    assert read_measurements(path).speeds[-1].dataset_id == "69"


def test_damaged_or_newer_document_counts_as_nothing_known(tmp_path: Path) -> None:
    path = tmp_path / "measurements.json"
    assert read_measurements(path) == Measurements()
    path.write_text("{", encoding="utf-8")
    assert read_measurements(path) == Measurements()
    path.write_text('{"schema_version": 2}', encoding="utf-8")
    assert read_measurements(path) == Measurements()


def test_speed_and_row_lengths_are_those_of_the_model_and_its_dataset(tmp_path: Path) -> None:
    path = tmp_path / "measurements.json"
    remember(path, speed=SPEED)
    known = read_measurements(path)
    assert known.speed("RTX 4090", fingerprint="f", method="sft_qlora") == SPEED
    assert known.speed("RTX 3090", fingerprint="f", method="sft_qlora") is None
    assert known.row_tokens("f", dataset_id="d", dataset_version=1) == 321.0
    assert known.row_tokens("f", dataset_id="d", dataset_version=2) == 0.0


def test_library_versions_name_what_computes() -> None:
    assert "torch 2" in library_versions()
