# SPDX-License-Identifier: Apache-2.0
"""Being told when a person logs out of Windows or shuts it down.

A process without a console is sent neither a signal nor a console event there. Windows asks and
tells windows, so a hidden one stands in a thread of its own. Linux sends SIGTERM, and nothing of
this runs.
"""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Callable, Generator
from typing import Protocol

# winuser.h
QUERY_END_SESSION, END_SESSION = 0x0011, 0x0016

_CLOSE_LIMIT_S = 2.0

Answer = Callable[[int, int], int | None]
"""What a message and its first parameter are answered with; None leaves that to the system."""


class System(Protocol):
    """The few calls of Windows that are needed."""

    def listen(self, answer: Answer) -> None:
        """Open a hidden window in this thread, and let it answer until it is closed."""
        ...

    def close(self) -> None:
        """Close the window, from another thread."""
        ...

    def block(self, reason: str) -> None:
        """Let the system show why it waits; in the window's thread."""
        ...

    def unblock(self) -> None:
        """Take that back; in the window's thread."""
        ...


@contextlib.contextmanager
def told_of_session_end(
    on_end: Callable[[], None], *, reason: str = "", system: System | None = None
) -> Generator[None, None, None]:
    """While the block runs, call `on_end` when the session ends, and let Windows wait for it.

    Args:
        on_end: Asks the block to end; called in another thread.
        reason: What the person reads while Windows waits; empty where it takes no time.
        system: The calls; None takes those of this system, which only Windows has.
    """
    found = system or _own_system()
    if found is None:
        yield
        return
    over = threading.Event()
    answer = _answers(found, on_end, over, reason)
    thread = threading.Thread(target=found.listen, args=(answer,), name="session-end", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        found.close()
        thread.join(_CLOSE_LIMIT_S)


def _answers(
    system: System, on_end: Callable[[], None], over: threading.Event, reason: str
) -> Answer:
    def _answer(message: int, flag: int) -> int | None:
        if message == QUERY_END_SESSION:
            # Another program may still call it off, so the work goes on until it is certain.
            if reason:
                system.block(reason)
            return 1
        if message == END_SESSION:
            if flag:
                on_end()
                # Windows may end the process as soon as this returns.
                over.wait()
            system.unblock()
            return 0
        return None

    return _answer


def _own_system() -> System | None:
    if sys.platform != "win32":
        return None
    from engine.worker.hidden_window import HiddenWindow

    return HiddenWindow()
