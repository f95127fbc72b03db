# SPDX-License-Identifier: Apache-2.0
"""The History tab: going back to a version, and what sets two apart."""

from __future__ import annotations

import pytest
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from engine.domain.version import Action, VersionInfo
from gui.bridge.services import Services
from gui.pages.datasets.history_tab import HistoryTab
from gui.widgets.buttons import Button
from gui.widgets.fields import SelectField
from gui.widgets.fitting_table import FittingTable
from gui.widgets.text import TextLabel
from tests.fakes.api import MOMENT, FakeApi, a_dataset
from tests.gui.find import child

pytestmark = pytest.mark.gui


@pytest.fixture
def tab(api: FakeApi, window_services: Services, qtbot: QtBot) -> HistoryTab:
    actions = (Action.IMPORTED, Action.FIXED, Action.SPLIT)
    api.versions.all = [
        VersionInfo(
            number=number, parent=number - 1, action=action, changed=2,
            splits={"train": 400 - number}, made_at=MOMENT,
        )
        for number, action in enumerate(actions, start=1)
    ]  # fmt: skip
    tab = HistoryTab(window_services)
    qtbot.addWidget(tab)
    tab.resize(1000, 700)
    tab.show()
    tab.show_dataset(a_dataset(version=3))
    qtbot.wait_until(lambda: child(tab, FittingTable).model().rowCount() == 3)
    return tab


def texts(page: QWidget) -> str:
    return "\n".join(one.text() for one in page.findChildren(TextLabel) if one.isVisible())


def go(tab: HistoryTab) -> Button:
    found = next(
        one for one in tab.findChildren(Button) if one.accessibleName() == "Go back to this version"
    )
    assert isinstance(found, Button)
    return found


def test_current_version_is_compared_with_the_one_before(
    tab: HistoryTab, api: FakeApi, qtbot: QtBot
) -> None:
    qtbot.wait_until(lambda: "2 rows came, 1 went" in texts(tab))
    assert api.versions.changes[-1][1:] == ("compare", 2, 3)
    qtbot.wait_until(lambda: "[−is dead−]" in texts(tab))
    assert not go(tab).isEnabled()


def test_chosen_version_can_be_gone_back_to(tab: HistoryTab, api: FakeApi, qtbot: QtBot) -> None:
    table = child(tab, FittingTable)
    table.set_current(2)
    table.row_chosen.emit(2)
    qtbot.wait_until(go(tab).isEnabled)
    qtbot.wait_until(lambda: ("d1", "compare", 1, 3) in api.versions.changes)
    go(tab).click()
    qtbot.wait_until(lambda: ("d1", "go_to", 1) in api.versions.changes)


def test_any_two_versions_can_be_compared(tab: HistoryTab, api: FakeApi, qtbot: QtBot) -> None:
    field = child(tab, SelectField)
    field.set_value("1")
    field.chosen.emit("1")
    qtbot.wait_until(lambda: ("d1", "compare", 1, 3) in api.versions.changes)
