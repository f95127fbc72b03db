# SPDX-License-Identifier: Apache-2.0
"""Whether and when this computer goes to sleep by itself, as far as the system tells.

Nothing is guessed: what cannot be read is None. On Linux the login manager is asked by `busctl`,
and GNOME's settings by `gsettings`, both over sockets within this computer; on Windows the power
plan is read by the system's own calls.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

POWER_STATES = Path("/sys/power/state")
LIDS = Path("/proc/acpi/button/lid")
_SLEEPS = {"mem", "disk", "freeze", "standby"}
_ANSWER_LIMIT_S = 2.0
_LOGIN = (
    "busctl", "get-property", "org.freedesktop.login1", "/org/freedesktop/login1",
    "org.freedesktop.login1.Manager",
)  # fmt: skip
_GNOME = ("gsettings", "get", "org.gnome.settings-daemon.plugins.power")
_ASLEEP = frozenset({"suspend", "hibernate", "hybrid-sleep", "suspend-then-hibernate", "sleep"})

Ask = Callable[[Sequence[str]], str | None]
"""Runs a command and returns what it printed; None where it is not there or fails."""


class SleepFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of this computer's sleep.

    Attributes:
        can_sleep: It has a kind of sleep at all.
        can_hold_off: The system lets a program keep it awake; None where that was not asked.
        idle_after_s: After how long without use it goes to sleep on mains power; 0 for never, None
            where that could not be read.
        source: Where `idle_after_s` was read; empty where it was not.
        lid_sleeps: Closing the lid puts it to sleep; None where that could not be read, False
            where it has no lid.
    """

    can_sleep: bool
    can_hold_off: bool | None = None
    idle_after_s: int | None = None
    source: str = ""
    lid_sleeps: bool | None = None


def can_sleep(states: Path = POWER_STATES) -> bool:
    """Return whether Linux knows a kind of sleep on this computer.

    Args:
        states: Where it tells which kinds there are.
    """
    try:
        return bool(_SLEEPS & set(states.read_text(encoding="ascii").split()))
    except OSError:
        return False


def read_sleep() -> SleepFacts:
    """Return what this computer tells of its sleep; on systems that are not known, nothing."""
    if sys.platform == "win32":
        return _on_windows()
    if sys.platform != "linux" or not can_sleep():
        return SleepFacts(can_sleep=False)
    return read_sleep_of_linux(
        ask_program,
        has_lid=LIDS.is_dir() and any(LIDS.iterdir()),
        desktop=os.environ.get("XDG_CURRENT_DESKTOP", ""),
    )


def read_sleep_of_linux(ask: Ask, *, has_lid: bool, desktop: str) -> SleepFacts:
    """Return what login manager and desktop tell of a Linux computer that can sleep.

    Args:
        ask: Runs their tools.
        has_lid: The computer has a lid.
        desktop: The desktops that run, as `ubuntu:GNOME`; settings of others mean nothing.
    """
    known = [_idle_of_login(ask), _idle_of_gnome(ask) if "GNOME" in desktop else None]
    idle_after_s, source = _soonest([one for one in known if one is not None])
    held = ("systemd-inhibit", "--what=sleep:idle", "--who=Burnish", "--why=Asking", "true")
    return SleepFacts(
        can_sleep=True,
        # The lock is really taken, for a moment: whether it is allowed hangs on rules and sessions.
        can_hold_off=ask(held) is not None,
        idle_after_s=idle_after_s,
        source=source,
        lid_sleeps=_lid(ask) if has_lid else False,
    )


def ask_program(command: Sequence[str]) -> str | None:
    """Run a command and return what it printed; None where it is not there, fails or hangs."""
    path = shutil.which(command[0])
    if path is None:
        return None
    try:
        done = subprocess.run(
            [path, *command[1:]],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_ANSWER_LIMIT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return None if done.returncode else done.stdout.decode("utf-8", errors="replace").strip()


def _soonest(found: Sequence[tuple[int, str]]) -> tuple[int | None, str]:
    """Return the shortest time after which somebody acts, and who; 0 for never comes last."""
    return min(found, key=lambda one: one[0] or sys.maxsize, default=(None, ""))


def _idle_of_login(ask: Ask) -> tuple[int, str] | None:
    action, after = _word(ask((*_LOGIN, "IdleAction"))), _word(ask((*_LOGIN, "IdleActionUSec")))
    if not action or not after.isdecimal():
        return None
    return (int(after) // 1_000_000 if action in _ASLEEP else 0), "logind"


def _idle_of_gnome(ask: Ask) -> tuple[int, str] | None:
    kind = _word(ask((*_GNOME, "sleep-inactive-ac-type")))
    after = _word(ask((*_GNOME, "sleep-inactive-ac-timeout")))
    if not kind or not after.isdecimal():
        return None
    return (int(after) if kind in _ASLEEP else 0), "GNOME"


def _lid(ask: Ask) -> bool | None:
    action = _word(ask((*_LOGIN, "HandleLidSwitch")))
    return action in _ASLEEP if action else None


def _word(printed: str | None) -> str:
    """Return the value in `s "suspend"`, `t 1800000000` and `'suspend'`, as the tools print it."""
    return (printed or "").split(" ")[-1].strip("\"'")


# ------------------------------------------------------------------------------------- Windows

_SLEEP_GROUP, _STANDBY_IDLE = (
    "238c9fa8-0aad-41ed-83f4-97be242c8f20",
    "29f6c1db-86da-48c5-9fdb-f2b67b1f44da",
)
_BUTTON_GROUP, _LID_ACTION = (
    "4f971e89-eebd-4455-a8de-9e59040e7347",
    "5ca83367-6e45-459f-a27b-476b1d01c936",
)
"""GUIDs of the power plan (winnt.h)."""

_SYSTEM_POWER_CAPABILITIES, _CAPABILITIES_BYTES, _LID_PRESENT = 4, 76, 2
"""CallNtPowerInformation's level, the size of its answer, and where LidPresent stands in it."""

_LID_SLEEPS = (1, 2)
"""Sleep and hibernate; 0 does nothing, 3 shuts down."""


def _on_windows() -> SleepFacts:
    if sys.platform != "win32":
        return SleepFacts(can_sleep=False)
    after_s = _plan_value(_SLEEP_GROUP, _STANDBY_IDLE)
    lid = _plan_value(_BUTTON_GROUP, _LID_ACTION) if _has_lid() else 0
    return SleepFacts(
        can_sleep=True,
        can_hold_off=True,  # SetThreadExecutionState needs no rights
        idle_after_s=after_s,
        source="" if after_s is None else "Windows",
        lid_sleeps=None if lid is None else lid in _LID_SLEEPS,
    )


def _plan_value(group: str, setting: str) -> int | None:
    """Return a value of the power plan in use, on mains power; None where it has none."""
    if sys.platform != "win32":
        return None
    power = ctypes.windll.powrprof
    plan, value = ctypes.c_void_p(), ctypes.c_ulong()
    if power.PowerGetActiveScheme(None, ctypes.byref(plan)):
        return None
    try:
        ids = [(ctypes.c_char * 16).from_buffer_copy(uuid.UUID(one).bytes_le)
               for one in (group, setting)]  # fmt: skip
        failed = power.PowerReadACValueIndex(
            None, plan, ctypes.byref(ids[0]), ctypes.byref(ids[1]), ctypes.byref(value)
        )
    finally:
        ctypes.windll.kernel32.LocalFree(plan)
    return None if failed else int(value.value)


def _has_lid() -> bool:
    if sys.platform != "win32":
        return False
    answer = ctypes.create_string_buffer(_CAPABILITIES_BYTES)
    failed = ctypes.windll.powrprof.CallNtPowerInformation(
        _SYSTEM_POWER_CAPABILITIES, None, 0, answer, len(answer)
    )
    return not failed and answer.raw[_LID_PRESENT] != 0
