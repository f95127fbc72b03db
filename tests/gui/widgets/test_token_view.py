# SPDX-License-Identifier: Apache-2.0
"""The token view: focus by keyboard and mouse, the strip, copying."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication
from pytestqt.qtbot import QtBot

from gui.widgets.token_view import Token, TokenSection, TokenView

pytestmark = [pytest.mark.gui, pytest.mark.usefixtures("themed")]


def _sections(words: int = 6) -> list[TokenSection]:
    said = tuple(Token(text=f" word{i}", id=100 + i, trained=True) for i in range(words))
    start = Token(text="<|im_start|>", id=151_644, trained=False, special=True)
    role = Token(text="user", id=8948, trained=False)
    return [
        TokenSection(role="user", title="User", tokens=(start, role)),
        TokenSection(role="assistant", title="Assistant", tokens=said),
    ]


def _view(qtbot: QtBot, words: int = 6) -> TokenView:
    view = TokenView()
    qtbot.addWidget(view)
    view.set_sections(_sections(words))
    view.resize(620, 320)
    view.show()
    qtbot.waitExposed(view)
    return view


def test_token_view_with_arrow_keys_walks_over_all_sections(qtbot: QtBot) -> None:
    view = _view(qtbot)
    told: list[int] = []
    view.token_focused.connect(told.append)

    for key in (Qt.Key.Key_Home, Qt.Key.Key_Right, Qt.Key.Key_Right, Qt.Key.Key_Left):
        qtbot.keyClick(view._area, key)
    qtbot.keyClick(view._area, Qt.Key.Key_End)
    qtbot.keyClick(view._area, Qt.Key.Key_Right)

    assert told == [0, 1, 2, 1, 7, 7]


def test_token_view_with_down_and_up_changes_the_line(qtbot: QtBot) -> None:
    view = _view(qtbot)
    view.focus_token(0)
    told: list[int] = []
    view.token_focused.connect(told.append)

    qtbot.keyClick(view._area, Qt.Key.Key_Down)
    qtbot.keyClick(view._area, Qt.Key.Key_Up)

    assert told[0] >= 2
    assert told[1] in (0, 1)


def test_token_view_strip_says_number_and_fate(qtbot: QtBot) -> None:
    view = _view(qtbot)

    view.focus_token(2)
    assert view.strip_text() == "word0 is one token, number 100. It is trained."
    view.focus_token(0)
    assert "special token" in view.strip_text()
    assert "read, not trained" in view.strip_text()


def test_token_view_click_focuses_the_token_under_it(qtbot: QtBot) -> None:
    view = _view(qtbot)
    block = view._area._blocks[1]
    rect = view._area._rect(block, block.placed[3])

    with qtbot.waitSignal(view.token_focused, timeout=500) as caught:
        centre = rect.center().toPoint()
        qtbot.mouseClick(view._area.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(centre))

    assert caught.args == [5]


def test_token_view_scrolls_the_focused_token_into_sight(qtbot: QtBot) -> None:
    view = _view(qtbot, words=900)

    qtbot.keyClick(view._area, Qt.Key.Key_End)

    assert view._area.verticalScrollBar().value() > 0
    view.focus_token(0)
    assert view._area.verticalScrollBar().value() < 20


def test_token_view_copies_with_trained_parts_in_brackets(qtbot: QtBot) -> None:
    view = _view(qtbot, words=2)

    with qtbot.waitSignal(view.copy_requested, timeout=500):
        view._copy.click()

    assert QGuiApplication.clipboard().text() == "<|im_start|>user[[ word0 word1]]"


def test_token_view_in_a_narrow_room_needs_more_lines_and_loses_no_token(qtbot: QtBot) -> None:
    view = _view(qtbot, words=30)
    wide = view._area._blocks[1].height

    view.resize(360, 320)

    assert view._area._blocks[1].height > wide
    assert len(view._area._blocks[1].placed) == 30
    room = view._area.viewport().width()
    for block in view._area._blocks:
        assert all(view._area._rect(block, one).right() <= room for one in block.placed)


def test_token_view_without_tokens_cannot_be_copied(qtbot: QtBot) -> None:
    view = _view(qtbot)

    view.set_sections([])

    assert not view._copy.isEnabled()
