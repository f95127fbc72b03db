# SPDX-License-Identifier: Apache-2.0
"""Training libraries in the settings of the packaged program."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace
from PySide6.QtWidgets import QAbstractButton, QLabel, QWidget
from pytestqt.qtbot import QtBot

from engine.api.runtimes import RuntimeFit, RuntimeView
from engine.errors import WheelChanged
from gui.bridge.services import Services
from gui.bridge.tasks import Lane
from gui.pages.settings import runtime as part_module
from gui.pages.settings.runtime import RuntimePart
from gui.pages.settings.view import SettingsPage
from tests.fakes.api import FakeApi
from tests.fakes.runtimes import INSTALLED

pytestmark = pytest.mark.gui
FILE, FOLDER = "Install training libraries from a file", "Install training libraries from a folder"
REMOVE = "Remove the training libraries"
STOP = "Stop installing the training libraries"


def opened(services: Services, qtbot: QtBot) -> RuntimePart:
    part = RuntimePart(services)
    qtbot.addWidget(part)
    part.show()
    return part


@pytest.fixture
def make(
    window_services: Services, qtbot: QtBot, api: FakeApi
) -> Callable[[RuntimeView], RuntimePart]:
    """Return what makes the part for a runtime."""

    def made(view: RuntimeView) -> RuntimePart:
        api.runtimes.is_packaged = True
        api.runtimes.view = view
        part = opened(window_services, qtbot)
        qtbot.wait_until(lambda: bool(words(part)))
        return part

    return made


def words(part: QWidget) -> str:
    return " ".join(one.text() for one in part.findChildren(QLabel) if one.isVisible()).replace(
        "\u200b", ""
    )


def button(part: QWidget, name: str) -> QAbstractButton:
    return next(one for one in part.findChildren(QAbstractButton) if one.accessibleName() == name)


def test_without_libraries_it_says_what_works_and_how_to_add_them(
    make: Callable[[RuntimeView], RuntimePart],
) -> None:
    part = make(RuntimeView())
    assert "not installed" in words(part)
    assert "burnish-runtime-" in words(part)
    assert button(part, FILE).isEnabled()
    assert not button(part, REMOVE).isEnabled()


def test_install_from_a_chosen_file_shows_what_is_there(
    make: Callable[[RuntimeView], RuntimePart],
    api: FakeApi,
    window_services: Services,
    qtbot: QtBot,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(part_module, "ask_for_runtime_file", lambda parent: tmp_path / "r.tar.zst")
    part = make(RuntimeView())
    button(part, FILE).click()
    assert not button(part, FOLDER).isEnabled()
    qtbot.wait_until(lambda: window_services.tasks.is_idle)
    qtbot.wait_until(lambda: "are installed" in words(part))
    assert api.runtimes.installed_from == tmp_path / "r.tar.zst"
    assert "NVIDIA card, CUDA 13.0" in words(part)
    assert "580 or newer" in words(part)
    assert button(part, FOLDER).isEnabled()


def test_others_read_while_libraries_are_installed_and_it_can_be_stopped(
    make: Callable[[RuntimeView], RuntimePart],
    api: FakeApi,
    window_services: Services,
    qtbot: QtBot,
    tmp_path: Path,
) -> None:
    said: list[str] = []
    window_services.notices.said.connect(lambda text, *_rest: said.append(text))
    api.runtimes.takes_long = True
    part = make(INSTALLED)
    assert not button(part, STOP).isVisible()
    part.install(tmp_path)
    read: list[object] = []
    for lane in (Lane.READING, Lane.WORKSPACE):
        window_services.tasks.run(api.machine.facts, read.append, owner=part, lane=lane)
    qtbot.wait_until(lambda: len(read) == 2)
    assert "Compiling and trying" in words(part)
    button(part, STOP).click()
    assert not button(part, STOP).isEnabled()
    qtbot.wait_until(lambda: bool(said))
    assert said == ["Stopped. What was installed before is as it was."]
    qtbot.wait_until(lambda: button(part, FILE).isEnabled())
    assert not button(part, STOP).isVisible()


def test_window_that_closes_ends_an_installation(
    make: Callable[[RuntimeView], RuntimePart],
    api: FakeApi,
    window_services: Services,
    tmp_path: Path,
) -> None:
    api.runtimes.takes_long = True
    make(INSTALLED).install(tmp_path)
    began = time.monotonic()
    window_services.tasks.close(wait_s=60)
    assert time.monotonic() - began < 30


def test_install_that_fails_shows_the_error_and_leaves_the_old(
    make: Callable[[RuntimeView], RuntimePart],
    api: FakeApi,
    window_services: Services,
    qtbot: QtBot,
    tmp_path: Path,
) -> None:
    errors: list[str] = []
    window_services.notices.failed.connect(lambda error, _title: errors.append(error.code))
    api.runtimes.error = WheelChanged("numpy is damaged.")
    part = make(INSTALLED)
    part.install(tmp_path)
    qtbot.wait_until(lambda: bool(errors))
    assert errors == ["wheel_changed"]
    qtbot.wait_until(lambda: button(part, FILE).isEnabled() and "are installed" in words(part))


@pytest.mark.parametrize(
    ("fit", "text"),
    [(RuntimeFit.OTHER_VERSION, "may differ"), (RuntimeFit.UNUSABLE, "cannot use them")],
)
def test_libraries_of_another_version_are_warned_about_with_the_remedy(
    make: Callable[[RuntimeView], RuntimePart], fit: RuntimeFit, text: str
) -> None:
    part = make(replace(INSTALLED, fit=fit, app="0.0.9"))
    assert "belong to another version" in words(part)
    assert "made for Burnish 0.0.9" in words(part)
    assert text in words(part)
    assert "belongs to this version" in words(part)
    assert button(part, FILE).isEnabled()
    assert button(part, REMOVE).isEnabled()


def test_remove_takes_the_persons_own_away(
    make: Callable[[RuntimeView], RuntimePart], qtbot: QtBot
) -> None:
    part = make(INSTALLED)
    button(part, REMOVE).click()
    qtbot.wait_until(lambda: "not installed" in words(part))


def test_libraries_are_looked_at_beside_the_window_and_a_fault_is_told(
    window_services: Services, api: FakeApi, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[bool] = []
    errors: list[str] = []
    window_services.notices.failed.connect(lambda error, _title: errors.append(error.code))

    def current() -> RuntimeView:
        threads.append(threading.current_thread() is threading.main_thread())
        raise WheelChanged("numpy is damaged.")

    monkeypatch.setattr(api.runtimes, "current", current)
    part = opened(window_services, qtbot)
    qtbot.wait_until(lambda: bool(errors))
    assert (threads, errors) == ([False], ["wheel_changed"])
    assert button(part, FILE).isEnabled()


def test_look_that_ends_during_an_installation_shows_nothing(
    window_services: Services, api: FakeApi, qtbot: QtBot, tmp_path: Path
) -> None:
    api.runtimes.takes_long = True
    part = opened(window_services, qtbot)
    part.install(tmp_path)
    read: list[object] = []
    window_services.tasks.run(api.machine.facts, read.append, owner=part, lane=Lane.READING)
    qtbot.wait_until(lambda: bool(read))
    assert not button(part, FILE).isEnabled()
    part.show_runtime()  # as the end of a removal does
    window_services.tasks.run(api.machine.facts, read.append, owner=part, lane=Lane.READING)
    qtbot.wait_until(lambda: len(read) == 2)
    assert not button(part, FILE).isEnabled()
    button(part, STOP).click()
    qtbot.wait_until(lambda: button(part, FILE).isEnabled())


@pytest.mark.parametrize("is_packaged", [True, False])
def test_section_is_there_in_the_packaged_program_only(
    is_packaged: bool, window_services: Services, api: FakeApi, qtbot: QtBot
) -> None:
    api.runtimes.is_packaged = is_packaged
    page = SettingsPage(window_services)
    qtbot.addWidget(page)
    assert bool(page.findChildren(RuntimePart)) == is_packaged
