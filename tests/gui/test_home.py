# SPDX-License-Identifier: Apache-2.0
"""Home: the one-minute run from one click, recent work, and the facts of this computer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QLabel, QWidget
from pytestqt.qtbot import QtBot

from engine.api.starter import sample_file
from engine.errors import DiskFull
from engine.hardware.doctor.snapshot import error, warning
from gui.bridge.services import Services
from gui.pages.home.recent import RecentWork
from gui.pages.home.start import StartCard
from gui.pages.home.view import HomePage
from gui.widgets.buttons import Button
from gui.widgets.drop_zone import DropZone
from gui.widgets.lists import RowList
from gui.widgets.rows import NameValue
from tests.fakes.api import FakeApi
from tests.gui.find import carried, child
from tests.gui.scenes import add_run, fill_library

pytestmark = pytest.mark.gui


@pytest.fixture
def went(window_services: Services) -> list[tuple[str, object]]:
    """Return the pages that were asked for."""
    found: list[tuple[str, object]] = []
    window_services.navigator.requested.connect(lambda page, what: found.append((page, what)))
    return found


@pytest.fixture
def home(window_services: Services, qtbot: QtBot) -> HomePage:
    """Return the page, with the workspace read."""
    page = HomePage(window_services)
    qtbot.addWidget(page)
    with qtbot.wait_signal(window_services.library.loaded):
        window_services.library.refresh()
    page.show()
    return page


def button(page: HomePage, text: str) -> Button:
    return next(one for one in page.findChildren(Button) if one.text() == text)


def texts(page: HomePage) -> list[str]:
    return [one.text() for one in page.findChildren(QLabel) if one.isVisible()]


def test_computer_is_called_ready_only_where_nothing_forbids_to_train(
    home: HomePage, window_services: Services, api: FakeApi, qtbot: QtBot
) -> None:
    api.machine.found = [error("libraries", "Libraries missing", "Nothing goes.", "Add them.")]
    device = window_services.device
    device.refresh()
    qtbot.wait_until(lambda: "Libraries missing" in texts(home))
    assert not any(one.startswith("Ready") for one in texts(home))
    api.machine.found = []
    home.page_entered()
    qtbot.wait_until(lambda: any(one.startswith("Ready") for one in texts(home)))
    assert "Libraries missing" not in texts(home)
    api.machine.found = [warning("version", "Of another version", "Runs may differ.", "")]
    api.machine.current = replace(api.machine.current, memory_total_bytes=1)
    device.refresh()
    qtbot.wait_until(lambda: "Of another version" in texts(home))


def test_first_start_welcomes_and_hides_recent_work(home: HomePage) -> None:
    assert "Welcome to Burnish" in texts(home)
    assert not child(home, RecentWork).isVisible()
    assert button(home, "Start the one-minute run").isVisible()


def test_nothing_is_offered_before_the_workspace_is_read(
    api: FakeApi, window_services: Services, qtbot: QtBot
) -> None:
    fill_library(api)
    page = HomePage(window_services)
    qtbot.addWidget(page)
    page.show()
    before = texts(page)
    qtbot.wait_until(page._skeleton.is_shown)
    with qtbot.wait_signal(window_services.library.loaded):
        window_services.library.refresh()

    assert not [one for one in before if one.startswith("Welcome")]
    assert not child(page, DropZone).isHidden()
    assert "Welcome back" in texts(page)
    assert child(page, RecentWork).isVisible()


def test_home_offers_to_begin_where_the_workspace_cannot_be_read(
    api: FakeApi, window_services: Services, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> list[object]:
        raise DiskFull("There is no room.")

    monkeypatch.setattr(api.datasets, "list", refuse)
    page = HomePage(window_services)
    qtbot.addWidget(page)
    page.show()
    with qtbot.wait_signal(window_services.library.failed):
        window_services.library.refresh()

    qtbot.wait_until(button(page, "Start the one-minute run").isVisible)
    assert "Welcome to Burnish" in texts(page)
    assert child(page, DropZone).isVisible()


def test_tab_goes_through_home_as_it_is_read(
    home: HomePage, api: FakeApi, window_services: Services, qtbot: QtBot
) -> None:
    fill_library(api)
    window_services.library.refresh()
    qtbot.wait_until(lambda: "Welcome back" in texts(home))
    qtbot.wait_until(child(home, RowList).isVisible)
    stops: list[QWidget] = [child(home, RowList)]
    while (following := stops[-1].nextInFocusChain()) not in (None, stops[0]):
        stops.append(following)
    stops = [
        one for one in stops if one.isVisible() and one.focusPolicy() & Qt.FocusPolicy.TabFocus
    ]
    names = [one.accessibleName() for one in stops]

    places = [home.mapFromGlobal(one.mapToGlobal(one.rect().topLeft())) for one in stops]
    left = [place.y() for place, name in zip(places, names, strict=True) if name != "See the proof"]
    assert names[0] == "Recent work"
    assert names[-1] == "See the proof"
    assert left == sorted(left)
    assert len(names) >= 6


def test_one_minute_run_imports_trains_and_is_shown(
    home: HomePage, api: FakeApi, went: list[tuple[str, object]], qtbot: QtBot
) -> None:
    qtbot.mouseClick(button(home, "Start the one-minute run"), Qt.MouseButton.LeftButton)
    qtbot.wait_until(lambda: bool(went), timeout=5_000)
    assert api.datasets.imported == [((sample_file(),), "Support tickets")]
    assert [one.name for one in api.models.all] == ["Starter"]
    (run,) = api.runs.list()
    assert run.recipe.max_steps == 45
    assert went == [("runs", run.id)]


def test_one_minute_run_twice_imports_once(
    home: HomePage, api: FakeApi, went: list[tuple[str, object]], qtbot: QtBot
) -> None:
    start = button(home, "Start the one-minute run")
    start.click()
    qtbot.wait_until(lambda: len(went) == 1, timeout=5_000)
    child(home, StartCard).start_sample()
    qtbot.wait_until(lambda: len(went) == 2, timeout=5_000)
    assert len(api.datasets.imported) == 1
    assert len(api.runs.list()) == 2


def test_one_minute_run_that_fails_shows_the_error_and_can_be_tried_again(
    home: HomePage, api: FakeApi, window_services: Services, qtbot: QtBot
) -> None:
    api.datasets.error = DiskFull("It is full.")
    start = button(home, "Start the one-minute run")
    with qtbot.wait_signal(window_services.notices.failed) as shown:
        start.click()
        assert not start.isEnabled()
    assert carried(shown)[0].code == "disk_full"
    assert start.isEnabled()


def test_path_is_pasted_wherever_the_keyboard_is(
    home: HomePage, api: FakeApi, qapp: QApplication, qtbot: QtBot, tmp_path: Path
) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text("{}", encoding="utf-8")
    qapp.clipboard().setText(str(path))
    button(home, "What will happen").setFocus()
    qtbot.keyClick(home, Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)
    qtbot.wait_until(lambda: api.datasets.imported == [((path,), "")])


def test_what_will_happen_unfolds_and_folds(home: HomePage) -> None:
    words = "Nothing is downloaded, and nothing leaves this computer."
    counts = [texts(home).count(words)]
    for _ in range(3):
        button(home, "What will happen").click()
        counts.append(texts(home).count(words))

    assert counts == [0, 1, 0, 1]


def test_recent_work_is_listed_with_the_live_run_first_and_opens(
    home: HomePage,
    api: FakeApi,
    window_services: Services,
    went: list[tuple[str, object]],
    qtbot: QtBot,
) -> None:
    fill_library(api)
    add_run(api, "support-v3", "r7", upto=20)
    window_services.library.refresh()
    qtbot.wait_until(lambda: "Welcome back" in texts(home))
    rows = child(home, RowList)
    assert rows.model().rowCount() == 3
    rows.activated_row.emit(0, "run:r7")
    assert went == [("runs", "r7")]
    assert button(home, "New run…").isVisible()


def test_facts_of_the_computer_are_shown_when_they_come(
    home: HomePage, window_services: Services, qtbot: QtBot
) -> None:
    with qtbot.wait_signal(window_services.device.changed):
        window_services.device.refresh()
    names = [one.accessibleName() for one in home.findChildren(NameValue)]
    assert "Graphics card: none from NVIDIA" in names
    qtbot.wait_until(lambda: any("The processor trains" in one for one in texts(home)))
