# SPDX-License-Identifier: Apache-2.0
"""Find a rate: a trial beside the learning rate, from the button to the rate that is taken."""

from __future__ import annotations

import pytest
from pytestqt.qtbot import QtBot

from engine.domain.run import JobKind
from engine.errors import DocumentDamaged, RecipeInvalid
from engine.protocol.events import Failed, Finished, PhaseChanged, Stopped, WorkerStarted
from gui.bridge.services import Services
from gui.pages.train.rate_finder import RateFinder
from gui.pages.train.view import TrainPage
from gui.viewmodels.rate import found_view, trial_csv, try_words
from gui.widgets.buttons import Button
from gui.widgets.charts.canvas import Canvas
from gui.widgets.charts.line_chart import LineChart
from tests.fakes.api import FakeApi, FakeJob, a_step
from tests.fakes.rates import a_sweep
from tests.gui.find import carried
from tests.gui.scenes import fill_library

pytestmark = pytest.mark.gui


@pytest.fixture
def page(api: FakeApi, window_services: Services, qtbot: QtBot) -> TrainPage:
    """Return the page Train with its settings open, planned."""
    fill_library(api)
    found = TrainPage(window_services)
    qtbot.addWidget(found)
    window_services.library.refresh()
    qtbot.wait_until(lambda: window_services.library.is_loaded)
    found.resize(1008, 900)
    found.show()
    found.open_settings()
    qtbot.wait_until(lambda: found.planned is not None, timeout=20_000)
    return found


def button(page: TrainPage, text: str) -> Button:
    (finder,) = page.findChildren(RateFinder)
    return next(one for one in finder.findChildren(Button) if one.text() == text)


def trial(page: TrainPage, api: FakeApi, qtbot: QtBot) -> FakeJob:
    """Press the button and return the job that it started."""
    button(page, "Find a rate…").click()
    cancel = button(page, "Cancel")
    qtbot.wait_until(cancel.isVisible, timeout=20_000)
    (job,) = [one for one in api.jobs.by_id.values() if one.info.kind is JobKind.RATE]
    return job


def finish(page: TrainPage, api: FakeApi, qtbot: QtBot) -> None:
    job = trial(page, api, qtbot)
    job.emit(WorkerStarted(attempt=1, pid=1), PhaseChanged(phase="trying_rates"))
    job.emit(a_step(7, total=50), Finished(result={}))
    qtbot.wait_until(button(page, "Close").isVisible, timeout=20_000)


def test_trial_tells_a_rate_and_the_draft_takes_it(
    page: TrainPage, api: FakeApi, qtbot: QtBot
) -> None:
    finish(page, api, qtbot)
    (chart,) = page.findChildren(LineChart)
    assert len(chart.table()) == len(api.rates.found.points)
    (canvas,) = chart.findChildren(Canvas)
    assert canvas.accessibleName() == "Change of loss, nats per token"
    assert api.rates.recipes[0].dataset_id == page.draft.dataset_id
    button(page, "Use this rate").click()
    assert page.draft.effective["learning_rate"] == api.rates.found.rate
    assert button(page, "Find a rate…").isVisible()
    assert api.jobs.list(JobKind.RATE) == []


def test_trial_without_advice_says_why_and_offers_no_rate(
    page: TrainPage, api: FakeApi, qtbot: QtBot
) -> None:
    api.rates.found = a_sweep(learns=False)
    finish(page, api, qtbot)
    assert not button(page, "Use this rate").isVisible()
    (finder,) = page.findChildren(RateFinder)
    assert finder._title.text() == "No rate stands out"
    assert finder._text.text()


def test_cancel_stops_the_trial_and_leaves_nothing(
    page: TrainPage, api: FakeApi, qtbot: QtBot
) -> None:
    job = trial(page, api, qtbot)
    button(page, "Cancel").click()
    qtbot.wait_until(lambda: api.jobs.stopped == [job.info.id], timeout=20_000)
    job.emit(WorkerStarted(attempt=1, pid=1), Stopped(step=0, checkpoint=""))
    qtbot.wait_until(button(page, "Find a rate…").isVisible, timeout=20_000)
    (finder,) = page.findChildren(RateFinder)
    assert finder._what.text() == "The trial was stopped; nothing of it is kept."
    qtbot.wait_until(lambda: api.jobs.list(JobKind.RATE) == [], timeout=20_000)


def test_trial_that_fails_says_why(page: TrainPage, api: FakeApi, qtbot: QtBot) -> None:
    job = trial(page, api, qtbot)
    job.emit(
        WorkerStarted(attempt=1, pid=1),
        Failed(code="not_enough_memory", message="Memory ran out.", remedy="Lower it."),
    )
    (finder,) = page.findChildren(RateFinder)
    qtbot.wait_until(lambda: "Memory ran out." in finder._what.text(), timeout=20_000)


def test_trial_that_cannot_be_followed_can_be_tried_again(
    page: TrainPage, api: FakeApi, window_services: Services, qtbot: QtBot
) -> None:
    trial(page, api, qtbot)
    (finder,) = page.findChildren(RateFinder)
    feed = finder._feed
    assert feed is not None
    with qtbot.wait_signal(window_services.notices.failed) as failed:
        feed.failed.emit(DocumentDamaged("It cannot be read."))
    assert carried(failed)[1] == "The trial cannot be followed"
    assert button(page, "Find a rate…").isVisible()
    assert not button(page, "Cancel").isVisible()


def test_only_the_start_of_the_run_is_filled(page: TrainPage, api: FakeApi, qtbot: QtBot) -> None:
    finish(page, api, qtbot)
    filled = [one.text() for one in page.findChildren(Button)
              if one.isVisible() and one.property("kind") == "primary"]  # fmt: skip
    assert filled == ["Start training"]


def test_trial_that_cannot_begin_is_an_error(
    page: TrainPage, api: FakeApi, window_services: Services, qtbot: QtBot
) -> None:
    api.rates.error = RecipeInvalid("It cannot be.")
    with qtbot.wait_signal(window_services.notices.failed, timeout=20_000):
        button(page, "Find a rate…").click()
    assert button(page, "Find a rate…").isVisible()


def test_progress_names_step_and_rate(page: TrainPage, api: FakeApi, qtbot: QtBot) -> None:
    job = trial(page, api, qtbot)
    (finder,) = page.findChildren(RateFinder)
    assert finder._words.text() == "Starting"
    job.emit(WorkerStarted(attempt=1, pid=1), PhaseChanged(phase="trying_rates"))
    qtbot.wait_until(lambda: finder._words.text() == "Trying learning rates", timeout=20_000)
    job.emit(a_step(7, total=50, learning_rate=4e-6))
    words = "Step 7 of 50, learning rate 0.000004"
    qtbot.wait_until(lambda: finder._words.text() == words, timeout=20_000)
    job.emit(WorkerStarted(attempt=2, pid=2))
    qtbot.wait_until(lambda: finder._words.text() == "Starting", timeout=20_000)


def test_draft_without_data_cannot_be_tried(page: TrainPage) -> None:
    page._choose_dataset("")
    find = button(page, "Find a rate…")
    assert (find.isEnabled(), find.toolTip()) == (False, "Choose a dataset.")


def test_numbers_of_the_chart_are_written_as_they_are() -> None:
    view = found_view(a_sweep())
    head, first, *_rest = trial_csv(view).decode().splitlines()
    assert head == "try,learning_rate,loss_change,smoothed_change"
    assert [float(one) for one in first.split(",")] == [
        1, view.rates[0], view.changes[0], view.smoothed[0],
    ]  # fmt: skip


def test_try_is_named_by_its_rate() -> None:
    view = found_view(a_sweep())
    assert try_words(view, 1) == "Try 1: learning rate 0.000001"
    assert try_words(view, 99) == ""
