# SPDX-License-Identifier: Apache-2.0
"""Choosing any of some words: by mouse and keyboard, in a list that stays open."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from gui.widgets.menu import Menu
from gui.widgets.multi_select import MultiSelectField
from gui.widgets.theme.theme import Theme

pytestmark = [
    pytest.mark.gui,
    # The offscreen platform has no keyboard to hold while a menu is open.
    pytest.mark.qt_log_ignore("This plugin does not support grabbing the keyboard", extend=True),
]


@pytest.fixture
def field(qtbot: QtBot, themed: Theme) -> MultiSelectField:
    """Return a field with three options."""
    del themed
    field = MultiSelectField(name="Which", none="Everything", words=" or ".join)
    qtbot.addWidget(field)
    field.set_options([("a", "Apples"), ("b", "Pears"), ("c", "Plums")])
    field.show()
    return field


def open_list(field: MultiSelectField, qtbot: QtBot) -> Menu:
    menu = field.menu()
    assert isinstance(menu, Menu)
    menu.popup(field.mapToGlobal(field.rect().bottomLeft()))
    qtbot.wait_until(menu.isVisible)
    return menu


def test_space_changes_marks_and_leaves_the_list_open(
    field: MultiSelectField, qtbot: QtBot
) -> None:
    told: list[object] = []
    field.changed.connect(told.append)
    menu = open_list(field, qtbot)
    for key in (Qt.Key.Key_Down, Qt.Key.Key_Down, Qt.Key.Key_Space, Qt.Key.Key_Down):
        qtbot.keyClick(menu, key)
    assert menu.isVisible()
    qtbot.keyClick(menu, Qt.Key.Key_Return)
    assert not menu.isVisible()
    assert told == [("a",), ("a", "b")]
    assert field.text() == "Apples or Pears"
    assert (field.accessibleName(), field.accessibleDescription()) == ("Which", "Apples, Pears")


def test_click_changes_a_mark_and_leaves_the_list_open(
    field: MultiSelectField, qtbot: QtBot
) -> None:
    field.set_values(("c",))
    menu = open_list(field, qtbot)
    for number in (4, 2):
        place = menu.actionGeometry(menu.actions()[number]).center()
        qtbot.mouseClick(menu, Qt.MouseButton.LeftButton, pos=place)
        assert menu.isVisible()
    assert field.values() == ("a",)
    assert [one.isChecked() for one in menu.actions()[2:]] == [True, False, False]
    menu.close()


def test_first_line_takes_every_mark_away(field: MultiSelectField, qtbot: QtBot) -> None:
    field.set_values(("a", "c"))
    assert field.text() == "Apples or Plums"
    menu = open_list(field, qtbot)
    qtbot.keyClick(menu, Qt.Key.Key_Down)
    qtbot.keyClick(menu, Qt.Key.Key_Return)
    assert field.values() == ()
    assert field.text() == "Everything"
    assert not any(one.isChecked() for one in menu.actions())


def test_what_is_no_longer_offered_is_no_longer_chosen(field: MultiSelectField) -> None:
    field.set_values(("a", "later"))
    assert field.text() == "Apples"
    assert not field.set_options([("a", "Apples"), ("later", "Later")])
    assert field.text() == "Apples or Later"
    assert field.set_options([("a", "Apples")])
    assert field.values() == ("a",)
