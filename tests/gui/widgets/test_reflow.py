# SPDX-License-Identifier: Apache-2.0
"""Reflow: columns by share, rows where there is no room, rules only between columns, and calm."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QEvent, QObject
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from gui.widgets.box import Column, Hairline, Panel, Reflow, Row
from gui.widgets.buttons import Button
from gui.widgets.page import Page
from gui.widgets.text import TextLabel
from gui.widgets.theme import Theme

pytestmark = pytest.mark.gui
LONG = "A sentence that takes several lines where there is little room for it. " * 3


class Counter(QObject):
    """Counts how often any widget asks to be laid out again."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        del watched
        self.count += event.type() == QEvent.Type.LayoutRequest
        return False


def show(qtbot: QtBot, widget: QWidget, width: int, height: int = 600) -> QWidget:
    qtbot.addWidget(widget)
    widget.resize(width, height)
    widget.show()
    qtbot.waitExposed(widget)
    qtbot.wait(20)
    return widget


def test_settled_window_asks_for_no_layout(qtbot: QtBot, themed: Theme, qapp: QApplication) -> None:
    del themed
    page = Page("A title")
    page.header.set_actions(Button("One"), Button("Two"))
    texts = (TextLabel(LONG, wrap=True), TextLabel(LONG, wrap=True))
    page.add(Panel(Reflow(*texts, stretches=(1, 1), ruled=True)))
    show(qtbot, page, 900)
    qtbot.wait(200)
    counter = Counter()
    qapp.installEventFilter(counter)
    qtbot.wait(300)
    qapp.removeEventFilter(counter)
    assert counter.count == 0


def test_columns_take_their_shares_but_never_less_than_they_need(
    qtbot: QtBot, themed: Theme
) -> None:
    del themed
    wide, narrow = Button("A button with many words on it"), QWidget()
    panel = show(qtbot, Panel(Reflow(wide, narrow, gap=0, stack_below=0, stretches=(1, 9))), 600)
    assert wide.width() >= wide.minimumSizeHint().width()
    assert wide.width() + narrow.width() == panel.width()


def test_part_without_a_share_keeps_its_own_width(qtbot: QtBot, themed: Theme) -> None:
    del themed
    own, rest = Button("Own"), QWidget()
    panel = show(qtbot, Panel(Reflow(own, rest, stretches=(0, 1))), 900)
    assert panel.isVisible()
    assert own.width() == own.sizeHint().width()


def test_stacked_rows_take_the_height_of_their_texts(qtbot: QtBot, themed: Theme) -> None:
    first, second = TextLabel(LONG, wrap=True), TextLabel(LONG, wrap=True)
    inner = Reflow(first, second, stack_below=500, stretches=(1, 1))
    panel = show(qtbot, Panel(Column(Panel(inner), TextLabel("below"))), themed.px(300), 900)
    assert panel.isVisible()
    assert inner.is_stacked()
    assert second.y() >= first.y() + first.heightForWidth(first.width())


def test_rules_stand_between_columns_that_are_shown(qtbot: QtBot, themed: Theme) -> None:
    parts = [QWidget(), QWidget(), QWidget()]
    panel = show(qtbot, Panel(Reflow(*parts, stretches=(1, 1, 1), ruled=True)), themed.px(900))
    rules = panel.findChildren(Hairline)
    assert [rule.height() > 0 for rule in rules] == [True, True]
    parts[0].hide()
    qtbot.wait_until(lambda: [rule.height() > 0 for rule in rules].count(True) == 1)
    panel.resize(themed.px(300), 600)
    qtbot.wait_until(lambda: not any(rule.height() for rule in rules))


def test_part_with_nothing_in_it_takes_no_room(qtbot: QtBot, themed: Theme) -> None:
    del themed
    words, nothing = QWidget(), Row()
    panel = show(qtbot, Panel(Reflow(words, nothing, stretches=(1, 0))), 800)
    assert words.width() == panel.width()
    nothing.add(Button("One"))
    qtbot.wait_until(lambda: words.width() < panel.width())
