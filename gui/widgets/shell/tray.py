# SPDX-License-Identifier: Apache-2.0
"""The icon beside the clock of the desktop, and the notifications of the system."""

from __future__ import annotations

import contextlib
import shutil
import sys
from collections.abc import Callable, Sequence
from gettext import gettext as _

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QMenu, QSystemTrayIcon

from gui.widgets.shell.mark import mark_icon

_TOOL = "notify-send"
"""The desktops' own tool, for those without a place for icons (libnotify)."""

Start = Callable[[Sequence[str]], object]


class Tray(QObject):
    """The icon, where the desktop has a place for it; everything works without.

    Signals:
        open_requested: A person wants to see the window.
        quit_requested: A person wants to end the window; running work goes on.
    """

    open_requested = Signal()
    quit_requested = Signal()

    def __init__(
        self,
        owner: QObject,
        *,
        is_available: Callable[[], bool] = QSystemTrayIcon.isSystemTrayAvailable,
        find: Callable[[str], str | None] = shutil.which,
        start: Start | None = None,
    ) -> None:
        """Show nothing yet.

        Args:
            owner: Lives as long.
            is_available: Whether the desktop has a place for icons.
            find: Finds a program by its name.
            start: Starts a program.
        """
        super().__init__(owner)
        self._is_available = is_available
        self._find = find
        self._start = start or _start
        self._icon: QSystemTrayIcon | None = None
        self._menu = QMenu()
        self._menu.addAction(_("Open Burnish"), self.open_requested.emit)
        self._menu.addAction(_("Quit, and leave what runs to itself"), self.quit_requested.emit)

    @property
    def is_there(self) -> bool:
        """Return whether a person can see the icon."""
        return self._icon is not None and self._is_available()

    def set_shown(self, is_shown: bool) -> None:
        """Show the icon, where there is a place for it, or take it away."""
        if not is_shown and self._icon is not None:
            self._icon.hide()
            self._icon.deleteLater()
            self._icon = None
        elif is_shown and self._icon is None and self._is_available():
            self._show()

    def _show(self) -> None:
        self._icon = QSystemTrayIcon(mark_icon(), self)
        self._icon.setToolTip("Burnish")
        self._icon.setContextMenu(self._menu)
        self._icon.activated.connect(self._on_activated)
        self._icon.messageClicked.connect(self.open_requested)
        self._icon.show()

    def notify(self, title: str, text: str) -> None:
        """Show a notification of the system, where it has some."""
        if self._icon is not None and self.is_there and QSystemTrayIcon.supportsMessages():
            self._icon.showMessage(title, text, mark_icon())
            return
        tool = self._find(_TOOL) if sys.platform == "linux" else None
        if tool is not None:
            self._start([tool, "--app-name=Burnish", "--", title, text])

    def _on_activated(self, reason: QSystemTrayIcon.ActivationReason) -> None:
        if reason is not QSystemTrayIcon.ActivationReason.Context:
            self.open_requested.emit()


def _start(command: Sequence[str]) -> None:
    import subprocess

    # Without its notification nothing is lost: the window says the same.
    with contextlib.suppress(OSError):
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
