# SPDX-License-Identifier: Apache-2.0
"""Workers that hang, as `main.py --worker` is one, with a grace that a test can wait for."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from engine.launcher import identity
from engine.worker import finishing
from engine.worker.main import run_worker

GRACE_S = 0.3


def at_exit(job: str, launch: str) -> int:
    """Do a job, then hang in the end of the process, as drivers do that free a card."""
    status = finishing.leave(run_worker(Path(job), launch), grace_s=GRACE_S)
    time.sleep(60)
    return status


def suspended_at_exit(job: str, launch: str) -> int:
    """Do a job, then be suspended before the process ends."""
    status = finishing.leave(run_worker(Path(job), launch), grace_s=GRACE_S)
    os.kill(os.getpid(), signal.SIGSTOP)
    return status


def impatient(job: str, launch: str) -> int:
    """Do a job and end; wait but a moment for the lock."""
    identity._LOCK_WAIT_S = 0.05
    return by_itself(job, launch)


def by_itself(job: str, launch: str) -> int:
    """Do a job and end."""
    return finishing.leave(run_worker(Path(job), launch), grace_s=GRACE_S)
