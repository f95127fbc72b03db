# SPDX-License-Identifier: Apache-2.0
"""Facts of the computer that the tests run on, and names read from files of other computers."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest
from msgspec.structs import replace

from engine.hardware import machine
from engine.hardware.gpu import GpuReport
from tests.builders.computers import CARD, MACHINE


def test_facts_agree_with_the_system(tmp_path: Path) -> None:
    facts = machine.read_machine(tmp_path / "not" / "yet", report=GpuReport(reason="None here."))
    assert facts.processor
    assert 1 <= facts.cores <= (psutil.cpu_count() or 1)
    assert facts.memory_total_bytes == psutil.virtual_memory().total
    assert 0 < facts.memory_free_bytes <= facts.memory_total_bytes
    assert facts.disk_free_bytes > 0
    assert (facts.gpus, facts.gpu_reason) == ((), "None here.")
    assert facts.used_card is None


def test_used_card_is_the_largest() -> None:
    small = replace(CARD, name="Small", total_bytes=CARD.total_bytes // 2)
    assert replace(MACHINE, gpus=(small, CARD)).used_card is CARD
    assert replace(MACHINE, gpus=(small,)).used_card is small


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (
            "processor : 0\nmodel name\t: Intel(R)   Core(TM) i7 CPU\nmodel name\t: other\n",
            "Intel(R) Core(TM) i7 CPU",
        ),
        ("processor\t: 0\nBogoMIPS\t: 108.00\nModel\t: Raspberry Pi 5\n", "Raspberry Pi 5"),
    ],
)
def test_processor_is_named_as_its_maker_does(
    text: str, wanted: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "cpuinfo"
    file.write_text(text, encoding="utf-8")
    monkeypatch.setattr(machine, "_CPU_FACTS", file)
    monkeypatch.setattr("sys.platform", "linux")
    assert machine.processor_name() == wanted


def test_processor_without_a_name_is_named_by_the_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "_CPU_FACTS", tmp_path / "none")
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr("platform.processor", lambda: "")
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    assert machine.processor_name() == "riscv64"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("flags\t: fpu sse avx512_bf16 vnni\n", True),
        ("flags\t: fpu amx_tile amx_bf16\n", True),
        ("flags\t: fpu sse avx512f\n", False),
        ("Features\t: bf16\n", False),
        ("", False),
    ],
)
def test_processor_has_bf16_where_its_flags_say_what_torch_asks_for(
    text: str, wanted: bool, tmp_path: Path
) -> None:
    file = tmp_path / "cpuinfo"
    file.write_text(text, encoding="utf-8")
    assert machine.processor_has_bf16(file) is wanted


def test_processor_of_a_system_that_does_not_tell_counts_as_without_bf16(tmp_path: Path) -> None:
    assert not machine.processor_has_bf16(tmp_path / "none")
