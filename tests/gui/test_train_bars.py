# SPDX-License-Identifier: Apache-2.0
"""The page Train says what forbids to train on this computer, and nothing of lesser findings."""

from __future__ import annotations

import pytest
from pytestqt.qtbot import QtBot

from engine.hardware.doctor.snapshot import error, warning
from gui.bridge.services import Services
from gui.pages.train.bars import BarBanner
from tests.fakes.api import FakeApi
from tests.gui.find import carried

pytestmark = pytest.mark.gui


def looked(services: Services, qtbot: QtBot) -> BarBanner:
    banner = BarBanner(services)
    qtbot.addWidget(banner)
    banner.look()
    qtbot.wait_until(lambda: services.tasks.is_idle)
    return banner


def test_what_forbids_to_train_stands_on_the_page_until_it_is_gone(
    api: FakeApi, window_services: Services, qtbot: QtBot
) -> None:
    api.machine.found = [warning("w", "Small", "It is small.", ""),
                         error("e", "Disk full", "No room.", "Free some.")]  # fmt: skip
    banner = looked(window_services, qtbot)
    assert not banner.isHidden()
    assert banner.accessibleName() == "Disk full No room. Free some."
    with qtbot.wait_signal(window_services.navigator.requested) as asked:
        banner.action_triggered.emit("more")
    assert carried(asked) == ["settings", "computer"]
    api.machine.found = []
    banner.look()
    qtbot.wait_until(banner.isHidden)


def test_lesser_findings_bar_nothing(api: FakeApi, window_services: Services, qtbot: QtBot) -> None:
    api.machine.found = [warning("w", "Small", "It is small.", "")]
    assert looked(window_services, qtbot).isHidden()


def test_whole_doctor_is_not_called_for_the_banner(
    api: FakeApi, window_services: Services, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    called: list[bool] = []
    monkeypatch.setattr(api.machine, "doctor", lambda: called.append(True))
    assert looked(window_services, qtbot).isHidden()
    assert not called
