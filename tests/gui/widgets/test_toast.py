# SPDX-License-Identifier: Apache-2.0
"""Toasts: ten seconds, undo, and staying while someone is at them."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QEnterEvent
from PySide6.QtWidgets import QLineEdit, QWidget
from pytestqt.qtbot import QtBot

from gui.widgets.box import Column, Panel
from gui.widgets.text import LinkLabel
from gui.widgets.toast import Toast, ToastHost

pytestmark = [pytest.mark.gui, pytest.mark.usefixtures("themed")]


def _ground(qtbot: QtBot) -> tuple[QWidget, ToastHost]:
    ground = Panel(Column(QLineEdit()))
    qtbot.addWidget(ground)
    ground.resize(600, 400)
    ground.show()
    ground.activateWindow()
    qtbot.waitUntil(ground.isActiveWindow, timeout=2000)
    return ground, ToastHost(ground)


def _enter(toast: Toast) -> None:
    at = QPointF(5, 5)
    toast.enterEvent(QEnterEvent(at, at, at))


def test_toast_stays_ten_seconds(qtbot: QtBot) -> None:
    _ground_widget, host = _ground(qtbot)

    toast = host.show_toast("Dataset was moved to the trash.", action="Undo")

    assert (toast.timer.interval(), toast.timer.isSingleShot()) == (10_000, True)
    with qtbot.waitSignal(toast.closed, timeout=500):
        toast.timer.timeout.emit()
    assert host.current() is None


def test_toast_under_the_pointer_stays_and_counts_anew_after(qtbot: QtBot) -> None:
    _ground_widget, host = _ground(qtbot)
    toast = host.show_toast("Moved.", action="Undo")

    _enter(toast)
    assert not toast.timer.isActive()
    toast.leaveEvent(QEvent(QEvent.Type.Leave))
    assert toast.timer.isActive()


def test_toast_with_the_keyboard_inside_stays(qtbot: QtBot) -> None:
    ground, host = _ground(qtbot)
    toast = host.show_toast("Moved.", action="Undo")

    toast.findChildren(LinkLabel)[0].setFocus()
    assert not toast.timer.isActive()
    ground.findChildren(QLineEdit)[0].setFocus()
    assert toast.timer.isActive()


def test_toast_undo_with_the_keyboard_is_told_once_and_closes(qtbot: QtBot) -> None:
    _ground_widget, host = _ground(qtbot)
    toast = host.show_toast("Moved.", action="Undo")

    with qtbot.waitSignals([toast.undo_requested, toast.closed], timeout=500):
        qtbot.keyClick(toast.findChildren(LinkLabel)[0], Qt.Key.Key_Return)

    assert host.current() is None


def test_toast_gives_way_to_the_next(qtbot: QtBot) -> None:
    _ground_widget, host = _ground(qtbot)
    first = host.show_toast("One.")

    second = host.show_toast("Two.")

    assert not first.isVisible()
    assert host.current() is second


def test_toast_stays_in_its_corner_and_inside_a_small_window(qtbot: QtBot) -> None:
    ground, host = _ground(qtbot)
    toast = host.show_toast("A long sentence about a dataset that was moved. " * 3, action="Undo")

    ground.resize(400, 300)

    assert ground.rect().contains(toast.geometry())
    assert toast.geometry().bottom() > 280
