# SPDX-License-Identifier: Apache-2.0
"""R2 and R3: killed at every call, or the power cut: what was promised is there, and whole."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.extent import IS_FULL
from tests.faults.power_loss import CrashState, crash_states
from tests.faults.programs import PROGRAMS, WITH_TORCH, argv_of, environment
from tests.faults.traced import STRACE, Change, trace
from tests.faults.verdicts import complaints

pytestmark = [
    pytest.mark.slow,
    pytest.mark.usefixtures("model_of_programs"),
    pytest.mark.skipif(STRACE is None, reason="strace is not installed"),
]

SEED = 20
FEWEST = 5
VARIETY = 250 if IS_FULL else 8
KILLED = tuple(one for one in PROGRAMS if one not in WITH_TORCH)
CALLS = ("fsync", "rename", "renameat2", "mkdir", "rmdir", "unlink", "unlinkat", "write")
KILLS = [(name, call) for name in KILLED for call in CALLS] if IS_FULL else [("job_made", "fsync")]


def traced(name: str, place: Path, base_model: Path) -> tuple[Path, list[Change]]:
    """Run a program; return what was there before, and what it changed."""
    workspace, before = place / "workspace", place / "before"
    PROGRAMS[name][0](workspace)
    shutil.copytree(workspace, before)
    said = place / "said"
    argv = argv_of(name, workspace, said)
    changes = trace(argv, workspace, said, place / "strace", environment(base_model))
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
    name: str, memory_folder: Path, base_model: Path, tell: Callable[[str], None]
) -> None:
    before, changes = traced(name, memory_folder, base_model)
    counted: Counter[bool] = Counter()
    wrong: list[tuple[str, list[str]]] = []
    for state in crash_states(before, changes, seed=SEED, variety=VARIETY):
        counted[state.killed] += 1
        if found := wrong_with(name, state, memory_folder):
            wrong.append((f"after change {state.at}: {changes[state.at - 1]!r:.200}", found))
    tell(f"{name}: {counted[True]} kills, {counted[False]} power cuts, {len(wrong)} wrong")
    assert wrong == []
    assert min(counted.values()) >= FEWEST


def kill_at(call: str, number: int, name: str, place: Path, env: dict[str, str]) -> bool:
    """Run a program that is killed at a call; return whether it came so far."""
    workspace, said = place / "workspace", place / "said"
    inject = f"inject={call}:signal=KILL:when={number}"
    strace = [str(STRACE), "-f", "-o", "/dev/null", "-e", f"trace={call}", "-e", inject]
    argv = [*strace, "--", sys.executable, *argv_of(name, workspace, said)]
    done = subprocess.run(argv, check=False, env=env, stderr=subprocess.DEVNULL)
    return done.returncode != 0


@pytest.mark.parametrize(("name", "call"), KILLS)
def test_program_killed_at_any_call_leaves_a_whole_workspace(
    name: str, call: str, memory_folder: Path, base_model: Path, tell: Callable[[str], None]
) -> None:
    number = 0
    was_killed = True
    while was_killed:
        number += 1
        place = memory_folder / str(number)
        place.mkdir()
        PROGRAMS[name][0](place / "workspace")
        was_killed = kill_at(call, number, name, place, environment(base_model))
        said = said_in(place / "said")
        assert complaints(name, place / "workspace", said) == [], f"killed at {call} {number}"
        shutil.rmtree(place)
    tell(f"{name}: {number - 1} kills at {call}")
