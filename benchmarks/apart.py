# SPDX-License-Identifier: Apache-2.0
"""What benchmarks share: saying a line, and asking a system in a process of its own for figures.

A script that is called with `--one` measures one system and says its figures as one line of JSON,
the last that it says; called without it, it asks itself once for each system.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

OFFLINE = {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
"""What the libraries of peers are told by the environment."""


def say(line: str) -> None:
    """Write a line to standard output at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def ask_apart(script: str, *words: str, **environment: str) -> dict[str, Any]:
    """Return what a script says of one system in a process of its own.

    Args:
        script: The path of the script.
        words: What stands behind `--one`; the name of the system first.
        environment: Variables beside OFFLINE.

    Raises:
        RuntimeError: It failed; what it said was written.
    """
    done = subprocess.run(
        [sys.executable, script, "--one", *words],
        env=os.environ | OFFLINE | environment,
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        say(done.stderr)
        raise RuntimeError(f"{words[0]} failed")
    return json.loads(done.stdout.splitlines()[-1])
