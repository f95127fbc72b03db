# SPDX-License-Identifier: Apache-2.0
"""The doctor: one finding for each thing that hinders training, and silence where nothing does."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from msgspec.structs import replace

from engine.api import machine
from engine.api.machine import Gpu, Machine, MachineFacts
from engine.domain.problem import Problem, Severity
from engine.store import atomicfs
from engine.store.layout import Layout

GB = 10**9
CARD = Gpu(
    name="RTX 4090",
    driver="580.65",
    total_bytes=24 * GB,
    free_bytes=23 * GB,
    used_bytes=GB,
    temperature_c=40,
    compute_capability=(8, 9),
)
HEALTHY = MachineFacts(
    processor="CPU",
    cores=8,
    memory_total_bytes=32 * GB,
    memory_free_bytes=20 * GB,
    disk_free_bytes=500 * GB,
    gpus=(CARD,),
)


def findings(tmp_path: Path, facts: MachineFacts) -> list[Problem]:
    layout = Layout(tmp_path / "workspace")
    atomicfs.make_folder(layout.root)
    return Machine(layout, read=lambda _path: facts).doctor()


def test_healthy_computer_has_no_findings(tmp_path: Path) -> None:
    assert findings(tmp_path, HEALTHY) == []


@pytest.mark.parametrize(
    ("facts", "code", "severity"),
    [
        (replace(HEALTHY, disk_free_bytes=GB // 2), "disk_full", Severity.ERROR),
        (replace(HEALTHY, disk_free_bytes=3 * GB), "disk_nearly_full", Severity.WARNING),
        (replace(HEALTHY, memory_total_bytes=4 * GB), "memory_small", Severity.WARNING),
        (replace(HEALTHY, memory_free_bytes=GB), "memory_in_use", Severity.WARNING),
        (replace(HEALTHY, gpus=(), gpu_reason="No driver."), "no_graphics_card", Severity.NOTE),
        (
            replace(HEALTHY, gpus=(), gpu_reason="It was updated.", driver_needs_restart=True),
            "driver_needs_restart",
            Severity.WARNING,
        ),
        (
            replace(HEALTHY, gpus=(replace(CARD, driver="470.1"),)),
            "driver_too_old",
            Severity.WARNING,
        ),
        (
            replace(HEALTHY, gpus=(replace(CARD, compute_capability=(6, 1)),)),
            "card_too_old",
            Severity.WARNING,
        ),
        (
            replace(HEALTHY, gpus=(replace(CARD, compute_capability=(7, 5)),)),
            "card_without_bf16",
            Severity.NOTE,
        ),
        (replace(HEALTHY, gpus=(replace(CARD, total_bytes=4 * GB),)), "card_small", Severity.NOTE),
    ],
)
def test_each_hindrance_is_found_alone_in_plain_words(
    facts: MachineFacts, code: str, severity: Severity, tmp_path: Path
) -> None:
    (found,) = findings(tmp_path, facts)
    assert (found.code, found.severity) == (code, severity)
    assert found.message.endswith(".")
    assert found.remedy or severity is Severity.NOTE


def test_missing_training_library_is_an_error_that_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "LIBRARIES", ("json", "no_such_library"))
    (found,) = findings(tmp_path, HEALTHY)
    assert found.code == "training_libraries_missing"
    assert "no_such_library" in found.message


def test_looking_for_libraries_imports_none_of_them(tmp_path: Path) -> None:
    before = "bitsandbytes" in sys.modules
    findings(tmp_path, HEALTHY)
    assert ("bitsandbytes" in sys.modules) == before


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such permissions")
def test_workspace_that_others_can_read_is_a_warning(tmp_path: Path) -> None:
    root = tmp_path / "workspace"
    root.mkdir()
    root.chmod(0o755)
    assert [one.code for one in findings(tmp_path, HEALTHY)] == ["workspace_open_to_others"]


def test_workspace_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    gone = Machine(Layout(tmp_path / "gone"), read=lambda _path: HEALTHY)
    assert [one.code for one in gone.doctor()] == ["not_writable"]


def test_gravest_finding_comes_first(tmp_path: Path) -> None:
    facts = replace(HEALTHY, disk_free_bytes=0, gpus=(), gpu_reason="No driver.")
    assert [one.severity for one in findings(tmp_path, facts)] == [Severity.ERROR, Severity.NOTE]


def test_facts_of_this_computer_are_real(tmp_path: Path) -> None:
    assert Machine(Layout(tmp_path)).facts().memory_total_bytes > 0
