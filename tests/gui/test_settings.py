# SPDX-License-Identifier: Apache-2.0
"""Settings: what is chosen is kept, what is shown was looked up, sections can be reached."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QAbstractButton, QLabel, QWidget
from pytestqt.qtbot import QtBot

from engine.api.settings import read_settings
from engine.hardware.doctor.snapshot import warning
from gui.bridge.services import Services
from gui.pages.settings.view import SettingsPage
from gui.widgets.rows import SectionTitle
from gui.widgets.slider import Slider
from gui.widgets.theme.theme import Theme
from tests.fakes.api import FakeApi, FakeGpu
from tests.gui.find import carried, child
from tests.gui.geometry import clipped_texts

pytestmark = pytest.mark.gui


@pytest.fixture
def page(window_services: Services, qtbot: QtBot) -> SettingsPage:
    """Return the page, looked at."""
    return make_page(window_services, qtbot)


def make_page(services: Services, qtbot: QtBot) -> SettingsPage:
    made = SettingsPage(services)
    qtbot.addWidget(made)
    made.resize(1070, 500)
    made.show()
    services.device.refresh()
    made.page_entered()
    qtbot.wait_until(lambda: services.tasks.is_idle)
    return made


def words(page: QWidget) -> str:
    seen = [one.accessibleName() or one.text() for one in page.findChildren(QLabel)
            if one.isVisible()]  # fmt: skip
    return "\n".join(seen)


def button(page: QWidget, name: str) -> QAbstractButton:
    return next(one for one in page.findChildren(QAbstractButton) if one.accessibleName() == name)


def test_colours_are_kept(page: SettingsPage, window_services: Services, tmp_path: Path) -> None:
    next(one for one in page.findChildren(QAbstractButton) if one.text() == "High contrast").click()
    assert window_services.settings.values.scheme == "high_contrast"
    assert read_settings(tmp_path / "settings.json").scheme == "high_contrast"


def test_text_size_is_previewed_first_and_taken_by_the_button(
    page: SettingsPage, window_services: Services, themed: Theme, qtbot: QtBot
) -> None:
    preview = next(one for one in page.findChildren(QLabel)
                   if one.accessibleName() == "Preview of the text size")  # fmt: skip
    before = preview.font().pixelSize()
    slider = child(page, Slider)
    qtbot.keyClick(slider, Qt.Key.Key_End)
    assert preview.font().pixelSize() == 2 * before
    assert themed.text_scale == 1.0
    next(one for one in page.findChildren(QAbstractButton) if one.text() == "Use 200 %").click()
    assert themed.text_scale == 2.0
    assert window_services.settings.values.text_scale == 2.0
    assert preview.font().pixelSize() == 2 * before


def test_text_size_changed_by_keys_is_followed(page: SettingsPage, themed: Theme) -> None:
    themed.zoom_in()
    assert child(page, Slider).value() == 3


def test_workspace_is_kept_for_the_next_start_and_can_be_put_back(
    page: SettingsPage,
    window_services: Services,
    qtbot: QtBot,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    other = tmp_path / "other"
    monkeypatch.setattr("gui.pages.settings.workspace.ask_for_folder", lambda **_: other)
    with qtbot.wait_signal(window_services.settings.changed, timeout=5_000):
        button(page, "Change the workspace").click()
    assert window_services.settings.values.workspace == str(other)
    assert (other / "workspace.json").is_file()
    button(page, "Keep the present folder").click()
    assert window_services.settings.values.workspace == ""


def test_folder_with_other_files_is_refused_as_workspace(
    page: SettingsPage,
    window_services: Services,
    qtbot: QtBot,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    other = tmp_path / "letters"
    other.mkdir()
    (other / "letter.txt").write_text("dear", encoding="utf-8")
    monkeypatch.setattr("gui.pages.settings.workspace.ask_for_folder", lambda **_: other)
    with qtbot.wait_signal(window_services.notices.failed, timeout=5_000) as failed:
        button(page, "Change the workspace").click()
    assert carried(failed)[1] == "The workspace was not changed"
    assert window_services.settings.values.workspace == ""


def test_computer_shows_facts_and_what_hinders_training(
    api: FakeApi, window_services: Services, qtbot: QtBot
) -> None:
    api.machine.found = [warning("c", "Disk", "It is full.", "Tidy.")]
    page = make_page(window_services, qtbot)
    qtbot.wait_until(lambda: "A processor" in words(page))
    qtbot.wait_until(lambda: "It is full." in words(page))
    assert {"Disk", "Tidy."} <= set(words(page).split("\n"))
    assert "Looked at: training libraries" in words(page)
    api.machine.found = []
    button(page, "Look at this computer").click()
    qtbot.wait_until(lambda: "Nothing was found that hinders training here." in words(page))
    assert "It is full." not in words(page)


def test_computer_that_gets_a_card_shows_it(
    page: SettingsPage, api: FakeApi, window_services: Services, qtbot: QtBot
) -> None:
    qtbot.wait_until(lambda: "None found" in words(page))
    api.machine.current = type(api.machine.current)(gpus=(FakeGpu(),))
    window_services.device.refresh()
    qtbot.wait_until(lambda: "NVIDIA RTX 4090" in words(page))


@pytest.mark.parametrize(
    ("section", "title"), [("space", "Disk space"), ("computer", "This computer")]
)
def test_argument_scrolls_to_its_section(
    page: SettingsPage, qtbot: QtBot, section: str, title: str
) -> None:
    page.resize(600, 500)
    qtbot.wait(20)
    page.show_argument(section)
    heading = next(one for one in page.findChildren(SectionTitle)
                   if one.findChildren(QLabel)[0].text() == title)  # fmt: skip
    qtbot.wait_until(lambda: 0 <= heading.mapTo(page, QPoint(0, 0)).y() < 200)


@pytest.mark.parametrize("scale", [1.0, 2.0])
def test_nothing_is_clipped_and_everything_has_a_name(
    api: FakeApi, window_services: Services, themed: Theme, qtbot: QtBot, scale: float
) -> None:
    api.machine.current = type(api.machine.current)(gpus=(FakeGpu(),))
    themed.set_text_scale(scale)
    page = make_page(window_services, qtbot)
    window_services.settings.set(workspace="/media/a-disk-with-a-long-name/and/a/long/path/to/it")
    page.resize(1208 if scale > 1 else 1070, 720)
    # The layout settles over some turns of the event loop.
    qtbot.wait_until(lambda: clipped_texts(page) == [], timeout=3_000)
    focusable = [one for one in page.findChildren(QWidget)
                 if one.isVisible() and one.focusPolicy() & Qt.FocusPolicy.TabFocus]  # fmt: skip
    assert [one for one in focusable if not one.accessibleName()] == []
