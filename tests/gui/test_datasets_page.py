# SPDX-License-Identifier: Apache-2.0
"""One dataset: rows at any length, rejected rows, split, source, renaming and removing."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractButton
from pytestqt.qtbot import QtBot

from engine.domain.dataset import Reject, RowKind, TextRow
from engine.errors import DatasetDamaged, InUse
from gui.bridge.services import Services
from gui.pages.datasets.dataset_page import DatasetPage
from gui.pages.datasets.list_page import DatasetListPage
from gui.pages.datasets.rename_row import RenameRow
from gui.pages.datasets.row_reader import RowReader
from gui.pages.datasets.rows_tab import RowsTab
from gui.pages.datasets.rows_table import RowsTable
from gui.pages.datasets.view import DatasetsPage
from gui.viewmodels.dataset_rows import CellSource, ShownRows, row_columns
from gui.viewmodels.train import TrainArgument
from gui.widgets.banner import Banner
from gui.widgets.buttons import Button, IconButton
from gui.widgets.choices import SegmentedControl
from gui.widgets.error_panel import ErrorPanel
from gui.widgets.fields import TextField
from gui.widgets.table import Column
from gui.widgets.tabs import TabBar
from gui.widgets.text import TextLabel
from gui.widgets.theme.theme import theme
from tests.fakes.api import FakeApi, a_dataset
from tests.fakes.rows import FakeRowTable
from tests.gui.find import child

pytestmark = pytest.mark.gui


@pytest.fixture
def page(window_services: Services, api: FakeApi, qtbot: QtBot) -> DatasetsPage:
    """Return the page on a dataset of 400 conversations, with its rows open."""
    api.datasets.all = [a_dataset(), a_dataset(id="d2", name="Orders")]
    page = DatasetsPage(window_services)
    qtbot.addWidget(page)
    window_services.navigator.requested.connect(
        lambda name, what: page.show_argument(what) if name == "datasets" else None
    )
    with qtbot.wait_signal(window_services.library.loaded):
        window_services.library.refresh()
    page.resize(1070, 720)
    page.show()
    page.show_argument("d1")
    qtbot.wait_until(lambda: child(page, RowsTable).model().rowCount() == 360)
    return page


def texts(page: DatasetsPage) -> list[str]:
    return [one.text() for one in page.findChildren(TextLabel) if one.isVisible()]


def button(page: DatasetsPage, text: str) -> Button:
    found = [one for one in page.findChildren(Button) if one.text() == text and one.isVisible()]
    assert found, f"no button {text}"
    return found[0]


def open_tab(page: DatasetsPage, key: str) -> None:
    bar = child(page, TabBar)
    bar.set_value(key)
    bar.chosen.emit(key)


# ---------------------------------------------------------------------- rows


def test_rows_show_the_chosen_row_in_full(page: DatasetsPage, qtbot: QtBot) -> None:
    table = child(page, RowsTable)
    table.setFocus()
    qtbot.keyClick(table, Qt.Key.Key_Down)
    qtbot.wait_until(lambda: "Row 2" in texts(page))
    assert "tickets.jsonl, line 2" in texts(page)
    assert "the scanner in room 3 does not scan" in texts(page)


def test_rows_of_the_held_out_part_are_one_click_away(page: DatasetsPage, qtbot: QtBot) -> None:
    parts, table = child(page, SegmentedControl), child(page, RowsTable)
    parts.set_value("eval")
    parts.chosen.emit("eval")
    qtbot.wait_until(lambda: table.model().rowCount() == 40)


def test_rows_of_a_part_that_come_late_do_not_take_the_place_of_another(
    page: DatasetsPage, qtbot: QtBot
) -> None:
    parts, table = child(page, SegmentedControl), child(page, RowsTable)
    for key in ("eval", "train"):
        parts.set_value(key)
        parts.chosen.emit(key)
    qtbot.wait_until(lambda: page._services.tasks.is_idle)
    assert table.model().rowCount() == 360


def test_way_back_by_keys_leads_to_the_list(page: DatasetsPage, qtbot: QtBot) -> None:
    table = child(page, RowsTable)
    table.setFocus()
    qtbot.keyClick(table, Qt.Key.Key_Left, Qt.KeyboardModifier.AltModifier)
    assert child(page, DatasetListPage).isVisible()


def test_rows_that_are_damaged_say_so_instead_of_a_table(
    page: DatasetsPage, api: FakeApi, qtbot: QtBot
) -> None:
    api.datasets.reading_error = DatasetDamaged("The rows are not what was written.")
    page.show_argument("d2")
    qtbot.wait_until(lambda: "The rows cannot be shown" in texts(page))
    assert "Import the source file again." in texts(page)
    assert not child(page, RowsTable).isVisible()


def test_rows_are_closed_when_the_dataset_is_left(page: DatasetsPage, api: FakeApi) -> None:
    assert [one.is_closed for one in api.datasets.opened] == [False]
    page.show_argument(None)
    assert [one.is_closed for one in api.datasets.opened] == [True]


def test_rows_in_a_narrow_window_give_their_place_to_the_opened_one(
    page: DatasetsPage, qtbot: QtBot
) -> None:
    page.resize(620, 720)
    reader, table = child(page, RowReader), child(page, RowsTable)
    assert not reader.isVisible()
    table.setFocus()
    qtbot.keyClick(table, Qt.Key.Key_Return)
    assert reader.isVisible()
    assert not table.isVisible()
    reader.back_clicked.emit()
    assert table.isVisible()
    page.resize(1070, 720)
    assert reader.isVisible()


def test_text_rows_have_their_own_columns(page: DatasetsPage, api: FakeApi, qtbot: QtBot) -> None:
    api.datasets.all[1] = a_dataset(id="d2", name="Book", kind=RowKind.TEXT)
    api.datasets.rows[("d2", "train")] = [TextRow(text="once upon a time")] * 3
    services_refresh(page, qtbot)
    page.show_argument("d2")
    table = child(page, RowsTable)
    qtbot.wait_until(lambda: table.model().rowCount() == 3)
    header = table.model().headerData
    titles = [header(i, Qt.Orientation.Horizontal) for i in range(table.model().columnCount())]
    assert titles == ["Row", "Text", "Characters"]


def services_refresh(page: DatasetsPage, qtbot: QtBot) -> None:
    read: list[bool] = []
    page._services.library.refresh(lambda: read.append(True))
    qtbot.wait_until(lambda: bool(read))


def test_table_of_a_million_rows_reads_only_what_is_seen(qtbot: QtBot, themed: object) -> None:
    del themed

    class Counting(FakeRowTable):
        asked: set[int] = set()  # noqa: RUF012  # one table in this test

        def __len__(self) -> int:
            return 1_000_000

        def row(self, index: int) -> TextRow:
            self.asked.add(index)
            return TextRow(text=f"row {index}")

    rows = Counting([])
    table = RowsTable(name="Rows")
    qtbot.addWidget(table)
    table.set_columns([Column(key=one.key, title=one.title) for one in row_columns(RowKind.TEXT)])
    table.set_source(len(rows), CellSource(rows, ShownRows(rows).lead))
    table.resize(800, 600)
    table.show()
    table.grab()
    table.scrollToBottom()
    table.grab()
    assert 999_999 in rows.asked
    assert len(rows.asked) < 60


def test_table_draws_the_text_of_its_cells(qtbot: QtBot, themed: object) -> None:
    del themed
    table = RowsTable(name="Rows")
    qtbot.addWidget(table)
    table.set_columns([Column(key="text", title="Text", width=200, stretch=True)])
    table.set_source(1, lambda _row, _column: "")
    table.resize(400, 120)
    table.show()
    empty = table.grab().toImage()
    table.set_source(1, lambda _row, _column: "words " * 40)
    assert table.grab().toImage() != empty
    assert table._shortened[0, 0].endswith("…")


# ---------------------------------------------------------------------- header and actions


def test_train_opens_the_train_page_with_the_dataset(
    page: DatasetsPage, window_services: Services, qtbot: QtBot
) -> None:
    with qtbot.wait_signal(window_services.navigator.requested) as went:
        button(page, "Train with this dataset").click()
    assert went.args == ["train", TrainArgument(dataset_id="d1")]


def test_preferences_cannot_be_trained_and_say_why(
    page: DatasetsPage, api: FakeApi, qtbot: QtBot
) -> None:
    api.datasets.all[1] = a_dataset(id="d2", kind=RowKind.PREFERENCE, splits={"train": 0})
    services_refresh(page, qtbot)
    page.show_argument("d2")
    train = button(page, "Train with this dataset")
    assert not train.isEnabled()
    assert "cannot be trained yet" in train.toolTip()


def test_rename_by_keys_changes_name_and_keeps_the_place(
    page: DatasetsPage, api: FakeApi, qtbot: QtBot
) -> None:
    open_tab(page, "split")
    child(page, DatasetPage).findChildren(IconButton)[0].picked.emit("rename")
    field = child(child(page, RenameRow), TextField)
    assert field.hasFocus()
    assert field.selectedText() == "Support tickets"
    field.setText("  Tickets of May ")
    qtbot.keyClick(field, Qt.Key.Key_Return)
    qtbot.wait_until(lambda: "Tickets of May" in texts(page))
    assert api.datasets.all[0].name == "Tickets of May"
    assert child(page, TabBar).value() == "split"
    assert not child(page, RenameRow).isVisible()


def test_rename_to_nothing_or_by_escape_changes_nothing(
    page: DatasetsPage, api: FakeApi, qtbot: QtBot
) -> None:
    child(page, DatasetPage).findChildren(IconButton)[0].picked.emit("rename")
    row = child(page, RenameRow)
    field = child(row, TextField)
    field.setText("   ")
    assert not button(page, "Rename").isEnabled()
    qtbot.keyClick(field, Qt.Key.Key_Return)
    assert row.isVisible()
    qtbot.keyClick(field, Qt.Key.Key_Escape)
    assert not row.isVisible()
    assert api.datasets.all[0].name == "Support tickets"


def ask_to_remove(page: DatasetsPage) -> Banner:
    child(page, DatasetPage).findChildren(IconButton)[0].picked.emit("remove")
    found = [one for one in page.findChildren(Banner) if one.isVisible()]
    assert len(found) == 1
    return found[0]


def test_remove_asks_first_closes_the_files_and_leads_to_the_list(
    page: DatasetsPage, api: FakeApi, qtbot: QtBot
) -> None:
    question = ask_to_remove(page)
    assert "Remove “Support tickets”?" in question.accessibleName()
    button(page, "Keep it").click()
    assert not question.isVisible()
    ask_to_remove(page)
    button(page, "Remove the dataset").click()
    assert all(one.is_closed for one in api.datasets.opened)
    qtbot.wait_until(lambda: [one.id for one in api.datasets.all] == ["d2"])
    assert child(page, DatasetListPage).isVisible()


def test_remove_of_a_dataset_in_use_says_so_plainly_and_shows_it_again(
    page: DatasetsPage, window_services: Services, api: FakeApi, qtbot: QtBot
) -> None:
    api.datasets.refusal = InUse("The run Tickets 1 is training on this dataset.")
    ask_to_remove(page)
    with qtbot.wait_signal(window_services.notices.failed) as failed:
        button(page, "Remove the dataset").click()
    assert failed.args is not None
    assert failed.args[0].message == "The run Tickets 1 is training on this dataset."
    assert failed.args[1] == "The dataset was not removed"
    qtbot.wait_until(lambda: child(page, DatasetPage).isVisible())
    qtbot.wait_until(lambda: child(page, RowsTable).model().rowCount() == 360)


def test_dataset_that_is_removed_elsewhere_is_left(
    page: DatasetsPage, api: FakeApi, qtbot: QtBot
) -> None:
    api.datasets.all = api.datasets.all[1:]
    services_refresh(page, qtbot)
    assert child(page, DatasetListPage).isVisible()


# ---------------------------------------------------------------------- the other tabs


def test_rejected_rows_are_listed_with_reasons_and_counted(
    page: DatasetsPage, api: FakeApi, qtbot: QtBot
) -> None:
    api.datasets.all[1] = a_dataset(id="d2", name="Orders", rejects=2)
    api.datasets.rejected = [
        Reject(file="a.csv", line=n, reason="empty_text", message="It holds no text.", excerpt="x")
        for n in (3, 9)
    ]
    services_refresh(page, qtbot)
    page.show_argument("d2")
    open_tab(page, "rejects")
    qtbot.wait_until(lambda: "2 rows were rejected at the import" in texts(page))
    assert "It holds no text." in texts(page)
    assert "of 402 that were read" in texts(page)


def test_no_rejected_row_is_said_as_good_news(page: DatasetsPage) -> None:
    open_tab(page, "rejects")
    assert "No row was rejected" in texts(page)


def test_split_and_source_show_their_facts(page: DatasetsPage, qtbot: QtBot) -> None:
    open_tab(page, "split")
    qtbot.wait_until(lambda: {"360", "40", "90 %", "10 %"} <= set(texts(page)))
    open_tab(page, "source")
    qtbot.wait_until(lambda: "SHA-256" in texts(page))


def test_statement_is_kept_when_its_field_is_left(
    page: DatasetsPage, api: FakeApi, qtbot: QtBot
) -> None:
    open_tab(page, "source")
    field = next(one for one in page.findChildren(TextField) if one.accessibleName() == "Consent")
    field.setFocus()
    qtbot.keyClicks(field, "All patients, May 2026")
    qtbot.keyClick(field, Qt.Key.Key_Tab)
    qtbot.wait_until(lambda: api.datasets.all[0].consent == "All patients, May 2026")
    assert api.datasets.all[0].licence == ""


def test_every_tab_is_reached_by_arrow_keys(page: DatasetsPage, qtbot: QtBot) -> None:
    bar = child(page, TabBar)
    child(bar, QAbstractButton).setFocus()
    seen = [bar.value()]
    for _tab in range(6):
        focused = page.window().focusWidget()
        assert focused is not None
        qtbot.keyClick(focused, Qt.Key.Key_Right)
        seen.append(bar.value())
    assert seen == ["rows", "tokens", "health", "rejects", "split", "history", "source"]


@pytest.mark.parametrize("scale", [1.0, 2.0])
def test_rows_tab_fits_at_every_text_size(page: DatasetsPage, scale: float) -> None:
    theme().set_text_scale(scale)
    page.resize(1168, 640)
    tab = child(page, RowsTab)
    assert tab.isVisible()
    assert child(page, RowsTable).width() <= page.width()
    assert not child(page, ErrorPanel).isVisible()
