# SPDX-License-Identifier: Apache-2.0
"""Export: what is known of memorised text before weights leave, and the check that finds out."""

from __future__ import annotations

import pytest
from pytestqt.qtbot import QtBot

from engine.domain.run import JobKind
from engine.errors import DatasetNotFound
from engine.protocol.events import (
    Failed,
    Finished,
    PhaseChanged,
    ProgressMade,
    Stopped,
    WorkerStarted,
)
from gui.bridge.services import Services
from gui.pages.export.memorised import MemorisedText
from gui.pages.export.view import ExportPage
from gui.widgets.buttons import Button
from gui.widgets.progress import Progress
from gui.widgets.table import DataTable
from tests.fakes.api import FakeApi, FakeJob
from tests.fakes.memorisation import a_check
from tests.gui.find import child
from tests.gui.scenes import fill_library

pytestmark = pytest.mark.gui


@pytest.fixture
def filled(api: FakeApi) -> FakeApi:
    """Return a workspace with two runs that left an adapter."""
    fill_library(api)
    api.runs.make("support-v2", "r6", has_adapter=True)
    api.runs.make("support-v1", "r5", has_adapter=True, created_at="2026-10-01T09:00:00.000Z")
    return api


def make_page(services: Services, qtbot: QtBot) -> ExportPage:
    page = ExportPage(services)
    qtbot.addWidget(page)
    services.library.refresh()
    page.resize(1008, 900)
    page.show()
    settle(services, qtbot)
    return page


def settle(services: Services, qtbot: QtBot) -> None:
    for _time in range(3):
        qtbot.wait_until(
            lambda: services.library.is_loaded and services.tasks.is_idle, timeout=20_000
        )
        qtbot.wait(5)


def button(page: ExportPage, text: str) -> Button:
    (part,) = page.findChildren(MemorisedText)
    return next(one for one in part.findChildren(Button) if one.text() == text)


def check(page: ExportPage, api: FakeApi, qtbot: QtBot) -> FakeJob:
    """Press the button and return the job that it started."""
    button(page, "Check for memorised text").click()
    qtbot.wait_until(button(page, "Cancel").isVisible, timeout=20_000)
    (job,) = [one for one in api.jobs.by_id.values() if one.info.kind is JobKind.MEMORISATION]
    return job


def fail_check(page: ExportPage, api: FakeApi, qtbot: QtBot) -> None:
    """Press the button, let the job fail, and wait until the page says why."""
    check(page, api, qtbot).emit(
        WorkerStarted(attempt=1, pid=1),
        Failed(code="not_enough_memory", message="Memory ran out.", remedy="Close a program."),
    )
    qtbot.wait_until(lambda: "Memory ran out. Close a program." in told(page)[1], timeout=20_000)


def told(page: ExportPage) -> tuple[str, str]:
    part = child(page, MemorisedText)
    return part._title.text(), part._text.text()


def test_run_that_was_not_checked_says_so_and_can_be_exported_all_the_same(
    filled: FakeApi, window_services: Services, qtbot: QtBot
) -> None:
    page = make_page(window_services, qtbot)
    assert told(page)[0] == "Not checked"
    assert not child(child(page, MemorisedText), DataTable).isVisible()
    export = next(one for one in page.findChildren(Button) if one.text() == "Export")
    assert export.isEnabled()


def test_check_shows_its_progress_then_what_it_found(
    filled: FakeApi, window_services: Services, qtbot: QtBot
) -> None:
    page = make_page(window_services, qtbot)
    job = check(page, filled, qtbot)
    assert filled.jobs.get(job.info.id).info.text_option("run_id") == "r6"
    job.emit(WorkerStarted(attempt=1, pid=1), PhaseChanged(phase="asking"))
    job.emit(ProgressMade(done=30, total=120, unit="rows"))
    part = child(page, MemorisedText)
    qtbot.wait_until(lambda: "30 of 120" in part._words.text(), timeout=20_000)
    assert child(part, Progress).isVisible()
    filled.memorisation.known["r6"] = a_check()
    job.emit(Finished(result={}))
    qtbot.wait_until(lambda: "writes text" in told(page)[0], timeout=20_000)
    text = told(page)[1]
    assert "Of 64 private values" in text
    assert "1,240 of 1,240 training rows" in text
    table = child(part, DataTable)
    qtbot.wait_until(table.isVisible, timeout=20_000)
    model = table.model()
    rows = [
        [model.index(row, column).data() for column in range(model.columnCount())]
        for row in range(model.rowCount())
    ]
    assert ["E-mail address", "41", "7", "9", "2"] in rows
    assert ["The same of held-out rows", "60", "0", "2", "0"] in rows
    assert button(page, "Check again").isVisible()


def test_clean_result_is_no_promise(
    filled: FakeApi, window_services: Services, qtbot: QtBot
) -> None:
    filled.memorisation.known["r6"] = a_check(learned=0)
    page = make_page(window_services, qtbot)
    title, text = told(page)
    assert title == "No memorised text was found"
    assert "That is no proof" in text


def test_result_of_earlier_weights_is_not_shown_as_theirs(
    filled: FakeApi, window_services: Services, qtbot: QtBot
) -> None:
    filled.memorisation.known["r6"] = a_check(is_current=False)
    page = make_page(window_services, qtbot)
    assert told(page)[0] == "The weights changed since the check"
    assert not child(child(page, MemorisedText), DataTable).isVisible()


def test_check_that_goes_on_is_found_again(
    filled: FakeApi, window_services: Services, qtbot: QtBot
) -> None:
    job_id = filled.memorisation.start("r6")
    filled.jobs.by_id[job_id].emit(WorkerStarted(attempt=1, pid=1))
    page = make_page(window_services, qtbot)
    qtbot.wait_until(button(page, "Cancel").isVisible, timeout=20_000)
    button(page, "Cancel").click()
    qtbot.wait_until(lambda: filled.jobs.stopped == [job_id], timeout=20_000)
    filled.jobs.by_id[job_id].emit(Stopped(step=0, checkpoint=""))
    qtbot.wait_until(lambda: "nothing of it is kept" in told(page)[1], timeout=20_000)
    assert button(page, "Check for memorised text").isVisible()


def test_other_run_shows_what_is_known_of_it(
    filled: FakeApi, window_services: Services, qtbot: QtBot
) -> None:
    filled.memorisation.known["r5"] = a_check()
    page = make_page(window_services, qtbot)
    job = check(page, filled, qtbot)
    page.show_argument("r5")
    qtbot.wait_until(lambda: "writes text" in told(page)[0], timeout=20_000)
    assert not button(page, "Cancel").isVisible()
    page.show_argument("r6")
    qtbot.wait_until(button(page, "Cancel").isVisible, timeout=20_000)
    assert filled.jobs.stopped == []
    job.emit(WorkerStarted(attempt=1, pid=1), Finished(result={}))


def test_check_that_fails_or_does_not_start_says_why(
    filled: FakeApi, window_services: Services, qtbot: QtBot
) -> None:
    page = make_page(window_services, qtbot)
    fail_check(page, filled, qtbot)
    filled.memorisation.error = DatasetNotFound("The rows are gone.")
    with qtbot.wait_signal(window_services.notices.failed, timeout=20_000) as failed:
        button(page, "Check for memorised text").click()
    assert "The rows are gone." in str(failed.args)
    settle(window_services, qtbot)
    assert button(page, "Check for memorised text").isEnabled()


def test_why_a_check_ended_is_not_said_of_another_run(
    filled: FakeApi, window_services: Services, qtbot: QtBot
) -> None:
    page = make_page(window_services, qtbot)
    fail_check(page, filled, qtbot)
    page.show_argument("r5")
    settle(window_services, qtbot)
    assert "Memory ran out." not in told(page)[1]
