# SPDX-License-Identifier: Apache-2.0
"""Device and number format: what is asked for is kept, what is left open has a reason."""

from __future__ import annotations

import pytest
import torch

from engine.domain.recipe_choices import Device, Dtype
from engine.errors import DeviceUnavailable, NotEnoughMemory
from engine.train.device import (
    choose_placement,
    free_memory_bytes,
    naming_memory_errors,
    not_enough_memory,
    peak_memory_bytes,
    repeatable,
)

CPU = torch.device("cpu")


def set_hardware(monkeypatch: pytest.MonkeyPatch, *, card: bool, bf16: bool) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: card)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "Test Card")
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: bf16)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: bf16)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)


@pytest.mark.parametrize(
    ("card", "bf16", "where", "form"),
    [
        (False, False, "cpu", "fp32"),
        (False, True, "cpu", "bf16"),
        (True, False, "cuda", "fp32"),
        (True, True, "cuda", "bf16"),
    ],
)
def test_choose_placement_auto_follows_the_hardware(
    monkeypatch: pytest.MonkeyPatch, card: bool, bf16: bool, where: str, form: str
) -> None:
    set_hardware(monkeypatch, card=card, bf16=bf16)
    found = choose_placement(Device.AUTO, Dtype.AUTO)
    assert found.device.type == where
    assert found.dtype == {"bf16": torch.bfloat16, "fp32": torch.float32}[form]
    assert {name: one.value for name, one in found.decisions.items()} == {
        "device": where,
        "dtype": form,
    }
    assert all(one.source == "hardware" for one in found.decisions.values())


def test_choose_placement_asked_for_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    set_hardware(monkeypatch, card=True, bf16=True)
    found = choose_placement(Device.CPU, Dtype.FP32)
    assert (found.device.type, found.dtype) == ("cpu", torch.float32)
    assert all(one.source == "recipe" for one in found.decisions.values())


def test_choose_placement_card_that_is_not_there_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    set_hardware(monkeypatch, card=False, bf16=False)
    with pytest.raises(DeviceUnavailable):
        choose_placement(Device.CUDA, Dtype.AUTO)


def test_choose_placement_torch_without_the_probes_takes_fp32(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    set_hardware(monkeypatch, card=False, bf16=True)
    monkeypatch.delattr(torch.cpu, "_is_avx512_bf16_supported")
    monkeypatch.delattr(torch.cpu, "_is_amx_tile_supported")
    assert choose_placement(Device.AUTO, Dtype.AUTO).dtype == torch.float32


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("tried to allocate"),
        MemoryError(),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
        RuntimeError("CUDA error: out of memory"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    ],
)
def test_naming_memory_errors_any_form_becomes_one_error_with_numbers(error: Exception) -> None:
    with pytest.raises(NotEnoughMemory, match=r"it has \d+\.\d GiB"), naming_memory_errors(CPU):
        raise error


def test_naming_memory_errors_real_allocation_that_fails_is_named() -> None:
    with pytest.raises(NotEnoughMemory), naming_memory_errors(CPU):
        torch.empty(1 << 60, dtype=torch.uint8)


def test_naming_memory_errors_other_failures_pass_through() -> None:
    with pytest.raises(RuntimeError, match="other"), naming_memory_errors(CPU):
        raise RuntimeError("other")


def test_memory_figures_are_plausible() -> None:
    assert 1 << 20 < peak_memory_bytes(CPU) < 1 << 45
    assert 1 << 20 < free_memory_bytes(CPU) < 1 << 45


def test_repeatable_on_a_processor_is_strict_and_puts_it_back() -> None:
    before = torch.are_deterministic_algorithms_enabled()
    with repeatable(CPU):
        assert torch.are_deterministic_algorithms_enabled()
    assert torch.are_deterministic_algorithms_enabled() is before
    with repeatable(torch.device("cuda")):
        assert torch.are_deterministic_algorithms_enabled() is before


def test_out_of_memory_message_names_the_computer() -> None:
    found = not_enough_memory(CPU, "")
    assert found.message.startswith("The computer ran out of memory")
    assert "Checkpoints are safe" in found.message
