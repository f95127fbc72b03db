# SPDX-License-Identifier: Apache-2.0
"""The table of rows over a real workspace: what stays in place when the rows change."""

from __future__ import annotations

import json
from collections.abc import Generator
from pathlib import Path
from typing import cast

import pytest
from PySide6.QtCore import QItemSelectionModel, Qt
from pytestqt.qtbot import QtBot

from engine.api.facade import open_api
from engine.api.privacy import Privacy
from engine.api.settings import Settings as SettingValues
from gui.bridge.notices import Notices
from gui.bridge.services import Services, make_services
from gui.bridge.settings import Settings
from gui.pages.datasets.rows_table import RowsTable
from gui.pages.datasets.view import DatasetsPage
from gui.widgets.fields import SearchField
from gui.widgets.theme.theme import Theme
from tests.builders.dataset_import import ImportRun
from tests.gui.conftest import FakePrivacy
from tests.gui.find import child

pytestmark = pytest.mark.gui

ROWS = 200


def make(root: Path, place: Path) -> Services:
    """Return real services; only the guard is a stand-in, since it would stay for good."""
    notices = Notices()
    return make_services(
        open_api(root),
        settings=Settings(place / "settings.json", SettingValues(), notices),
        notices=notices,
        privacy=cast("Privacy", FakePrivacy()),
    )


@pytest.fixture
def services(qtbot: QtBot, themed: Theme, tmp_path: Path) -> Generator[Services]:
    """Return services over a workspace with rows of which every second is of a scanner."""
    del themed
    found = make(tmp_path / "workspace", tmp_path)
    source = tmp_path / "rows.jsonl"
    rows = [
        {"prompt": f"q{one} " + ("scanner" if one % 2 else "printer"), "completion": f"a{one}"}
        for one in range(ROWS)
    ]
    source.write_text("\n".join(json.dumps(one) for one in rows), encoding="utf-8")
    ImportRun(found.api.layout, [source], eval_ratio=0.0, dataset_id="d1").run()
    yield found
    found.close()
    qtbot.wait(1)


def open_page(services: Services, qtbot: QtBot) -> DatasetsPage:
    page = DatasetsPage(services)
    qtbot.addWidget(page)
    with qtbot.wait_signal(services.library.loaded):
        services.library.refresh()
    page.resize(1070, 720)
    page.show()
    page.show_argument("d1")
    return page


def wait_for(page: DatasetsPage, qtbot: QtBot, count: int) -> RowsTable:
    table = child(page, RowsTable)
    qtbot.wait_until(lambda: table.model().rowCount() == count)
    return table


def choose(table: RowsTable, *rows: int) -> None:
    """Make the last the current row, and choose all of them."""
    flags = QItemSelectionModel.SelectionFlag
    table.set_current(rows[-1])
    for row in rows:
        model = table.selectionModel()
        model.select(table.model().index(row, 0), flags.Select | flags.Rows)


def ask(page: DatasetsPage, text: str) -> None:
    field = page.findChildren(SearchField)[-1]
    assert field.isVisible()
    field.setText(text)


def test_rows_removed_while_a_search_is_shown_keep_the_search(
    services: Services, qtbot: QtBot
) -> None:
    page = open_page(services, qtbot)
    wait_for(page, qtbot, ROWS)
    ask(page, "scanner")
    table = wait_for(page, qtbot, ROWS // 2)
    choose(table, 40, 41)
    qtbot.keyClick(table, Qt.Key.Key_Delete)
    wait_for(page, qtbot, ROWS // 2 - 2)


def test_tagged_rows_stay_chosen(services: Services, qtbot: QtBot) -> None:
    page = open_page(services, qtbot)
    table = wait_for(page, qtbot, ROWS)
    choose(table, 3, 90, 199)
    table.verticalScrollBar().setValue(700)
    services.api.versions.tag("d1", [3, 90, 199], "odd")
    with qtbot.wait_signal(services.library.datasets_changed):
        services.library.refresh()
    qtbot.wait_until(lambda: services.tasks.is_idle)
    assert table.chosen_rows() == [3, 90, 199]
    assert table.current_row() == 199
    assert table.verticalScrollBar().value() == 700


def test_undo_by_keys_reaches_behind_a_restart(
    services: Services, qtbot: QtBot, tmp_path: Path
) -> None:
    services.api.versions.remove_rows("d1", [5])
    again = make(tmp_path / "workspace", tmp_path)
    page = open_page(again, qtbot)
    table = wait_for(page, qtbot, ROWS - 1)
    qtbot.wait_until(lambda: again.tasks.is_idle)
    assert not table.hasFocus()
    qtbot.keyClick(page, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    wait_for(page, qtbot, ROWS)
    again.close()
