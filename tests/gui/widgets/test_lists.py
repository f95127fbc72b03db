# SPDX-License-Identifier: Apache-2.0
"""Lists and tables: lazily filled, walked with the keyboard, smooth at any length."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractItemView
from pytestqt.qtbot import QtBot

from gui.widgets.lists import CategoryList, RowData, RowList
from gui.widgets.table import Cell, Column, DataTable
from tests.gui.pace import frame_s

pytestmark = [pytest.mark.gui, pytest.mark.usefixtures("themed")]
COUNT = 200_000


def _rows(qtbot: QtBot, asked: list[int] | None = None) -> RowList:
    rows = RowList(name="Rows")
    qtbot.addWidget(rows)

    def row_at(index: int) -> RowData:
        if asked is not None:
            asked.append(index)
        return RowData(key=f"k{index}", title=f"Row {index}", left=str(index), right="12 tokens")

    rows.set_source(COUNT, row_at)
    rows.resize(240, 520)
    rows.show()
    qtbot.waitExposed(rows)
    return rows


def _table(qtbot: QtBot) -> DataTable:
    table = DataTable(name="Rows")
    qtbot.addWidget(table)
    columns = [Column(key=str(i), title=f"Column {i}", stretch=i == 0) for i in range(4)]
    table.set_columns(columns)
    table.set_source(COUNT, lambda row, column: f"cell {row} {column}")
    table.resize(900, 600)
    table.show()
    qtbot.waitExposed(table)
    return table


def test_row_list_asks_only_for_rows_that_are_seen(qtbot: QtBot) -> None:
    asked: list[int] = []
    rows = _rows(qtbot, asked)

    rows.grab()

    assert max(asked) < 40


def test_row_list_with_the_arrow_keys_tells_what_was_chosen(qtbot: QtBot) -> None:
    rows = _rows(qtbot)
    rows.set_current_index(3)

    with qtbot.waitSignal(rows.chosen, timeout=500) as caught:
        qtbot.keyClick(rows, Qt.Key.Key_Down)

    assert caught.args == [4, "k4"]


def test_row_list_with_enter_opens_and_with_delete_asks(qtbot: QtBot) -> None:
    rows = _rows(qtbot)
    rows.set_current_index(7)

    with qtbot.waitSignal(rows.activated_row, timeout=500) as opened:
        qtbot.keyClick(rows, Qt.Key.Key_Return)
    with qtbot.waitSignal(rows.remove_requested, timeout=500) as removed:
        qtbot.keyClick(rows, Qt.Key.Key_Delete)

    assert (opened.args, removed.args) == ([7, "k7"], ["k7"])


def test_row_list_set_from_code_is_silent(qtbot: QtBot) -> None:
    rows = _rows(qtbot)

    with qtbot.assertNotEmitted(rows.chosen):
        rows.set_current_index(9)

    assert rows.current_key() == "k9"


def test_row_list_keeps_the_chosen_row_when_rows_change(qtbot: QtBot) -> None:
    rows = RowList(name="Rows")
    qtbot.addWidget(rows)
    rows.set_rows([RowData(key="a", title="A"), RowData(key="b", title="B")])
    rows.set_current("b")

    rows.set_rows([RowData(key="0", title="0"), RowData(key="b", title="B")])

    assert (rows.current_index(), rows.current_key()) == (1, "b")


def test_category_list_tells_what_was_chosen(qtbot: QtBot) -> None:
    groups = CategoryList(name="Groups")
    qtbot.addWidget(groups)
    groups.set_items([("all", "All", 41), ("", "", None), ("learn", "Learning", 9)])
    groups.show()

    with qtbot.waitSignal(groups.chosen, timeout=500) as caught:
        qtbot.mouseClick(groups._items[1], Qt.MouseButton.LeftButton)

    assert caught.args == ["learn"]


def test_table_with_the_keyboard_is_walked_and_opened(qtbot: QtBot) -> None:
    table = _table(qtbot)
    table.set_current(0)

    with qtbot.waitSignal(table.row_chosen, timeout=500) as chosen:
        qtbot.keyClick(table, Qt.Key.Key_Down)
    with qtbot.waitSignal(table.row_activated, timeout=500) as opened:
        qtbot.keyClick(table, Qt.Key.Key_Return)
    with qtbot.waitSignal(table.remove_requested, timeout=500) as removed:
        qtbot.keyClick(table, Qt.Key.Key_Delete)

    assert (chosen.args, opened.args, removed.args) == ([1], [1], [1])


@pytest.mark.parametrize("width", [160, 300, 480, 900, 1600])
def test_table_columns_never_need_more_than_the_width(qtbot: QtBot, width: int) -> None:
    table = _table(qtbot)

    table.resize(width, 400)

    total = sum(table.columnWidth(i) for i in range(4))
    assert total <= table.viewport().width()


def test_table_that_grows_keeps_its_place(qtbot: QtBot) -> None:
    table = _table(qtbot)
    table.set_current(100)
    table.scrollTo(table.currentIndex(), QAbstractItemView.ScrollHint.PositionAtTop)
    before = table.verticalScrollBar().value()

    table.refresh(COUNT + 500)

    assert table.model().rowCount() == COUNT + 500
    assert (table.current_row(), table.verticalScrollBar().value()) == (100, before)


def test_table_cell_reads_with_its_second_text(qtbot: QtBot) -> None:
    table = DataTable(name="Runs")
    qtbot.addWidget(table)
    table.set_columns([Column(key="t", title="Time")])
    table.set_rows([[Cell(text="23", sub="min")]])

    assert table.model().index(0, 0).data() == "23 min"


@pytest.mark.parametrize("make", [_rows, _table])
def test_scrolling_200_000_rows_stays_under_a_frame(
    qtbot: QtBot, make: Callable[[QtBot], QAbstractItemView]
) -> None:
    view = make(qtbot)
    bar = view.verticalScrollBar()
    view.grab()

    def draw(i: int) -> None:
        bar.setValue(bar.maximum() * (i % 40) // 40)
        view.viewport().grab()

    assert frame_s(draw, 40) < 0.016
