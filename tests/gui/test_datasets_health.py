# SPDX-License-Identifier: Apache-2.0
"""The Health tab: checking, what was found, repairing, taking back."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from engine.domain.report import CheckResult, Report
from engine.errors import DiskFull
from engine.protocol.events import (
    Failed,
    Finished,
    PhaseChanged,
    ProgressMade,
    Stopped,
    WorkerStarted,
)
from gui.bridge.services import Services
from gui.pages.datasets.health_tab import HealthTab
from gui.widgets.buttons import Button
from gui.widgets.rows import BarRow, FindingRow
from gui.widgets.text import ELIDED, LinkLabel, StrongText, TextLabel
from gui.widgets.theme.theme import theme
from tests.fakes.api import MOMENT, FakeApi, FakeJob, a_dataset
from tests.gui.geometry import clipped_texts

REPORT = Report(
    version=1,
    checked_at=MOMENT,
    duration_s=2.0,
    rows=400,
    near_similarity=0.8,
    eval_rows_needed=385,
    results=(
        CheckResult(check="leakage", rows=0),
        CheckResult(check="exact_copies", rows=12, groups=5),
        CheckResult(check="personal_data", rows=3, labels={"email": 2, "phone": 1}),
        CheckResult(check="contradicting_answers", rows=4, groups=2),
        CheckResult(check="language", rows=7, labels={"de": 7}, tally={"en": 393, "de": 7}),
    ),
)


@pytest.fixture
def tab(api: FakeApi, window_services: Services, qtbot: QtBot) -> HealthTab:
    tab = HealthTab(window_services)
    qtbot.addWidget(tab)
    tab.resize(1000, 700)
    tab.show()
    return tab


def texts(page: QWidget) -> str:
    """Return all texts that are shown."""
    shown = [one for kind in (TextLabel, StrongText) for one in page.findChildren(kind)]
    return "\n".join(one.text() for one in shown if one.isVisible())


def titles(tab: HealthTab) -> list[str]:
    """Return the names of the checks, in the order in which they are shown."""
    return [row.findChildren(TextLabel)[0].text() for row in tab.findChildren(FindingRow)]


def button(tab: QWidget, words: str) -> Button:
    """Return the button of these words."""
    return next(one for one in tab.findChildren(Button) if one.shown_text() == words)


def job_of(api: FakeApi) -> FakeJob:
    """Return the job that was begun last."""
    return list(api.jobs.by_id.values())[-1]


def show(tab: HealthTab, qtbot: QtBot, words: str, **changes: object) -> None:
    """Show a dataset, and wait for these words."""
    tab.show_dataset(a_dataset(**changes))
    qtbot.wait_until(lambda: words in texts(tab))


def test_unchecked_rows_offer_the_check_and_its_progress_is_shown(
    tab: HealthTab, api: FakeApi, qtbot: QtBot
) -> None:
    show(tab, qtbot, "These rows were not checked yet")
    button(tab, "Check the rows").click()
    qtbot.wait_until(lambda: bool(api.jobs.by_id))
    job = job_of(api)
    job.emit(WorkerStarted(attempt=1, pid=1, versions={}))
    job.emit(PhaseChanged(phase="checking_rows"))
    job.emit(ProgressMade(done=100, total=400, unit="rows"))
    qtbot.wait_until(lambda: "Checking the rows · 100 of 400" in texts(tab))
    api.reports.report = REPORT
    job.emit(Finished(result={"dataset_id": "d1", "version": "1"}))
    qtbot.wait_until(lambda: "3 things to look at before training" in texts(tab))


def test_findings_come_first_with_number_reason_and_repair(
    tab: HealthTab, api: FakeApi, qtbot: QtBot
) -> None:
    api.reports.report = REPORT
    show(tab, qtbot, "3 things to look at before training")
    rows = tab.findChildren(FindingRow)
    assert titles(tab)[-1] == "Copies across the split"
    assert "12" in texts(tab)
    links = [
        one.text() for row in rows for one in row.findChildren(LinkLabel) if not one.isHidden()
    ]
    assert links.count("Repair") == 2
    assert links.count("Show") == 4
    assert "2 email, 1 phone." in texts(tab)
    assert "What to do first" in texts(tab)


@pytest.mark.parametrize(("width", "scale"), [(1_072, 1.0), (1_152, 2.0)])
def test_findings_can_be_read_to_their_end_in_a_window_of_1280_pixels(
    tab: HealthTab, api: FakeApi, qtbot: QtBot, width: int, scale: float
) -> None:
    theme().set_text_scale(scale)
    tab.resize(width, 700)
    api.reports.report = REPORT
    show(tab, qtbot, "3 things to look at before training")
    rows = tab.findChildren(FindingRow)
    labels = [label for row in rows for label in row.findChildren(TextLabel)]
    assert not any(label.property(ELIDED) for label in labels)
    qtbot.wait_until(lambda: clipped_texts(tab) == [])
    assert tab.width() == width
    # The words begin beside the sign, in one column.
    assert len({row.findChildren(TextLabel)[0].mapTo(row, QPoint()).x() for row in rows}) == 1
    assert {row.width() for row in rows} == {rows[0].width()}


@pytest.mark.parametrize("width", [1_000, 600])
def test_languages_stand_beside_the_findings_or_below_where_it_is_narrow(
    api: FakeApi, window_services: Services, qtbot: QtBot, width: int
) -> None:
    api.reports.report = REPORT
    tab = HealthTab(window_services)
    qtbot.addWidget(tab)
    tab.resize(width, 700)
    tab.show()
    show(tab, qtbot, "Rows by language")
    for other in (width, 1_600 - width):
        tab.resize(other, 700)
        names = [one.accessibleName() for one in tab.findChildren(BarRow) if one.isVisible()]
        assert names == ["English: 393 · 98 %", "German: 7 · 2 %"]


def test_repair_of_one_check_tells_what_it_did_and_checks_again(
    tab: HealthTab, api: FakeApi, window_services: Services, qtbot: QtBot
) -> None:
    said: list[str] = []
    window_services.notices.said.connect(lambda words, _undo, _call: said.append(words))
    api.reports.report = REPORT
    show(tab, qtbot, "3 things to look at before training")
    tab.findChildren(FindingRow)[titles(tab).index("Exact copies")].link_clicked.emit("repair")
    qtbot.wait_until(lambda: api.preparation.fixed == [("exact_copies",)])
    job_of(api).emit(WorkerStarted(attempt=1, pid=1, versions={}))
    job_of(api).emit(Finished(result={"removed": "7", "edited": "0", "version": "2"}))
    qtbot.wait_until(lambda: said == ["7 rows were left out."])
    qtbot.wait_until(lambda: len(api.jobs.by_id) == 2)


def test_all_safe_repairs_are_one_button_and_the_last_change_can_be_undone(
    tab: HealthTab, api: FakeApi, qtbot: QtBot
) -> None:
    api.reports.report = REPORT
    show(tab, qtbot, "3 things to look at before training", version=2)
    button(tab, "Undo the last change").click()
    qtbot.wait_until(lambda: api.versions.undone == ["d1"])
    button(tab, "Repair all that is safe").click()
    qtbot.wait_until(lambda: api.preparation.fixed == [()])


def test_undo_of_an_import_and_repair_of_nothing_say_why_not(
    tab: HealthTab, api: FakeApi, qtbot: QtBot
) -> None:
    results = (CheckResult(check="leakage", rows=0),)
    api.reports.report = Report(
        version=1, checked_at=MOMENT, duration_s=1, rows=4, near_similarity=0.8,
        eval_rows_needed=1, results=results,
    )  # fmt: skip
    show(tab, qtbot, "Nothing to look at before training")
    assert not button(tab, "Undo the last change").isEnabled()
    assert not button(tab, "Repair all that is safe").isEnabled()


def test_a_check_that_fails_says_so_and_can_be_tried_again(
    tab: HealthTab, api: FakeApi, qtbot: QtBot
) -> None:
    show(tab, qtbot, "These rows were not checked yet")
    button(tab, "Check the rows").click()
    qtbot.wait_until(lambda: bool(api.jobs.by_id))
    failed = Failed(code="disk_full", message="The disk is full.", remedy="Free some room.")
    job_of(api).emit(WorkerStarted(attempt=1, pid=1, versions={}), failed)
    qtbot.wait_until(lambda: "The disk is full." in texts(tab))
    button(tab, "Check again").click()
    qtbot.wait_until(lambda: len(api.jobs.by_id) == 2)


def test_a_check_that_is_stopped_shows_what_was_there(
    tab: HealthTab, api: FakeApi, qtbot: QtBot
) -> None:
    api.reports.report = REPORT
    show(tab, qtbot, "3 things to look at before training")
    button(tab, "Check again").click()
    qtbot.wait_until(lambda: bool(api.jobs.by_id))
    job_of(api).emit(WorkerStarted(attempt=1, pid=1, versions={}))
    job_of(api).emit(Stopped(step=0, checkpoint=""))
    qtbot.wait_until(lambda: button(tab, "Check again").isVisible())


def test_a_job_that_does_not_start_leaves_the_report(
    tab: HealthTab, api: FakeApi, qtbot: QtBot
) -> None:
    api.reports.report = REPORT
    api.preparation.error = DiskFull("The disk is full.")
    show(tab, qtbot, "3 things to look at before training")
    button(tab, "Check again").click()
    qtbot.wait_until(lambda: button(tab, "Check again").isVisible())
    assert "3 things to look at before training" in texts(tab)
