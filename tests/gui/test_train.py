# SPDX-License-Identifier: Apache-2.0
"""Train: choices become a plan, the plan allows or forbids the start, settings change it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from engine.domain.mix import Replay
from engine.domain.problem import Problem, Severity
from engine.domain.recipe import Recipe
from engine.domain.run import JobKind
from engine.errors import RecipeFileTooNew, RecipeInvalid
from gui.actions.recipe_files import open_recipe, save_recipe
from gui.bridge.services import Services
from gui.pages.train.settings_panel import SettingsPanel
from gui.pages.train.view import TrainPage
from gui.viewmodels.train import TrainArgument, same_again
from gui.widgets.banner import Banner
from gui.widgets.buttons import Button, IconButton
from gui.widgets.chip import Chip
from gui.widgets.choices import ChoiceCards
from gui.widgets.fields import TextField
from gui.widgets.memory import MemoryBar
from gui.widgets.number_field import NumberField
from gui.widgets.picker import ObjectPicker
from gui.widgets.radio_part import RadioPart
from gui.widgets.rows import WarningRow
from gui.widgets.setting_row import SettingRow
from gui.widgets.slider import Slider
from tests.fakes.api import FakeApi
from tests.fakes.recipes import a_match
from tests.gui.find import carried, child
from tests.gui.scenes import fill_library

if TYPE_CHECKING:
    from engine.api.runs import RunView

pytestmark = pytest.mark.gui


def make_page(services: Services, qtbot: QtBot) -> TrainPage:
    page = TrainPage(services)
    qtbot.addWidget(page)
    services.library.refresh()
    qtbot.wait_until(lambda: services.library.is_loaded)
    page.resize(1008, 720)
    page.show()
    qtbot.wait_until(lambda: services.tasks.is_idle)
    return page


@pytest.fixture
def train(api: FakeApi, window_services: Services, qtbot: QtBot) -> TrainPage:
    """Return the page with data and model, planned."""
    fill_library(api)
    page = make_page(window_services, qtbot)
    qtbot.wait_until(lambda: page.planned is not None, timeout=5_000)
    return page


def find(page: QWidget, kind: type, text: str) -> QWidget:
    return next(one for one in page.findChildren(kind) if one.accessibleName() == text)


def start(page: TrainPage) -> Button:
    return find(page, Button, "Start training")  # type: ignore[return-value]  # found by kind


def row(page: TrainPage, key: str) -> SettingRow:
    return next(one for one in page.findChildren(SettingRow) if one.key == key)


def test_page_without_data_says_what_is_missing(window_services: Services, qtbot: QtBot) -> None:
    page = make_page(window_services, qtbot)
    assert not start(page).isEnabled()
    assert start(page).toolTip() == "Import a dataset first."


def test_page_with_data_and_model_shows_the_plan_and_may_start(train: TrainPage) -> None:
    assert start(train).isEnabled()
    chips = [one.text() for one in train.findChildren(Chip) if one.isVisible()]
    assert "Fits with 11.2 GB to spare" in chips
    assert any(one.isVisible() for one in train.findChildren(MemoryBar))


def test_effort_changes_the_plan_after_a_pause(
    train: TrainPage, api: FakeApi, qtbot: QtBot
) -> None:
    before = len(api.runs.planned)
    slider = find(train, Slider, "Effort")
    for _ in range(3):
        qtbot.keyClick(slider, Qt.Key.Key_Right)
    qtbot.wait_until(lambda: train.planned is not None, timeout=5_000)
    assert train.planned is not None
    assert train.planned.recipe.epochs == 8.0
    # One plan of the draft and one without the changed setting, however often it moved.
    assert len(api.runs.planned) - before == 2


def test_start_runs_the_planned_recipe_and_shows_it(
    train: TrainPage, api: FakeApi, window_services: Services, qtbot: QtBot
) -> None:
    with qtbot.wait_signal(window_services.navigator.requested) as went:
        start(train).click()
    (job,) = api.jobs.list(JobKind.TRAIN)
    assert carried(went) == ["runs", job.info.id]
    assert api.runs.recipes[job.info.id].dataset_id == "d1"


def test_keys_start_as_the_button_does(
    train: TrainPage, window_services: Services, qtbot: QtBot
) -> None:
    train.activateWindow()
    train.setFocus()
    with qtbot.wait_signal(window_services.navigator.requested):
        qtbot.keyClick(train, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)


def test_start_right_after_a_change_waits_for_its_plan(
    train: TrainPage, api: FakeApi, window_services: Services, qtbot: QtBot
) -> None:
    train.change("epochs", 5.0)
    with qtbot.wait_signal(window_services.navigator.requested, timeout=5_000):
        start(train).click()
    (job,) = api.jobs.list(JobKind.TRAIN)
    assert api.runs.recipes[job.info.id].epochs == 5.0


def test_start_that_fails_is_shown_and_can_be_tried_again(
    train: TrainPage, api: FakeApi, window_services: Services, qtbot: QtBot
) -> None:
    api.runs.error = RecipeInvalid("No.")
    with qtbot.wait_signal(window_services.notices.failed) as shown:
        start(train).click()
    assert carried(shown)[0].code == "recipe_invalid"
    assert start(train).isEnabled()


def test_problem_that_forbids_the_start_offers_its_solution(
    api: FakeApi, window_services: Services, qtbot: QtBot
) -> None:
    fill_library(api)
    api.runs.problems = (
        Problem(
            field="max_length",
            severity=Severity.ERROR,
            code="longer_than_context",
            message="It is too long.",
        ),
    )
    page = make_page(window_services, qtbot)
    qtbot.wait_until(lambda: page.planned is not None, timeout=5_000)
    assert start(page).toolTip() == "It is too long."
    (warning,) = page.findChildren(WarningRow)
    api.runs.problems = ()
    warning.action_triggered.emit("0")
    qtbot.wait_until(lambda: start(page).isEnabled() and page.planned is not None)
    assert page.draft.effective["max_length"] == 40_960


def test_settings_change_the_draft_and_can_be_put_back(train: TrainPage, qtbot: QtBot) -> None:
    train.open_settings()
    rank = row(train, "lora_rank")
    editor = rank.editor
    assert isinstance(editor, NumberField)
    editor.setValue(64)
    assert train.draft.changed == {"lora_rank"}
    qtbot.wait_until(lambda: train.planned is not None, timeout=5_000)
    rank.put_back.emit("lora_rank")
    assert train.draft.changed == frozenset()
    assert editor.value() == 16


def test_effect_of_a_setting_goes_with_the_plan_that_it_was_found_in(
    train: TrainPage, qtbot: QtBot
) -> None:
    train.open_settings()
    train.change("epochs", 8.0)
    effect = row(train, "epochs")._effect
    qtbot.wait_until(lambda: effect.text().endswith("steps"), timeout=10_000)
    train._choose_dataset("")
    assert effect.text() == ""


def test_text_setting_is_taken_when_it_is_typed_and_says_how_to_write_it(
    train: TrainPage, qtbot: QtBot
) -> None:
    train.open_settings()
    train.show_setting("rank_pattern")
    ranks = row(train, "rank_pattern")
    editor = ranks.editor
    assert isinstance(editor, TextField)
    for text, is_sound in (("down_proj: 32", False), ("down_proj = 32", True)):
        editor.setText(text)
        editor.editingFinished.emit()
        assert train.draft.values["rank_pattern"] == text
        assert ("write it as" in editor.toolTip()) != is_sound
    qtbot.wait_until(lambda: train.planned is not None, timeout=5_000)
    ranks.put_back.emit("rank_pattern")
    assert editor.text() == ""


def test_search_finds_settings_of_every_group(train: TrainPage) -> None:
    train.open_settings()
    panel = child(train, SettingsPanel)
    panel.set_query("seed")
    visible = {one.key for one in panel.findChildren(SettingRow) if not one.isHidden()}
    assert visible == {"seed"}
    panel.set_query("no such words")
    assert all(one.isHidden() for one in panel.findChildren(SettingRow))


def test_rare_settings_are_folded_away_until_they_are_asked_for(train: TrainPage) -> None:
    train.open_settings()
    assert row(train, "warmup_ratio").isHidden()
    (more,) = [one for one in train.findChildren(Button) if "more setting" in one.text()]
    more.click()
    assert not row(train, "warmup_ratio").isHidden()
    train.show_setting("seed")
    train.show_setting("max_grad_norm")
    assert row(train, "max_grad_norm").isVisible()


def test_problem_leads_to_its_setting(train: TrainPage) -> None:
    train.show_setting("max_length")
    assert row(train, "max_length").isVisible()
    assert row(train, "max_length").editor.hasFocus() or not train.isActiveWindow()


def test_argument_of_an_earlier_run_fills_the_draft(train: TrainPage) -> None:
    train.show_argument(
        TrainArgument(dataset_id="d2", model_id="m1", preset="style", values={"seed": 9})
    )
    assert train.draft.dataset_id == "d2"
    assert train.draft.changed == {"seed"}


def press(page: QWidget, text: str) -> None:
    find(page, Button, text).click()  # type: ignore[attr-defined]  # found by kind


def test_further_data_by_weight_and_replayed_data_by_share_enter_the_recipe(
    train: TrainPage, qtbot: QtBot
) -> None:
    press(train, "Train another dataset too")
    picker = find(train, ObjectPicker, "Further data 1")
    picker.setFocus()
    qtbot.keyClick(picker, Qt.Key.Key_Down)
    qtbot.keyClick(picker, Qt.Key.Key_Down)
    amount = find(train, NumberField, "How much of further data 1")
    assert isinstance(amount, NumberField)
    amount.setValue(0.5)
    qtbot.wait_until(lambda: train.planned is not None, timeout=5_000)
    assert train.planned is not None
    (mixed,) = train.planned.recipe.mix
    assert (mixed.dataset_id, mixed.weight) == ("d2", 0.5)
    remove = find(train, IconButton, "Remove further data 1")
    remove.click()  # type: ignore[attr-defined]  # found by kind
    assert train.draft.extra == ()


def test_replayed_data_is_a_share_of_a_pass(train: TrainPage, qtbot: QtBot) -> None:
    press(train, "Keep general ability")
    assert not find(train, Button, "Train another dataset too").isEnabled()
    picker = find(train, ObjectPicker, "Further data 1")
    assert isinstance(picker, ObjectPicker)
    picker.activated.emit(1)
    amount = find(train, NumberField, "How much of further data 1")
    assert isinstance(amount, NumberField)
    assert amount.value() == 10
    amount.setValue(25)
    qtbot.wait_until(lambda: train.planned is not None, timeout=5_000)
    assert train.planned is not None
    assert train.planned.recipe.replay == Replay(dataset_id="d2", ratio=0.25)


def test_argument_of_an_earlier_mixed_run_keeps_its_mix(train: TrainPage, api: FakeApi) -> None:
    recipe = api.runs.make_recipe(dataset="d1", model="m1", mix={"d2": 2.0}, replay=("d3", 0.2))
    api.runs.make("one", "r1", recipe=recipe)
    train.show_argument(same_again(cast("RunView", api.runs.get("r1"))))
    assert (train.draft.mix, train.draft.replay) == ({"d2": 2.0}, ("d3", 0.2))


def goals(page: TrainPage) -> ChoiceCards:
    return child(page, ChoiceCards)


def said_by(services: Services) -> list[tuple[str, object]]:
    """Return what is said from now on, each with its way back."""
    found: list[tuple[str, object]] = []
    services.notices.said.connect(lambda text, _word, undo: found.append((text, undo)))
    return found


def test_goal_says_what_it_changes_before_it_is_taken_and_can_be_taken_back(
    train: TrainPage, window_services: Services
) -> None:
    before = train.draft
    said = said_by(window_services)
    cards = {one.key: one.accessibleDescription() for one in goals(train).findChildren(RadioPart)}
    assert "Rank 16\u00a0→\u00a032" in cards["instructions"]
    goals(train).chosen.emit("instructions")
    assert train.draft.effective["lora_rank"] == 32
    ((text, undo),) = said
    assert "Rank 16\u00a0→\u00a032" in text
    assert callable(undo)
    undo()
    assert train.draft == before
    assert goals(train).value() == before.preset


def test_advice_is_taken_with_one_press_and_can_be_taken_back(
    train: TrainPage, window_services: Services, qtbot: QtBot
) -> None:
    said = said_by(window_services)
    advice = train.planned.plan.advice if train.planned else None
    assert advice is not None
    (take,) = [one for one in train.findChildren(Button) if one.text() == "Take it"]
    assert "360 rows" in take.accessibleName()
    take.click()
    assert train.draft.effective["learning_rate"] == advice.learning_rate
    assert train.draft.effective["epochs"] == advice.epochs
    qtbot.wait_until(lambda: train.planned is not None, timeout=5_000)
    assert not take.isVisible()
    (_text, undo) = said[0]
    assert callable(undo)
    undo()
    assert train.draft.changed == frozenset()


def test_advice_stands_beside_its_field_in_the_settings(train: TrainPage) -> None:
    train.open_settings()
    rate = row(train, "learning_rate")
    (take,) = [one for one in rate.findChildren(Button) if one.text() == "Take it"]
    assert take.isVisible()
    take.click()
    assert train.draft.changed == {"learning_rate"}
    assert not take.isVisible()


def test_recipe_is_saved_as_it_is_planned(
    api: FakeApi, train: TrainPage, window_services: Services, tmp_path: Path, qtbot: QtBot
) -> None:
    said = said_by(window_services)
    assert train.planned is not None
    path = tmp_path / "one.recipe.json"
    save_recipe(window_services, recipe=train.planned.recipe, path=path)
    qtbot.wait_until(lambda: len(said) == 1)
    assert api.recipes.saved == [(train.planned.recipe, path)]
    assert said[0][0] == "Saved as one.recipe.json."


def test_opened_recipe_fills_the_draft_and_asks_for_data_that_are_not_here(
    api: FakeApi, train: TrainPage, window_services: Services, qtbot: QtBot
) -> None:
    recipe = Recipe(dataset_id="d1", model_id="m1", method="sft_lora", lora_rank=48, seed=5)
    api.recipes.matched = a_match(recipe, has_data=False)
    open_recipe(window_services, path=Path("x.recipe.json"), done=train.show_recipe)
    banner = child(train, Banner)
    qtbot.wait_until(banner.isVisible)
    assert "Choose which dataset stands for Support tickets (360 rows)." in banner.accessibleName()
    assert (train.draft.dataset_id, train.draft.model_id) == ("", "m1")
    assert not start(train).isEnabled()
    assert not child(train, MemoryBar).isVisible()
    assert not any(one.isVisible() for one in train.findChildren(Button) if one.text() == "Take it")
    train.change("lora_rank", 48)
    child(train, ObjectPicker).chosen.emit("d1")
    qtbot.wait_until(lambda: train.planned is not None, timeout=5_000)
    planned = train.planned
    assert planned is not None
    assert planned.recipe == recipe


def test_recipe_file_that_cannot_be_opened_says_why(
    api: FakeApi, train: TrainPage, window_services: Services, qtbot: QtBot
) -> None:
    before = train.draft
    api.recipes.error = RecipeFileTooNew("It is newer.")
    failed: list[object] = []
    window_services.notices.failed.connect(lambda error, _title: failed.append(error))
    open_recipe(window_services, path=Path("x.json"), done=train.show_recipe)
    qtbot.wait_until(lambda: failed == [api.recipes.error])
    assert train.draft == before
