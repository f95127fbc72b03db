# SPDX-License-Identifier: Apache-2.0
"""The doctor of a workspace: what is read of this computer reaches the rules."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from msgspec.structs import replace

from engine.api.machine import Finding, Gpu, Machine, MachineFacts, looked_at
from engine.domain.problem import Severity
from engine.hardware.doctor.registry import RULES, judge
from engine.hardware.doctor.snapshot import LibraryFacts, Snapshot, WorkspaceFacts
from engine.hardware.sleep import SleepFacts
from engine.launcher.runtime import VARIABLE
from engine.store import atomicfs
from engine.store.layout import Layout
from tests.builders.computers import CARD, LIBRARIES, MACHINE, SLEEP
from tests.builders.runtimes import write_runtime
from tests.fakes.api import a_model

OLD = replace(CARD, compute_capability=(6, 1), total_bytes=2 * CARD.total_bytes)
NEW = replace(CARD, compute_capability=(12, 0), total_bytes=2 * CARD.total_bytes)
OTHER_VERSION = "training_libraries_of_another_version"


def findings(
    tmp_path: Path, facts: MachineFacts = MACHINE, libraries: LibraryFacts = LIBRARIES
) -> list[Finding]:
    layout = Layout(tmp_path / "workspace")
    atomicfs.make_folder(layout.root)
    return doctor_of(layout, facts, libraries).doctor()


def doctor_of(
    layout: Layout, facts: MachineFacts = MACHINE, libraries: LibraryFacts = LIBRARIES
) -> Machine:
    return Machine(
        layout, read=lambda _path: facts, libraries=lambda **_how: libraries, sleep=lambda: SLEEP
    )


def test_healthy_computer_has_no_findings(tmp_path: Path) -> None:
    assert findings(tmp_path) == []


def test_facts_libraries_and_sleep_reach_the_rules(tmp_path: Path) -> None:
    found = findings(
        tmp_path, replace(MACHINE, gpus_hidden=2), replace(LIBRARIES, missing=("peft",))
    )
    assert [one.code for one in found] == ["training_libraries_missing", "cards_hidden"]


def test_model_that_is_too_large_is_named(tmp_path: Path) -> None:
    shape = a_model().shape
    large = a_model(name="Large", shape=replace(shape, linear_parameters=10**11))
    small = a_model(name="Small", shape=replace(shape, linear_parameters=10**6))
    layout = Layout(tmp_path)
    layout.root.chmod(0o700)
    machine = doctor_of(layout)
    assert [one.code for one in machine.doctor([large])] == ["model_larger_than_card"]
    assert machine.doctor([small]) == []


class Looked:
    """Counts the looks at the libraries, and has a clock that a test sets."""

    def __init__(self, tmp_path: Path, facts: LibraryFacts = LIBRARIES) -> None:
        self.facts = facts
        self.looks = 0
        self.now_s = 1000.0
        layout = Layout(tmp_path / "workspace")
        atomicfs.make_folder(layout.root)
        self.machine = Machine(
            layout,
            read=lambda _path: MACHINE,
            libraries=self._look,
            sleep=_never,
            now_s=lambda: self.now_s,
        )

    def _look(self, *, compares_files: bool) -> LibraryFacts:
        self.looks += compares_files
        return self.facts

    def codes(self) -> list[str]:
        return [one.code for one in self.machine.forbids()]


def _never() -> SleepFacts:
    raise AssertionError("sleep settings forbid nothing, so they need not be asked for")


def test_what_forbids_is_told_without_a_look_at_all_libraries_each_time(tmp_path: Path) -> None:
    looked = Looked(tmp_path)
    assert looked.codes() == looked.codes() == []
    assert looked.looks == 1
    looked.facts = replace(LIBRARIES, missing=("peft",))
    looked.now_s += 61
    assert looked.codes() == ["training_libraries_missing"]


def test_libraries_that_were_installed_are_seen_at_once(tmp_path: Path) -> None:
    looked = Looked(tmp_path, replace(LIBRARIES, missing=("peft",)))
    assert looked.codes() == ["training_libraries_missing"]
    looked.facts = LIBRARIES
    assert looked.codes() == []


@pytest.mark.parametrize(
    ("gpus", "libraries", "codes"),
    [
        ((CARD,), LIBRARIES, []),
        ((CARD,), replace(LIBRARIES, missing=("peft",)), ["training_libraries_missing"]),
        ((CARD,), replace(LIBRARIES, cuda=""), ["torch_for_processor"]),
        ((replace(CARD, driver="390.1"),), LIBRARIES, ["driver_too_old"]),
        ((OLD,), LIBRARIES, ["card_too_old"]),
        ((OLD,), replace(LIBRARIES, cuda=""), ["card_too_old", "torch_for_processor"]),
        ((replace(CARD, driver="390.1"),), replace(LIBRARIES, cuda=""), ["torch_for_processor"]),
        ((CARD, OLD), LIBRARIES, ["card_too_old"]),
        ((CARD, replace(OLD, total_bytes=1)), LIBRARIES, []),
        ((NEW, CARD), replace(LIBRARIES, cuda="12.6"), ["card_too_new"]),
        ((CARD,), replace(LIBRARIES, other_version="It is of 0.0.9."), [OTHER_VERSION]),
        ((replace(CARD, compute_capability=(7, 5)),), LIBRARIES, []),
        ((), LIBRARIES, []),
    ],
)
def test_obstacles_are_what_forbids_leaves_the_card_unused_or_makes_runs_differ(
    tmp_path: Path, gpus: tuple[Gpu, ...], libraries: LibraryFacts, codes: list[str]
) -> None:
    layout = Layout(tmp_path / "workspace")
    atomicfs.make_folder(layout.root)
    machine = doctor_of(layout, replace(MACHINE, gpus=gpus), libraries)
    assert [one.code for one in machine.obstacles(machine.facts())] == codes


def test_obstacles_are_found_without_a_look_at_every_file(tmp_path: Path) -> None:
    looked = Looked(tmp_path, replace(LIBRARIES, missing=("peft",)))
    found = looked.machine.obstacles(MACHINE)
    assert [one.code for one in found] == ["training_libraries_missing"]
    assert looked.looks == 0


@pytest.mark.parametrize("held_off", [True, False, None])
@pytest.mark.parametrize("idle_after_s", [0, 60, None])
def test_sleep_settings_forbid_nothing(held_off: bool | None, idle_after_s: int | None) -> None:
    facts = SleepFacts(
        can_sleep=True, can_hold_off=held_off, idle_after_s=idle_after_s, lid_sleeps=True
    )
    seen = Snapshot(
        machine=MACHINE, workspace=WorkspaceFacts(path="w"), libraries=LIBRARIES, sleep=facts
    )
    assert not [one for one in judge(seen) if one.severity is Severity.ERROR]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such permissions")
def test_workspace_that_others_can_read_is_a_warning(tmp_path: Path) -> None:
    root = tmp_path / "workspace"
    root.mkdir()
    root.chmod(0o755)
    assert [one.code for one in findings(tmp_path)] == ["workspace_open_to_others"]


def test_workspace_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    assert [one.code for one in doctor_of(Layout(tmp_path / "gone")).doctor()] == ["not_writable"]


def test_this_computer_is_really_looked_at(tmp_path: Path) -> None:
    machine = Machine(Layout(tmp_path))
    assert machine.facts().memory_total_bytes > 0
    # Whatever is found, the libraries with which these tests run are whole.
    assert not {one.code for one in machine.doctor()} & {"training_libraries_damaged"}


def test_every_rule_says_what_it_looks_at() -> None:
    assert len(looked_at()) == len(RULES)


def test_doctor_of_the_packaged_program_names_libraries_of_another_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = write_runtime(tmp_path / "runtime", lock="of another version", app="0.0.9")
    monkeypatch.setenv(VARIABLE, str(made.root))
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    layout = Layout(tmp_path / "workspace")
    found = Machine(layout, read=lambda _path: MACHINE, sleep=lambda: SLEEP).doctor()
    told = [one for one in found if one.code == "training_libraries_of_another_version"]
    assert "made for Burnish 0.0.9" in told[0].message
    assert "belong to this version" in told[0].remedy
