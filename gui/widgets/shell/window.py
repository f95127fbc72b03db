# SPDX-License-Identifier: Apache-2.0
"""The window: menu row, sidebar, one panel with the pages, status bar, and what lies over them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from gettext import ngettext
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QByteArray, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QCloseEvent,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDropEvent,
    QKeySequence,
    QPaintEvent,
    QResizeEvent,
    QShortcut,
)
from PySide6.QtWidgets import QMainWindow, QWidget

from gui.widgets.box import Column, Row
from gui.widgets.dropped import dropped_paths
from gui.widgets.page import Stack
from gui.widgets.shell.commands import Command, MenuSpec, NavItem
from gui.widgets.shell.drop_veil import DropVeil
from gui.widgets.shell.mark import mark_icon
from gui.widgets.shell.menu_row import MenuRow
from gui.widgets.shell.sidebar import Sidebar
from gui.widgets.shell.status_bar import StatusBar
from gui.widgets.theme.focus_ring import FocusRing
from gui.widgets.theme.paint import painting, rounded
from gui.widgets.theme.theme import follow_theme, theme
from gui.widgets.toast import Toast, ToastHost

if TYPE_CHECKING:
    from gui.widgets.shell.palette import CommandPalette

_NARROW_BELOW = 1000


class _Panel(QWidget):
    """The rounded panel that holds the pages."""

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw ground and hairline."""
        current = theme()
        with painting(self) as painter:
            rounded(
                painter,
                QRectF(self.rect()),
                current.radius("card"),
                fill=current.colour("panel"),
                edge=current.colour("hairline"),
            )


class _Ground(QWidget):
    """The chrome behind everything."""

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Fill it."""
        with painting(self) as painter:
            painter.fillRect(self.rect(), theme().colour("window"))


class _NoticeRoom(QWidget):
    """Room for one banner above the page; none where there is none."""

    def __init__(self) -> None:
        super().__init__()
        self._column = Column(gap=0, margins=(16, 12, 16, 0))
        self.setLayout(self._column)
        self.hide()

    def put(self, notice: QWidget | None) -> None:
        """Put a banner in the place of the one that is there, or take that away."""
        while (item := self._column.takeAt(0)) is not None:
            before = item.widget()
            if before is not None:
                before.setParent(None)
        if notice is not None:
            self._column.add(notice)
            notice.show()
        self.setHidden(notice is None)


class Shell(QMainWindow):
    """The frame of the application. It knows pages by their keys and builds each at first sight.

    Args:
        nav: The pages in the sidebar, from the top.
        settings: The page at the bottom of the sidebar, if there is one.
        page_factory: Builds the page of a key.
    """

    page_changed = Signal(str)
    command_triggered = Signal(str)
    privacy_clicked = Signal()
    job_clicked = Signal()
    device_clicked = Signal()
    files_dropped = Signal(list)
    text_scale_changed = Signal(float)
    closing = Signal()

    def __init__(
        self,
        *,
        nav: Sequence[NavItem],
        settings: NavItem | None,
        page_factory: Callable[[str], QWidget],
    ) -> None:
        super().__init__()
        self._factory = page_factory
        self._pages: dict[str, QWidget] = {}
        self._current = ""
        self._hides = False
        self._describe: Callable[[list[Path]], str] = describe_drop
        self._menus: tuple[MenuSpec, ...] = ()
        self._commands: tuple[Command, ...] = ()
        self._shortcuts: list[QShortcut] = []
        self.setWindowTitle("Burnish")
        self.setWindowIcon(mark_icon())
        self.setAcceptDrops(True)
        self._menu_row = MenuRow()
        self._sidebar = Sidebar(nav, settings)
        self._status = StatusBar()
        self._stack = Stack()
        self._panel = _Panel()
        self._arrange()
        self._toasts = ToastHost(self._panel)
        self._veil = DropVeil(self._panel)
        FocusRing(self)
        self._connect()
        self._own_keys()
        room = self.screen().availableSize()
        self.resize(QSize(theme().px(1280), theme().px(800)).boundedTo(room))
        follow_theme(self, self._fit_sidebar)

    def _arrange(self) -> None:
        self._announcement, self._notice = _NoticeRoom(), _NoticeRoom()
        inside = Column(self._announcement, self._notice, gap=0)
        inside.addWidget(self._stack, 1)
        self._panel.setLayout(inside)
        right = Column(gap=0, margins=(0, 0, 8, 0))
        right.addWidget(self._panel, 1)
        middle = Row(self._sidebar, gap=0)
        middle.addLayout(right, 1)
        outer = Column(self._menu_row, gap=0)
        outer.addLayout(middle, 1)
        outer.add(self._status)
        ground = _Ground()
        ground.setLayout(outer)
        self.setCentralWidget(ground)

    def _connect(self) -> None:
        self._sidebar.chosen.connect(self.show_page)
        self._menu_row.command_triggered.connect(self.command_triggered)
        self._menu_row.palette_requested.connect(self.open_palette)
        self._status.privacy_clicked.connect(self.privacy_clicked)
        self._status.job_clicked.connect(self.job_clicked)
        self._status.device_clicked.connect(self.device_clicked)

    @cached_property
    def _palette(self) -> CommandPalette:
        from gui.widgets.shell.palette import CommandPalette

        made = CommandPalette(self)
        made.set_commands(self._commands)
        made.triggered.connect(self.command_triggered)
        return made

    def _own_keys(self) -> None:
        for keys, act in self._reserved().items():
            QShortcut(QKeySequence(keys), self, act)

    def _reserved(self) -> dict[str, Callable[[], None]]:
        """Return the keys of the frame itself; commands with the same keys only show them."""
        return {
            "Ctrl+K": self.open_palette,
            "F11": self._toggle_full_screen,
            "Ctrl++": lambda: self._zoom(theme().zoom_in),
            "Ctrl+=": lambda: self._zoom(theme().zoom_in),
            "Ctrl+-": lambda: self._zoom(theme().zoom_out),
            "Ctrl+0": lambda: self._zoom(theme().zoom_reset),
        }

    def show_page(self, key: str) -> QWidget:
        """Show a page, building it if this is the first visit, and return it."""
        page = self._pages.get(key)
        if page is None:
            page = self._factory(key)
            self._pages[key] = page
            self._stack.addWidget(page)
        self._stack.setCurrentWidget(page)
        if key != self._current:
            self._current = key
            self._sidebar.set_current(key)
            self.page_changed.emit(key)
        return page

    def page(self, key: str) -> QWidget | None:
        """Return a page if it was built already."""
        return self._pages.get(key)

    def current_page(self) -> str:
        """Return the key of the page that is shown."""
        return self._current

    def set_badge(self, key: str, number: int) -> None:
        """Show at a page in the sidebar how many things wait there; 0 hides it."""
        self._sidebar.set_badge(key, number)

    def set_menus(self, menus: Sequence[MenuSpec]) -> None:
        """Show these menus."""
        self._menus = tuple(menus)
        self._menu_row.set_menus(menus)
        self._bind_keys()

    def set_commands(self, commands: Sequence[Command]) -> None:
        """Offer these commands in the palette."""
        self._commands = tuple(commands)
        if "_palette" in vars(self):
            self._palette.set_commands(commands)
        self._bind_keys()

    def set_privacy(self, ok: bool, title: str, text: str) -> None:
        """Say in the status bar whether anything left this computer."""
        self._status.set_privacy(ok, title, text)

    def set_job(self, name: str, share: float | None, text: str) -> None:
        """Show in the status bar what runs."""
        self._status.set_job(name, share, text)

    def clear_job(self) -> None:
        """Show that nothing runs."""
        self._status.clear_job()

    def set_device(self, name: str, share: float | None, text: str, extra: str = "") -> None:
        """Show in the status bar what Burnish computes on."""
        self._status.set_device(name, share, text, extra)

    def set_drop_describe(self, describe: Callable[[list[Path]], str]) -> None:
        """Name what a drop would do; "" refuses it."""
        self._describe = describe

    def show_toast(self, text: str, *, action: str = "") -> Toast:
        """Say what was done, with a word that takes it back."""
        return self._toasts.show_toast(text, action=action)

    def show_notice(self, notice: QWidget | None) -> None:
        """Put one banner above the page, or take it away."""
        self._notice.put(notice)

    def has_notice(self) -> bool:
        """Return whether a banner stands above the page."""
        return not self._notice.isHidden()

    def announce(self, notice: QWidget | None) -> None:
        """Put a banner above all others that no other one takes the place of, or take it away."""
        self._announcement.put(notice)

    def open_palette(self) -> None:
        """Open the command palette."""
        self._palette.open_palette()

    def save_state(self) -> bytes:
        """Return where and how large the window is."""
        return bytes(self.saveGeometry().data())

    def restore_state(self, state: bytes) -> None:
        """Put the window where it was."""
        self.restoreGeometry(QByteArray(state))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Give the page the room of the words in the sidebar where the window is small."""
        super().resizeEvent(event)
        self._fit_sidebar()

    def _fit_sidebar(self) -> None:
        self._sidebar.set_narrow(self.width() < theme().px(_NARROW_BELOW))

    def set_hides(self, hides: bool) -> None:
        """Only hide the window when it is closed, because it can be opened again elsewhere."""
        self._hides = hides

    def come_to_front(self) -> None:
        """Show the window to somebody who asks for it, wherever it was."""
        self.setWindowState(self.windowState() & ~Qt.WindowState.WindowMinimized)
        self.show()
        self.raise_()
        self.activateWindow()

    def closeEvent(self, event: QCloseEvent) -> None:
        """Tell that the window closes; nothing is asked."""
        if self._hides:
            event.ignore()
            self.hide()
            return
        self.closing.emit()
        super().closeEvent(event)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Name what a drop here would do."""
        paths = dropped_paths(event.mimeData())
        text = self._describe(paths) if paths else ""
        if text:
            event.acceptProposedAction()
            self._veil.show_text(text)

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        """Take the veil away."""
        self._veil.hide()
        super().dragLeaveEvent(event)

    def dropEvent(self, event: QDropEvent) -> None:
        """Hand over what was dropped."""
        self._veil.hide()
        paths = dropped_paths(event.mimeData())
        if paths:
            event.acceptProposedAction()
            self.files_dropped.emit(paths)

    def _bind_keys(self) -> None:
        for shortcut in self._shortcuts:
            shortcut.setEnabled(False)
            shortcut.deleteLater()
        found: dict[str, Command] = {}
        listed = [one for menu in self._menus for one in menu.commands if one is not None]
        for command in (*listed, *self._commands):
            if command.keys and command.enabled and command.keys not in self._reserved():
                found.setdefault(command.keys, command)
        self._shortcuts = [self._shortcut(command) for command in found.values()]

    def _shortcut(self, command: Command) -> QShortcut:
        return QShortcut(
            QKeySequence(command.keys), self, lambda: self.command_triggered.emit(command.key)
        )

    def _zoom(self, act: Callable[[], None]) -> None:
        act()
        self.text_scale_changed.emit(theme().text_scale)

    def _toggle_full_screen(self) -> None:
        if self.isFullScreen():
            self.showNormal()
        else:
            self.showFullScreen()


def describe_drop(paths: list[Path]) -> str:
    """Say how many things would be dropped."""
    count = len(paths)
    return ngettext("Add {count} item", "Add {count} items", count).format(count=count)
