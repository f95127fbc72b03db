# SPDX-License-Identifier: Apache-2.0
"""Runs: the list, one run live, its end, its errors, and its resume."""

from __future__ import annotations

import time

import pytest
from PySide6.QtWidgets import QAbstractButton, QWidget
from pytestqt.qtbot import QtBot

from engine.domain.problem import Problem, Severity
from engine.protocol.events import (
    AdapterCommitted,
    EvalDone,
    Finished,
    Paused,
    PhaseChanged,
    SampleMade,
    WorkerStarted,
)
from gui.bridge.services import Services
from gui.pages.runs.charts import Charts
from gui.pages.runs.run_list import RunList
from gui.pages.runs.run_view import RunView
from gui.pages.runs.view import RunsPage
from gui.viewmodels.train import TrainArgument
from gui.widgets.banner import Banner
from gui.widgets.buttons import Button
from gui.widgets.charts.canvas import Canvas
from gui.widgets.charts.line_chart import LineChart
from gui.widgets.charts.small_chart import SmallChart
from gui.widgets.error_panel import ErrorPanel
from gui.widgets.table import DataTable
from gui.widgets.tabs import TabBar
from gui.widgets.text import TextLabel
from tests.fakes.api import FakeApi, a_step, a_stop
from tests.gui.find import carried, child
from tests.gui.scenes import (
    add_early_stopped,
    add_failed,
    add_finished,
    add_interrupted,
    add_killed,
    add_rolled_back,
    add_run,
    add_silent,
    add_stopped,
)

pytestmark = pytest.mark.gui
START = WorkerStarted(attempt=1, pid=1)


@pytest.fixture
def runs(window_services: Services, qtbot: QtBot) -> RunsPage:
    """Return the page, shown."""
    page = RunsPage(window_services)
    qtbot.addWidget(page)
    page.resize(1008, 720)
    page.show()
    page.page_entered()
    return page


def refresh(services: Services, qtbot: QtBot) -> None:
    services.library.refresh()
    qtbot.wait_until(lambda: services.library.is_loaded and services.tasks.is_idle)


def open_run(page: RunsPage, services: Services, qtbot: QtBot, run_id: str) -> None:
    refresh(services, qtbot)
    page.show_argument(run_id)
    qtbot.wait_until(lambda: bool(title(page)), timeout=5_000)


def title(page: RunsPage) -> str:
    found = [
        one.text()
        for one in page.findChildren(TextLabel)
        if one.isVisible() and one.text().startswith("Step ")
    ]
    return found[0] if found else ""


def texts(page: QWidget) -> list[str]:
    return [one.text() for one in page.findChildren(TextLabel) if one.isVisible()]


def button(page: QWidget, text: str) -> Button:
    shown = [one for one in page.findChildren(Button) if one.text() == text]
    return next((one for one in shown if one.isVisible()), shown[0])


def loss_chart(page: RunsPage) -> LineChart:
    return child(child(page, Charts), LineChart)


def choose_tab(page: RunsPage, name: str) -> None:
    bar = child(child(page, RunView), TabBar)
    next(one for one in bar.findChildren(QAbstractButton) if one.text() == name).click()


def test_empty_list_leads_to_the_first_run(
    runs: RunsPage, window_services: Services, qtbot: QtBot
) -> None:
    refresh(window_services, qtbot)
    qtbot.wait_until(lambda: "No run yet" in texts(runs))
    with qtbot.wait_signal(window_services.navigator.requested) as went:
        button(runs, "New run…").click()
    assert carried(went)[0] == "train"


def test_list_shows_runs_and_opens_one(
    runs: RunsPage, api: FakeApi, window_services: Services, qtbot: QtBot
) -> None:
    add_run(api, "support-v3", "r7", upto=60)
    add_finished(api)
    refresh(window_services, qtbot)
    table = child(child(runs, RunList), DataTable)
    assert table.model().rowCount() == 2
    table.row_activated.emit(0)
    assert isinstance(runs.currentWidget(), RunView)
    qtbot.wait_until(lambda: title(runs) == "Step 60 of 1,000", timeout=5_000)


def test_live_run_grows_while_it_is_looked_at(
    runs: RunsPage, api: FakeApi, window_services: Services, qtbot: QtBot
) -> None:
    job = add_run(api, "support-v3", "r7", upto=60)
    open_run(runs, window_services, qtbot, "r7")
    qtbot.wait_until(lambda: len(loss_chart(runs).table()) >= 60)
    step = a_step(61, total=1000, loss=0.5, learning_rate=7e-5)
    job.emit(step, SampleMade(step=61, prompt="p", answer="new"))
    qtbot.wait_until(lambda: title(runs) == "Step 61 of 1,000")
    small = child(runs, Charts).findChildren(SmallChart)[0]
    assert child(small, Canvas).accessibleDescription() == "0.000070"
    assert loss_chart(runs).table()[-1][:2] == (61, 0.5)
    assert child(loss_chart(runs), Canvas).accessibleName() == "Loss, nats per token"
    assert button(runs, "Stop").isVisible()


def test_run_that_is_opened_again_shows_its_whole_past(
    api: FakeApi, window_services: Services, qtbot: QtBot
) -> None:
    add_run(api, "support-v3", "r7", upto=60)
    for _ in range(2):
        page = RunsPage(window_services)
        qtbot.addWidget(page)
        page.show()
        page.page_entered()
        open_run(page, window_services, qtbot, "r7")
        qtbot.wait_until(lambda shown=page: len(loss_chart(shown).table()) >= 60)
        page.close()


def test_stop_asks_the_run_to_end_and_says_so_at_once(
    runs: RunsPage, api: FakeApi, window_services: Services, qtbot: QtBot
) -> None:
    job = add_run(api, "support-v3", "r7", upto=60)
    open_run(runs, window_services, qtbot, "r7")
    stop = button(runs, "Stop")
    stop.click()
    assert stop.shown_text() == "Stopping…"
    qtbot.wait_until(lambda: api.jobs.stopped == ["r7"])
    job.emit(a_stop(60))
    qtbot.wait_until(lambda: button(runs, "Resume").isVisible(), timeout=5_000)
    assert not stop.isVisible()


def test_pause_frees_the_device_and_the_run_can_go_on(
    runs: RunsPage, api: FakeApi, window_services: Services, qtbot: QtBot
) -> None:
    job = add_run(api, "support-v3", "r7", upto=60)
    open_run(runs, window_services, qtbot, "r7")
    pause = button(runs, "Pause")
    pause.click()
    assert pause.shown_text() == "Pausing…"
    qtbot.wait_until(lambda: api.jobs.paused == ["r7"])
    job.emit(Paused(step=60, checkpoint="ck-000060"))
    qtbot.wait_until(lambda: button(runs, "Resume").isVisible(), timeout=5_000)
    assert not pause.isVisible()
    assert not button(runs, "Stop").isVisible()
    assert not button(runs, "Export…").isVisible()


def test_stopped_run_is_resumed_and_shown_live_again(
    runs: RunsPage, api: FakeApi, window_services: Services, qtbot: QtBot
) -> None:
    add_stopped(api)
    open_run(runs, window_services, qtbot, "r5")
    resume = button(runs, "Resume")
    qtbot.wait_until(resume.isEnabled, timeout=5_000)
    resume.click()
    qtbot.wait_until(lambda: api.runs.resumed == ["r5"])
    api.jobs.by_id["r5"].emit(
        WorkerStarted(attempt=2, pid=2), PhaseChanged(phase="training"), a_step(201, total=300)
    )
    refresh(window_services, qtbot)
    qtbot.wait_until(lambda: title(runs) == "Step 201 of 300", timeout=5_000)
    qtbot.wait_until(lambda: 201 in [one[0] for one in loss_chart(runs).table()], timeout=5_000)


def test_run_that_cannot_go_on_gives_the_reason(
    runs: RunsPage, api: FakeApi, window_services: Services, qtbot: QtBot
) -> None:
    add_stopped(api)
    api.runs.blockers = [
        Problem(field="", severity=Severity.ERROR, code="dataset_gone", message="Its data is gone.")
    ]
    open_run(runs, window_services, qtbot, "r5")
    resume = button(runs, "Resume")
    qtbot.wait_until(lambda: resume.toolTip() == "Its data is gone.", timeout=5_000)
    assert not resume.isEnabled()


def test_failed_run_says_what_happened_what_is_safe_and_what_to_do(
    runs: RunsPage, api: FakeApi, window_services: Services, qtbot: QtBot
) -> None:
    add_failed(api)
    open_run(runs, window_services, qtbot, "r8")
    panel = child(runs, ErrorPanel)
    qtbot.wait_until(panel.isVisible, timeout=5_000)
    words = texts(panel)
    assert "Memory ran out" in words
    assert any("step 200 is saved and verified" in one for one in words)
    resume = button(panel, "Resume from step 200")
    qtbot.wait_until(lambda: button(panel, "Resume from step 200").isEnabled(), timeout=5_000)
    resume = button(panel, "Resume from step 200")
    resume.click()
    qtbot.wait_until(lambda: api.runs.resumed == ["r8"])


def test_interrupted_run_shows_the_end_of_the_workers_output(
    runs: RunsPage, api: FakeApi, window_services: Services, qtbot: QtBot
) -> None:
    add_interrupted(api)
    open_run(runs, window_services, qtbot, "r9")
    panel = child(runs, ErrorPanel)
    qtbot.wait_until(panel.isVisible, timeout=5_000)
    assert "The worker ended without a word" in texts(panel)


def test_killed_run_names_its_cause_and_what_to_do(
    runs: RunsPage, api: FakeApi, window_services: Services, qtbot: QtBot
) -> None:
    add_killed(api)
    open_run(runs, window_services, qtbot, "r13")
    panel = child(runs, ErrorPanel)
    qtbot.wait_until(panel.isVisible, timeout=5_000)
    qtbot.wait_until(lambda: "The worker was ended from outside" in texts(panel), timeout=5_000)
    words = " ".join(texts(panel))
    assert "because memory ran out" in words
    assert "step 200 is saved and verified" in words
    assert "Close other programs" in words


def test_silent_run_is_called_slow(
    runs: RunsPage, api: FakeApi, window_services: Services, qtbot: QtBot
) -> None:
    add_silent(api)
    open_run(runs, window_services, qtbot, "r14")
    note = child(child(runs, RunView), Banner)
    qtbot.wait_until(note.isVisible, timeout=5_000)
    assert "does not respond" in note.accessibleName()
    button(runs, "End it now").click()
    qtbot.wait_until(lambda: api.jobs.ended == ["r14"])


def test_finished_run_leads_to_its_export(
    runs: RunsPage, api: FakeApi, window_services: Services, qtbot: QtBot
) -> None:
    add_finished(api)
    open_run(runs, window_services, qtbot, "r6")
    qtbot.wait_until(lambda: button(runs, "Export…").isVisible(), timeout=5_000)
    with qtbot.wait_signal(window_services.navigator.requested) as went:
        button(runs, "Export…").click()
    assert carried(went) == ["export", "r6"]


def test_run_can_be_started_again_with_its_own_values(
    runs: RunsPage, api: FakeApi, window_services: Services, qtbot: QtBot
) -> None:
    add_finished(api)
    open_run(runs, window_services, qtbot, "r6")
    with qtbot.wait_signal(window_services.navigator.requested) as went:
        button(runs, "More").picked.emit("again")
    page, argument = carried(went)
    assert page == "train"
    assert isinstance(argument, TrainArgument)
    assert argument.values["eval_every_steps"] == 50


def test_removed_run_leads_back_to_the_list(
    runs: RunsPage, api: FakeApi, window_services: Services, qtbot: QtBot
) -> None:
    add_finished(api)
    open_run(runs, window_services, qtbot, "r6")
    with qtbot.wait_signal(window_services.navigator.requested) as went:
        button(runs, "More").picked.emit("remove")
    assert carried(went) == ["runs", None]
    assert api.jobs.by_id == {}


@pytest.mark.parametrize("tab", ["Table", "Log", "Setup", "Files"])
def test_every_tab_shows_the_run(
    runs: RunsPage, api: FakeApi, window_services: Services, qtbot: QtBot, tab: str
) -> None:
    add_finished(api)
    open_run(runs, window_services, qtbot, "r6")
    qtbot.wait_until(lambda: len(loss_chart(runs).table()) >= 300)
    choose_tab(runs, tab)
    view = child(runs, RunView)
    if tab == "Setup":
        qtbot.wait_until(lambda: "What Burnish chose" in texts(view))
        return
    names = {"Table": "Steps", "Log": "What happened", "Files": "Files"}
    tables = {one.accessibleName(): one for one in view.findChildren(DataTable)}
    rows = tables[names[tab]].model().rowCount()
    assert rows == {"Table": 300, "Log": rows, "Files": 2}[tab]
    assert rows > 0


def test_note_comes_when_the_held_out_loss_rises(
    runs: RunsPage, api: FakeApi, window_services: Services, qtbot: QtBot
) -> None:
    job = add_run(api, "support-v3", "r7", upto=60)
    open_run(runs, window_services, qtbot, "r7")
    note = child(child(runs, RunView), Banner)
    assert not note.isVisible()
    for step in (70, 80):
        check = EvalDone(
            step=step, loss=3.0, supervised_tokens=1, examples=1, is_best=False, eval_s=1
        )
        job.emit(check)
    qtbot.wait_until(note.isVisible)
    assert "best at step 50" in note.accessibleName()


def test_run_that_went_back_shows_one_line_and_a_mark_where_it_did(
    runs: RunsPage, api: FakeApi, window_services: Services, qtbot: QtBot
) -> None:
    add_rolled_back(api)
    open_run(runs, window_services, qtbot, "r12")
    qtbot.wait_until(lambda: "Step 520" in title(runs))
    chart = loss_chart(runs)
    qtbot.wait_until(lambda: bool(chart.table()) and chart.table()[-1][0] == 520)
    rows = chart.table()
    assert [row[0] for row in rows if row[1] is not None] == list(range(1, 521))
    assert max(row[1] or 0 for row in rows) < 3.0
    qtbot.wait_until(lambda: chart._canvas.marks == (375,))
    note = child(child(runs, RunView), Banner)
    qtbot.wait_until(note.isVisible)
    assert "back to step 375" in note.accessibleName()


def test_gradient_has_a_chart_that_says_its_present_value(
    runs: RunsPage, api: FakeApi, window_services: Services, qtbot: QtBot
) -> None:
    add_run(api, "support-v3", "r7", upto=60).emit(a_step(61, total=1000, grad_norm=0.1234))
    open_run(runs, window_services, qtbot, "r7")
    charts = {one._canvas.accessibleName(): one._canvas for one in runs.findChildren(SmallChart)}
    qtbot.wait_until(lambda: charts["Gradient"].accessibleDescription() == "0.123 length")


def test_run_that_ended_early_has_no_steps_to_come(
    runs: RunsPage, api: FakeApi, window_services: Services, qtbot: QtBot
) -> None:
    add_early_stopped(api)
    open_run(runs, window_services, qtbot, "r10")
    qtbot.wait_until(lambda: loss_chart(runs)._canvas.total == 700)
    note = child(child(runs, RunView), Banner)
    qtbot.wait_until(note.isVisible)
    assert "ended early" in note.accessibleName()


def test_nothing_is_drawn_while_nobody_looks(
    runs: RunsPage, api: FakeApi, window_services: Services, qtbot: QtBot
) -> None:
    job = add_run(api, "support-v3", "r7", upto=60)
    open_run(runs, window_services, qtbot, "r7")
    runs.page_left()
    job.emit(a_step(61, total=1000))
    qtbot.wait(300)
    assert title(runs) == "Step 60 of 1,000"
    runs.page_entered()
    assert title(runs) == "Step 61 of 1,000"


@pytest.mark.slow
def test_run_of_a_hundred_thousand_steps_stays_smooth(
    runs: RunsPage, api: FakeApi, window_services: Services, qtbot: QtBot
) -> None:
    """No single piece of work in the window's thread takes long, by the time it computes."""
    total = 100_000
    job = api.runs.make("long", "r1")
    job.emit(START, PhaseChanged(phase="training"))
    job.emit(*(a_step(step, total=total) for step in range(1, total + 1)))
    view = child(runs, RunView)
    spent: list[float] = []

    def timed(work: object) -> object:
        def measured(*arguments: object) -> None:
            began = time.thread_time()
            work(*arguments)  # type: ignore[operator]  # a bound method of the page
            spent.append(time.thread_time() - began)

        return measured

    view.take_events = timed(view.take_events)  # type: ignore[method-assign]  # measured
    view.draw = timed(view.draw)  # type: ignore[method-assign]  # measured
    refresh(window_services, qtbot)
    runs.show_argument("r1")
    # Where it stands is known before its past has been read.
    qtbot.wait_until(lambda: title(runs) == "Step 100,000 of 100,000", timeout=30_000)
    qtbot.wait_until(lambda: len(view._trace.steps) == total, timeout=60_000)
    job.emit(AdapterCommitted(path="adapter", sha256="0"), Finished())
    qtbot.wait_until(lambda: button(runs, "Export…").isVisible(), timeout=10_000)
    assert len(spent) > 50
    assert sorted(spent)[int(len(spent) * 0.95)] < 0.05
    assert max(spent) < 0.25
