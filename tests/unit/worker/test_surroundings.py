# SPDX-License-Identifier: Apache-2.0
"""What a worker's process is before the first heavy import."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from engine.worker.surroundings import FRUGAL, OFFLINE, POLITE, QUIET

SEES = """
import json, os, sys
from pathlib import Path
from engine.worker.surroundings import prepare
prepare(Path(sys.argv[1]))
print(json.dumps({"early": "torch" not in sys.modules, "seen": dict(os.environ)}))
"""


def run(code: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout


def test_prepare_sets_everything_before_any_library_is_imported(tmp_path: Path) -> None:
    found = json.loads(run(SEES, str(tmp_path)))
    assert found["early"]
    wanted = OFFLINE | POLITE | FRUGAL | QUIET
    assert {name: found["seen"].get(name) for name in wanted} == wanted
