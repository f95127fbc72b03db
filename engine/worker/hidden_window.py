# SPDX-License-Identifier: Apache-2.0
"""A hidden top-level window of Windows, by its own calls (user32); imported on Windows only.

Windows that are made for messages alone are not told of the end of a session, so it is a whole one
that is never shown.
"""

from __future__ import annotations

import ctypes
import logging
import sys
import threading
from collections.abc import Callable

# winuser.h
_CLOSE, _DESTROY = 0x0010, 0x0002
_ASKED_FIRST = 0x3FF
"""The highest level of SetProcessShutdownParameters that programs may have: they are ended before
others, such as the processes that compute for a worker."""

_OPEN_LIMIT_S = 2.0
_CLASS = "BurnishSessionEnd"

log = logging.getLogger("worker")


class HiddenWindow:
    """One window, as `engine.worker.session_end` uses it."""

    def __init__(self) -> None:
        """Open nothing yet."""
        self._window = 0
        self._is_settled = threading.Event()

    def listen(self, answer: Callable[[int, int], int | None]) -> None:
        """Open the window in this thread, and let it answer until it is closed."""
        try:
            self._listen(answer)
        except OSError:
            log.warning("the end of a session will not be noticed", exc_info=True)
        finally:
            self._is_settled.set()

    def close(self) -> None:
        """Close the window, from another thread."""
        self._is_settled.wait(_OPEN_LIMIT_S)
        if sys.platform == "win32" and self._window:
            ctypes.windll.user32.PostMessageW(ctypes.c_void_p(self._window), _CLOSE, 0, 0)

    def block(self, reason: str) -> None:
        """Let the system show why it waits; in the window's thread."""
        if sys.platform == "win32":
            window = ctypes.c_void_p(self._window)
            ctypes.windll.user32.ShutdownBlockReasonCreate(window, ctypes.c_wchar_p(reason))

    def unblock(self) -> None:
        """Take that back; in the window's thread."""
        if sys.platform == "win32":
            ctypes.windll.user32.ShutdownBlockReasonDestroy(ctypes.c_void_p(self._window))

    def _listen(self, answer: Callable[[int, int], int | None]) -> None:
        if sys.platform != "win32":
            raise AssertionError("only on Windows")
        from ctypes import wintypes

        user32 = ctypes.WinDLL("user32", use_last_error=True)
        result = ctypes.c_ssize_t
        arguments = (wintypes.HWND, wintypes.UINT, wintypes.WPARAM, wintypes.LPARAM)
        kind = ctypes.WINFUNCTYPE(result, *arguments)
        user32.DefWindowProcW.argtypes, user32.DefWindowProcW.restype = arguments, result

        class WindowClass(ctypes.Structure):
            """WNDCLASSW."""

            _fields_ = (
                ("style", wintypes.UINT), ("procedure", kind), ("class_extra", ctypes.c_int),
                ("window_extra", ctypes.c_int), ("instance", wintypes.HINSTANCE),
                ("icon", wintypes.HICON), ("cursor", wintypes.HANDLE),
                ("background", wintypes.HBRUSH), ("menu", wintypes.LPCWSTR),
                ("name", wintypes.LPCWSTR),
            )  # fmt: skip

        def _procedure(window: int, message: int, first: int, second: int) -> int:
            if message == _DESTROY:
                user32.PostQuitMessage(0)
                return 0
            found = answer(message, first)
            if found is not None:
                return found
            return int(user32.DefWindowProcW(window, message, first, second))

        called = kind(_procedure)  # has to live as long as the window
        described = WindowClass(procedure=called, name=_CLASS)
        if not user32.RegisterClassW(ctypes.byref(described)):
            raise ctypes.WinError(ctypes.get_last_error())
        user32.CreateWindowExW.restype = wintypes.HWND
        nothing = (0, 0, 0, 0, 0, None, None, None, None)
        self._window = user32.CreateWindowExW(0, _CLASS, "Burnish", *nothing) or 0
        if not self._window:
            raise ctypes.WinError(ctypes.get_last_error())
        ctypes.windll.kernel32.SetProcessShutdownParameters(_ASKED_FIRST, 0)
        self._is_settled.set()
        message = wintypes.MSG()
        while user32.GetMessageW(ctypes.byref(message), None, 0, 0) > 0:
            user32.DispatchMessageW(ctypes.byref(message))
