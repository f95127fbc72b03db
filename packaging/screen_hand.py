# SPDX-License-Identifier: Apache-2.0
"""A virtual screen, and a hand that presses what it sees, for programs that cannot be asked."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Generator

import numpy as np
from bundle_under_test import Missed, tool
from numpy.typing import NDArray
from Xlib import X, display
from Xlib.ext import xtest

WIDTH, HEIGHT = 1280, 860
_LOOK_EVERY_S = 0.5
Pixels = NDArray[np.uint8]


@contextlib.contextmanager
def screen() -> Generator[str, None, None]:
    """Start an X server without a screen, and yield its display."""
    read, write = os.pipe()
    command = [tool("Xvfb", "xvfb"), "-displayfd", str(write), "-ac", "-nolisten", "tcp"]
    command += ["-screen", "0", f"{WIDTH}x{HEIGHT}x24"]
    server = subprocess.Popen(command, pass_fds=[write], stderr=subprocess.DEVNULL)
    os.close(write)
    try:
        with os.fdopen(read, encoding="ascii") as told:
            yield f":{told.readline().strip()}"
    finally:
        server.terminate()
        server.wait()


def shot(name: str) -> Pixels:
    """Return what a display shows: height x width x (blue, green, red, unused)."""
    shown = display.Display(name)
    try:
        image = shown.screen().root.get_image(0, 0, WIDTH, HEIGHT, X.ZPixmap, 0xFFFFFFFF)
        return np.frombuffer(image.data, dtype=np.uint8).reshape(HEIGHT, WIDTH, 4)
    finally:
        shown.close()


def press_button(name: str, colour: str, *, limit_s: float) -> tuple[int, int]:
    """Press the largest button of a colour with the left button of the mouse.

    Args:
        name: The display.
        colour: Of the button's ground: `#rrggbb`.
        limit_s: How long it may take to appear.

    Returns:
        Where it was.

    Raises:
        Missed: There is none.
    """
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    wanted = np.array([blue, green, red], dtype=np.uint8)
    until = time.monotonic() + limit_s
    while time.monotonic() < until:
        rows, columns = np.nonzero((shot(name)[..., :3] == wanted).all(axis=-1))
        if rows.size > 1_000:
            x, y = int(np.median(columns)), int(np.median(rows))
            _click(name, x, y)
            return x, y
        time.sleep(_LOOK_EVERY_S)
    raise Missed(f"no button of the colour {colour} on the screen")


def _click(name: str, x: int, y: int) -> None:
    shown = display.Display(name)
    try:
        for kind, detail in ((X.MotionNotify, 0), (X.ButtonPress, 1), (X.ButtonRelease, 1)):
            xtest.fake_input(shown, kind, detail, x=x, y=y)
            shown.sync()
            time.sleep(0.2)
    finally:
        shown.close()
