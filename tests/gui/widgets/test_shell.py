# SPDX-License-Identifier: Apache-2.0
"""The frame of the window: pages, palette, keys, drops, status, geometry."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPoint, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDragLeaveEvent, QDropEvent
from PySide6.QtWidgets import QApplication, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from gui.widgets.buttons import Button
from gui.widgets.page import Page
from gui.widgets.shell import Command, MenuSpec, NavItem, Shell
from gui.widgets.shell.palette_list import key_caps
from gui.widgets.text import TextLabel
from gui.widgets.theme import Theme

pytestmark = [pytest.mark.gui, pytest.mark.usefixtures("themed")]
CONTROL = Qt.KeyboardModifier.ControlModifier
COMMANDS = (
    Command(key="open", text="Open a folder…", group="File", keys="Ctrl+O"),
    Command(key="stop", text="Stop the run", group="Run", keys="Ctrl+."),
    Command(key="export", text="Export", group="Run", enabled=False, reason="Nothing to export"),
)


class _Built:
    """Builds pages and remembers which."""

    def __init__(self) -> None:
        self.keys: list[str] = []

    def __call__(self, key: str) -> QWidget:
        self.keys.append(key)
        page = Page(key.title())
        page.header.set_actions(Button("Do it"))
        return page


def _shell(qtbot: QtBot, built: _Built | None = None) -> Shell:
    nav = [NavItem(key=key, text=key.title(), icon="home") for key in ("home", "runs")]
    shell = Shell(
        nav=nav,
        settings=NavItem(key="settings", text="Settings", icon="settings"),
        page_factory=built or _Built(),
    )
    qtbot.addWidget(shell)
    shell.set_menus([MenuSpec(title="File", commands=(COMMANDS[0], None, COMMANDS[2]))])
    shell.set_commands(COMMANDS)
    shell.set_privacy(True, "Offline, verified", "no network use since start")
    shell.resize(1280, 800)
    shell.show_page("home")
    shell.show()
    shell.activateWindow()
    qtbot.waitUntil(shell.isActiveWindow, timeout=2000)
    return shell


def test_shell_builds_a_page_at_its_first_visit_only(qtbot: QtBot) -> None:
    built = _Built()
    shell = _shell(qtbot, built)
    assert built.keys == ["home"]

    for key in ("runs", "home", "runs"):
        shell.show_page(key)

    assert built.keys == ["home", "runs"]
    assert shell.page("settings") is None


def test_shell_tells_the_page_once_per_change(qtbot: QtBot) -> None:
    shell = _shell(qtbot)
    told: list[str] = []
    shell.page_changed.connect(told.append)

    shell.show_page("runs")
    shell.show_page("runs")

    assert told == ["runs"]
    assert shell.current_page() == "runs"


def test_sidebar_with_the_keyboard_changes_the_page(qtbot: QtBot) -> None:
    shell = _shell(qtbot)
    home = shell._sidebar._buttons["home"]
    home.setFocus()

    qtbot.keyClick(home, Qt.Key.Key_Down)

    assert shell.current_page() == "runs"


def test_sidebar_in_a_narrow_window_shows_icons_with_tooltips(qtbot: QtBot, themed: Theme) -> None:
    shell = _shell(qtbot)
    wide = shell._sidebar.width()

    shell.resize(themed.px(900), 700)

    qtbot.waitUntil(lambda: shell._sidebar.width() < wide, timeout=1000)
    assert shell._sidebar._buttons["runs"].toolTip() == "Runs"


def test_palette_opens_with_its_key_and_runs_what_was_typed(qtbot: QtBot) -> None:
    shell = _shell(qtbot)
    qtbot.keyClick(shell, Qt.Key.Key_K, CONTROL)
    assert shell._palette.isVisible()

    qtbot.keyClicks(shell._palette._input, "stop")
    with qtbot.waitSignal(shell.command_triggered, timeout=500) as caught:
        qtbot.keyClick(shell._palette._input, Qt.Key.Key_Return)

    assert caught.args == ["stop"]
    assert not shell._palette.isVisible()


def test_palette_with_escape_gives_the_focus_back(qtbot: QtBot) -> None:
    shell = _shell(qtbot)
    button = shell.findChildren(Button)[0]
    button.setFocus()

    shell.open_palette()
    assert QApplication.focusWidget() is shell._palette._input
    qtbot.keyClick(shell._palette._input, Qt.Key.Key_Escape)

    assert QApplication.focusWidget() is button


def test_palette_skips_what_is_not_possible_and_never_runs_it(qtbot: QtBot) -> None:
    shell = _shell(qtbot)
    shell.open_palette()
    qtbot.keyClicks(shell._palette._input, "export")

    with qtbot.assertNotEmitted(shell.command_triggered):
        qtbot.keyClick(shell._palette._input, Qt.Key.Key_Return)
        shell._palette._list.command_clicked.emit(COMMANDS[2])

    assert shell._palette.isVisible()


def test_palette_with_the_arrow_keys_walks_over_headings(qtbot: QtBot) -> None:
    shell = _shell(qtbot)
    shell.open_palette()
    entry = shell._palette._input

    first = shell._palette._list.current_command()
    qtbot.keyClick(entry, Qt.Key.Key_Down)
    second = shell._palette._list.current_command()
    qtbot.keyClick(entry, Qt.Key.Key_Down)

    assert (first, second) == (COMMANDS[0], COMMANDS[1])
    assert shell._palette._list.current_command() == COMMANDS[1]


def test_palette_without_a_match_says_so(qtbot: QtBot) -> None:
    shell = _shell(qtbot)
    shell.open_palette()

    qtbot.keyClicks(shell._palette._input, "zzzz")

    assert shell._palette._none.isVisible()


@pytest.mark.parametrize(
    ("keys", "caps"),
    [("Ctrl+Shift+.", ["Ctrl", "Shift", "."]), ("Ctrl++", ["Ctrl", "+"]), ("F5", ["F5"])],
)
def test_key_caps_are_the_single_keys(keys: str, caps: list[str]) -> None:
    assert key_caps(keys) == caps


def test_keys_of_commands_work_in_the_whole_window(qtbot: QtBot) -> None:
    shell = _shell(qtbot)

    with qtbot.waitSignal(shell.command_triggered, timeout=500) as caught:
        qtbot.keyClick(shell, Qt.Key.Key_Period, CONTROL)

    assert caught.args == ["stop"]


def test_menu_command_that_is_not_possible_is_disabled_with_the_reason(qtbot: QtBot) -> None:
    shell = _shell(qtbot)
    actions = shell._menu_row.findChildren(QWidget, "")
    menus = [menu for menu in actions if hasattr(menu, "set_items")]

    export = menus[0].actions()[2]

    assert (export.isEnabled(), export.toolTip()) == (False, "Nothing to export")


def test_zoom_keys_change_the_text_size_and_tell_it(qtbot: QtBot, themed: Theme) -> None:
    shell = _shell(qtbot)

    with qtbot.waitSignal(shell.text_scale_changed, timeout=500) as larger:
        qtbot.keyClick(shell, Qt.Key.Key_Plus, CONTROL)
    with qtbot.waitSignal(shell.text_scale_changed, timeout=500) as normal:
        qtbot.keyClick(shell, Qt.Key.Key_0, CONTROL)

    assert (larger.args, normal.args) == ([1.1], [1.0])
    assert themed.text_scale == 1.0


def _mime(path: Path) -> QMimeData:
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path))])
    return mime


def test_window_takes_files_anywhere_and_names_what_will_happen(
    qtbot: QtBot, tmp_path: Path
) -> None:
    shell = _shell(qtbot)
    shell.set_drop_describe(lambda paths: f"Import {paths[0].name}")
    action, button = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton
    mime, none = _mime(tmp_path), Qt.KeyboardModifier.NoModifier

    shell.dragEnterEvent(QDragEnterEvent(QPoint(9, 9), action, mime, button, none))
    assert shell._veil.isVisible()
    with qtbot.waitSignal(shell.files_dropped, timeout=500) as caught:
        shell.dropEvent(QDropEvent(QPoint(9, 9), action, mime, button, none))

    assert caught.args == [[tmp_path]]
    assert not shell._veil.isVisible()


def test_window_that_files_leave_takes_the_veil_away(qtbot: QtBot, tmp_path: Path) -> None:
    shell = _shell(qtbot)
    mime = _mime(tmp_path)
    event = QDragEnterEvent(
        QPoint(9, 9),
        Qt.DropAction.CopyAction,
        mime,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    shell.dragEnterEvent(event)

    shell.dragLeaveEvent(QDragLeaveEvent())

    assert not shell._veil.isVisible()


def test_status_parts_open_their_pages(qtbot: QtBot) -> None:
    shell = _shell(qtbot)
    shell.set_job("support-v3", 0.5, "14 min left")
    shell.set_device("RTX 4090", 0.4, "11.2 of 24.0 GB", "71 °C")
    status = shell._status

    for part, signal in (
        (status._privacy, shell.privacy_clicked),
        (status._job, shell.job_clicked),
        (status._device, shell.device_clicked),
    ):
        with qtbot.waitSignal(signal, timeout=500):
            qtbot.keyClick(part, Qt.Key.Key_Return)


def test_status_in_a_small_window_leaves_out_what_matters_least(qtbot: QtBot) -> None:
    shell = _shell(qtbot)
    shell.set_job("support-v3", 0.5, "14 min left")
    shell.set_device("RTX 4090", 0.4, "11.2 of 24.0 GB", "71 °C")

    shell.resize(560, 700)
    qtbot.waitUntil(lambda: not shell._status._privacy_text.isVisible(), timeout=1000)

    assert shell._status._privacy_title.isVisible()
    assert shell._status._job_name.isVisible()


def test_status_without_a_meter_shows_the_words(qtbot: QtBot) -> None:
    shell = _shell(qtbot)

    shell.set_device("Processor", None, "2 cores")

    assert not shell._status._device_bar.isVisible()
    assert shell._status._device_text.isVisible()


def test_job_part_goes_when_nothing_runs(qtbot: QtBot) -> None:
    shell = _shell(qtbot)
    shell.set_job("support-v3", None, "starting")
    assert shell._status._job.isVisible()

    shell.clear_job()

    assert not shell._status._job.isVisible()


def test_geometry_is_saved_and_restored(qtbot: QtBot) -> None:
    shell = _shell(qtbot)
    shell.resize(700, 500)
    state = shell.save_state()

    other = _shell(qtbot)
    other.restore_state(state)

    assert (other.width(), other.height()) == (700, 500)


def test_notice_stands_above_the_page_and_goes(qtbot: QtBot) -> None:
    shell = _shell(qtbot)
    notice = TextLabel("The last window closed unexpectedly.")

    shell.show_notice(notice)
    assert notice.isVisible()
    shell.show_notice(None)
    assert not notice.isVisible()


def test_closing_is_told_and_asks_nothing(qtbot: QtBot) -> None:
    shell = _shell(qtbot)

    with qtbot.waitSignal(shell.closing, timeout=500):
        assert shell.close()


def test_focus_ring_is_shown_for_the_keyboard_and_not_for_the_mouse(qtbot: QtBot) -> None:
    shell = _shell(qtbot)
    ring = shell.findChild(QWidget, "focus_ring")
    button = shell.findChildren(Button)[0]
    assert ring is not None

    button.setFocus()
    assert not ring.isVisible()
    qtbot.keyClick(button, Qt.Key.Key_Shift)
    assert ring.isVisible()
    corner = button.mapTo(shell, QPoint(0, 0))
    assert ring.geometry().contains(corner)
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert not ring.isVisible()


def test_focus_ring_outlives_the_control_it_was_around(qtbot: QtBot) -> None:
    shell = _shell(qtbot)
    page = shell.page("home")
    assert isinstance(page, Page)
    button = QPushButton("Gone soon")
    page.add(button)
    button.setFocus()
    qtbot.keyClick(button, Qt.Key.Key_Shift)

    button.setParent(None)
    button.deleteLater()
    qtbot.wait(20)

    ring = shell.findChild(QWidget, "focus_ring")
    assert ring is not None
    assert not ring.isVisible()
