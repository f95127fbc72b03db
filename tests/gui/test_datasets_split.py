# SPDX-License-Identifier: Apache-2.0
"""The Split tab: parting the rows anew by a rule, and freezing what is held out."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from engine.domain.dataset import DatasetInfo
from engine.domain.split import SplitBy, SplitRule
from engine.domain.version import Action, VersionInfo
from engine.errors import InUse
from engine.protocol.events import Failed, Finished, PhaseChanged, WorkerStarted
from gui.bridge.services import Services
from gui.pages.datasets.split_tab import SplitTab
from gui.widgets.buttons import Button
from gui.widgets.choices import Switch
from gui.widgets.error_panel import ErrorPanel
from gui.widgets.fields import SelectField
from gui.widgets.number_field import NumberField
from gui.widgets.text import StrongText, TextLabel
from tests.fakes.api import MOMENT, FakeApi, FakeJob, a_dataset

pytestmark = pytest.mark.gui


@pytest.fixture
def tab(api: FakeApi, window_services: Services, qtbot: QtBot) -> SplitTab:
    api.datasets.all = [a_dataset()]
    api.datasets.fields = ["customer", "day"]
    tab = SplitTab(window_services)
    qtbot.addWidget(tab)
    tab.resize(1000, 900)
    tab.show()
    show(tab, qtbot)
    return tab


def show(tab: SplitTab, qtbot: QtBot, dataset: DatasetInfo | None = None) -> None:
    tab.show_dataset(dataset or a_dataset())
    qtbot.wait_until(lambda: "How it is made" in texts(tab))


def texts(page: QWidget) -> str:
    shown = [one for kind in (TextLabel, StrongText) for one in page.findChildren(kind)]
    return "\n".join(one.text() for one in shown if one.isVisible())


def named(tab: QWidget, kind: type, name: str) -> QWidget:
    return next(one for one in tab.findChildren(kind) if one.accessibleName() == name)


def choose(tab: SplitTab, rule: SplitBy) -> None:
    field = named(tab, SelectField, "Rule")
    assert isinstance(field, SelectField)
    field.set_value(rule.value)
    field.chosen.emit(rule.value)


def press_split(tab: SplitTab) -> None:
    named(tab, Button, "Split again").click()  # type: ignore[attr-defined]  # found by kind


def job_of(api: FakeApi) -> FakeJob:
    return list(api.jobs.by_id.values())[-1]


def test_groups_are_kept_together_by_a_field_of_the_rows(
    tab: SplitTab, api: FakeApi, qtbot: QtBot
) -> None:
    choose(tab, SplitBy.GROUP)
    share = named(tab, NumberField, "Held out")
    assert isinstance(share, NumberField)
    share.setValue(20)
    press_split(tab)
    qtbot.wait_until(lambda: bool(api.jobs.by_id))
    assert api.preparation.rules == [SplitRule(by=SplitBy.GROUP, eval_ratio=0.2, column="customer")]
    job_of(api).emit(
        WorkerStarted(attempt=1, pid=1, versions={}), PhaseChanged(phase="comparing_rows")
    )
    qtbot.wait_until(lambda: named(tab, Button, "Stop").isVisible())
    job_of(api).emit(Finished(result={"dataset_id": "d1", "version": "2"}))
    qtbot.wait_until(lambda: named(tab, Button, "Split again").isVisible())


def test_rule_that_needs_a_field_cannot_start_where_there_is_none(
    tab: SplitTab, api: FakeApi, qtbot: QtBot
) -> None:
    api.datasets.fields = []
    show(tab, qtbot, a_dataset(version=2))
    choose(tab, SplitBy.TIME)
    split = named(tab, Button, "Split again")
    qtbot.wait_until(lambda: not split.isEnabled())
    assert "nothing beside" in split.toolTip()
    choose(tab, SplitBy.CONTENT)
    assert split.isEnabled()


def test_failed_split_says_so_and_can_be_tried_again(
    tab: SplitTab, api: FakeApi, qtbot: QtBot
) -> None:
    press_split(tab)
    qtbot.wait_until(lambda: bool(api.jobs.by_id))
    failed = Failed(code="disk_full", message="The disk is full.", remedy="Free some room.")
    job_of(api).emit(WorkerStarted(attempt=1, pid=1, versions={}), failed)
    qtbot.wait_until(tab.findChildren(ErrorPanel)[0].isVisible)
    assert "The disk is full." in texts(tab)
    assert named(tab, Button, "Split again").isVisible()


def test_split_that_does_not_start_shows_the_form_again(
    tab: SplitTab, api: FakeApi, window_services: Services, qtbot: QtBot
) -> None:
    api.preparation.error = InUse("It is in use.")
    with qtbot.wait_signal(window_services.notices.failed):
        press_split(tab)
    qtbot.wait_until(lambda: named(tab, Button, "Split again").isVisible())


def test_frozen_rows_forbid_another_split_until_they_are_free(
    tab: SplitTab, api: FakeApi, qtbot: QtBot
) -> None:
    switch = named(tab, Switch, "Freeze the held-out rows")
    qtbot.keyClick(switch, Qt.Key.Key_Space)
    qtbot.wait_until(lambda: api.datasets.all[0].is_eval_frozen)
    show(tab, qtbot, api.datasets.all[0])
    qtbot.wait_until(lambda: not named(tab, Button, "Split again").isEnabled())
    qtbot.keyClick(switch, Qt.Key.Key_Space)
    qtbot.wait_until(lambda: not api.datasets.all[0].is_eval_frozen)


def test_side_tells_the_rule_of_the_current_split(
    tab: SplitTab, api: FakeApi, qtbot: QtBot
) -> None:
    api.versions.all = [
        VersionInfo(
            number=2, parent=1, action=Action.SPLIT, detail="fold 1 of 5", changed=1, splits={},
            made_at=MOMENT,
        )
    ]  # fmt: skip
    show(tab, qtbot, a_dataset(version=2))
    qtbot.wait_until(lambda: "Split again: fold 1 of 5." in texts(tab))
