# SPDX-License-Identifier: Apache-2.0
"""Trying the training libraries in a process that is set up as a worker is."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import cast

from engine.errors import TrainingLibrariesMissing
from engine.worker.entries import resolved
from engine.worker.surroundings import prepare

EXIT_NO_RUNTIME = 3


def run_selfcheck() -> int:
    """Try the training libraries and print the outcomes as one line of JSON.

    Returns:
        0 where all is well, 1 where something is broken, 3 where there are no libraries.
    """
    with tempfile.TemporaryDirectory(prefix="burnish-") as folder:
        prepare(Path(folder))
        try:
            check = cast("Callable[[], int]", resolved("engine.train.selfcheck:run_selfcheck"))
        except TrainingLibrariesMissing:
            return EXIT_NO_RUNTIME
        return check()
