# SPDX-License-Identifier: Apache-2.0
"""PySide's own modules are packed as files with compiled forms that tell nothing of the builder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import qt_support


def test_modules_are_written_compiled_and_found_there(tmp_path: Path) -> None:
    copy = tmp_path / qt_support.FOLDER
    qt_support.write_support(copy, dict(os.environ))
    listed = {Path(path): place for path, place in qt_support.support_files(tmp_path)}
    assert len(listed) > 5
    assert not [one for one in listed if os.fspath(tmp_path).encode() in one.read_bytes()]
    assert f"{qt_support.PACKAGE}/{qt_support.FILES}/{qt_support.MODULES}" in listed.values()
    for source in copy.rglob("*.py"):
        if source.with_suffix(".pyc") in listed:
            source.unlink()  # they are packed without it
    ask = "import shiboken6, sys; print(sys.modules['shibokensupport.signature.loader'].__file__)"
    environment = os.environ | {"PYTHONPATH": str(copy)}
    done = subprocess.run(
        [sys.executable, "-c", ask], env=environment, capture_output=True, text=True, check=True
    )
    assert Path(done.stdout.strip()) in listed
