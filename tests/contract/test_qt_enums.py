# SPDX-License-Identifier: Apache-2.0
"""Qt's enumerations are made quickly, and are those that Python would make."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]

COMPARED = """
import json
from enum import EnumType
from gui.bridge import qt_enums
usual = EnumType._create_
qt_enums.make_enums_quickly()
quick, make_quickly = EnumType._create_, qt_enums._Kind.make
asked, quickly, other = [], [], []

def making(kind, name, *values):
    quickly.append(name)
    return make_quickly(kind, name, *values)

def comparing(base, class_name, names, **named):
    asked.append(class_name)
    found, expected = (make(base, class_name, names, **named) for make in (quick, usual))
    if qt_enums.described(found) != qt_enums.described(expected):
        other.append(class_name)
    return found

qt_enums._Kind.make = making
EnumType._create_ = comparing
from PySide6 import QtCore, QtGui, QtSvg, QtWidgets
for module in (QtCore, QtGui, QtSvg, QtWidgets):
    for name in dir(module):
        getattr(module, name)
print(json.dumps(dict(asked=asked, quickly=quickly, other=other)))
"""

USED = """
import enum, json, pickle
from gui.bridge import qt_enums
qt_enums.make_enums_quickly()
from PySide6.QtCore import Qt
class Own(enum.Enum):
    FIRST = 1
own = enum.Flag("Own", "A B", boundary=enum.KEEP)
both = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop
print(json.dumps(dict(
    both=[both.value, sorted(one.name for one in both)],
    other_name=Qt.AlignmentFlag.AlignLeading is Qt.AlignmentFlag.AlignLeft,
    found=[Qt.Key(65).name, Qt.Key["Key_A"].value, Qt.Key.Key_A in Qt.Key, len(Qt.Key) > 400],
    unknown=Qt.ItemDataRole(4711).value,
    pickled=pickle.loads(pickle.dumps(Qt.Key.Key_A)) is Qt.Key.Key_A,
    place=[Qt.Key.__module__, Qt.Key.__qualname__, repr(Qt.Key.Key_A)],
    others=[Own(1).name, [one.name for one in own], own.__module__],
)))
"""

OTHERWISE = """
import json
from enum import EnumType
from gui.bridge import qt_enums
usual = EnumType._create_

def otherwise(base, class_name, names, **named):
    made = usual(base, class_name, names, **named)
    for member in made:
        member._kept_ = True
    return made

EnumType._create_ = otherwise
qt_enums.make_enums_quickly()
print(json.dumps(EnumType._create_ is otherwise))
"""


def answer_of(text: str) -> Any:
    """Run a text in a Python of its own, since classes of Qt are made once, and return its JSON."""
    command = [sys.executable, "-c", text]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_each_enumeration_of_qt_is_what_python_makes() -> None:
    answer = answer_of(COMPARED)
    assert answer["other"] == []
    assert answer["quickly"] == answer["asked"]
    assert len(answer["asked"]) > 500


def test_enumerations_of_qt_behave_as_before() -> None:
    assert answer_of(USED) == {
        "both": [33, ["AlignLeft", "AlignTop"]],
        "other_name": True,
        "found": ["Key_A", 65, True, True],
        "unknown": 4711,
        "pickled": True,
        "place": ["PySide6.QtCore", "Qt.Key", "<Key.Key_A: 65>"],
        "others": ["FIRST", ["A", "B"], "__main__"],
    }


def test_a_python_with_another_method_keeps_its_own_way() -> None:
    assert answer_of(OTHERWISE.replace("names, **named):", "names):")) is True


def test_a_python_that_makes_them_otherwise_keeps_its_own_way() -> None:
    assert answer_of(OTHERWISE) is True
