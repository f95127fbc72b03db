# SPDX-License-Identifier: Apache-2.0
"""Entry of Burnish: window, worker (`--worker JOB`), its peers, keeper, a probe, command line.

Only the standard library is imported here; each role imports what it needs. The packaged program
is this file too: what it does before any role is in `engine/launcher/frozen.py`.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import sys
from pathlib import Path


def main(arguments: list[str]) -> int:
    """Run one role and return the exit status."""
    if arguments[:1] == ["--worker"]:
        from engine.launcher.keeper import wake_keeper_of
        from engine.worker.finishing import leave
        from engine.worker.main import run_worker

        launch = arguments[3] if arguments[2:3] == ["--launch"] else ""
        job = Path(arguments[1])
        # What the worker changes for itself and its libraries is not for what it starts at its end.
        before = dict(os.environ)
        # The keeper may have been killed meanwhile: then the worker knows that there is more to do.
        return leave(run_worker(job, launch), then=lambda: wake_keeper_of(job, before))
    if arguments[:1] == ["--keeper"]:
        from engine.worker.keeper import run_keeper

        return run_keeper(Path(arguments[1]))
    if arguments[:1] == ["--peer"] and arguments[2:3] == ["--rank"]:
        from engine.worker.peer import run_peer

        return run_peer(Path(arguments[1]), int(arguments[3]))
    if arguments[:1] == ["--network-probe"]:
        from engine.launcher.probe import run_probe

        return run_probe(arguments[1:])
    if arguments == ["--selfcheck"]:
        from engine.worker.selfcheck import run_selfcheck

        return run_selfcheck()
    if not arguments or arguments[0] == "--window":
        # What is imported stays: looking through it for garbage costs a tenth of the start.
        # Afterwards a timer of the window collects (`gui/bridge/process.py`).
        gc.disable()
        from gui.bridge.qt_import import import_qt

        import_qt()
        from gui.app import run_window

        return run_window(arguments[1:])
    from engine.api.privacy import Privacy
    from engine.cli.main import run_command_line

    return run_command_line(arguments, Privacy())


if __name__ == "__main__":
    if getattr(sys, "frozen", False):
        from engine.launcher.frozen import begin

        # Before freeze_support: a process of multiprocessing unpickles what the runtime defines.
        begin(sys.argv[1:], os.environ)
    multiprocessing.freeze_support()
    sys.exit(main(sys.argv[1:]))
