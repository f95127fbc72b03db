# SPDX-License-Identifier: Apache-2.0
"""Models: the list, the facts of one, a refused folder, and removing from the list."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from pytestqt.qtbot import QtBot

from engine.errors import InUse, RemoteCodeRefused
from gui.bridge.services import Services
from gui.pages.models.list_page import ModelListPage
from gui.pages.models.model_page import ModelPage
from gui.pages.models.view import ModelsPage
from gui.viewmodels.train import TrainArgument
from gui.widgets.banner import Banner
from gui.widgets.buttons import Button
from gui.widgets.drop_zone import DropZone
from gui.widgets.empty import EmptyState
from gui.widgets.error_panel import ErrorPanel
from gui.widgets.fields import SearchField
from gui.widgets.table import DataTable
from gui.widgets.text import TextLabel
from tests.fakes.api import FakeApi, a_model
from tests.gui.find import child

pytestmark = pytest.mark.gui


@pytest.fixture
def page(window_services: Services, api: FakeApi, tmp_path: Path, qtbot: QtBot) -> ModelsPage:
    """Return the page over two models, the folder of the first of which exists."""
    api.models.all = [
        a_model(path=str(tmp_path)),
        a_model(id="m2", name="Gone", path=str(tmp_path / "gone")),
    ]
    return open_page(window_services, qtbot)


def open_page(services: Services, qtbot: QtBot) -> ModelsPage:
    page = ModelsPage(services)
    qtbot.addWidget(page)
    services.navigator.requested.connect(
        lambda name, what: page.show_argument(what) if name == "models" else None
    )
    with qtbot.wait_signal(services.library.loaded):
        services.library.refresh()
    page.resize(1070, 720)
    page.show()
    return page


def texts(page: ModelsPage) -> list[str]:
    return [one.text() for one in page.findChildren(TextLabel) if one.isVisible()]


def button(page: ModelsPage, text: str) -> Button:
    found = [one for one in page.findChildren(Button) if one.text() == text and one.isVisible()]
    assert found, f"no button {text}"
    return found[0]


def test_list_shows_models_and_opens_one_by_keys(page: ModelsPage, qtbot: QtBot) -> None:
    table = child(page, DataTable)
    assert str(table.model().index(0, 0).data()) == "Qwen3-4B"
    table.setFocus()
    qtbot.keyClick(table, Qt.Key.Key_Down)
    qtbot.keyClick(table, Qt.Key.Key_Return)
    assert child(page, ModelPage).isVisible()


def test_search_leaves_only_what_fits(page: ModelsPage, qtbot: QtBot) -> None:
    qtbot.keyClicks(child(page, SearchField), "gone")
    assert child(page, DataTable).model().rowCount() == 1


def test_empty_list_offers_a_folder_and_the_starter(
    window_services: Services, api: FakeApi, qtbot: QtBot
) -> None:
    page = open_page(window_services, qtbot)
    assert child(page, EmptyState).isVisible()
    button(page, "Use the bundled starter model").click()
    qtbot.wait_until(lambda: child(page, ModelPage).isVisible())
    assert [one.name for one in api.models.all] == ["Starter"]


def test_model_shows_its_facts(page: ModelsPage, qtbot: QtBot) -> None:
    page.show_argument("m1")
    shown = texts(page)
    assert {"40,960", "Qwen3ForCausalLM", "<|im_end|>", "Apache-2.0"} <= set(shown)
    assert "Burnish reads this folder and never writes to it." in shown
    qtbot.wait_until(lambda: button(page, "Train with this model").isEnabled())


def test_model_whose_folder_is_gone_cannot_be_trained(page: ModelsPage, qtbot: QtBot) -> None:
    page.show_argument("m2")
    train = button(page, "Train with this model")
    qtbot.wait_until(lambda: not train.isEnabled())
    assert train.toolTip() == "Its folder is not there."


def test_train_opens_the_train_page_with_the_model(
    page: ModelsPage, window_services: Services, qtbot: QtBot
) -> None:
    page.show_argument("m1")
    with qtbot.wait_signal(window_services.navigator.requested) as went:
        button(page, "Train with this model").click()
    assert went.args == ["train", TrainArgument(model_id="m1")]


def test_path_is_copied_whole(page: ModelsPage, tmp_path: Path) -> None:
    page.show_argument("m1")
    button(page, "Copy the path").click()
    assert QGuiApplication.clipboard().text() == str(tmp_path)


def test_dropped_folder_is_added_and_shown(
    page: ModelsPage, api: FakeApi, tmp_path: Path, qtbot: QtBot
) -> None:
    child(page, DropZone).paths_dropped.emit([tmp_path / "new"])
    qtbot.wait_until(lambda: child(page, ModelPage).isVisible())
    assert api.models.all[0].name == "new"
    assert "new" in texts(page)


def test_refused_folder_says_why_and_can_be_looked_at_again(
    page: ModelsPage, api: FakeApi, tmp_path: Path, qtbot: QtBot
) -> None:
    api.models.error = RemoteCodeRefused("The model asks to run modeling.py.", detail="auto_map")
    child(page, DropZone).paths_dropped.emit([tmp_path / "odd"])
    qtbot.wait_until(lambda: child(page, ErrorPanel).isVisible())
    shown = texts(page)
    assert "odd was not added" in shown
    assert "The model asks to run modeling.py." in shown
    assert "Choose a version of the model that needs no code of its own." in shown
    assert not any("auto_map" in one for one in shown)
    api.models.error = None
    button(page, "Look again").click()
    qtbot.wait_until(lambda: child(page, ModelPage).isVisible())
    page.show_argument(None)
    assert not child(page, ErrorPanel).isVisible()


def test_refusal_is_dismissed(page: ModelsPage, api: FakeApi, tmp_path: Path, qtbot: QtBot) -> None:
    api.models.error = RemoteCodeRefused("The model asks to run modeling.py.")
    child(page, DropZone).paths_dropped.emit([tmp_path / "odd"])
    qtbot.wait_until(lambda: child(page, ErrorPanel).isVisible())
    button(page, "Dismiss").click()
    assert not child(page, ErrorPanel).isVisible()
    assert child(page, DropZone).isVisible()


def test_remove_asks_first_and_says_that_the_folder_stays(
    page: ModelsPage, window_services: Services, api: FakeApi, qtbot: QtBot
) -> None:
    page.show_argument("m1")
    button(page, "Remove from the list…").click()
    banner = next(one for one in page.findChildren(Banner) if one.isVisible())
    assert "stay untouched" in banner.accessibleName()
    button(page, "Keep it").click()
    assert not banner.isVisible()
    button(page, "Remove from the list…").click()
    with qtbot.wait_signal(window_services.notices.said) as said:
        button(page, "Remove from the list").click()
    assert said.args is not None
    assert "Its folder was not touched." in said.args[0]
    assert [one.id for one in api.models.all] == ["m2"]
    qtbot.wait_until(lambda: child(page, ModelListPage).isVisible())


def test_remove_of_a_model_in_use_says_so_plainly(
    page: ModelsPage, window_services: Services, api: FakeApi, qtbot: QtBot
) -> None:
    api.models.refusal = InUse("Tickets 1 is using this model, so it was not removed.")
    page.show_argument("m1")
    button(page, "Remove from the list…").click()
    with qtbot.wait_signal(window_services.notices.failed) as failed:
        button(page, "Remove from the list").click()
    assert failed.args is not None
    assert failed.args[1] == "The model was not removed"
    assert child(page, ModelPage).isVisible()


def test_unknown_model_leads_to_the_list(page: ModelsPage) -> None:
    page.show_argument("gone")
    assert child(page, ModelListPage).isVisible()
