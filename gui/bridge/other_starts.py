# SPDX-License-Identifier: Apache-2.0
"""Other starts of the program on the same workspace: they show this window instead of their own."""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from collections.abc import Callable, Generator, Mapping, Sequence
from pathlib import Path

from PySide6.QtCore import QObject, QTimer
from PySide6.QtGui import QGuiApplication

from engine.api.one_window import OneWindow, WindowWish, window_folder
from engine.api.settings import settings_file

LOOK_EVERY_MS = 250
_ACTIVATION = "XDG_ACTIVATION_TOKEN"
_ANY_PROCESS = -1


@contextlib.contextmanager
def followed(
    place: OneWindow, owner: QObject, take: Callable[[WindowWish], None]
) -> Generator[None, None, None]:
    """Take the wishes of other starts while the block runs.

    Args:
        place: Where they come.
        owner: The timer lives no longer.
        take: Does what one was for.
    """

    def look() -> None:
        for wish in place.wishes():
            take(wish)

    timer = QTimer(owner)
    timer.setInterval(LOOK_EVERY_MS)
    timer.timeout.connect(look)
    timer.start()
    try:
        yield
    finally:
        timer.stop()
        place.close()


def wish_of(page: str, files: Sequence[Path]) -> WindowWish:
    """Return what this start is for; relative paths are those of its own folder."""
    return WindowWish(
        page=page,
        files=tuple(str(one.absolute()) for one in files),
        activation=os.environ.get(_ACTIVATION, ""),
    )


def place_of_window(workspace: Path) -> OneWindow:
    """Return where the window of a workspace on this screen is known."""
    screen = screen_name(QGuiApplication.platformName(), os.environ)
    return OneWindow(window_folder(settings_file().parent, workspace, screen))


def screen_name(platform: str, environment: Mapping[str, str]) -> str:
    """Name the screen of this process: who starts Burnish by `ssh -X` does not see the desktop."""
    names = ("WAYLAND_DISPLAY", "DISPLAY")
    return " ".join((platform, *(environment.get(one, "") for one in names)))


def is_shown_elsewhere(place: OneWindow, wish: WindowWish) -> bool:
    """Let the window that is open already show itself, and return whether it did."""
    if place.claim():
        return False
    if sys.platform == "win32":
        # Only the program that a person has just started may hand the front over.
        ctypes.windll.user32.AllowSetForegroundWindow(_ANY_PROCESS)
    return place.ask(wish)


@contextlib.contextmanager
def activated_by(token: str) -> Generator[None, None, None]:
    """Let Qt bring a window to the front by the token of another start, where there is one."""
    if token:
        os.environ[_ACTIVATION] = token
    try:
        yield
    finally:
        # Programs that are started from here must not use it again.
        os.environ.pop(_ACTIVATION, None)
