# SPDX-License-Identifier: Apache-2.0
"""Privacy: what is shown was looked up, the proof runs on demand, and its report can be saved."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from msgspec.structs import replace
from PySide6.QtWidgets import QAbstractButton, QFileDialog, QLabel
from pytestqt.qtbot import QtBot

from engine.api.privacy import PrivacyState
from engine.api.proofs import ProcessView, Role
from engine.errors import ProbeSilent
from engine.launcher.probe import Outcome, Try
from gui.bridge.services import Services
from gui.bridge.tasks import Lane
from gui.pages.privacy.view import PrivacyPage
from tests.fakes.api import FakeApi
from tests.fakes.proofs import ANSWER, HOLDS, WORKER
from tests.gui.find import carried
from tests.gui.geometry import clipped_texts

pytestmark = pytest.mark.gui


@pytest.fixture
def page(window_services: Services, qtbot: QtBot) -> PrivacyPage:
    made = PrivacyPage(window_services)
    qtbot.addWidget(made)
    made.resize(1070, 700)
    made.show()
    made.page_entered()
    qtbot.wait_until(lambda: window_services.tasks.is_idle)
    made.page_left()
    return made


def words(page: PrivacyPage) -> str:
    seen = (one.accessibleName() or one.text() for one in page.findChildren(QLabel)
            if one.isVisible())  # fmt: skip
    return "\n".join(seen)


def button(page: PrivacyPage, text: str) -> QAbstractButton:
    return next(one for one in page.findChildren(QAbstractButton) if text in one.text())


def prove(page: PrivacyPage, services: Services, qtbot: QtBot) -> None:
    button(page, "Run the proof").click()
    qtbot.wait_until(lambda: services.tasks.is_idle)
    qtbot.wait_until(lambda: "behind the guard of a worker" in words(page))


def test_every_process_is_shown_with_its_filter_and_sockets(page: PrivacyPage) -> None:
    shown = words(page)
    assert "Window (process 7)" in shown
    assert "Worker: Tickets (process 8)" in shown
    assert "The proof was not run yet." in shown
    assert "no telemetry" in shown
    assert "Other programs on this computer are not watched" in shown
    assert clipped_texts(page) == []


def test_looks_do_not_gather_behind_a_long_reading(
    page: PrivacyPage, api: FakeApi, window_services: Services, qtbot: QtBot,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    asked: list[PrivacyState] = []
    processes = api.proofs.processes

    def counted(own: PrivacyState, role: Role) -> tuple[ProcessView, ...]:
        asked.append(own)
        return processes(own, role)

    monkeypatch.setattr(api.proofs, "processes", counted)
    is_over = threading.Event()
    window_services.tasks.run(
        lambda: is_over.wait(20), lambda _outcome: None, owner=page, lane=Lane.READING
    )
    for _ in range(5):
        page.look()
    is_over.set()
    qtbot.wait_until(lambda: window_services.tasks.is_idle)
    assert len(asked) == 1
    page.look()
    qtbot.wait_until(lambda: len(asked) == 2)


def test_report_cannot_be_saved_before_the_proof(page: PrivacyPage) -> None:
    save = button(page, "Save the report")
    assert not save.isEnabled()
    assert save.toolTip() == "Run the proof first."


def test_proof_shows_every_try_and_its_report_is_saved_where_asked(
    page: PrivacyPage,
    window_services: Services,
    qtbot: QtBot,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    prove(page, window_services, qtbot)
    assert "the kernel refuses it" in words(page)
    assert words(page).count("Refused") >= len(ANSWER.guarded)
    target = tmp_path / "proof.html"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, **__: (str(target), ""))
    with qtbot.wait_signal(window_services.notices.said, timeout=5_000):
        button(page, "Save the report").click()
    assert "the kernel refuses it" in target.read_text(encoding="utf-8")
    assert clipped_texts(page) == []


def test_breach_is_shown_as_an_error(
    api: FakeApi, page: PrivacyPage, window_services: Services, qtbot: QtBot
) -> None:
    opened = replace(ANSWER, guarded=(Try(name="tcp", outcome=Outcome.OPENED),))
    leaking = replace(WORKER, network=replace(WORKER.network, outward=("TCP",)))
    api.proofs.made = replace(HOLDS, answer=opened, processes=(leaking,))
    page.look()
    prove(page, window_services, qtbot)
    shown = words(page)
    assert "does not hold" in shown
    assert "Process 8 holds sockets that can leave this computer: TCP." in shown
    assert "Not refused" in shown


def test_silent_probe_proves_nothing(
    api: FakeApi, page: PrivacyPage, window_services: Services, qtbot: QtBot
) -> None:
    api.proofs.error = ProbeSilent("No answer.")
    with qtbot.wait_signal(window_services.notices.failed, timeout=5_000) as failed:
        button(page, "Run the proof").click()
    assert carried(failed)[1] == "Nothing was proved"
    assert not button(page, "Save the report").isEnabled()
