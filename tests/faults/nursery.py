# SPDX-License-Identifier: Apache-2.0
"""Makes keepers of the queue that need no time for their imports, so that a kill hits their work.

    python -m tests.faults.nursery WORKSPACE

Each line that it reads makes one keeper and is answered with its pid. At the end of its input it
waits for those that live, and writes the exit status of each.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from engine.worker.keeper import run_keeper

LOOK_EVERY_S = 0.02


class Nursery:
    """The process that makes keepers, from outside."""

    def __init__(self, workspace: Path, environment: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.nursery", str(workspace)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            text=True,
        )

    def make(self) -> int:
        """Make a keeper and return its pid."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def close(self) -> list[int]:
        """Wait for all keepers and return their exit statuses; -9 for one that was killed."""
        told, _nothing = self._process.communicate()
        return [int(line) for line in told.split()]


def main() -> None:
    """Make keepers."""
    pids: list[int] = []
    for _line in sys.stdin:
        pid = os.fork()
        if not pid:
            os._exit(run_keeper(Path(sys.argv[1]), look_every_s=LOOK_EVERY_S))
        pids.append(pid)
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()
    for pid in pids:
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        sys.stdout.write(f"{status}\n")


if __name__ == "__main__":
    main()
