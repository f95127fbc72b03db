# SPDX-License-Identifier: Apache-2.0
"""Runs: found, marked, compared, annotated, and their charts saved."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QWidget
from pytestqt.qtbot import QtBot

from engine.domain.run_note import RunNote
from engine.errors import DiskFull, RunFileInvalid
from gui.actions.chart_files import ask_to_save_chart
from gui.actions.run_files import ask_to_save_run, import_run
from gui.bridge.services import Services
from gui.pages.runs.compare import CompareView, RecipesTab, ResultsTab
from gui.pages.runs.notes_tab import NotesTab
from gui.pages.runs.run_list import RunList
from gui.pages.runs.run_table import RunTable
from gui.pages.runs.view import RunsPage
from gui.widgets.buttons import Button
from gui.widgets.charts.compare_chart import CompareChart
from gui.widgets.fields import SearchField, SelectField, TextArea, TextField
from gui.widgets.table import DataTable
from tests.fakes.api import FakeApi
from tests.gui.find import child
from tests.gui.scenes import add_finished, add_run, add_stopped

pytestmark = pytest.mark.gui


@pytest.fixture
def page(api: FakeApi, window_services: Services, qtbot: QtBot) -> RunsPage:
    """Return the page with three runs, shown."""
    add_run(api, "live", "r1", upto=120, note=RunNote(tags=("mine",)))
    add_finished(api)
    add_stopped(api)
    found = RunsPage(window_services)
    qtbot.addWidget(found)
    found.resize(1008, 720)
    found.show()
    found.page_entered()
    window_services.library.refresh()
    qtbot.wait_until(lambda: window_services.library.is_loaded and window_services.tasks.is_idle)
    return found


def texts(table: DataTable, column: int) -> list[str]:
    model = table.model()
    return [str(model.index(row, column).data()) for row in range(model.rowCount())]


def names(page: RunsPage) -> list[str]:
    return [one.split(" ")[0] for one in texts(child(page, RunTable), 1)]


def compare_button(page: RunsPage) -> Button:
    buttons = child(page, RunList).findChildren(Button)
    return next(one for one in buttons if one.text().startswith("Compare"))


def test_search_finds_a_tag(page: RunsPage, qtbot: QtBot) -> None:
    child(child(page, RunList), SearchField).setText("MINE")
    qtbot.wait_until(lambda: names(page) == ["live"])


def test_state_and_order_choose_and_sort(page: RunsPage) -> None:
    state, order = child(page, RunList).findChildren(SelectField)
    assert (state.accessibleName(), order.accessibleName()) == ("State", "Order")
    state.set_value("ended")
    state.chosen.emit("ended")
    assert names(page) == ["support-v1"]
    state.set_value("all")
    order.set_value("longest")
    order.chosen.emit("longest")
    assert names(page) == ["support-v2", "support-v1", "live"]


def test_space_marks_and_the_button_compares(page: RunsPage, qtbot: QtBot) -> None:
    table = child(page, RunTable)
    assert not compare_button(page).isEnabled()
    assert compare_button(page).toolTip()
    for row in (0, 1):
        table.set_current(row)
        qtbot.keyClick(table, Qt.Key.Key_Space)
    assert compare_button(page).text() == "Compare 2 runs"
    spoken = Qt.ItemDataRole.AccessibleTextRole
    assert table.model().index(0, 0).data(spoken) == "Marked for comparing"
    assert table.model().index(2, 0).data(spoken) == "Not marked"
    compare_button(page).click()
    assert isinstance(page.currentWidget(), CompareView)


def test_plus_of_a_run_marks_it_and_its_name_opens_it(page: RunsPage, qtbot: QtBot) -> None:
    table = child(page, RunTable)
    table.clicked.emit(table.model().index(0, 0))
    assert compare_button(page).text() == "Compare"
    assert isinstance(page.currentWidget(), RunList)
    with qtbot.wait_signal(child(page, RunList).run_chosen):
        table.clicked.emit(table.model().index(0, 1))


def test_comparison_shows_curves_results_and_differences(
    page: RunsPage, window_services: Services, qtbot: QtBot
) -> None:
    page.show_argument(("r1", "r6", "r5"))
    qtbot.wait_until(lambda: window_services.tasks.is_idle)
    view = child(page, CompareView)
    chart = child(view, CompareChart)
    qtbot.wait_until(lambda: len(chart.legend()) == 3)
    assert chart.legend()[0].startswith("live ")
    assert len(texts(child(child(view, ResultsTab), DataTable), 0)) == 3
    assert texts(child(child(view, RecipesTab), DataTable), 0) == ["Rank"]


def test_results_are_sorted_and_open_a_run(page: RunsPage, qtbot: QtBot) -> None:
    page.show_argument(("r1", "r6", "r5"))
    results = child(child(page, CompareView), ResultsTab)
    order = results.findChildren(SelectField)[1]
    order.set_value("longest")
    order.chosen.emit("longest")
    table = child(results, DataTable)
    assert [one.split(" ")[0] for one in texts(table, 0)] == ["support-v2", "support-v1", "live"]
    with qtbot.wait_signal(results.run_chosen) as told:
        table.row_activated.emit(0)
    assert told.args == ["r6"]


def test_note_is_kept_shortly_after_the_last_key(
    page: RunsPage, api: FakeApi, qtbot: QtBot
) -> None:
    page.show_argument("r6")
    tab = child(page, NotesTab)
    tab.show_note("r6", RunNote())
    qtbot.keyClicks(child(tab, TextField), "good, final")
    child(tab, TextArea).setPlainText("The best so far.")
    qtbot.wait_until(lambda: api.notes.read("r6").text == "The best so far.", timeout=5_000)
    assert api.notes.read("r6").tags == ("good", "final")


def test_note_is_kept_when_another_run_is_opened(
    page: RunsPage, api: FakeApi, window_services: Services, qtbot: QtBot
) -> None:
    tab = child(page, NotesTab)
    tab.show_note("r6", RunNote())
    child(tab, TextArea).setPlainText("Not lost.")
    tab.show_note("r5", RunNote(text="Other."))
    qtbot.wait_until(lambda: window_services.tasks.is_idle)
    assert api.notes.read("r6").text == "Not lost."
    assert api.notes.read("r5").text == ""
    assert child(tab, TextArea).text() == "Other."


def test_note_that_cannot_be_written_says_so_and_stays(
    page: RunsPage, api: FakeApi, window_services: Services, qtbot: QtBot
) -> None:
    api.notes.error = DiskFull("No room.")
    tab = child(page, NotesTab)
    tab.show_note("r6", RunNote())
    child(tab, TextArea).setPlainText("Kept in the field.")
    with qtbot.wait_signal(window_services.notices.failed):
        tab.save()
    assert child(tab, TextArea).text() == "Kept in the field."


def test_chart_is_saved_as_numbers_and_picture(
    page: RunsPage,
    window_services: Services,
    qtbot: QtBot,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for kind, start in (("csv", b"step,"), ("svg", b"<svg")):
        path = tmp_path / f"chart.{kind}"
        monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_all, at=path: (str(at), ""))
        with qtbot.wait_signal(window_services.notices.said):
            ask_to_save_chart(
                window_services,
                parent=page,
                kind=kind,
                name="live",
                runs=("r6",),
                picture=lambda _kind: b"<svg/>",
            )
        assert path.read_bytes().startswith(start)


def test_run_is_saved_as_a_file(
    page: RunsPage,
    api: FakeApi,
    window_services: Services,
    qtbot: QtBot,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    del page
    chosen = tmp_path / "support.zip"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_all: (str(chosen), ""))
    ask_to_save_run(window_services, parent=QWidget(), run_id="r6", name="support")
    qtbot.wait_until(lambda: api.run_files.saved == [("r6", chosen)])


def test_imported_run_is_shown(
    page: RunsPage, window_services: Services, qtbot: QtBot, tmp_path: Path
) -> None:
    del page
    with qtbot.wait_signal(window_services.navigator.requested) as told:
        import_run(window_services, path=tmp_path / "theirs.zip")
    assert told.args is not None
    assert told.args[0] == "runs"


def test_file_that_is_no_run_is_named(
    page: RunsPage, api: FakeApi, window_services: Services, qtbot: QtBot, tmp_path: Path
) -> None:
    del page
    api.run_files.error = RunFileInvalid("No.")
    with qtbot.wait_signal(window_services.notices.failed) as told:
        import_run(window_services, path=tmp_path / "theirs.zip")
    assert told.args is not None
    assert told.args[1] == "The run was not imported"
