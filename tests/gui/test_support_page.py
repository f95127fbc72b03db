# SPDX-License-Identifier: Apache-2.0
"""The report for help: what is shown is what is saved and copied."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtGui import QFontMetricsF
from PySide6.QtWidgets import QAbstractButton, QApplication, QFileDialog, QPlainTextEdit
from pytestqt.qtbot import QtBot

from engine.api.paper import as_markdown
from engine.errors import DocumentDamaged
from gui.bridge.services import Services
from gui.pages.support.view import SupportPage
from gui.widgets.theme.theme import theme
from tests.fakes.api import FakeApi
from tests.gui.find import child
from tests.gui.geometry import clipped_texts

pytestmark = pytest.mark.gui


@pytest.fixture
def page(window_services: Services, qtbot: QtBot) -> SupportPage:
    made = SupportPage(window_services)
    qtbot.addWidget(made)
    made.resize(1070, 700)
    made.show()
    return made


def button(page: SupportPage, text: str) -> QAbstractButton:
    return next(one for one in page.findChildren(QAbstractButton) if text in one.text())


def enter(page: SupportPage, services: Services, qtbot: QtBot) -> None:
    page.page_entered()
    qtbot.wait_until(lambda: services.tasks.is_idle)


def test_shown_saved_and_copied_are_the_same(
    api: FakeApi,
    page: SupportPage,
    window_services: Services,
    qtbot: QtBot,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert not button(page, "Save").isEnabled()
    enter(page, window_services, qtbot)
    shown = child(page, QPlainTextEdit).toPlainText()
    assert shown == as_markdown(api.diagnosis.paper)
    target = tmp_path / "report.md"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, **__: (str(target), ""))
    with qtbot.wait_signal(window_services.notices.said, timeout=5_000):
        button(page, "Save").click()
    assert target.read_text(encoding="utf-8") == shown
    button(page, "Copy").click()
    assert QApplication.clipboard().text() == shown
    assert clipped_texts(page) == []


def test_columns_of_the_report_are_drawn_below_each_other(
    page: SupportPage, window_services: Services, qtbot: QtBot
) -> None:
    enter(page, window_services, qtbot)
    text = child(page, QPlainTextEdit)
    theme().set_text_scale(2.0)
    assert text.font() == theme().font("code", weight=400)
    metrics = QFontMetricsF(text.font())
    rows = [one for one in text.toPlainText().splitlines() if one.startswith("|")]
    assert len(rows) == 42
    assert len({metrics.horizontalAdvance(one[: one.index(" | ")]) for one in rows}) == 1


def test_report_that_cannot_be_written_is_told_and_cannot_be_saved(
    api: FakeApi, page: SupportPage, window_services: Services, qtbot: QtBot
) -> None:
    api.diagnosis.error = DocumentDamaged("It cannot be read.")
    with qtbot.wait_signal(window_services.notices.failed, timeout=5_000):
        page.page_entered()
    assert not button(page, "Save").isEnabled()
    assert "could not be written" in button(page, "Save").toolTip()
    assert child(page, QPlainTextEdit).toPlainText() == ""


def test_report_takes_the_room_that_is_left(page: SupportPage, qtbot: QtBot) -> None:
    text = child(page, QPlainTextEdit)
    qtbot.wait_until(lambda: text.mapTo(page, text.rect().bottomLeft()).y() > page.height() - 40)
