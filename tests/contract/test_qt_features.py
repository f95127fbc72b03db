# SPDX-License-Identifier: Apache-2.0
"""What PySide prepares, and does at each import, for features that Burnish does not use."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]

PROBE = """
import inspect, json, re
from gui.bridge import qt_features
by_qt, compile_now = [], re.compile

def compiling(*values, **named):
    frame = inspect.currentframe()
    while frame is not None and "shibokensupport" not in frame.f_globals["__name__"]:
        frame = None if frame.f_code.co_name == "_call_with_frames_removed" else frame.f_back
    by_qt.extend([values] if frame is not None else [])
    return compile_now(*values, **named)

re.compile = compiling
if {leaves_out}:
    qt_features.leave_out_features()
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
)))
"""


def probe(*, leaves_out: bool) -> Any:
    """Import Qt in a Python of its own, and return what was done and what works there."""
    command = [sys.executable, "-c", PROBE.format(leaves_out=leaves_out)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_features_that_are_left_out_cost_nothing() -> None:
    found = probe(leaves_out=True)
    assert found["read"] == 0
    assert found["patterns"] == 0


def test_features_would_cost_something() -> None:
    """Fails where PySide does it no more, and nothing has to be left out."""
    found = probe(leaves_out=False)
    assert found["read"] > 0
    assert found["patterns"] > 0


@pytest.mark.parametrize("key", ["arguments", "parts", "refused"])
def test_what_needs_a_pattern_works_as_before(key: str) -> None:
    left_out, usual = probe(leaves_out=True), probe(leaves_out=False)
    assert left_out[key] == usual[key] != ""
