# SPDX-License-Identifier: Apache-2.0
"""The list of datasets: what is in it, what is being imported, and what went wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from engine.domain.run import JobKind
from engine.errors import FileMissing
from engine.protocol.events import (
    Failed,
    Finished,
    PhaseChanged,
    ProgressMade,
    Stopped,
    WorkerStarted,
)
from gui.actions.import_files import import_files
from gui.bridge.services import Services
from gui.pages.datasets.dataset_page import DatasetPage
from gui.pages.datasets.documents_page import DocumentsPage
from gui.pages.datasets.imports import FailedImports, LiveImports
from gui.pages.datasets.list_page import DatasetListPage
from gui.pages.datasets.view import DatasetsPage
from gui.widgets.buttons import Button, IconButton
from gui.widgets.drop_zone import DropZone
from gui.widgets.empty import EmptyState
from gui.widgets.error_panel import ErrorPanel
from gui.widgets.fields import SearchField
from gui.widgets.rows import JobRow
from gui.widgets.table import DataTable
from gui.widgets.text import TextLabel
from tests.fakes.api import FakeApi, FakeJob, a_dataset
from tests.gui.find import child

pytestmark = pytest.mark.gui


@pytest.fixture
def page(window_services: Services, api: FakeApi, qtbot: QtBot) -> DatasetsPage:
    """Return the page over two datasets, with the workspace read."""
    api.datasets.all = [a_dataset(), a_dataset(id="d2", name="Orders")]
    return open_page(window_services, qtbot)


@pytest.fixture
def said(window_services: Services) -> list[str]:
    """Return what toasts have said."""
    found: list[str] = []
    window_services.notices.said.connect(lambda text, _undo, _act: found.append(text))
    return found


def open_page(services: Services, qtbot: QtBot) -> DatasetsPage:
    page = DatasetsPage(services)
    qtbot.addWidget(page)
    services.navigator.requested.connect(lambda _page, what: page.show_argument(what))
    refresh(services, qtbot)
    page.resize(1070, 720)
    page.show()
    return page


def refresh(services: Services, qtbot: QtBot) -> None:
    read: list[bool] = []
    services.library.refresh(lambda: read.append(True))
    qtbot.wait_until(lambda: bool(read))


def start(api: FakeApi, job_id: str = "j1", name: str = "tickets.jsonl") -> FakeJob:
    options = {"paths": [f"/data/{name}"], "name": name}
    job = api.jobs.make(JobKind.IMPORT, name, job_id, options=options)
    job.emit(WorkerStarted(attempt=1, pid=1), PhaseChanged(phase="reading"))
    job.emit(ProgressMade(done=20_000_000, total=100_000_000, unit="bytes"))
    return job


def texts(page: DatasetsPage) -> list[str]:
    return [one.text() for one in page.findChildren(TextLabel) if one.isVisible()]


def button(page: DatasetsPage, text: str) -> Button:
    QApplication.processEvents()  # buttons that were just made are shown by the next layout
    found = [one for one in page.findChildren(Button) if one.text() == text and one.isVisible()]
    assert found, f"no button {text}"
    return found[0]


def shows(page: DatasetsPage, kind: type[DatasetListPage] | type[DatasetPage]) -> bool:
    return child(page, kind).isVisible()


def cell(table: DataTable, row: int, column: int) -> str:
    return str(table.model().index(row, column).data())


def test_list_shows_datasets_and_opens_the_clicked_one(page: DatasetsPage, qtbot: QtBot) -> None:
    table = child(page, DataTable)
    assert [cell(table, row, 0) for row in range(2)] == ["Support tickets", "Orders"]
    spot = table.visualRect(table.model().index(1, 0)).center()
    qtbot.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=spot)
    assert shows(page, DatasetPage)
    assert "Orders" in texts(page)


def test_list_is_reached_by_keys_alone(page: DatasetsPage, qtbot: QtBot) -> None:
    table = child(page, DataTable)
    table.setFocus()
    qtbot.keyClick(table, Qt.Key.Key_Down)
    qtbot.keyClick(table, Qt.Key.Key_Return)
    assert shows(page, DatasetPage)
    page.show_argument(None)
    assert shows(page, DatasetListPage)


def test_search_leaves_only_what_fits(page: DatasetsPage, qtbot: QtBot) -> None:
    search, table = child(page, SearchField), child(page, DataTable)
    qtbot.keyClicks(search, "order")
    assert table.model().rowCount() == 1
    qtbot.keyClick(search, Qt.Key.Key_Escape)
    assert table.model().rowCount() == 2


def test_empty_workspace_offers_files_the_sample_and_a_drop_zone(
    window_services: Services, api: FakeApi, qtbot: QtBot
) -> None:
    page = open_page(window_services, qtbot)
    empty = child(page, EmptyState)
    assert empty.isVisible()
    assert child(page, DropZone).isVisible()
    filled = [one.text() for one in page.findChildren(Button) if one.isVisible()]
    assert filled == ["Browse for data…", "Import the sample"]
    button(page, "Import the sample").click()
    qtbot.wait_until(lambda: bool(api.datasets.imported))
    assert api.datasets.imported[0][1] == "Support tickets"


def test_dropped_files_become_one_dataset(
    page: DatasetsPage, api: FakeApi, tmp_path: Path, qtbot: QtBot
) -> None:
    paths = [tmp_path / "a.jsonl", tmp_path / "b.csv"]
    child(page, DropZone).paths_dropped.emit(paths)
    qtbot.wait_until(lambda: bool(page.findChildren(DocumentsPage)))
    buttons = child(page, DocumentsPage).findChildren(Button)
    next(one for one in buttons if one.accessibleName() == "Import").click()
    qtbot.wait_until(lambda: bool(api.datasets.imported))
    assert api.datasets.imported == [(tuple(paths), "")]


def test_import_of_several_datasets_says_how_many(
    page: DatasetsPage, window_services: Services, api: FakeApi, said: list[str], qtbot: QtBot
) -> None:
    job = start(api)
    refresh(window_services, qtbot)
    job.emit(Finished(result={"dataset_id": "d3", "datasets": "d1,d2,d3"}))
    qtbot.wait_until(lambda: "3 datasets were imported." in said)
    assert page.isVisible()


def test_import_shows_progress_and_leads_to_its_dataset(
    page: DatasetsPage, window_services: Services, api: FakeApi, said: list[str], qtbot: QtBot
) -> None:
    job = start(api)
    refresh(window_services, qtbot)
    row = child(page, JobRow)
    assert row.isVisible()
    assert any("20 MB of 100 MB" in one for one in texts(page))
    api.datasets.all.insert(0, a_dataset(id="new", name="tickets", rejects=2))
    job.emit(Finished(result={"dataset_id": "new"}))
    qtbot.wait_until(lambda: shows(page, DatasetPage))
    assert "tickets" in texts(page)
    assert said == ["“tickets” was imported: 400 rows. 2 were rejected."]


def test_import_that_ends_while_something_is_searched_does_not_take_the_page_away(
    page: DatasetsPage, window_services: Services, api: FakeApi, said: list[str], qtbot: QtBot
) -> None:
    job = start(api)
    refresh(window_services, qtbot)
    child(page, SearchField).setText("orders")
    api.datasets.all.insert(0, a_dataset(id="new", name="tickets"))
    job.emit(Finished(result={"dataset_id": "new"}))
    qtbot.wait_until(lambda: bool(said))
    assert shows(page, DatasetListPage)
    assert not child(page, LiveImports).isVisible()


def test_cancel_asks_the_worker_to_stop_and_says_that_nothing_was_kept(
    page: DatasetsPage, window_services: Services, api: FakeApi, said: list[str], qtbot: QtBot
) -> None:
    job = start(api)
    refresh(window_services, qtbot)
    child(child(page, JobRow), IconButton).click()
    qtbot.wait_until(lambda: api.jobs.stopped == ["j1"])
    assert "Cancelling…" in texts(page)
    job.emit(Stopped(step=0, checkpoint=""))
    qtbot.wait_until(lambda: bool(said))
    assert said == ["The import of tickets.jsonl was cancelled. Nothing was kept."]
    assert not child(page, LiveImports).isVisible()


def test_two_imports_stand_below_each_other_and_end_alone(
    page: DatasetsPage, window_services: Services, api: FakeApi, said: list[str], qtbot: QtBot
) -> None:
    first = start(api, "j1", "a.jsonl")
    start(api, "j2", "b.jsonl")
    refresh(window_services, qtbot)
    assert child(page, LiveImports).count == 2
    first.emit(Stopped(step=0, checkpoint=""))
    qtbot.wait_until(lambda: bool(said))
    assert child(page, LiveImports).count == 1
    assert "Importing b.jsonl" in texts(page)


def fail(api: FakeApi, job_id: str = "j1", name: str = "tickets.jsonl") -> None:
    start(api, job_id, name).emit(
        Failed(
            code="no_usable_rows",
            message="None of the 412 rows could be used.",
            remedy="Look at the reasons.",
            detail="tickets.jsonl:2 empty_text",
        )
    )


def test_failed_import_shows_cause_remedy_and_the_folded_code(
    page: DatasetsPage, window_services: Services, api: FakeApi, qtbot: QtBot
) -> None:
    fail(api)
    refresh(window_services, qtbot)
    shown = texts(page)
    assert "tickets.jsonl was not imported" in shown
    assert "None of the 412 rows could be used." in shown
    assert "Look at the reasons." in shown
    assert not any("empty_text" in one for one in shown)
    assert child(page, ErrorPanel).accessibleName() == "tickets.jsonl was not imported"


def test_failed_import_is_tried_again_with_the_same_files(
    page: DatasetsPage, window_services: Services, api: FakeApi, qtbot: QtBot
) -> None:
    fail(api)
    refresh(window_services, qtbot)
    button(page, "Try again").click()
    qtbot.wait_until(lambda: bool(api.datasets.imported))
    assert api.datasets.imported == [((Path("/data/tickets.jsonl"),), "tickets.jsonl")]
    assert "j1" not in api.jobs.by_id


def test_dismissed_failure_makes_room_for_the_next_and_then_goes(
    page: DatasetsPage, window_services: Services, api: FakeApi, qtbot: QtBot
) -> None:
    fail(api, "j1", "a.jsonl")
    fail(api, "j2", "b.jsonl")
    refresh(window_services, qtbot)
    failed = child(page, FailedImports)
    assert any("1 more import went wrong" in one for one in texts(page))
    for left in (1, 0):
        button(page, "Dismiss").click()
        qtbot.wait_until(lambda left=left: len(api.jobs.by_id) == left)
        refresh(window_services, qtbot)
    assert not failed.isVisible()


def test_missing_file_is_said_before_a_job_is_made(
    page: DatasetsPage, window_services: Services, api: FakeApi, qtbot: QtBot
) -> None:
    api.datasets.error = FileMissing("/data/gone.jsonl does not exist. Nothing was imported.")
    with qtbot.wait_signal(window_services.notices.failed) as failed:
        import_files(window_services, paths=[Path("/data/gone.jsonl")])
    assert failed.args is not None
    assert failed.args[0].code == "file_missing"
    assert shows(page, DatasetListPage)


def test_unknown_dataset_leads_to_the_list_with_a_word(page: DatasetsPage, said: list[str]) -> None:
    page.show_argument("gone")
    assert shows(page, DatasetListPage)
    assert said == ["This dataset is not in the workspace any more."]
