# SPDX-License-Identifier: Apache-2.0
"""The end of a worker process: in time, and with no process left behind.

By then everything is written down and closed. What is left is to free the device, and drivers have
been seen to hang in just that, with the card's memory still taken.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable

import psutil

GRACE_S = 10.0
"""From the closed log to the end of the process."""

_BACKSTOP_S = 2.0
_CHILD_LIMIT_S = 2.0


def leave(status: int, *, grace_s: float = GRACE_S, then: Callable[[], None] | None = None) -> int:
    """See to it that this process ends within its grace, alone; return the exit status.

    Args:
        status: What it should end with.
        grace_s: After this it is ended, whatever it is in.
        then: What is done last; a process that it starts may outlive this one.
    """
    timer = threading.Timer(grace_s, os._exit, (status,))
    timer.daemon = True
    timer.start()
    if hasattr(signal, "setitimer"):
        # The thread above needs the interpreter, which is gone in the last part of a teardown.
        # This the kernel does by itself.
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, grace_s + _BACKSTOP_S)
    end_children()
    if then is not None:
        then()
    return status


def end_children() -> None:
    """End every process that this one has started and that is still there."""
    children = psutil.Process().children(recursive=True)
    for one in children:
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            one.kill()
    psutil.wait_procs(children, timeout=_CHILD_LIMIT_S)
