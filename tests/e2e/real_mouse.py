# SPDX-License-Identifier: Apache-2.0
"""The mouse of an X server, moved as a hand does it, by the extension XTEST."""

from __future__ import annotations

import time
from typing import Any

from Xlib import X, display
from Xlib.ext import xtest

STEP_S = 0.01
LEFT = 1


class RealMouse:
    """Moves and presses; every program on the screen sees it as the real one."""

    def __init__(self) -> None:
        self._display = display.Display()
        self._at = (0, 0)

    def find(self, title: str, *, limit_s: float) -> tuple[int, int, int, int]:
        """Return x, y, width and height of the window whose title holds some words.

        Raises:
            TimeoutError: There is none.
        """
        until = time.monotonic() + limit_s
        while time.monotonic() < until:
            for window in self._display.screen().root.query_tree().children:
                found = self._matching(window, title)
                if found is not None:
                    return found
            time.sleep(0.1)
        raise TimeoutError(title)

    def _matching(self, window: Any, title: str) -> tuple[int, int, int, int] | None:
        name = (
            window.get_full_text_property(self._display.intern_atom("_NET_WM_NAME"))
            or window.get_wm_name()
        )
        is_shown = window.get_attributes().map_state == X.IsViewable
        if not is_shown or not name or title not in str(name):
            return None
        place = window.get_geometry()
        return place.x, place.y, place.width, place.height

    def move(self, x: int, y: int, *, steps: int = 40) -> None:
        """Move there in a straight line."""
        from_x, from_y = self._at
        for step in range(1, steps + 1):
            at = (from_x + (x - from_x) * step // steps, from_y + (y - from_y) * step // steps)
            xtest.fake_input(self._display, X.MotionNotify, x=at[0], y=at[1])
            self._display.sync()
            time.sleep(STEP_S)
        self._at = (x, y)

    def press(self) -> None:
        """Hold the left button down."""
        xtest.fake_input(self._display, X.ButtonPress, LEFT)
        self._display.sync()
        time.sleep(0.1)

    def release(self) -> None:
        """Let it go."""
        xtest.fake_input(self._display, X.ButtonRelease, LEFT)
        self._display.sync()
        time.sleep(0.1)

    def drag(self, start: tuple[int, int], end: tuple[int, int]) -> None:
        """Take what is at one place to another."""
        self.move(*start)
        self.press()
        self.move(start[0] - 12, start[1] - 6, steps=6)
        time.sleep(0.3)
        self.move(*end)
        self.move(end[0] + 4, end[1] + 4, steps=4)
        time.sleep(0.5)
        self.release()
