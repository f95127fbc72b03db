# SPDX-License-Identifier: Apache-2.0
"""Runs: found, marked, compared, annotated, and their charts saved."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import cast

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QWidget
from pytestqt.qtbot import QtBot

from engine.api.run_curves import CurveReader, Curves, RunCurves
from engine.domain.run_note import RunNote
from engine.errors import DiskFull, RunFileInvalid
from gui.actions.chart_files import ask_to_save_chart
from gui.actions.run_files import ask_to_save_run, import_run
from gui.bridge.services import Services
from gui.pages.runs.compare import CompareView, RecipesTab, ResultsTab
from gui.pages.runs.details import StepTable
from gui.pages.runs.notes_tab import NotesTab
from gui.pages.runs.run_list import RunList
from gui.pages.runs.run_table import RunTable
from gui.pages.runs.view import RunsPage
from gui.widgets.buttons import Button
from gui.widgets.charts.canvas import Canvas
from gui.widgets.charts.chart_menu import ChartMenu
from gui.widgets.charts.compare_chart import CompareChart
from gui.widgets.fields import SearchField, SelectField, TextArea, TextField
from gui.widgets.table import DataTable
from tests.fakes.api import FakeApi, a_step
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


def refresh(services: Services, qtbot: QtBot) -> None:
    seen: list[bool] = []
    services.library.refresh(lambda: seen.append(True))
    qtbot.wait_until(lambda: bool(seen), timeout=10_000)


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


def test_box_of_a_run_marks_it_and_its_name_opens_it(page: RunsPage, qtbot: QtBot) -> None:
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
    assert child(chart, Canvas).accessibleName() == "Loss, nats per token"


def tips(table: DataTable) -> dict[str, str]:
    """Return the tooltip of each title that has one."""
    model, across = table.model(), Qt.Orientation.Horizontal
    titles = [model.headerData(i, across) for i in range(model.columnCount())]
    found = [model.headerData(i, across, Qt.ItemDataRole.ToolTipRole) for i in range(len(titles))]
    return {title: tip for title, tip in zip(titles, found, strict=True) if tip}


def test_losses_in_tables_say_what_they_are_measured_in(page: RunsPage) -> None:
    page.resize(1600, 900)
    page.show_argument(("r1", "r6"))
    results, steps = child(page, ResultsTab), child(page, StepTable)
    results.resize(1600, 500)
    steps.resize(1600, 500)
    found = [tips(child(one, DataTable)) for one in (results, steps)]
    shown = [*found, tips(child(page, RunTable))]
    assert [list(one) for one in shown] == [
        ["Training loss", "Held-out loss before", "Best held-out loss"],
        ["Training loss", "Held-out loss"],
        ["Held-out loss"],
    ]
    assert all("nats per token" in tip for one in shown for tip in one.values())


class SlowCurves:
    """Reads curves one by one, each when it is let.

    Attributes:
        begun: Runs that were read from their start.
        asked: Every reading.
    """

    def __init__(self, curves: RunCurves) -> None:
        self._curves = curves
        self.begun: list[str] = []
        self.asked: list[str] = []
        self.let = threading.Semaphore(0)

    def follow(self, run_id: str) -> SlowReader:
        self.begun.append(run_id)
        return SlowReader(self, run_id, self._curves.follow(run_id))


class SlowReader:
    """One run of them."""

    def __init__(self, slow: SlowCurves, run_id: str, reader: CurveReader) -> None:
        self._slow = slow
        self._run_id = run_id
        self._reader = reader

    def read(self) -> Curves:
        self._slow.asked.append(self._run_id)
        self._slow.let.acquire(timeout=20)
        return self._reader.read()


def go_on(api: FakeApi, services: Services, qtbot: QtBot, *, step: int) -> None:
    """Let the live run do a step, and the window see it."""
    api.jobs.by_id["r1"].emit(a_step(step, total=1000))
    refresh(services, qtbot)


def shown_losses(chart: CompareChart) -> dict[float | None, float | None]:
    """Return the training losses of the first run by step."""
    return {row[0]: row[1] for row in chart.table()}


def test_curves_of_a_live_run_are_read_one_at_a_time_and_shown(
    page: RunsPage, api: FakeApi, window_services: Services, qtbot: QtBot
) -> None:
    slow = SlowCurves(api.curves)
    api.curves = cast("RunCurves", slow)
    page.show_argument(("r1", "r6"))
    for step in (121, 122, 123):
        go_on(api, window_services, qtbot, step=step)
    assert len(slow.asked) == 1
    slow.let.release(2)
    chart = child(child(page, CompareView), CompareChart)
    qtbot.wait_until(lambda: len(chart.legend()) == 2, timeout=10_000)
    assert slow.asked == ["r1", "r6"]
    slow.let.release(1)
    go_on(api, window_services, qtbot, step=124)
    qtbot.wait_until(lambda: shown_losses(chart)[124] is not None, timeout=10_000)
    # The run that has ended is not read again, and the live one not from its start.
    assert slow.asked == ["r1", "r6", "r1"]
    assert slow.begun == ["r1", "r6"]


def test_curves_are_not_read_while_nobody_looks(
    page: RunsPage, api: FakeApi, window_services: Services, qtbot: QtBot
) -> None:
    slow = SlowCurves(api.curves)
    api.curves = cast("RunCurves", slow)
    slow.let.release(3)
    page.show_argument(("r1", "r6"))
    qtbot.wait_until(lambda: window_services.tasks.is_idle)
    page.show_argument(None)
    go_on(api, window_services, qtbot, step=121)
    assert slow.asked == ["r1", "r6"]
    page.show_argument(("r1", "r6"))
    qtbot.wait_until(lambda: slow.asked == ["r1", "r6", "r1"])


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


def test_note_goes_on_where_it_was_left_after_it_was_kept(
    page: RunsPage, api: FakeApi, window_services: Services, qtbot: QtBot
) -> None:
    tab = child(page, NotesTab)
    tab.show_note("r6", RunNote())
    tags, text = child(tab, TextField), child(tab, TextArea)
    qtbot.keyClicks(tags, "good, ")
    qtbot.keyClicks(text, "The best ")
    tab.save()
    refresh(window_services, qtbot)
    assert api.notes.read("r6") == RunNote(text="The best", tags=("good",))
    tab.show_note("r6", api.notes.read("r6"))
    qtbot.keyClicks(tags, "final")
    qtbot.keyClicks(text, "so far.")
    assert (tags.text(), text.text()) == ("good, final", "The best so far.")
    tab.save()
    refresh(window_services, qtbot)
    # What is written elsewhere is shown once nobody types.
    tab.show_note("r6", api.notes.read("r6"))
    tab.show_note("r6", RunNote(text="Other."))
    assert (tags.text(), text.text()) == ("", "Other.")


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
    api.notes.error = None
    page.page_left()
    qtbot.wait_until(lambda: api.notes.read("r6").text == "Kept in the field.")


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


def test_log_for_tensorboard_goes_into_the_chosen_folder(
    page: RunsPage,
    window_services: Services,
    qtbot: QtBot,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    menu = page.findChildren(ChartMenu)[0]
    assert "Write a TensorBoard log…" in [one.text() for one in menu.menu().actions()]
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_all: str(tmp_path))
    with qtbot.wait_signal(window_services.notices.said) as told:
        ask_to_save_chart(
            window_services,
            parent=page,
            kind="tensorboard",
            name="live",
            runs=("r6",),
            picture=lambda _kind: b"",
        )
    assert told.args is not None
    assert f"tensorboard --logdir {tmp_path}" in told.args[0]
    assert len(list(tmp_path.rglob("events.out.tfevents.*"))) == 1


def test_names_that_no_system_takes_are_not_offered_for_files(
    page: RunsPage, window_services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    offered: list[str] = []

    def note(_parent: object, _title: str, name: str, _filter: str) -> tuple[str, str]:
        offered.append(name)
        return "", ""

    monkeypatch.setattr(QFileDialog, "getSaveFileName", note)
    name = "Q3/Q4: v1.2? 1"
    ask_to_save_run(window_services, parent=page, run_id="r6", name=name)
    ask_to_save_chart(
        window_services, parent=page, kind="png", name=name, picture=lambda _kind: b""
    )
    assert offered == ["Q3-Q4- v1.2- 1.zip", "Q3-Q4- v1.2- 1.png"]


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
