# SPDX-License-Identifier: Apache-2.0
"""What the window does while nobody looks: notifications, the icon, what the queue announces."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec.structs import replace
from PySide6.QtCore import QObject
from PySide6.QtWidgets import QAbstractButton, QApplication
from pytestqt.qtbot import QtBot

from engine.domain.queue import EntryState, Queue, QueueEntry, WhenDone
from engine.errors import DiskFull
from engine.protocol.events import Failed, Finished
from gui.app import Window
from gui.bridge.services import Services
from gui.viewmodels.queue import goes_on_words, queue_notice
from gui.widgets.banner import Banner
from gui.widgets.shell.tray import Tray
from gui.widgets.theme.theme import Theme
from tests.fakes.api import FakeApi
from tests.gui.scenes import add_run, fill_library

pytestmark = pytest.mark.gui


@pytest.fixture
def told() -> list[tuple[str, str]]:
    return []


@pytest.fixture
def window(
    window_services: Services,
    api: FakeApi,
    themed: Theme,
    qtbot: QtBot,
    told: list[tuple[str, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> Window:
    """Return the window behind another one, with a live run; what the system tells is kept."""
    monkeypatch.setattr(Tray, "notify", lambda _self, title, text: told.append((title, text)))
    monkeypatch.setattr("gui.widgets.shell.Shell.isActiveWindow", lambda _self: False)
    fill_library(api)
    add_run(api, "live", "r1", upto=60)
    made = Window(window_services, themed)
    qtbot.addWidget(made.shell)
    made.open()
    made.start()
    qtbot.wait_until(lambda: window_services.library.is_loaded)
    return made


def refresh(services: Services, qtbot: QtBot) -> None:
    seen: list[bool] = []
    services.library.refresh(lambda: seen.append(True))
    qtbot.wait_until(lambda: bool(seen), timeout=10_000)


@pytest.mark.usefixtures("window")
@pytest.mark.parametrize(
    ("end", "title"),
    [
        (Finished(), "A run is finished"),
        (Failed(code="disk_full", message="m", remedy="r"), "A run needs you"),
    ],
)
def test_run_that_ends_is_told_by_the_system(
    window_services: Services, api: FakeApi, qtbot: QtBot, told: list[tuple[str, str]],
    end: Any, title: str,
) -> None:  # fmt: skip
    api.jobs.by_id["r1"].emit(end)
    refresh(window_services, qtbot)
    assert [one for one, _text in told] == [title]


@pytest.mark.usefixtures("window")
def test_notifications_that_are_off_are_not_shown(
    window_services: Services, api: FakeApi, qtbot: QtBot, told: list[tuple[str, str]]
) -> None:
    window_services.settings.set(notify=False)
    api.jobs.by_id["r1"].emit(Finished())
    refresh(window_services, qtbot)
    assert told == []


@pytest.mark.usefixtures("window")
def test_run_that_cannot_start_is_told_once(
    window_services: Services, api: FakeApi, qtbot: QtBot, told: list[tuple[str, str]]
) -> None:
    entry = QueueEntry(run_id="r1", state=EntryState.REFUSED, problem="Its model is gone.")
    api.queue.queue = Queue(entries=(entry,))
    refresh(window_services, qtbot)
    api.queue.queue = replace(api.queue.queue, is_held=True)
    refresh(window_services, qtbot)
    assert told == [("A run of the queue cannot start", "Its model is gone.")]


def test_shutdown_is_announced_and_can_be_called_off(
    window: Window,
    window_services: Services,
    api: FakeApi,
    qtbot: QtBot,
    told: list[tuple[str, str]],
) -> None:
    api.queue.queue = Queue(
        when_done=WhenDone.SHUT_DOWN, has_worked=True, closing_at="2026-11-21T12:01:00.000Z"
    )
    refresh(window_services, qtbot)
    banner = window.shell.findChildren(Banner)[-1]
    assert "the computer is shut down at" in banner.accessibleName()
    assert len(told) == 1
    stop = next(one for one in banner.findChildren(QAbstractButton))
    assert stop.accessibleName() == "Do not do it"
    stop.click()
    qtbot.wait_until(lambda: api.queue.queue.closing_at == "")
    qtbot.wait_until(lambda: window_services.library.queue.closing_at == "")
    assert api.queue.queue.when_done is WhenDone.NOTHING


def seen_banners(window: Window) -> list[str]:
    found = window.shell.findChildren(Banner)
    return [one.accessibleName() for one in found if not one.isHidden()]


def test_shutdown_stays_announced_whatever_else_is_done(
    window: Window, window_services: Services, api: FakeApi, qtbot: QtBot
) -> None:
    api.queue.queue = Queue(
        when_done=WhenDone.SHUT_DOWN, has_worked=True, closing_at="2026-11-21T12:01:00.000Z"
    )
    refresh(window_services, qtbot)
    before = [one for one in seen_banners(window) if "shut down" in one]
    assert len(before) == 1
    # As a note does that is kept by itself, and every other action.
    window_services.notices.clear()
    assert [one for one in seen_banners(window) if "shut down" in one] == before
    window_services.notices.show_error(DiskFull("No room."))
    error = next(
        one for one in window.shell.findChildren(Banner) if "No room" in one.accessibleName()
    )
    assert [one for one in seen_banners(window) if "shut down" in one] == before
    error.dismissed.emit()
    assert [one for one in seen_banners(window) if "shut down" in one] == before
    api.queue.queue = Queue()
    refresh(window_services, qtbot)
    assert [one for one in seen_banners(window) if "shut down" in one] == []


def test_notice_names_the_time_on_the_clock() -> None:
    view = FakeApi().queue.view()
    assert queue_notice(view, now=datetime(2026, 11, 21, tzinfo=UTC)) is None
    due = replace(view, closing_at="2026-11-21T03:04:05.000Z", when_done=WhenDone.SLEEP)
    notice = queue_notice(due, now=datetime(2026, 11, 21, tzinfo=UTC))
    assert notice is not None
    assert notice.cause == "The queue is done: the computer goes to sleep at 03:04:05."


def test_queue_that_a_restart_cut_off_says_that_it_goes_on() -> None:
    fake = FakeApi().queue
    fake.queue = Queue(entries=(QueueEntry(run_id="a"), QueueEntry(run_id="b")))
    assert goes_on_words(fake.view()) == ""
    fake.was_cut_off = True
    words = "The computer was restarted. The queue goes on with 2 runs."
    assert goes_on_words(fake.view()) == words


# ---------------------------------------------------------------------- the icon


@pytest.mark.usefixtures("themed")
@pytest.mark.parametrize("has_tool", [True, False])
def test_without_a_place_for_icons_the_desktops_tool_tells(has_tool: bool) -> None:
    started: list[Sequence[str]] = []
    owner = QObject()
    tray = Tray(
        owner,
        is_available=lambda: False,
        find=lambda name: f"/bin/{name}" if has_tool else None,
        start=started.append,
    )
    tray.set_shown(True)
    tray.notify("Title", "-text")
    assert not tray.is_there
    expected = [["/bin/notify-send", "--app-name=Burnish", "--", "Title", "-text"]]
    assert started == (expected if has_tool else [])


def test_window_closes_to_the_icon_only_where_it_can_be_seen(
    window: Window, window_services: Services, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    closings: list[bool] = []
    window.shell.closing.disconnect()
    window.shell.closing.connect(lambda: closings.append(True))
    monkeypatch.setattr(Tray, "is_there", property(lambda _self: True))
    window_services.settings.set(close_to_tray=True)
    window.shell.close()
    assert not window.shell.isVisible()
    assert closings == []
    window.tray.open_requested.emit()
    qtbot.wait_until(window.shell.isVisible)
    monkeypatch.setattr(Tray, "is_there", property(lambda _self: False))
    window_services.settings.set(close_to_tray=False)
    window.shell.close()
    assert closings == [True]
    QApplication.setQuitOnLastWindowClosed(True)
