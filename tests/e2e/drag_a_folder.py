# SPDX-License-Identifier: Apache-2.0
"""Drags a folder into the real window with a real mouse, and waits until it is imported.

xvfb-run python tests/e2e/drag_a_folder.py WORKSPACE FOLDER
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from engine.api.facade import WORKSPACE_VARIABLE
from tests.e2e import drag_source
from tests.e2e.command_line import ROOT
from tests.e2e.real_mouse import RealMouse

LIMIT_S = 90.0
SOURCE_AT = (1270, 760)


def imported(workspace: str) -> list[dict[str, object]]:
    """Return the datasets of a workspace."""
    done = subprocess.run(
        [sys.executable, "main.py", "--workspace", workspace, "datasets", "--json"],
        cwd=ROOT, capture_output=True, check=True,
    )  # fmt: skip
    return json.loads(done.stdout)["datasets"]


def main() -> int:
    """Drag, wait, and return the exit status."""
    workspace, folder = sys.argv[1:]
    environment = {**os.environ, WORKSPACE_VARIABLE: workspace}
    window = subprocess.Popen([sys.executable, "main.py"], cwd=ROOT, env=environment)
    source_file = str(Path(drag_source.__file__))
    place = [str(one) for one in SOURCE_AT]
    source = subprocess.Popen([sys.executable, source_file, *place, folder])
    try:
        mouse = RealMouse()
        x, y, wide, high = mouse.find("Burnish", limit_s=LIMIT_S)
        source_x, source_y, source_wide, source_high = mouse.find(
            drag_source.TITLE, limit_s=LIMIT_S
        )
        time.sleep(2.0)
        mouse.drag(
            (source_x + source_wide // 2, source_y + source_high // 2),
            (x + wide // 2, y + high // 2),
        )
        until = time.monotonic() + LIMIT_S
        while not imported(workspace):
            if time.monotonic() > until:
                return 1
            time.sleep(0.5)
        return 0
    finally:
        for process in (source, window):
            process.terminate()
            process.wait(timeout=20)


if __name__ == "__main__":
    sys.exit(main())
