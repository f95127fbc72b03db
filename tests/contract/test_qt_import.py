# SPDX-License-Identifier: Apache-2.0
"""What the import of Qt leaves out, and that what needs it works all the same."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]

PROBE = """
import inspect, json, re, sys
flags = getattr(sys, "getdlopenflags", int)()
from gui.bridge import qt_import
by_qt, compile_now = [], re.compile

def compiling(*values, **named):
    frame = inspect.currentframe()
    while frame is not None and "shibokensupport" not in frame.f_globals["__name__"]:
        frame = None if frame.f_code.co_name == "_call_with_frames_removed" else frame.f_back
    by_qt.extend([values] if frame is not None else [])
    return compile_now(*values, **named)

re.compile = compiling
if {by_us}:
    qt_import.import_qt()
import PySide6.QtCore
from shibokensupport.signature import parser
from shibokensupport.signature.lib import pyi_generator
patterns = len(by_qt)
read = []
inspect.getsource = lambda module: read.append(module) or ""
import wave
refused = ""
try:
    PySide6.QtCore.QObject().setObjectName(1, 2)
except TypeError as error:
    refused = str(error)
print(json.dumps(dict(
    read=len(read),
    patterns=patterns,
    arguments=parser._parse_arglist("a:int,b:Dict[str, int]=1"),
    parts=pyi_generator.Formatter.split("a[b]=c"),
    refused=refused,
    is_as_before=getattr(sys, "getdlopenflags", int)() == flags and re.compile is compiling,
)))
"""


def probe(*, by_us: bool) -> Any:
    """Import Qt in a Python of its own, and return what was done and what works there."""
    command = [sys.executable, "-c", PROBE.format(by_us=by_us)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_import_does_nothing_for_features_that_nobody_uses() -> None:
    found = probe(by_us=True)
    assert found["read"] == 0
    assert found["patterns"] == 0
    assert found["is_as_before"]


def test_pyside_by_itself_does_more() -> None:
    """Fails where PySide does it no more, and there is nothing to leave out."""
    found = probe(by_us=False)
    assert found["read"] > 0
    assert found["patterns"] > 0


@pytest.mark.parametrize("key", ["arguments", "parts", "refused"])
def test_what_needs_a_pattern_works_as_before(key: str) -> None:
    ours, usual = probe(by_us=True), probe(by_us=False)
    assert ours[key] == usual[key] != ""


def test_plugins_of_another_qt_are_not_looked_for(tmp_path: Path) -> None:
    text = (
        "from gui.bridge.qt_import import import_qt; import_qt()\n"
        "from PySide6.QtCore import QCoreApplication, QLibraryInfo\n"
        "app = QCoreApplication([])\n"
        "own = QLibraryInfo.path(QLibraryInfo.LibraryPath.PluginsPath)\n"
        f"print(QCoreApplication.libraryPaths()[0] == own, {str(tmp_path)!r} in "
        "QCoreApplication.libraryPaths())"
    )
    environment = os.environ | {"QT_PLUGIN_PATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", text],
        cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout.split() == ["True", "False"], done.stderr
