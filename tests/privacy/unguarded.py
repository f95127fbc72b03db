# SPDX-License-Identifier: Apache-2.0
"""Burnish without its guard: neither hook nor filter, in this process and in its workers.

With the guard on, a try to reach the network ends before the kernel sees it. A proof that the code
does not even try has to take the guard away first.
"""

from __future__ import annotations

import multiprocessing
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from engine.launcher import offline, spawn


class NoGuard:
    """Stands where the guard of a process stands, and refuses nothing."""

    attempts = 0
    last_attempt = last_caller = ""
    kernel_refusal = "left out by a test"
    is_kernel_filter_active = False

    def __init__(self, *, kernel_filter: bool = True) -> None:
        del kernel_filter


if __name__ == "__main__":
    multiprocessing.freeze_support()
    offline.OfflineGuard = NoGuard
    spawn.MAIN = Path(__file__).resolve()
    from main import main

    sys.exit(main(sys.argv[1:]))
