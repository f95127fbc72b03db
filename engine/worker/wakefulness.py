# SPDX-License-Identifier: Apache-2.0
"""Keeping the computer awake while it trains, and noticing that it slept all the same."""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from enum import StrEnum
from pathlib import Path

from engine.hardware.sleep import POWER_STATES, can_sleep
from engine.hardware.uptime import slept_s

_ANSWER_LIMIT_S = 2.0
_HELD = b"held"

# SetThreadExecutionState, winbase.h
_ES_CONTINUOUS, _ES_SYSTEM_REQUIRED = 0x80000000, 0x00000001

LEAST_SLEEP_S = 2.0
RECENT_S = 600.0
"""A graphics card that fails this soon after a sleep failed because of it."""


class Wakefulness(StrEnum):
    """Whether the computer is kept awake."""

    HELD = "held off"
    NEEDLESS = "this computer does not sleep"
    NO_TOOL = "not held off: systemd-inhibit is not installed"
    REFUSED = "not held off: the system refused it"
    UNKNOWN = "not held off: not known how on this system"

    @property
    def may_sleep(self) -> bool:
        """Return whether a person should be told."""
        return self not in (Wakefulness.HELD, Wakefulness.NEEDLESS)


@contextlib.contextmanager
def kept_awake(
    *, states: Path = POWER_STATES, find: Callable[[str], str | None] = shutil.which
) -> Generator[Wakefulness, None, None]:
    """Keep the computer from sleeping while the block runs; yield whether that worked.

    Args:
        states: Where Linux tells which kinds of sleep there are.
        find: Finds a program by its name.
    """
    if sys.platform == "win32":
        with _awake_on_windows() as found:
            yield found
    elif sys.platform != "linux":
        yield Wakefulness.UNKNOWN
    elif not can_sleep(states):
        yield Wakefulness.NEEDLESS
    else:
        tool = find("systemd-inhibit")
        if tool is None:
            yield Wakefulness.NO_TOOL
            return
        with _awake_by(tool) as found:
            yield found


@contextlib.contextmanager
def _awake_on_windows() -> Generator[Wakefulness, None, None]:
    if sys.platform != "win32":
        raise AssertionError("only on Windows")
    ask = ctypes.windll.kernel32.SetThreadExecutionState
    is_held = bool(ask(_ES_CONTINUOUS | _ES_SYSTEM_REQUIRED))
    try:
        yield Wakefulness.HELD if is_held else Wakefulness.REFUSED
    finally:
        ask(_ES_CONTINUOUS)


@contextlib.contextmanager
def _awake_by(tool: str) -> Generator[Wakefulness, None, None]:
    """Hold the lock of systemd-logind through its own tool, which speaks to it by a unix socket.

    The lock lives as long as a `cat` that reads from this process: however this process ends, the
    system closes the pipe, `cat` ends, and the lock is free.
    """
    command = [
        tool,
        "--what=sleep:idle",
        "--who=Burnish",
        "--why=Models are being trained",
        "--mode=block",
        "sh",
        "-c",
        f"echo {_HELD.decode()}; exec cat",
    ]
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={"PATH": os.environ.get("PATH", os.defpath)},
        )
    except OSError:
        yield Wakefulness.REFUSED
        return
    try:
        yield Wakefulness.HELD if _answers(process) else Wakefulness.REFUSED
    finally:
        _let_go(process)


def _answers(process: subprocess.Popen[bytes]) -> bool:
    """Return whether the tool took the lock: only then it starts the command, which says so."""
    stream = process.stdout
    if stream is None or not select.select([stream], [], [], _ANSWER_LIMIT_S)[0]:
        return False
    return stream.readline().strip() == _HELD


def _let_go(process: subprocess.Popen[bytes]) -> None:
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            stream.close()
    try:
        process.wait(_ANSWER_LIMIT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class SleepWatch:
    """Notices that the computer has slept. Looked at between steps and after a failure."""

    def __init__(
        self,
        *,
        slept: Callable[[], float] = slept_s,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Watch from now on.

        Args:
            slept: Seconds that the computer has slept since its start.
            clock: A steady clock, seconds.
        """
        self._slept, self._clock = slept, clock
        self._before_s = slept()
        self._last_s = 0.0
        self._noticed_at_s: float | None = None

    def look(self) -> float:
        """Return how long the computer has slept since the last look, 0 for not at all."""
        total_s = self._slept()
        new_s, self._before_s = total_s - self._before_s, total_s
        if new_s < LEAST_SLEEP_S:
            return 0.0
        self._last_s, self._noticed_at_s = new_s, self._clock()
        return new_s

    def recent_s(self) -> float:
        """Return how long it slept a short while ago, 0 for not at all."""
        self.look()
        if self._noticed_at_s is None or self._clock() - self._noticed_at_s > RECENT_S:
            return 0.0
        return self._last_s
