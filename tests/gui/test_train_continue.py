# SPDX-License-Identifier: Apache-2.0
"""Going on with an adapter: from a run, a checkpoint or a folder to a new run that has it."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace
from pytestqt.qtbot import QtBot

from engine.domain.recipe import Recipe
from engine.domain.run import JobState
from engine.errors import StartUnusable
from engine.protocol.events import CheckpointCommitted, Finished, PhaseChanged, WorkerStarted
from gui.actions.continuing import continue_folder, continue_run, train_again
from gui.bridge.services import Services
from gui.pages.runs.details import FilesTab
from gui.pages.runs.run_view import RunView
from gui.pages.train.view import TrainPage
from gui.viewmodels.continuing import continue_argument, taken_reasons, with_dataset
from gui.viewmodels.train import TrainArgument
from gui.widgets.banner import Banner
from gui.widgets.buttons import Button
from gui.widgets.setting_row import SettingRow
from gui.widgets.text import TextLabel
from tests.fakes.api import FakeApi, a_dataset, a_step
from tests.gui.find import carried
from tests.gui.scenes import fill_library

pytestmark = pytest.mark.gui


@pytest.fixture
def page(api: FakeApi, window_services: Services, qtbot: QtBot) -> TrainPage:
    """Return the page Train where there is a finished run `r1` and a second dataset."""
    fill_library(api)
    api.datasets.all.append(a_dataset(id="d9", name="June"))
    job = api.runs.make("first", "r1", has_adapter=True, checkpoints=("ck-000050",))
    job.emit(
        WorkerStarted(attempt=1, pid=1),
        a_step(50),
        CheckpointCommitted(step=50, name="ck-000050", size_bytes=1000, is_best=False),
        Finished(result={}),
    )
    found = TrainPage(window_services)
    qtbot.addWidget(found)
    window_services.library.refresh()
    qtbot.wait_until(lambda: window_services.library.is_loaded)
    found.resize(1008, 720)
    found.show()
    qtbot.wait_until(lambda: window_services.tasks.is_idle)
    return found


def banner(page: TrainPage) -> Banner | None:
    shown = [one for one in page.findChildren(Banner) if one.isVisible()]
    return shown[0] if shown else None


def argument_of(api: FakeApi, checkpoint: str = "") -> TrainArgument:
    return continue_argument(api.continuing.of_run("r1", checkpoint))


def test_page_opened_with_an_adapter_asks_for_data_and_says_what_goes_on(
    page: TrainPage, api: FakeApi
) -> None:
    page.show_argument(argument_of(api))
    assert page.draft.dataset_id == ""
    assert page.draft.replay == ("d1", 0.1)
    titles = [one.text() for one in page.findChildren(TextLabel)]
    assert "Former data, replayed" in titles
    shown = banner(page)
    assert shown is not None
    assert "the adapter of first, step 100" in shown.accessibleName()


def test_page_replays_no_data_that_is_not_here(page: TrainPage, api: FakeApi) -> None:
    found = api.continuing.of_run("r1")
    alone = replace(found, start=replace(found.start, held_out=()))
    page.show_argument(continue_argument(alone))
    assert page.draft.replay is None


def test_start_hands_the_adapter_over(page: TrainPage, api: FakeApi, qtbot: QtBot) -> None:
    page.show_argument(argument_of(api, "ck-000050"))
    page._choose_dataset("d9")
    qtbot.wait_until(lambda: page.planned is not None, timeout=10_000)
    assert page.planned is not None
    recipe = page.planned.recipe
    assert recipe.start is not None
    assert (recipe.start.checkpoint, recipe.lora_rank) == ("ck-000050", 4)
    start = next(
        one for one in page.findChildren(Button) if one.accessibleName() == "Start training"
    )
    start.click()
    qtbot.wait_until(lambda: bool(api.runs.beginnings), timeout=10_000)
    (beginning,) = api.runs.beginnings
    assert beginning is not None
    assert beginning.start == recipe.start


def test_former_data_is_not_replayed_beside_itself(api: FakeApi, page: TrainPage) -> None:
    page.show_argument(argument_of(api))
    assert with_dataset(page.draft, "d1").replay is None
    assert with_dataset(page.draft, "d9").replay == ("d1", 0.1)


def test_shape_of_the_adapter_cannot_be_changed(page: TrainPage, api: FakeApi) -> None:
    page.show_argument(argument_of(api))
    page.open_settings()
    rows = {one.key: one for one in page.findChildren(SettingRow)}
    assert not rows["lora_rank"].editor.isEnabled()
    assert "Taken from the adapter" in rows["lora_rank"].editor.toolTip()
    assert rows["lora_rank"]._line.text().startswith("Taken from the adapter")
    assert rows["learning_rate"].editor.isEnabled()
    page.change("lora_rank", 64)
    assert page.draft.effective["lora_rank"] == 4
    page._begin_anew("anew")
    assert rows["lora_rank"].editor.isEnabled()
    assert banner(page) is None
    assert taken_reasons(page.draft) == {}


@pytest.mark.parametrize("checkpoint", ["", "ck-000050"])
def test_action_opens_the_page_with_the_adapter(
    page: TrainPage, window_services: Services, qtbot: QtBot, checkpoint: str
) -> None:
    del page
    with qtbot.wait_signal(window_services.navigator.requested, timeout=10_000) as went:
        continue_run(window_services, run_id="r1", checkpoint=checkpoint)
    place, argument = carried(went)
    assert place == "train"
    assert isinstance(argument, TrainArgument)
    assert argument.beginning is not None
    assert argument.beginning.start.checkpoint == checkpoint


def test_folder_from_outside_leaves_the_model_open(
    page: TrainPage, window_services: Services, qtbot: QtBot
) -> None:
    with qtbot.wait_signal(window_services.navigator.requested, timeout=10_000) as went:
        continue_folder(window_services, path=Path("/adapters/away"))
    page.show_argument(carried(went)[1])
    assert (page.draft.dataset_id, page.draft.model_id) == ("", "")
    shown = banner(page)
    assert shown is not None
    assert "made for Qwen3-4B" in shown.accessibleName()


def test_adapter_that_cannot_be_used_is_an_error_and_opens_nothing(
    page: TrainPage, api: FakeApi, window_services: Services, qtbot: QtBot
) -> None:
    del page
    api.continuing.error = StartUnusable("It is damaged.")
    told: list[str] = []
    window_services.notices.failed.connect(lambda *_given: told.append("error"))
    with qtbot.assert_not_emitted(window_services.navigator.requested):
        continue_run(window_services, run_id="r1")
        qtbot.wait_until(lambda: bool(told), timeout=10_000)


def test_new_run_like_a_continued_one_keeps_its_adapter(
    page: TrainPage, api: FakeApi, window_services: Services, qtbot: QtBot
) -> None:
    del page
    start = api.continuing.of_run("r1").start
    recipe = Recipe(dataset_id="d9", model_id="m1", start=start)
    api.runs.make("second", "r2", recipe=recipe)
    with qtbot.wait_signal(window_services.navigator.requested, timeout=10_000) as went:
        train_again(window_services, run=api.runs.get("r2"))  # type: ignore[arg-type]  # a fake
    argument = carried(went)[1]
    assert isinstance(argument, TrainArgument)
    assert argument.beginning is not None
    assert (argument.dataset_id, argument.beginning.start) == ("d9", start)


def test_run_page_offers_it_for_the_run_and_for_a_checkpoint(
    page: TrainPage, api: FakeApi, window_services: Services, qtbot: QtBot
) -> None:
    del page, api
    view = RunView(window_services)
    qtbot.addWidget(view)
    view.resize(1008, 720)
    view.show()
    view.show_run("r1")
    view.set_watched(True)
    qtbot.wait_until(lambda: bool(view._menu), timeout=10_000)
    item = next(one for one in view._menu if one.key == "continue")
    assert item.enabled
    view._tabs.set_value("files")
    view._on_tab("files")
    view.draw()
    (files,) = view.findChildren(FilesTab)
    button = next(one for one in files.findChildren(Button) if "Continue" in one.text())
    assert not button.isEnabled()
    files._table.setCurrentIndex(files._table.model().index(1, 0))
    assert button.isEnabled()
    with qtbot.wait_signal(window_services.navigator.requested, timeout=10_000) as went:
        button.click()
    argument = carried(went)[1]
    assert isinstance(argument, TrainArgument)
    assert argument.beginning is not None
    assert argument.beginning.start.checkpoint == "ck-000050"


def test_live_run_cannot_be_continued(
    page: TrainPage, api: FakeApi, window_services: Services, qtbot: QtBot
) -> None:
    del page
    job = api.runs.make("live", "r3", has_adapter=True)
    job.emit(WorkerStarted(attempt=1, pid=1), PhaseChanged(phase="training"), a_step(1))
    assert job.state is JobState.RUNNING
    view = RunView(window_services)
    qtbot.addWidget(view)
    window_services.library.refresh()
    view.show_run("r3")
    view.set_watched(True)
    view.show()
    qtbot.wait_until(lambda: bool(view._menu), timeout=10_000)
    item = next(one for one in view._menu if one.key == "continue")
    assert (item.enabled, item.reason) == (False, "Stop it first.")
