# SPDX-License-Identifier: Apache-2.0
"""A second start of the program shows the window that is open, and opens one where none answers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QSessionManager
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from engine.api.facade import open_api
from engine.api.one_window import OneWindow, WindowWish, window_folder
from engine.api.settings import Settings as SettingValues
from engine.api.settings import read_settings, settings_file
from gui.app import Window
from gui.bridge.other_starts import activated_by, followed, place_of_window, screen_name, wish_of
from gui.bridge.process import follow_session
from gui.bridge.services import Services
from gui.widgets.shell.tray import Tray
from gui.widgets.theme.theme import Theme
from tests.fakes.api import FakeApi

pytestmark = pytest.mark.gui

ROOT = Path(__file__).resolve().parents[2]
LIMIT_S = 120.0
PATIENT = """
import sys
from engine.api.one_window import OneWindow
from main import main
OneWindow.ask.__kwdefaults__["limit_s"] = 100.0
sys.exit(main(sys.argv[1:]))
"""
"""The program as it is, on a computer that may be too busy to answer within two seconds."""
ROWS = '{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}\n'


@pytest.fixture
def window(
    window_services: Services, themed: Theme, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> Window:
    """Return an opened window over a facade in memory."""
    monkeypatch.setattr(Tray, "is_there", property(lambda _self: True))
    made = Window(window_services, themed)
    qtbot.addWidget(made.shell)
    made.open()
    made.start()
    qtbot.wait_until(lambda: window_services.library.is_loaded)
    return made


# ---------------------------------------------------------------------- the window that is asked


@pytest.mark.parametrize("state", ["behind", "minimised", "in the tray"])
def test_wish_shows_the_window_wherever_it_was(window: Window, state: str) -> None:
    if state == "minimised":
        window.shell.setWindowState(Qt.WindowState.WindowMaximized)
        window.shell.showMinimized()
        assert window.shell.isMinimized()
    if state == "in the tray":
        window.shell.set_hides(True)
        window.shell.close()
        assert not window.shell.isVisible()
    window.take_wish(WindowWish())
    assert window.shell.isVisible()
    assert not window.shell.isMinimized()
    assert window.shell.isMaximized() == (state == "minimised")
    assert window.shell.current_page() == "home"


def test_wish_goes_to_its_page_and_opens_its_files(
    window: Window, api: FakeApi, qtbot: QtBot, tmp_path: Path
) -> None:
    rows = tmp_path / "rows.jsonl"
    window.take_wish(WindowWish(page="models", files=(str(rows),)))
    qtbot.wait_until(lambda: bool(api.datasets.imported))
    assert api.datasets.imported == [((rows,), "")]
    assert window.shell.current_page() in {"models", "datasets"}


def test_window_looks_for_wishes_while_it_is_open(
    qtbot: QtBot, tmp_path: Path, qapp: QApplication
) -> None:
    del qapp
    first, second = OneWindow(tmp_path / "one"), OneWindow(tmp_path / "one")
    assert first.claim()
    taken: list[WindowWish] = []
    owner = QObject()
    with followed(first, owner, taken.append):
        assert not second.ask(WindowWish(page="runs"), limit_s=0.0)
        (tmp_path / "one" / "wish.json").write_text('{"page": "runs"}', encoding="utf-8")
        qtbot.wait_until(lambda: bool(taken))
    assert taken == [WindowWish(page="runs")]
    assert second.claim()


def test_token_of_another_start_is_lent_to_qt_and_to_nobody_else() -> None:
    with activated_by("token"):
        assert os.environ["XDG_ACTIVATION_TOKEN"] == "token"
    assert "XDG_ACTIVATION_TOKEN" not in os.environ


def test_wish_names_files_by_the_folder_of_its_own_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert wish_of("", [Path("a.jsonl")]).files == (str(tmp_path / "a.jsonl"),)


def test_window_on_another_screen_is_another_one() -> None:
    here = screen_name("xcb", {"DISPLAY": ":0"})
    assert here != screen_name("xcb", {"DISPLAY": "localhost:10.0"})
    assert here == screen_name("xcb", {"DISPLAY": ":0", "SHELL": "sh"})


# ---------------------------------------------------------------------- the end of a session


class Ends:
    """The end of a session, which comes when a test calls the slots."""

    def __init__(self) -> None:
        self.slots: list[Callable[[QSessionManager], None]] = []

    def connect(self, slot: Callable[[QSessionManager], None], /) -> None:
        self.slots.append(slot)


def test_end_of_the_session_keeps_what_is_kept_and_asks_for_no_start(
    window: Window, window_services: Services
) -> None:
    ends, hints = Ends(), list[object]()
    session = cast("QSessionManager", SimpleNamespace(setRestartHint=hints.append))
    before = signal.getsignal(signal.SIGTERM)
    try:
        follow_session(ends, window.keep)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert window_services.settings.values.window == ""
    ends.slots[0](session)
    assert window_services.settings.values.window
    assert window_services.settings.values.seen_at
    assert hints == [QSessionManager.RestartHint.RestartNever]
    assert window.shell.isVisible()


def test_quit_of_the_tray_ends_also_where_a_closed_window_is_only_hidden(
    window: Window, window_services: Services, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends: list[int] = []
    monkeypatch.setattr("gui.bridge.process.QApplication.exit", ends.append)
    window_services.settings.set(close_to_tray=True)
    window.tray.quit_requested.emit()
    assert ends == [0]
    window_services.settings.set(close_to_tray=False)
    QApplication.setQuitOnLastWindowClosed(True)


# ---------------------------------------------------------------------- whole programs


class Starts:
    """Starts the program with a home of its own."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._started: list[subprocess.Popen[bytes]] = []

    @property
    def environment(self) -> dict[str, str]:
        own = {"QT_QPA_PLATFORM": "offscreen", "XDG_CONFIG_HOME": str(self.home / "config")}
        here = {"LOCALAPPDATA": str(self.home / "config"), "PYTHONPATH": str(ROOT)}
        return {**os.environ, **own, **here}

    @property
    def settings(self) -> SettingValues:
        return read_settings(self.home / "config" / "burnish" / "settings.json")

    def start(self, workspace: Path, *files: Path) -> subprocess.Popen[bytes]:
        program = ["-c", PATIENT] if files else [str(ROOT / "main.py")]
        argv = [sys.executable, *program, "--window", "--workspace", str(workspace)]
        found = subprocess.Popen([*argv, *map(str, files)], env=self.environment, cwd=self.home)
        self._started.append(found)
        return found

    def wait_until_open(self, process: subprocess.Popen[bytes], since: str = "") -> None:
        """Wait until a window has read its workspace, which it notes when it has."""
        wait_until(lambda: process.poll() is not None or self.settings.seen_at > since)
        assert process.poll() is None

    def close(self) -> None:
        for one in self._started:
            if one.poll() is None:
                one.terminate()
        for one in self._started:
            one.wait(LIMIT_S)


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def starts(tmp_path: Path) -> Iterator[Starts]:
    made = Starts(tmp_path)
    yield made
    made.close()


@pytest.mark.skipif(sys.platform == "win32", reason="a window is ended by SIGTERM")
def test_second_start_hands_its_file_to_the_first_and_another_workspace_opens(
    starts: Starts, tmp_path: Path
) -> None:
    workspace, rows = tmp_path / "w", tmp_path / "rows.jsonl"
    rows.write_text(ROWS * 3, encoding="utf-8")
    first = starts.start(workspace)
    starts.wait_until_open(first)
    second = starts.start(workspace, Path("rows.jsonl"))
    assert second.wait(LIMIT_S) == 0
    starts.start(tmp_path / "other", rows)
    for place in (workspace, tmp_path / "other"):
        datasets = open_api(place).datasets
        wait_until(lambda datasets=datasets: [one.rows for one in datasets.list()] == [3])
    assert first.poll() is None
    first.terminate()
    assert first.wait(LIMIT_S) == 0
    assert starts.settings.window


@pytest.mark.skipif(sys.platform == "win32", reason="a window is ended by SIGTERM")
def test_start_beside_a_window_that_hangs_opens_its_own(starts: Starts, tmp_path: Path) -> None:
    workspace = tmp_path / "w"
    screen = screen_name("offscreen", starts.environment)
    hung = OneWindow(window_folder(tmp_path / "config" / "burnish", workspace, screen))
    assert hung.claim()
    starts.wait_until_open(starts.start(workspace))
    assert hung.wishes() == []


def test_place_of_a_window_is_with_the_persons_settings(tmp_path: Path) -> None:
    door = place_of_window(tmp_path)
    assert settings_file().parent in door._folder.parents
