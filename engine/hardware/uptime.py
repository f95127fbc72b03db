# SPDX-License-Identifier: Apache-2.0
"""What the system tells of its own life: which start this is, how long it slept, what it ended."""

from __future__ import annotations

import ctypes
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import psutil

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
OWN_CGROUP = Path("/proc/self/cgroup")
CGROUPS = Path("/sys/fs/cgroup")
VMSTAT = Path("/proc/vmstat")


def boot_id(path: Path = BOOT_ID) -> str:
    """Return what names this start of the computer; empty where the system has no such name."""
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""


def start_name() -> str:
    """Return what differs between two starts of the computer; by its minute without a name."""
    return boot_id() or f"{booted_at_s() / 60:.0f}"


def booted_at_s() -> float:
    """Return when the computer was started, seconds since 1970 by its present clock."""
    return psutil.boot_time()


def slept_s() -> float:
    """Return how long the computer has slept since it was started; 0 where it cannot be known.

    Two clocks of the system differ by just this: one of them stands still in sleep.
    """
    if sys.platform == "linux":
        clock = time.clock_gettime
        return max(0.0, clock(time.CLOCK_BOOTTIME) - clock(time.CLOCK_MONOTONIC))
    if sys.platform == "win32":
        awake = ctypes.c_ulonglong()
        kernel = ctypes.windll.kernel32
        kernel.GetTickCount64.restype = ctypes.c_ulonglong
        # In units of 100 ns; the other in ms.
        kernel.QueryUnbiasedInterruptTime(ctypes.byref(awake))
        return max(0.0, kernel.GetTickCount64() / 1e3 - awake.value / 1e7)
    return 0.0


def oom_counters(cgroup: Path = OWN_CGROUP, root: Path = CGROUPS) -> tuple[Path, ...]:
    """Return the files in which the kernel counts what it ended for lack of memory.

    That of the group of this process is first; the second counts for the whole computer.
    """
    try:
        lines = cgroup.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    own = [one.removeprefix("0::/") for one in lines if one.startswith("0::/")]
    return (*[root / one / "memory.events" for one in own], VMSTAT)


def oom_kills(counters: Sequence[Path]) -> dict[str, int]:
    """Return how many processes each counter has seen ended; unreadable ones are left out."""
    found: dict[str, int] = {}
    for path in counters:
        try:
            lines = path.read_text(encoding="ascii", errors="replace").splitlines()
        except OSError:
            continue
        counts = [one.split()[1] for one in lines if one.startswith("oom_kill ")]
        if counts:
            found[str(path)] = int(counts[0])
    return found
