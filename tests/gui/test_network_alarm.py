# SPDX-License-Identifier: Apache-2.0
"""A refused try to reach the network is a red banner that names who tried, and leads to Privacy."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import pytest
from msgspec.structs import replace
from pytestqt.qtbot import QtBot

from engine.api.privacy import PrivacyState
from engine.domain.run import JobKind
from engine.protocol.events import NETWORK_REFUSED, Warned
from gui.app import Window
from gui.bridge.services import Services
from gui.widgets.banner import Banner
from gui.widgets.theme.theme import Theme
from tests.fakes.api import FakeApi
from tests.gui.conftest import FakePrivacy

pytestmark = pytest.mark.gui
ROOT = Path(__file__).resolve().parents[2]

REAL = """
import json, sys, urllib.request
from pathlib import Path
from PySide6.QtCore import QDeadlineTimer
from PySide6.QtWidgets import QApplication
from engine.api.privacy import Privacy
from engine.api.settings import Settings as Values
from gui.app import Window, open_services
from gui.bridge.notices import Notices
from gui.bridge.process import collect_garbage_here
from gui.bridge.settings import Settings
from gui.widgets.banner import Banner
from gui.widgets.theme.install import install_theme

app = QApplication(["burnish"])
collect_garbage_here(app)
look = install_theme(app)
notices = Notices()
folder = Path(sys.argv[1])
settings = Settings(folder / "settings.json", Values(), notices)
services = open_services(folder / "workspace", settings, notices, Privacy(kernel_filter=False))
window = Window(services, look)
window.open()
window.start()

def calls_home():
    try:
        urllib.request.urlopen("http://secret-host.invalid/")
    except OSError:
        pass

calls_home()
until = QDeadlineTimer(60_000)
while not (found := window.shell.findChildren(Banner)) and not until.hasExpired():
    app.processEvents()
said = found[0].accessibleName()
found[0].action_triggered.emit("privacy")
app.processEvents()
print(json.dumps({"said": said, "page": window.shell.current_page()}))
window.close()
"""


def test_real_try_of_the_window_is_shown_and_leads_to_privacy(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", REAL, str(tmp_path)],
        cwd=ROOT,
        env=os.environ | {"QT_QPA_PLATFORM": "offscreen"},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    found: dict[str, str] = json.loads(done.stdout)
    assert found["page"] == "privacy"
    assert "A part of this window tried to reach the network." in found["said"]
    assert "__main__.calls_home" in found["said"]
    assert "secret-host" not in found["said"]


class Tried(FakePrivacy):
    """A guard that a test lets refuse something."""

    attempts = 0

    def state(self) -> PrivacyState:
        return replace(super().state(), attempts=self.attempts, tried_by="library.dial")


@pytest.fixture
def guard() -> Tried:
    return Tried()


@pytest.fixture
def window(window_services: Services, themed: Theme, qtbot: QtBot, guard: Tried) -> Window:
    """Return an opened window whose guard a test writes."""
    made = Window(replace(window_services, privacy=cast("Any", guard)), themed)
    qtbot.addWidget(made.shell)
    made.open()
    made.start()
    qtbot.wait_until(lambda: window_services.library.is_loaded)
    return made


def banners(window: Window) -> list[Banner]:
    return [one for one in window.shell.findChildren(Banner) if one.isVisible()]


def test_nothing_tried_shows_nothing(window: Window) -> None:
    assert banners(window) == []


def test_dismissed_try_is_quiet_until_there_is_another(window: Window, guard: Tried) -> None:
    guard.attempts = 1
    window._show_privacy()
    (first,) = banners(window)
    assert "library.dial" in first.accessibleName()
    first.dismissed.emit()
    window._show_privacy()
    assert banners(window) == []
    guard.attempts = 2
    window._show_privacy()
    assert len(banners(window)) == 1


def test_another_notice_takes_its_place_for_a_while_only(window: Window, guard: Tried) -> None:
    guard.attempts = 1
    window._show_privacy()
    window._show_place("The disk is nearly full.", "")
    (other,) = banners(window)
    assert "disk" in other.accessibleName()
    other.dismissed.emit()
    (again,) = banners(window)
    assert "library.dial" in again.accessibleName()


def test_try_of_a_job_is_shown_under_its_name(
    window: Window, window_services: Services, api: FakeApi, qtbot: QtBot
) -> None:
    job = api.jobs.make(JobKind.IMPORT, "Tickets")
    message = "1 attempt to use the network was refused, the last one by library.dial."
    job.emit(Warned(code=NETWORK_REFUSED, message=message))
    window_services.library.refresh()
    qtbot.wait_until(lambda: len(banners(window)) == 1)
    said = banners(window)[0].accessibleName()
    assert job.info.name in said
    assert message in said
