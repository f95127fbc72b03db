# SPDX-License-Identifier: Apache-2.0
"""The doctor's rules: each finds its own hindrance in a made snapshot, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from engine.domain.problem import Severity
from engine.hardware.doctor.registry import RULES, judge
from engine.hardware.doctor.snapshot import LibraryFacts, ModelRoom, Snapshot, WorkspaceFacts
from engine.hardware.sleep import SleepFacts
from tests.builders.computers import CARD, GB, HEALTHY, LIBRARIES, MACHINE, a_hindered_computer

ERROR, WARNING, NOTE = Severity.ERROR, Severity.WARNING, Severity.NOTE
UNHELD = SleepFacts(can_sleep=True, can_hold_off=False, lid_sleeps=False)


def machine(**changes: Any) -> Snapshot:
    return replace(HEALTHY, machine=replace(MACHINE, **changes))


def card(libraries: LibraryFacts = LIBRARIES, **changes: Any) -> Snapshot:
    return replace(machine(gpus=(replace(CARD, **changes),)), libraries=libraries)


def libraries(**facts: Any) -> Snapshot:
    return replace(HEALTHY, libraries=replace(LIBRARIES, **facts))


def place(**facts: Any) -> Snapshot:
    return replace(HEALTHY, workspace=WorkspaceFacts(path="/data", **facts))


def model(least_bytes: int, *, on_card: bool = False) -> Snapshot:
    seen = HEALTHY if on_card else machine(gpus=(), gpu_reason="No driver.")
    return replace(seen, models=(ModelRoom(name="Large", least_bytes=least_bytes),))


def sleep(facts: SleepFacts) -> Snapshot:
    return replace(HEALTHY, sleep=facts)


def test_healthy_computer_has_no_findings() -> None:
    assert judge(HEALTHY) == []


@pytest.mark.parametrize(
    ("seen", "code", "severity", "named"),
    [
        (machine(disk_free_bytes=GB // 2), "disk_full", ERROR, "0.5 GB"),
        (machine(disk_free_bytes=3 * GB), "disk_nearly_full", WARNING, "3.0 GB"),
        (machine(memory_total_bytes=4 * GB), "memory_small", WARNING, "4.0 GB"),
        (machine(memory_free_bytes=GB), "memory_in_use", WARNING, "1.0 of 32.0 GB"),
        (machine(gpus=(), gpu_reason="No driver."), "no_graphics_card", NOTE, "No driver."),
        (
            machine(gpus=(), gpu_reason="It was updated.", driver_needs_restart=True),
            "driver_needs_restart", WARNING, "It was updated.",
        ),
        (card(driver="575.1"), "driver_too_old", WARNING, "PyTorch 2.13.0 for CUDA 13.0"),
        (
            card(replace(LIBRARIES, minimum_driver=590)), "driver_too_old", WARNING, "580.65",
        ),
        (libraries(torch="2.13.0+cpu", cuda=""), "torch_for_processor", WARNING, "RTX 4090"),
        (card(compute_capability=(7, 0)), "card_too_old", WARNING, "CUDA 13.0"),
        (
            card(replace(LIBRARIES, cuda="12.6"), compute_capability=(12, 0)),
            "card_too_new", WARNING, "CUDA 12.6",
        ),
        (card(compute_capability=(7, 5)), "card_without_bf16", NOTE, "no bf16"),
        (card(total_bytes=4 * GB), "card_small", NOTE, "4.0 GB"),
        (machine(gpus_hidden=1), "cards_hidden", WARNING, "1 of 2"),
        (machine(gpu_order_is_unclear=True), "card_order_unclear", WARNING, "by number"),
        (place(is_writable=False), "not_writable", ERROR, "/data"),
        (place(is_open=True), "workspace_open_to_others", WARNING, "/data"),
        (place(network="nfs4"), "workspace_on_network", WARNING, "nfs4"),
        (libraries(missing=("peft",)), "training_libraries_missing", ERROR, "peft"),
        (
            libraries(missing=("peft",), misfit="cp312 win_amd64", is_packaged=True),
            "training_libraries_unsuitable", ERROR, "cp312 win_amd64",
        ),
        (
            libraries(other_version="Made for Burnish 0.0.9.", is_packaged=True),
            "training_libraries_of_another_version", WARNING, "0.0.9",
        ),
        (
            libraries(damaged=(("torch", "torch/lib/libtorch_cpu.so"),)),
            "training_libraries_damaged", ERROR, "libtorch_cpu.so",
        ),
        (model(35 * GB), "model_in_swap", WARNING, "Large takes 35.0 GB"),
        (model(40 * GB), "model_larger_than_memory", WARNING, "8.0 GB of swap"),
        (model(40 * GB, on_card=True), "model_larger_than_card", WARNING, "24.0 GB"),
        (
            sleep(replace(UNHELD, idle_after_s=1200, source="GNOME")),
            "computer_sleeps", WARNING, "20 min without use (GNOME)",
        ),
        (sleep(UNHELD), "sleep_unknown", NOTE, "could not be read"),
        (
            sleep(replace(UNHELD, idle_after_s=0, source="logind")),
            "sleep_not_held", NOTE, "does not go to sleep (logind)",
        ),
        (
            sleep(SleepFacts(can_sleep=True, can_hold_off=True, lid_sleeps=True)),
            "lid_suspends", NOTE, "lid is closed",
        ),
    ],
)  # fmt: skip
def test_each_hindrance_is_found_with_title_reason_and_remedy(
    seen: Snapshot, code: str, severity: Severity, named: str
) -> None:
    # Without a card there is a note on that in every list; it is not what these look for.
    found = [one for one in judge(seen) if one.code in (code, "no_graphics_card")]
    (one,) = [one for one in found if one.code == code]
    assert one.severity is severity
    assert named in one.message
    assert one.title
    assert not one.title.endswith(".")
    assert one.message.endswith(".")
    assert one.remedy.endswith(".") or severity is NOTE
    assert {other.code for other in judge(seen)} <= {code, "no_graphics_card"}


@pytest.mark.parametrize(
    "seen",
    [
        card(replace(LIBRARIES, cuda="12.8"), driver="525.60"),
        card(replace(LIBRARIES, cuda="12.8"), compute_capability=(12, 0)),
        card(driver="unknown"),
        model(GB),
        model(GB, on_card=True),
        sleep(SleepFacts(can_sleep=False, idle_after_s=60, lid_sleeps=True)),
        sleep(SleepFacts(can_sleep=True, can_hold_off=True, idle_after_s=60, source="logind")),
        sleep(SleepFacts(can_sleep=True, can_hold_off=True)),
    ],
)
def test_what_does_not_hinder_is_not_told(seen: Snapshot) -> None:
    assert [one for one in judge(seen) if one.code != "no_graphics_card"] == []


@pytest.mark.parametrize("cuda", ["", "unknown", "13", "13.x"])
def test_odd_name_of_a_cuda_line_ends_nothing(cuda: str) -> None:
    assert judge(libraries(cuda=cuda, torch="")) == []


def test_gravest_finding_comes_first() -> None:
    found = judge(a_hindered_computer())
    assert len(found) == 7
    assert found[0].code == "disk_full"
    assert [one.severity for one in found] == sorted(
        (one.severity for one in found), key=list(Severity).index
    )


def test_every_rule_has_an_id_of_its_own_and_words() -> None:
    assert len({one.id for one in RULES}) == len(RULES) == 11
    assert all(one.looks_at for one in RULES)
