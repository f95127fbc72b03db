# SPDX-License-Identifier: Apache-2.0
"""R2 and R3: killed at every call, or the power cut: what was promised is there, and whole."""

from __future__ import annotations

import shutil
import signal
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.extent import IS_FULL
from tests.faults.power_loss import CrashState, crash_states
from tests.faults.programs import PROGRAMS
from tests.faults.traced import OPTIONS, STRACE, Change, changes_in
from tests.faults.verdicts import complaints
from tests.faults.warm import WarmParent
from tests.faults.watched import watch

pytestmark = [
    pytest.mark.slow,
    pytest.mark.usefixtures("model_of_programs"),
    pytest.mark.skipif(STRACE is None, reason="strace is not installed"),
]

SEED = 20
FEWEST = 5
VARIETY = 250 if IS_FULL else 8
CALLS = ("fsync", "rename", "renameat2", "mkdir", "rmdir", "unlink", "unlinkat", "write")
KILLS = [(name, call) for name in PROGRAMS for call in CALLS]
TRIED = KILLS if IS_FULL else [("job_made", "fsync"), ("changed", "rename")]


def watched(name: str, place: Path, warm: WarmParent, options: list[str]) -> int:
    """Run a program under strace; return its exit status."""
    arguments = [name, str(place / "workspace"), str(place / "said")]
    entry, log = "tests.faults.programs:run", place / "log"
    return watch(warm.start(entry, arguments, log, cwd=place, is_held=True), options)


def traced(name: str, place: Path, warm: WarmParent) -> tuple[Path, list[Change]]:
    """Run a program; return what was there before, and what it changed."""
    workspace, before = place / "workspace", place / "before"
    PROGRAMS[name][0](workspace)
    shutil.copytree(workspace, before)
    said, log = place / "said", place / "strace"
    assert watched(name, place, warm, [*OPTIONS, "-o", str(log)]) == 0
    changes = changes_in(log, workspace, said)
    assert complaints(name, workspace, said_in(said)) == []
    return before, changes


def said_in(file: Path) -> tuple[str, ...]:
    return tuple(file.read_text(encoding="utf-8").splitlines()) if file.exists() else ()


def wrong_with(name: str, state: CrashState, place: Path) -> list[str]:
    """Return what is wrong with a state of the disk."""
    workspace = place / "state" / "workspace"
    workspace.mkdir(parents=True)
    state.write(workspace)
    found = complaints(name, workspace, state.said)
    shutil.rmtree(place / "state")
    return found


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_state_after_a_crash_is_whole_and_keeps_what_was_promised(
    name: str, warm: WarmParent, memory_folder: Path, tell: Callable[[str], None]
) -> None:
    before, changes = traced(name, memory_folder, warm)
    counted: Counter[bool] = Counter()
    wrong: list[tuple[str, list[str]]] = []
    for state in crash_states(before, changes, seed=SEED, variety=VARIETY):
        counted[state.killed] += 1
        if found := wrong_with(name, state, memory_folder):
            wrong.append((f"after change {state.at}: {changes[state.at - 1]!r:.200}", found))
    tell(f"{name}: {counted[True]} kills, {counted[False]} power cuts, {len(wrong)} wrong")
    assert wrong == []
    assert min(counted.values()) >= FEWEST


def kill_at(call: str, number: int, name: str, place: Path, warm: WarmParent) -> bool:
    """Run a program that is killed at a call; return whether it came so far."""
    inject = f"inject={call}:signal=KILL:when={number}"
    options = ["-o", "/dev/null", "-e", f"trace={call}", "-e", inject]
    return watched(name, place, warm, options) == -signal.SIGKILL


@pytest.mark.parametrize(("name", "call"), TRIED)
def test_program_killed_at_any_call_leaves_a_whole_workspace(
    name: str, call: str, warm: WarmParent, memory_folder: Path, tell: Callable[[str], None]
) -> None:
    number = 0
    was_killed = True
    while was_killed:
        number += 1
        place = memory_folder / str(number)
        place.mkdir()
        PROGRAMS[name][0](place / "workspace")
        was_killed = kill_at(call, number, name, place, warm)
        said = said_in(place / "said")
        assert complaints(name, place / "workspace", said) == [], f"killed at {call} {number}"
        shutil.rmtree(place)
    tell(f"{name}: {number - 1} kills at {call}")
