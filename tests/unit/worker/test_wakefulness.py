# SPDX-License-Identifier: Apache-2.0
"""Keeping the computer awake by a tool that stands in for systemd-inhibit, and noticing sleep."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from engine.worker import wakefulness
from engine.worker.wakefulness import RECENT_S, SleepWatch, Wakefulness, kept_awake

linux = pytest.mark.skipif(sys.platform != "linux", reason="the tool is Linux's")
ROOT = Path(__file__).resolve().parents[3]


def a_tool(root: Path, body: str) -> Callable[[str], str]:
    """Return what finds a tool that does this."""
    path = root / "inhibit"
    path.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
    path.chmod(0o700)
    return lambda _name: str(path)


def states(root: Path, text: str = "freeze mem disk\n") -> Path:
    path = root / "state"
    path.write_text(text, encoding="ascii")
    return path


HOLDING = 'while [ "${1#--}" != "$1" ]; do shift; done\nexec "$@"'


def children() -> list[psutil.Process]:
    return psutil.Process().children(recursive=True)


@linux
def test_tool_that_takes_the_lock_holds_it_for_the_block_and_no_longer(tmp_path: Path) -> None:
    before = children()
    with kept_awake(states=states(tmp_path), find=a_tool(tmp_path, HOLDING)) as found:
        assert found is Wakefulness.HELD
        assert not found.may_sleep
        (tool,) = [one for one in children() if one not in before]
        with pytest.raises(psutil.TimeoutExpired):
            tool.wait(0.2)
    assert children() == before


@linux
@pytest.mark.parametrize("body", ["echo denied >&2; exit 1", "exit 0", "echo other; exec cat"])
def test_tool_that_refuses_is_told_and_leaves_nothing(tmp_path: Path, body: str) -> None:
    before = children()
    with kept_awake(states=states(tmp_path), find=a_tool(tmp_path, body)) as found:
        assert found is Wakefulness.REFUSED
    assert children() == before


@linux
def test_tool_that_hangs_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wakefulness, "_ANSWER_LIMIT_S", 0.1)
    began = time.monotonic()
    with kept_awake(states=states(tmp_path), find=a_tool(tmp_path, "exec sleep 60")) as found:
        assert found is Wakefulness.REFUSED
    assert time.monotonic() - began < 5
    assert not any(one.name() == "sleep" for one in children())


@linux
def test_absent_tool_is_told(tmp_path: Path) -> None:
    with kept_awake(states=states(tmp_path), find=lambda _name: None) as found:
        assert found is Wakefulness.NO_TOOL
        assert found.may_sleep


@linux
def test_tool_that_cannot_be_started_is_told(tmp_path: Path) -> None:
    with kept_awake(states=states(tmp_path), find=lambda _name: "/no/such/tool") as found:
        assert found is Wakefulness.REFUSED


@linux
@pytest.mark.parametrize("text", ["", "\n", None])
def test_computer_that_cannot_sleep_needs_no_lock(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "none" if text is None else states(tmp_path, text)
    with kept_awake(states=path, find=a_tool(tmp_path, HOLDING)) as found:
        assert found is Wakefulness.NEEDLESS


@linux
def test_lock_is_free_when_its_holder_is_killed(tmp_path: Path) -> None:
    find = a_tool(tmp_path, f"echo $$ > {tmp_path}/pid\n{HOLDING}")
    program = (
        "import sys, time, pathlib\n"
        "from engine.worker.wakefulness import kept_awake\n"
        f"with kept_awake(states=pathlib.Path({str(states(tmp_path))!r}), "
        f"find=lambda _name: {find('')!r}) as found:\n"
        "    print(found.name, flush=True)\n"
        "    time.sleep(60)\n"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert holder.stdout is not None
    with holder, holder.stdout as said:
        assert said.readline().strip() == b"HELD"
        tool = int((tmp_path / "pid").read_text(encoding="ascii"))
        assert psutil.pid_exists(tool)
        holder.kill()
    deadline = time.monotonic() + 10
    while psutil.pid_exists(tool) and psutil.Process(tool).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline, "the lock outlived its holder"
        time.sleep(0.01)


# --- noticing sleep ---------------------------------------------------------------------------


class Clocks:
    """The two clocks of a computer."""

    def __init__(self) -> None:
        self.slept_s = 500.0
        self.now_s = 1000.0

    def watch(self) -> SleepWatch:
        return SleepWatch(slept=lambda: self.slept_s, clock=lambda: self.now_s)


def test_sleep_is_noticed_once() -> None:
    clocks = Clocks()
    watch = clocks.watch()
    assert watch.look() == 0
    clocks.slept_s += 90
    assert watch.look() == 90
    assert watch.look() == 0


def test_clocks_that_differ_by_rounding_are_no_sleep() -> None:
    clocks = Clocks()
    watch = clocks.watch()
    clocks.slept_s += 0.5
    assert (watch.look(), watch.recent_s()) == (0, 0)


def test_sleep_is_recent_for_a_while() -> None:
    clocks = Clocks()
    watch = clocks.watch()
    assert watch.recent_s() == 0
    clocks.slept_s += 90
    assert watch.recent_s() == 90
    clocks.now_s += RECENT_S
    assert watch.recent_s() == 90
    clocks.now_s += 1
    assert watch.recent_s() == 0
