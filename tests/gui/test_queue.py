# SPDX-License-Identifier: Apache-2.0
"""The queue in the window: what waits, moving it, its hours, what follows, and how runs get in."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractButton
from pytestqt.qtbot import QtBot

from engine.domain import queue as rules
from engine.domain.queue import EntryState, Hours, QueueEntry, WaitsFor, WhenDone
from engine.errors import DiskFull
from gui.actions.queue import queue_run
from gui.bridge.services import Services
from gui.pages.runs.queue import QueuePage
from gui.pages.runs.run_view import RunView
from gui.pages.runs.view import RunsPage
from gui.viewmodels.queue import QUEUE
from gui.widgets.banner import Banner
from gui.widgets.choices import SegmentedControl
from gui.widgets.fields import SelectField
from gui.widgets.fitting_table import FittingTable
from gui.widgets.text import TextLabel
from tests.fakes.api import FakeApi, a_step
from tests.gui.find import carried, child
from tests.gui.scenes import add_run, add_stopped, fill_library

pytestmark = pytest.mark.gui


@pytest.fixture
def page(window_services: Services, api: FakeApi, qtbot: QtBot) -> RunsPage:
    """Return the page Runs with three runs, two of which wait."""
    fill_library(api)
    add_run(api, "live", "r1", upto=60)
    api.runs.make("second", "r2")
    add_stopped(api)
    made = RunsPage(window_services)
    qtbot.addWidget(made)
    made.resize(1008, 720)
    made.show()
    made.page_entered()
    made.show_argument(QUEUE)
    api.queue.queue = rules.Queue(
        entries=(
            QueueEntry(run_id="r1", state=EntryState.RUNNING),
            QueueEntry(run_id="r2"),
            QueueEntry(run_id="r5"),
        )
    )
    refresh(window_services, qtbot)
    return made


def refresh(services: Services, qtbot: QtBot) -> None:
    seen: list[bool] = []
    services.library.refresh(lambda: seen.append(True))
    qtbot.wait_until(lambda: bool(seen), timeout=10_000)


def table(page: RunsPage) -> FittingTable:
    return child(child(page, QueuePage), FittingTable)


def names(page: RunsPage) -> list[str]:
    model = table(page).model()
    column = next(
        at
        for at in range(model.columnCount())
        if model.headerData(at, Qt.Orientation.Horizontal) == "Run"
    )
    return [str(model.index(row, column).data()) for row in range(model.rowCount())]


def button(page: RunsPage, name: str) -> QAbstractButton:
    found = child(page, QueuePage).findChildren(QAbstractButton)
    return next(one for one in found if one.accessibleName() == name)


def order(api: FakeApi) -> list[str]:
    return [one.run_id for one in api.queue.queue.entries]


def meta(page: RunsPage) -> list[str]:
    return [one.text() for one in child(page, QueuePage).findChildren(TextLabel)]


def test_queue_shows_its_runs_in_their_order(page: RunsPage) -> None:
    places = [one.split()[0] for one in names(page)]
    assert places == ["live", "second", "support-v1"]
    assert "It goes on when you close the window." in meta(page)


def test_run_is_moved_by_buttons_and_by_keys(page: RunsPage, api: FakeApi, qtbot: QtBot) -> None:
    shown = table(page)
    shown.setFocus()
    for _ in range(2):
        qtbot.keyClick(shown, Qt.Key.Key_Down)
    button(page, "Move up").click()
    qtbot.wait_until(lambda: order(api) == ["r1", "r5", "r2"])
    qtbot.wait_until(lambda: shown.current_row() == 1)
    shown.setFocus()
    qtbot.keyClick(shown, Qt.Key.Key_Down, Qt.KeyboardModifier.AltModifier)
    qtbot.wait_until(lambda: order(api) == ["r1", "r2", "r5"])
    qtbot.wait_until(lambda: shown.current_row() == 2)
    assert not button(page, "Move down").isEnabled()


def test_run_is_taken_out_by_the_delete_key(page: RunsPage, api: FakeApi, qtbot: QtBot) -> None:
    shown = table(page)
    shown.set_current(1)
    shown.setFocus()
    qtbot.keyClick(shown, Qt.Key.Key_Delete)
    qtbot.wait_until(lambda: order(api) == ["r1", "r5"])
    qtbot.wait_until(lambda: len(names(page)) == 2)


def test_enter_opens_the_run(page: RunsPage, qtbot: QtBot) -> None:
    with qtbot.wait_signal(child(page, QueuePage).run_chosen) as opened:
        table(page).setFocus()
        qtbot.keyClick(table(page), Qt.Key.Key_Return)
    assert carried(opened) == ["r1"]


def test_hours_are_chosen_and_shown(page: RunsPage, api: FakeApi, qtbot: QtBot) -> None:
    parts = {one.accessibleName(): one for one in page.findChildren(SegmentedControl)}
    when, then = parts["When runs may go"], parts["When the queue is done"]
    press(when, "Only between")
    qtbot.wait_until(lambda: api.queue.queue.hours == Hours(begin=1320, end=360))
    fields = {one.accessibleName(): one for one in page.findChildren(SelectField)}
    qtbot.wait_until(fields["From"].isVisible)
    assert (fields["From"].value(), fields["Until"].value()) == ("1320", "360")
    fields["Until"].set_value("420")
    fields["Until"].chosen.emit("420")
    qtbot.wait_until(lambda: api.queue.queue.hours == Hours(begin=1320, end=420))
    press(then, "Shut down")
    qtbot.wait_until(lambda: api.queue.queue.when_done is WhenDone.SHUT_DOWN)
    press(when, "At any time")
    qtbot.wait_until(lambda: api.queue.queue.hours is None)


def test_open_list_of_hours_keeps_its_place_while_a_run_trains(
    page: RunsPage, api: FakeApi, window_services: Services, qtbot: QtBot
) -> None:
    api.queue.change(lambda queue: replace(queue, hours=Hours(begin=1320, end=360)))
    refresh(window_services, qtbot)
    begin = {one.accessibleName(): one for one in page.findChildren(SelectField)}["From"]
    begin.view().setCurrentIndex(begin.model().index(3, 0))
    api.jobs.by_id["r1"].emit(a_step(61, total=1000))
    with qtbot.wait_signal(window_services.library.runs_changed):
        window_services.library.refresh()
    assert begin.view().currentIndex().row() == 3


def press(control: SegmentedControl, name: str) -> None:
    found = control.findChildren(QAbstractButton)
    next(one for one in found if one.accessibleName() == name).click()


def test_held_queue_says_so_and_goes_on(page: RunsPage, api: FakeApi, qtbot: QtBot) -> None:
    button(page, "Hold").click()
    qtbot.wait_until(lambda: api.queue.queue.is_held)
    qtbot.wait_until(lambda: any("It is held" in one for one in meta(page)))
    button(page, "Go on").click()
    qtbot.wait_until(lambda: not api.queue.queue.is_held)


@pytest.mark.parametrize(
    ("reason", "words"),
    [(WaitsFor.DEVICE, "hold the memory"), (WaitsFor.OTHER_JOB, "other work of Burnish")],
)
def test_waiting_queue_says_for_what(
    page: RunsPage, api: FakeApi, window_services: Services, qtbot: QtBot,
    reason: WaitsFor, words: str,
) -> None:  # fmt: skip
    api.queue.change(lambda queue: replace(queue, waits_for=reason))
    refresh(window_services, qtbot)
    assert any(words in one for one in meta(page))


def test_damaged_queue_says_that_no_run_is_lost(
    page: RunsPage, api: FakeApi, window_services: Services, qtbot: QtBot
) -> None:
    api.queue.queue, api.queue.is_damaged = rules.Queue(), True
    refresh(window_services, qtbot)
    assert any("Your runs are all there." in one for one in meta(page))


def test_run_that_cannot_start_says_why_in_the_queue(
    page: RunsPage, api: FakeApi, window_services: Services, qtbot: QtBot
) -> None:
    refused = QueueEntry(run_id="r2", state=EntryState.REFUSED, problem="Its model is gone.")
    api.queue.change(lambda queue: rules.changed(queue, refused))
    refresh(window_services, qtbot)
    model = table(page).model()
    shown = [
        str(model.index(1, at).data(Qt.ItemDataRole.AccessibleTextRole))
        for at in range(model.columnCount())
    ]
    assert any("Its model is gone." in one for one in shown)
    assert any("Cannot start" in one for one in shown)


def test_empty_queue_says_how_runs_get_in(
    page: RunsPage, api: FakeApi, window_services: Services, qtbot: QtBot
) -> None:
    api.queue.queue = rules.Queue()
    refresh(window_services, qtbot)
    assert not table(page).isVisible()
    assert any("Add to queue" in one for one in meta(page))
    assert not button(page, "Hold").isVisible()


def test_queue_without_a_keeper_gets_one(
    page: RunsPage, api: FakeApi, window_services: Services, qtbot: QtBot
) -> None:
    before = api.queue.woken
    api.queue.is_kept = False
    refresh(window_services, qtbot)
    assert api.queue.woken > before
    del page


def test_keeper_that_dies_is_named_with_what_it_said_until_one_lives(
    page: RunsPage, api: FakeApi, window_services: Services, qtbot: QtBot
) -> None:
    banner = child(child(page, QueuePage), Banner)
    assert not banner.isVisible()
    api.queue.problem, api.queue.remedy = "It ends by an error.", "It is tried again."
    refresh(window_services, qtbot)
    assert banner.isVisible()
    assert banner.accessibleName() == "It ends by an error. It is tried again."
    api.queue.problem = api.queue.remedy = ""
    refresh(window_services, qtbot)
    assert not banner.isVisible()


def test_stopped_run_is_put_into_the_queue_from_its_page(
    page: RunsPage, api: FakeApi, qtbot: QtBot
) -> None:
    api.queue.queue = rules.Queue()
    view = child(page, RunView)
    page.show_argument("r5")
    view._on_more("queue")
    qtbot.wait_until(lambda: order(api) == ["r5"])


@pytest.mark.usefixtures("page")
@pytest.mark.parametrize("error", [None, DiskFull("No room.")])
def test_run_is_said_to_wait_only_once_it_does(
    api: FakeApi, window_services: Services, qtbot: QtBot, error: DiskFull | None
) -> None:
    told: list[str] = []
    window_services.notices.said.connect(lambda text, _undo_text, _undo: told.append(text))
    window_services.notices.failed.connect(lambda _error, title: told.append(title))
    api.queue.queue = rules.Queue()
    api.queue.error = error
    queue_run(window_services, run_id="r5")
    assert told == []
    qtbot.wait_until(lambda: bool(told))
    qtbot.wait_until(lambda: window_services.tasks.is_idle)
    assert told == ["The run waits in the queue." if error is None else "The queue was not changed"]
