# SPDX-License-Identifier: Apache-2.0
"""What PySide does at each import for features that Burnish does not use is left out."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]

PROBE = """
import inspect
import PySide6.QtCore
from gui.bridge import qt_features
if {leaves_out}:
    qt_features.leave_out_features()
read = []
inspect.getsource = lambda module: read.append(module) or ""
import wave
print(len(read))
"""


@pytest.mark.parametrize("leaves_out", [True, False])
def test_sources_of_modules_are_read_only_where_that_is_not_left_out(leaves_out: bool) -> None:
    """The second case fails where PySide reads none any more, and this is not needed."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE.format(leaves_out=leaves_out)],
        cwd=REPOSITORY, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert (int(done.stdout) == 0) is leaves_out
