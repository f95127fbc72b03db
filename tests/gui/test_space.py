# SPDX-License-Identifier: Apache-2.0
"""Disk space: added up in the background, removed after a question, put back from the trash."""

from __future__ import annotations

import threading

import pytest
from msgspec.structs import replace
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractButton, QWidget
from pytestqt.qtbot import QtBot

from engine.errors import InUse, NotWritable
from gui.actions.datasets import remove_dataset
from gui.actions.models import remove_model
from gui.actions.runs import remove_run
from gui.actions.trash import put_back, say_place
from gui.app import Window
from gui.bridge.services import Services
from gui.bridge.tasks import Lane
from gui.pages.settings.space import SpacePart
from gui.widgets.banner import Banner
from gui.widgets.table import DataTable
from gui.widgets.theme.theme import Theme
from tests.fakes.api import FakeApi, a_dataset, a_model
from tests.fakes.trash import some_items
from tests.gui.find import child

pytestmark = pytest.mark.gui


@pytest.fixture
def part(window_services: Services, api: FakeApi, qtbot: QtBot) -> SpacePart:
    """Return the part over things of many kinds, one of them in the trash."""
    api.space.items = some_items()
    api.datasets.all = [a_dataset(id="d7", name="Old tickets")]
    api.datasets.remove("d7")
    made = SpacePart(window_services)
    qtbot.addWidget(made)
    made.resize(500, 700)
    made.show()
    made.look()
    settle(window_services, qtbot)
    return made


def settle(services: Services, qtbot: QtBot) -> None:
    qtbot.wait_until(lambda: services.tasks.is_idle)


def button(part: QWidget, text: str) -> QAbstractButton:
    return next(one for one in part.findChildren(QAbstractButton)
                if one.isVisible() and one.text() == text)  # fmt: skip


def choose(part: SpacePart, name: str) -> None:
    table = child(part, DataTable)
    model = table.model()
    texts = [str(model.index(row, 0).data()) for row in range(model.rowCount())]
    part.choose(texts.index(name))


def test_table_shows_the_largest_first_and_the_total(part: SpacePart) -> None:
    model = child(part, DataTable).model()
    assert model.rowCount() == len(some_items()) + 1
    assert model.index(0, 0).data() == "Kept 4-bit weights of Qwen3-4B"


def test_page_that_reads_does_not_wait_for_the_sum(
    part: SpacePart, api: FakeApi, window_services: Services, qtbot: QtBot
) -> None:
    api.space.waits_for = let_go = threading.Event()
    read: list[object] = []
    try:
        part.look()
        window_services.tasks.run(api.space.place, read.append, owner=part, lane=Lane.READING)
        qtbot.wait_until(lambda: bool(read))
    finally:
        let_go.set()
    settle(window_services, qtbot)


def test_cache_is_removed_after_a_question(
    part: SpacePart, api: FakeApi, window_services: Services, qtbot: QtBot
) -> None:
    choose(part, "Kept tokens of Support tickets")
    button(part, "Remove").click()
    assert api.space.freed == []
    child(part, Banner).action_triggered.emit("yes")
    settle(window_services, qtbot)
    assert api.space.freed == ["tokens:d1"]
    qtbot.wait_until(lambda: child(part, DataTable).model().rowCount() == len(some_items()))


def test_answer_no_removes_nothing(part: SpacePart, api: FakeApi) -> None:
    choose(part, "Kept tokens of Support tickets")
    button(part, "Remove").click()
    child(part, Banner).action_triggered.emit("no")
    assert api.space.freed == []


def test_dataset_cannot_be_removed_here_and_says_why(part: SpacePart) -> None:
    choose(part, "Dataset Support tickets")
    remove = button(part, "Remove")
    assert not remove.isEnabled()
    assert "page of the dataset" in remove.toolTip()


def test_delete_key_asks_for_the_chosen_line(part: SpacePart, qtbot: QtBot) -> None:
    choose(part, "Kept tokens of Support tickets")
    qtbot.keyClick(child(part, DataTable), Qt.Key.Key_Delete)
    assert child(part, Banner).isVisible()


def test_thing_in_the_trash_is_put_back(
    part: SpacePart, api: FakeApi, window_services: Services, qtbot: QtBot
) -> None:
    choose(part, "In the trash: Old tickets")
    button(part, "Put back").click()
    settle(window_services, qtbot)
    assert [one.name for one in api.datasets.all] == ["Old tickets"]


def test_emptied_trash_is_gone_for_good(
    part: SpacePart, api: FakeApi, window_services: Services, qtbot: QtBot
) -> None:
    button(part, "Empty the trash").click()
    assert api.trash.list()
    child(part, Banner).action_triggered.emit("yes")
    settle(window_services, qtbot)
    assert api.trash.list() == []
    qtbot.wait_until(lambda: not button(part, "Empty the trash").isEnabled())


def test_failed_adding_up_is_said(
    part: SpacePart, api: FakeApi, window_services: Services, qtbot: QtBot
) -> None:
    api.space.error = NotWritable("It cannot be read.")
    with qtbot.wait_signal(window_services.notices.failed):
        part.look()


def test_undo_in_the_notice_brings_each_thing_back(
    window_services: Services, api: FakeApi, qtbot: QtBot
) -> None:
    dataset, model = a_dataset(), a_model()
    api.datasets.all, api.models.all = [dataset], [model]
    run_id = api.runs.make("Run 1").info.id
    undone = []
    window_services.notices.said.connect(lambda _text, word, undo: undone.append((word, undo)))
    remove_dataset(window_services, dataset=dataset)
    remove_model(window_services, model=model)
    remove_run(window_services, run_id=run_id)
    settle(window_services, qtbot)
    qtbot.wait_until(lambda: len(undone) == 3)
    assert (api.datasets.all, api.models.all, api.runs.list()) == ([], [], [])
    for word, undo in undone:
        assert word == "Undo"
        undo()
    settle(window_services, qtbot)
    qtbot.wait_until(lambda: not api.trash.list())
    assert (api.datasets.all, api.models.all) == ([dataset], [model])
    assert [one.id for one in api.runs.list()] == [run_id]


def test_what_cannot_be_put_back_is_said(
    window_services: Services, api: FakeApi, qtbot: QtBot
) -> None:
    api.trash.error = InUse("Something stands there.")
    with qtbot.wait_signal(window_services.notices.failed):
        put_back(window_services, entry_id="t1")


def test_odd_place_of_the_workspace_is_shown(
    window_services: Services, api: FakeApi, qtbot: QtBot
) -> None:
    api.space.where = replace(api.space.where, is_read_only=True)
    shown: list[str] = []
    say_place(window_services, lambda cause, _rest: shown.append(cause))
    qtbot.wait_until(lambda: bool(shown))
    assert "looked at" in shown[0]


def test_workspace_that_can_only_be_read_is_told_at_the_start_and_old_trash_goes(
    window_services: Services, api: FakeApi, themed: Theme, qtbot: QtBot
) -> None:
    api.space.where = replace(api.space.where, is_read_only=True)
    window = Window(window_services, themed)
    qtbot.addWidget(window.shell)
    window.open()
    window.start()
    qtbot.wait_until(
        lambda: any(one.isVisible() for one in window.shell.findChildren(Banner)), timeout=3_000
    )
    settle(window_services, qtbot)
    assert api.trash.tidied == 1
