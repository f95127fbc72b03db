# SPDX-License-Identifier: Apache-2.0
"""What will be trained: tokens of each row for a chosen model, by mouse and by keys."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from pytestqt.qtbot import QtBot

from engine.errors import NoChatTemplate, WrongUsage
from engine.protocol.events import (
    Failed,
    Finished,
    PhaseChanged,
    ProgressMade,
    Stopped,
    WorkerStarted,
)
from gui.bridge.services import Services
from gui.pages.datasets.inspector import Inspector
from gui.pages.datasets.open_rows import OpenRows
from gui.pages.datasets.tokens_tab import TokensTab
from gui.widgets.banner import Banner
from gui.widgets.buttons import Button
from gui.widgets.empty import EmptyState
from gui.widgets.fields import SearchField
from gui.widgets.lists import RowList
from gui.widgets.picker import ObjectPicker
from gui.widgets.text import LinkLabel, TextLabel
from gui.widgets.theme.theme import theme
from gui.widgets.token_area import TokenArea
from gui.widgets.token_view import TokenView
from tests.fakes.api import FakeApi, a_dataset, a_model
from tests.fakes.coverages import a_coverage
from tests.fakes.rows import a_chat
from tests.gui.find import child

pytestmark = pytest.mark.gui


@pytest.fixture
def tab(window_services: Services, api: FakeApi, qtbot: QtBot) -> TokensTab:
    """Return the tab on 360 conversations, the first of which is shown."""
    api.models.all = [a_model(), a_model(id="m2", name="Other")]
    return open_tab(window_services, api, qtbot)


def open_tab(services: Services, api: FakeApi, qtbot: QtBot) -> TokensTab:
    api.datasets.all = [a_dataset()]
    api.datasets.rows[("d1", "train")] = [
        a_chat(f"question {n}", f"answer {n}") for n in range(360)
    ]
    rows = OpenRows(services, services.library)
    tab = TokensTab(services, rows)
    qtbot.addWidget(tab)
    with qtbot.wait_signal(services.library.loaded):
        services.library.refresh()
    rows.set_dataset(api.datasets.all[0])
    tab.resize(1070, 580)
    tab.show()
    tab.show_dataset(api.datasets.all[0])
    if api.models.all and api.models.preview_error is None and not api.models.problems:
        qtbot.wait_until(lambda: "question 0" in child(tab, TokenView).as_text())
    return tab


def texts(tab: TokensTab) -> list[str]:
    return [one.text() for one in tab.findChildren(TextLabel) if one.isVisible()]


def shows(tab: TokensTab, words: str) -> bool:
    return words in child(tab, TokenView).as_text()


def test_tokens_mark_the_answer_and_what_ends_it(tab: TokensTab) -> None:
    copied = child(tab, TokenView).as_text()
    assert "[[answer 0<|im_end|>]]" in copied
    assert "question 0<|im_end|>" in copied
    assert "Row 1" in texts(tab)
    assert "of 360" in texts(tab)
    assert {"of 14 tokens", "Answer ends the turn", "Yes"} <= set(texts(tab))


def test_tokens_are_copied_as_text(tab: TokensTab) -> None:
    next(one for one in tab.findChildren(Button) if one.text() == "Copy as text").click()
    assert "[[answer 0" in QGuiApplication.clipboard().text()


def test_next_and_previous_row_by_keys(tab: TokensTab, qtbot: QtBot) -> None:
    child(tab, TokenArea).setFocus()
    qtbot.keyClick(child(tab, TokenArea), Qt.Key.Key_Down, Qt.KeyboardModifier.AltModifier)
    qtbot.wait_until(lambda: shows(tab, "question 1"))
    assert child(tab, RowList).current_index() == 1
    qtbot.keyClick(child(tab, TokenArea), Qt.Key.Key_Up, Qt.KeyboardModifier.AltModifier)
    qtbot.wait_until(lambda: shows(tab, "question 0"))


def test_rows_of_the_list_are_walked_by_arrow_keys(tab: TokensTab, qtbot: QtBot) -> None:
    rows = child(tab, RowList)
    rows.setFocus()
    for _press in range(3):
        qtbot.keyClick(rows, Qt.Key.Key_Down)
    qtbot.wait_until(lambda: shows(tab, "question 3"))


def test_go_to_row_by_its_number(tab: TokensTab, qtbot: QtBot) -> None:
    field = child(tab, SearchField)
    qtbot.keyClicks(field, "360")
    qtbot.keyClick(field, Qt.Key.Key_Return)
    qtbot.wait_until(lambda: shows(tab, "question 359"))
    field.setText("361")
    qtbot.keyClick(field, Qt.Key.Key_Return)
    assert field.toolTip() == "Type a number from 1 to 360."
    field.setText("36")
    assert field.toolTip() == ""


def test_running_through_rows_reads_only_where_it_stops(
    tab: TokensTab, api: FakeApi, qtbot: QtBot
) -> None:
    before = len(api.models.previewed)
    rows = child(tab, RowList)
    for index in range(1, 200):
        rows.set_current_index(index)
        rows.chosen.emit(index, str(index))
    qtbot.wait_until(lambda: shows(tab, "question 199"))
    single = [start for start, count in api.models.previewed[before:] if count == 1]
    assert len(single) < 20


def test_list_learns_the_lengths_of_what_is_seen(
    tab: TokensTab, api: FakeApi, qtbot: QtBot
) -> None:
    child(tab, RowList).grab()
    qtbot.wait_until(lambda: (0, 16) in api.models.previewed)
    qtbot.wait_until(lambda: tab._reader.facts(0) is not None)
    facts = tab._reader.facts(0)
    assert facts is not None
    assert facts.tokens == "14 tokens"
    assert all(start < 64 for start, count in api.models.previewed if count > 1)


def test_step_to_a_row_of_the_list_that_is_known_reads_nothing(
    tab: TokensTab, api: FakeApi, qtbot: QtBot
) -> None:
    child(tab, RowList).grab()
    qtbot.wait_until(lambda: tab._reader.facts(5) is not None)
    before = [one for one in api.models.previewed if one[1] == 1]
    tab._following.click()
    assert shows(tab, "question 1")
    assert [one for one in api.models.previewed if one[1] == 1] == before


def test_another_model_is_asked_for_the_same_row(
    tab: TokensTab, api: FakeApi, qtbot: QtBot
) -> None:
    before = len(api.models.previewed)
    picker = child(tab, ObjectPicker)
    picker.set_value("m2")
    picker.chosen.emit("m2")
    qtbot.wait_until(lambda: len(api.models.previewed) > before)
    assert child(tab, Inspector).isVisible()


def test_row_with_a_problem_says_why_it_is_not_trained(
    window_services: Services, api: FakeApi, qtbot: QtBot
) -> None:
    api.models.all = [a_model()]
    api.models.problems = {0: "unreadable_text"}
    tab = open_tab(window_services, api, qtbot)
    banner = child(tab, Banner)
    qtbot.wait_until(banner.isVisible)
    assert banner.accessibleName() == "This row is not trained. The text holds broken characters."


def test_model_that_cannot_show_rows_says_why(
    window_services: Services, api: FakeApi, qtbot: QtBot
) -> None:
    api.models.all = [a_model()]
    api.models.preview_error = NoChatTemplate("Qwen3-4B has no chat template.")
    tab = open_tab(window_services, api, qtbot)
    qtbot.wait_until(lambda: "The tokens cannot be shown" in texts(tab))
    assert "Qwen3-4B has no chat template." in texts(tab)


def test_without_a_model_the_starter_is_one_click_away(
    window_services: Services, api: FakeApi, qtbot: QtBot
) -> None:
    tab = open_tab(window_services, api, qtbot)
    assert child(tab, EmptyState).isVisible()
    child(tab, EmptyState).action_triggered.emit("starter")
    qtbot.wait_until(lambda: shows(tab, "question 0"))
    assert [one.name for one in api.models.all] == ["Starter"]


def test_narrow_window_keeps_tokens_and_offers_the_facts(tab: TokensTab, qtbot: QtBot) -> None:
    inspector, view = child(tab, Inspector), child(tab, TokenView)
    tab.resize(560, 580)
    assert not inspector.isVisible()
    assert not child(tab, RowList).isVisible()
    tab._more.click()
    assert inspector.isVisible()
    assert not view.isVisible()
    inspector.back_clicked.emit()
    assert view.isVisible()


def test_large_text_folds_the_sides_away(tab: TokensTab) -> None:
    theme().set_text_scale(2.0)
    assert child(tab, TokenView).isVisible()
    assert not child(tab, Inspector).isVisible()


# --- all rows ----------------------------------------------------------------------------------


def press(tab: TokensTab, text: str) -> None:
    buttons = [*tab.findChildren(Button), *tab.findChildren(LinkLabel)]
    next(one for one in buttons if one.isVisible() and text in one.text()).click()


def test_all_rows_are_counted_by_a_job_and_then_shown(
    tab: TokensTab, api: FakeApi, qtbot: QtBot
) -> None:
    press(tab, "Count all rows")
    qtbot.wait_until(lambda: bool(api.coverages.started))
    assert api.coverages.started == [("d1", "m1", 2048)]
    (job,) = api.jobs.by_id.values()
    job.emit(WorkerStarted(attempt=1, pid=1), PhaseChanged(phase="reading_rows"))
    job.emit(ProgressMade(done=90, total=360, unit="rows"))
    qtbot.wait_until(lambda: "Preparing the rows · 90 of 360" in texts(tab))
    api.coverages.known = a_coverage()
    job.emit(Finished(result={"dataset_id": "d1"}))
    qtbot.wait_until(lambda: "Rows with none trained" in texts(tab))
    assert {"1.4 million", "Trained tokens cut off", "9,417"} <= set(texts(tab))


def test_count_that_was_made_before_is_shown_at_once_and_only_for_its_model(
    window_services: Services, api: FakeApi, qtbot: QtBot
) -> None:
    api.models.all = [a_model(), a_model(id="m2", name="Other")]
    api.coverages.known = a_coverage()
    tab = open_tab(window_services, api, qtbot)
    qtbot.wait_until(lambda: "Rows with none trained" in texts(tab))
    child(tab, Inspector).model_chosen.emit("m2")
    qtbot.wait_until(lambda: "Rows with none trained" not in texts(tab))
    press(tab, "Count all rows")


def test_counting_can_be_stopped_and_begun_again(
    tab: TokensTab, api: FakeApi, qtbot: QtBot
) -> None:
    press(tab, "Count all rows")
    qtbot.wait_until(lambda: bool(api.coverages.started))
    press(tab, "Stop")
    qtbot.wait_until(lambda: bool(api.jobs.stopped))
    (job,) = api.jobs.by_id.values()
    job.emit(Stopped(step=0, checkpoint=""))
    qtbot.wait_until(lambda: any(one.text() == "Count all rows" and one.isVisible()
                                 for one in tab.findChildren(Button)))  # fmt: skip


def test_count_that_failed_says_why(tab: TokensTab, api: FakeApi, qtbot: QtBot) -> None:
    press(tab, "Count all rows")
    qtbot.wait_until(lambda: bool(api.coverages.started))
    (job,) = api.jobs.by_id.values()
    job.emit(Failed(code="disk_full", message="The disk is full.", remedy="Make room."))
    qtbot.wait_until(lambda: "The disk is full. Make room." in texts(tab))


def test_count_that_does_not_start_offers_it_again(
    tab: TokensTab, api: FakeApi, qtbot: QtBot
) -> None:
    api.coverages.error = NoChatTemplate("It has none.")
    press(tab, "Count all rows")
    qtbot.wait_until(lambda: any(one.text() == "Count all rows" and one.isVisible()
                                 for one in tab.findChildren(Button)))  # fmt: skip


def test_rows_packed_with_the_shown_one_are_told_on_demand(
    window_services: Services, api: FakeApi, qtbot: QtBot
) -> None:
    api.models.all = [a_model()]
    api.coverages.known = a_coverage()
    tab = open_tab(window_services, api, qtbot)
    qtbot.wait_until(lambda: "Rows with none trained" in texts(tab))
    press(tab, "packed neighbours")
    qtbot.wait_until(lambda: any("packs it with rows 41, 8" in one for one in texts(tab)))
    qtbot.keyClick(tab, Qt.Key.Key_Down, Qt.KeyboardModifier.AltModifier)
    qtbot.wait_until(lambda: not any("packs it with" in one for one in texts(tab)))
    api.coverages.packed_error = WrongUsage("This row is not trained.")
    press(tab, "packed neighbours")
    qtbot.wait_until(lambda: "This row is not trained." in texts(tab))


def test_tokens_of_a_new_version_are_read_anew(
    tab: TokensTab, api: FakeApi, qtbot: QtBot, window_services: Services
) -> None:
    del window_services
    api.datasets.rows[("d1", "train")] = [a_chat("another question", "a") for _n in range(360)]
    tab.show_dataset(a_dataset(version=2))
    qtbot.wait_until(lambda: shows(tab, "another question"))
