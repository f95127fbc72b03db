# SPDX-License-Identifier: Apache-2.0
"""What the NVIDIA driver says, and what is made of it when it is silent, broken or missing."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import SimpleNamespace

import pynvml
import pytest

from engine.hardware.gpu import read_gpus


def fails(code: int) -> Callable[..., None]:
    def call(*_arguments: object) -> None:
        raise pynvml.NVMLError(code)

    return call


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Answer for the driver: one card that tells everything."""
    answers: dict[str, Callable[..., object]] = {
        "nvmlInit": lambda: None,
        "nvmlShutdown": lambda: None,
        "nvmlSystemGetDriverVersion": lambda: b"580.65.06",
        "nvmlDeviceGetCount": lambda: 1,
        "nvmlDeviceGetHandleByIndex": lambda index: index,
        "nvmlDeviceGetMemoryInfo": lambda _one: SimpleNamespace(total=100, free=70, used=30),
        "nvmlDeviceGetCudaComputeCapability": lambda _one: (8, 9),
        "nvmlDeviceGetName": lambda _one: "NVIDIA RTX 4090",
        "nvmlDeviceGetUUID": lambda _one: "GPU-one",
        "nvmlDeviceGetTemperature": lambda _one, _sensor: 41,
    }
    for name, answer in answers.items():
        monkeypatch.setattr(pynvml, name, answer)
    return monkeypatch


@pytest.mark.usefixtures("driver")
def test_card_is_read_with_all_facts() -> None:
    report = read_gpus()
    (card,) = report.gpus
    assert (card.name, card.driver, card.uuid) == ("NVIDIA RTX 4090", "580.65.06", "GPU-one")
    assert (card.total_bytes, card.free_bytes, card.used_bytes) == (100, 70, 30)
    assert (card.temperature_c, card.compute_capability) == (41, (8, 9))
    assert report.reason == ""


def test_card_without_a_sensor_has_no_temperature(driver: pytest.MonkeyPatch) -> None:
    driver.setattr(pynvml, "nvmlDeviceGetTemperature", fails(pynvml.NVML_ERROR_NOT_SUPPORTED))
    assert read_gpus().gpus[0].temperature_c is None


def test_missing_driver_is_a_reason_not_an_error(driver: pytest.MonkeyPatch) -> None:
    driver.setattr(pynvml, "nvmlInit", fails(pynvml.NVML_ERROR_LIBRARY_NOT_FOUND))
    assert read_gpus().reason == "No NVIDIA driver is installed."


def test_driver_updated_under_a_session_asks_for_a_restart(driver: pytest.MonkeyPatch) -> None:
    driver.setattr(pynvml, "nvmlInit", fails(18))
    report = read_gpus()
    assert report.needs_restart
    assert report.gpus == ()


def test_driver_without_cards_and_driver_that_fails_are_told_apart(
    driver: pytest.MonkeyPatch,
) -> None:
    driver.setattr(pynvml, "nvmlDeviceGetCount", lambda: 0)
    assert "knows no graphics card" in read_gpus().reason
    driver.setattr(pynvml, "nvmlDeviceGetCount", fails(999))
    assert "answers with an error" in read_gpus().reason


def test_missing_library_is_a_reason_not_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert "not installed" in read_gpus().reason
