# SPDX-License-Identifier: Apache-2.0
"""A child of the warm parent under strace: held until strace is there, then let go."""

from __future__ import annotations

import re
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from tests.faults.traced import STRACE
from tests.faults.warm import WarmProcess

LIMIT_S = 60.0


def watch(child: WarmProcess, options: list[str]) -> int:
    """Watch a child that is held from its start; return its exit status.

    Args:
        child: It stops itself, as soon as it is itself.
        options: Of strace.
    """
    _wait_for(lambda: _field(child.pid, "State").startswith("T"))
    argv = [str(STRACE), "-f", *options, "-p", str(child.pid)]
    with subprocess.Popen(argv, stderr=subprocess.DEVNULL) as watcher:
        _wait_for(lambda: _field(child.pid, "TracerPid") not in ("", "0"))
        child.kill(signal.SIGCONT)
        status = child.wait()
        watcher.wait(LIMIT_S)
    return status


def _field(pid: int, name: str) -> str:
    try:
        text = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except OSError:
        return ""
    found = re.search(rf"^{name}:\s*(.*)$", text, re.MULTILINE)
    return found[1] if found else ""


def _wait_for(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.005)
