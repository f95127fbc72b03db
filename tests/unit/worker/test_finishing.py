# SPDX-License-Identifier: Apache-2.0
"""The end of a worker process: in time whatever hangs, and without a process left behind."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).resolve().parents[3]
LIMIT_S = 30


def run(program: str) -> subprocess.CompletedProcess[str]:
    """Run a program of a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )


HEAD = (
    "import atexit, os, signal, subprocess, sys, threading, time\n"
    "from engine.worker import finishing\n"
    "finishing._BACKSTOP_S = 0.2\n"
)


def test_worker_that_ends_by_itself_keeps_its_status() -> None:
    assert run(f"{HEAD}sys.exit(finishing.leave(3, grace_s=20))").returncode == 3


@pytest.mark.parametrize(
    "hang",
    [
        "threading.Thread(target=time.sleep, args=(60,)).start()",
        "atexit.register(time.sleep, 60)",
    ],
)
def test_teardown_that_hangs_is_ended_with_the_status(hang: str) -> None:
    began = time.monotonic()
    assert run(f"{HEAD}{hang}\nsys.exit(finishing.leave(3, grace_s=0.3))").returncode == 3
    assert time.monotonic() - began < 15


@pytest.mark.skipif(sys.platform == "win32", reason="the kernel's timer is POSIX")
def test_teardown_that_holds_the_interpreter_is_ended_by_the_kernel() -> None:
    """A driver that hangs within its own library lets no other thread of Python run."""
    hang = "import ctypes\nctypes.PyDLL(None).sleep(60)"
    answer = run(f"{HEAD}finishing.leave(3, grace_s=0.3)\n{hang}")
    assert answer.returncode < 0


def test_children_are_ended() -> None:
    child = "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])"
    program = (
        f"{HEAD}child = {child}\nprint(child.pid, flush=True)\n"
        "sys.exit(finishing.leave(0, grace_s=20))"
    )
    answer = run(program)
    assert answer.returncode == 0
    assert not psutil.pid_exists(int(answer.stdout))
