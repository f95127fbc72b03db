# SPDX-License-Identifier: Apache-2.0
"""Export: a run becomes files, in place, with what was checked; every end is told."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QAbstractButton, QLabel, QWidget
from pytestqt.qtbot import QtBot

from engine.errors import DiskFull
from gui.bridge.services import Services
from gui.pages.export.card import ExportCard
from gui.pages.export.form import ExportForm
from gui.pages.export.past import PastExports
from gui.pages.export.view import ExportPage
from gui.widgets.buttons import Button
from gui.widgets.choices import ChoiceCards
from gui.widgets.empty import EmptyState
from gui.widgets.progress import Progress
from gui.widgets.table import DataTable
from gui.widgets.theme.theme import Theme
from tests.fakes.api import FakeApi
from tests.fakes.exports import fail, finish, move_on, stop
from tests.gui.find import carried, child
from tests.gui.geometry import clipped_texts
from tests.gui.scenes import LONG_NAME, fill_library

pytestmark = pytest.mark.gui


def make_page(services: Services, qtbot: QtBot) -> ExportPage:
    page = ExportPage(services)
    qtbot.addWidget(page)
    services.library.refresh()
    page.resize(1008, 720)
    page.show()
    settle(page, services, qtbot)
    return page


def settle(page: ExportPage, services: Services, qtbot: QtBot) -> None:
    """Let the background finish, and what it asked for in turn."""
    del page
    for _ in range(3):
        qtbot.wait_until(lambda: services.library.is_loaded and services.tasks.is_idle)
        qtbot.wait(5)


def words(page: QWidget) -> str:
    """Return every text that is seen."""
    seen = [one.accessibleName() or one.text() for one in page.findChildren(QLabel)
            if one.isVisible()]  # fmt: skip
    return "\n".join(seen)


def button(page: QWidget, name: str) -> QAbstractButton:
    return next(
        one for one in page.findChildren(QAbstractButton)
        if one.accessibleName() == name and one.isVisible()
    )  # fmt: skip


@pytest.fixture
def filled(api: FakeApi) -> FakeApi:
    """Return a workspace with a finished run."""
    fill_library(api)
    api.runs.make("support-v2", "r6", has_adapter=True)
    api.runs.make("support-v1", "r5", has_adapter=True, created_at="2026-10-01T09:00:00.000Z")
    api.runs.make("support-v3", "r7", created_at="2026-10-02T09:00:00.000Z")
    return api


def test_page_without_runs_leads_to_training(window_services: Services, qtbot: QtBot) -> None:
    page = make_page(window_services, qtbot)
    assert child(page, EmptyState).isVisible()
    assert not child(page, ExportForm).isVisible()
    with qtbot.wait_signal(window_services.navigator.requested) as went:
        button(page, "New run…").click()
    assert carried(went) == ["train", None]


def test_page_opened_with_a_run_offers_that_run(
    filled: FakeApi, window_services: Services, qtbot: QtBot
) -> None:
    del filled
    page = make_page(window_services, qtbot)
    assert child(page, ExportForm).run == "r6"
    page.show_argument("r5")
    assert child(page, ExportForm).run == "r5"


def test_page_opened_with_a_run_without_adapter_says_so(
    filled: FakeApi, window_services: Services, qtbot: QtBot
) -> None:
    del filled
    page = make_page(window_services, qtbot)
    with qtbot.wait_signal(window_services.notices.said) as said:
        page.show_argument("r7")
    assert carried(said)[0] == "This run has left no adapter yet."
    assert child(page, ExportForm).run == "r6"


def test_export_by_keyboard_runs_in_place_and_tells_what_was_checked(
    filled: FakeApi, window_services: Services, qtbot: QtBot, tmp_path: Path
) -> None:
    page = make_page(window_services, qtbot)
    page.activateWindow()
    cards = child(child(page, ExportForm), ChoiceCards)
    qtbot.keyClick(cards.findChildren(QAbstractButton)[1], Qt.Key.Key_Space)
    qtbot.keyClick(page, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    qtbot.wait_until(lambda: bool(filled.exports.started))
    assert filled.exports.started == [("r6", "merged", None)]
    job = next(one for one in filled.jobs.by_id.values() if one.info.kind == "export")
    move_on(job, "merging", 1, 4)
    qtbot.wait_until(lambda: "Merging" in words(page))
    assert child(child(page, ExportCard), Progress).isVisible()
    (tmp_path / "README.md").write_bytes(b"0" * 2_000)
    finish(job, tmp_path, files=("README.md",))
    qtbot.wait_until(lambda: "2 kB" in words(page))
    assert "same most likely token at 100 %" in words(page)
    button(page, "Copy path").click()
    assert QGuiApplication.clipboard().text() == str(tmp_path)


def test_cancel_asks_the_job_to_stop_and_its_end_is_told(
    filled: FakeApi, window_services: Services, qtbot: QtBot
) -> None:
    job = filled.exports.make("r6", "merged", job_id="e1")
    page = make_page(window_services, qtbot)
    qtbot.wait_until(lambda: "Exporting support-v2" in words(page))
    button(page, "Cancel").click()
    qtbot.wait_until(lambda: filled.jobs.stopped == ["e1"])
    stop(job)
    qtbot.wait_until(lambda: "Nothing of it was kept." in words(page))


def test_failed_export_shows_its_remedy_and_fills_the_form_again(
    filled: FakeApi, window_services: Services, qtbot: QtBot, tmp_path: Path
) -> None:
    fail(filled.exports.make("r5", "merged", tmp_path / "out", "e1"))
    page = make_page(window_services, qtbot)
    table = child(child(page, PastExports), DataTable)
    table.set_current(0)
    qtbot.keyClick(table, Qt.Key.Key_Return)
    qtbot.wait_until(lambda: "support-v1 was not exported" in words(page))
    assert "Export it again." in words(page)
    assert button(page, "Details, export_not_equal").isVisible()
    button(page, "Try again…").click()
    settle(page, window_services, qtbot)
    form = child(page, ExportForm)
    assert (form.run, form.target) == ("r5", "merged")
    assert str(tmp_path / "out") in words(page)


def test_folder_that_holds_something_forbids_the_export(
    filled: FakeApi,
    window_services: Services,
    qtbot: QtBot,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    del filled
    (tmp_path / "letter.txt").write_text("dear", encoding="utf-8")
    page = make_page(window_services, qtbot)
    monkeypatch.setattr("gui.pages.export.view.ask_for_folder", lambda **_: tmp_path)
    button(page, "Choose folder…").click()
    qtbot.wait_until(lambda: "holds something already" in words(page))
    assert not button(page, "Export").isEnabled()
    button(page, "Use the workspace").click()
    settle(page, window_services, qtbot)
    assert button(page, "Export").isEnabled()


def test_export_that_does_not_start_is_shown_and_can_be_tried_again(
    filled: FakeApi, window_services: Services, qtbot: QtBot
) -> None:
    filled.exports.error = DiskFull("The disk is full.")
    page = make_page(window_services, qtbot)
    with qtbot.wait_signal(window_services.notices.failed) as failed:
        button(page, "Export").click()
    assert carried(failed)[1] == "The export did not start"
    assert button(page, "Export").isEnabled()


def test_past_exports_stay_readable_when_all_runs_are_gone(
    api: FakeApi, window_services: Services, qtbot: QtBot
) -> None:
    finish(api.exports.make("r1", "adapter", job_id="e1"), "/out")
    page = make_page(window_services, qtbot)
    assert child(child(page, PastExports), DataTable).isVisible()
    assert not child(page, ExportForm).isVisible()
    assert not child(page, EmptyState).isVisible()


def test_delete_key_moves_an_export_to_the_trash_and_undo_brings_it_back(
    api: FakeApi, window_services: Services, qtbot: QtBot
) -> None:
    finish(api.exports.make("r1", "adapter", job_id="e1"), "/out")
    page = make_page(window_services, qtbot)
    table = child(child(page, PastExports), DataTable)
    table.set_current(0)
    with qtbot.wait_signal(window_services.notices.said) as said:
        qtbot.keyClick(table, Qt.Key.Key_Delete)
    assert api.exports.list() == []
    carried(said)[2]()
    qtbot.wait_until(lambda: [one.info.id for one in api.exports.list()] == ["e1"])


@pytest.mark.parametrize("scale", [1.0, 2.0])
def test_nothing_is_clipped_and_everything_has_a_name(
    filled: FakeApi, window_services: Services, qtbot: QtBot, themed: Theme, scale: float
) -> None:
    filled.runs.make(LONG_NAME, "r9", has_adapter=True, created_at="2027-01-01T09:00:00.000Z")
    finish(filled.exports.make("r9", "adapter", job_id="e1"), f"/{LONG_NAME}/{LONG_NAME}")
    themed.set_text_scale(scale)
    page = make_page(window_services, qtbot)
    page.resize(1208 if scale > 1 else 1070, 720)
    table = child(child(page, PastExports), DataTable)
    table.set_current(0)
    qtbot.keyClick(table, Qt.Key.Key_Return)
    qtbot.wait_until(lambda: "not there any more" in words(page))
    # The layout settles over some turns of the event loop.
    qtbot.wait_until(lambda: clipped_texts(page) == [], timeout=3_000)
    focusable = [one for one in page.findChildren(QWidget)
                 if one.isVisible() and one.focusPolicy() & Qt.FocusPolicy.TabFocus]  # fmt: skip
    assert len([one for one in focusable if isinstance(one, Button)]) >= 4
    assert [one for one in focusable if not one.accessibleName()] == []
