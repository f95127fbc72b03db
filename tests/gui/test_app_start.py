# SPDX-License-Identifier: Apache-2.0
"""A workspace that cannot be opened is explained, and never locks a person out."""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

import pytest
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from engine.api.settings import Settings as SettingValues
from engine.errors import WorkspaceInvalid
from gui.app import open_or_ask
from gui.bridge.notices import Notices
from gui.bridge.settings import Settings
from gui.pages.start_failed import CLOSE, USUAL, StartFailed
from gui.widgets.buttons import Button
from gui.widgets.text import TextLabel
from gui.widgets.theme.theme import Theme
from tests.gui.conftest import FakePrivacy

pytestmark = pytest.mark.gui


def settings_with(workspace: Path, folder: Path) -> tuple[Settings, Notices]:
    notices = Notices()
    values = SettingValues(workspace=str(workspace))
    return Settings(folder / "settings.json", values, notices), notices


def answer(key: str) -> None:
    """Answer the explanation once it is shown."""
    for one in QApplication.topLevelWidgets():
        if isinstance(one, StartFailed) and one.isVisible():
            one.answered.emit(key)
            return
    QTimer.singleShot(20, lambda: answer(key))


def test_explanation_names_cause_and_remedy_and_the_way_out(themed: Theme, qtbot: QtBot) -> None:
    del themed
    shown = StartFailed(WorkspaceInvalid("It is a file."), has_usual=True)
    qtbot.addWidget(shown)
    texts = [one.text() for one in shown.findChildren(TextLabel)]
    assert "It is a file." in texts
    assert "Nothing in it was changed." in texts
    names = [one.text() for one in shown.findChildren(Button)]
    assert "Open the usual workspace" in names
    with qtbot.wait_signal(shown.answered) as answered:
        shown.close()
    assert answered.args == [CLOSE]


def test_workspace_that_is_a_file_ends_in_the_usual_one(
    themed: Theme, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del themed
    bad = tmp_path / "file"
    bad.write_text("x", encoding="utf-8")
    monkeypatch.setenv("BURNISH_WORKSPACE", str(tmp_path / "usual"))
    settings, notices = settings_with(bad, tmp_path)
    QTimer.singleShot(20, lambda: answer(USUAL))
    services = open_or_ask(None, settings, notices, FakePrivacy())  # type: ignore[arg-type]  # a stand-in
    assert services is not None
    assert settings.values.workspace == ""
    assert services.api.layout.root == tmp_path / "usual"
    services.close()


def test_workspace_of_the_command_line_that_is_a_file_ends_the_start(
    themed: Theme, tmp_path: Path
) -> None:
    del themed
    bad = tmp_path / "file"
    bad.write_text("x", encoding="utf-8")
    settings, notices = settings_with(tmp_path / "other", tmp_path)
    QTimer.singleShot(20, lambda: answer(CLOSE))
    assert open_or_ask(bad, settings, notices, FakePrivacy()) is None  # type: ignore[arg-type]  # a stand-in
    assert bad.read_text(encoding="utf-8") == "x"


BLOCKS = """
import ctypes
from gui.bridge.process import give_large_blocks_back

if {gives}:
    give_large_blocks_back()
names = "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost"
fields = [(one, ctypes.c_size_t) for one in names.split()]
libc = ctypes.CDLL(None)
libc.mallinfo2.restype = type("Facts", (ctypes.Structure,), {{"_fields_": fields}})
libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]
libc.free(libc.malloc(8 << 20))
before = libc.mallinfo2().hblkhd
libc.malloc(4 << 20)
print(libc.mallinfo2().hblkhd - before >= 4 << 20)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="asks the C library of GNU")
@pytest.mark.parametrize("gives", [True, False])
def test_large_blocks_stay_outside_of_the_heap(gives: bool) -> None:
    """The second case says what the C library does by itself, once it has seen a larger block."""
    done = subprocess.run(
        [sys.executable, "-c", BLOCKS.format(gives=gives)],
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == str(gives)
