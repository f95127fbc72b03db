# SPDX-License-Identifier: Apache-2.0
"""Putting the computer to sleep or shutting it down, by the system's own tools."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from gettext import gettext as _

from engine.domain.queue import WhenDone
from engine.errors import PowerRefused

_ANSWER_LIMIT_S = 30.0
Find = Callable[[str], str | None]
Run = Callable[[Sequence[str]], int]

_LINUX = {WhenDone.SLEEP: "suspend", WhenDone.SHUT_DOWN: "poweroff"}
_LINUX_TOOLS = ("systemctl", "loginctl")
"""loginctl is the way of systems with elogind and without systemd."""

_WINDOWS = {
    WhenDone.SLEEP: ("rundll32.exe", "powrprof.dll,SetSuspendState", "0,1,0"),
    WhenDone.SHUT_DOWN: ("shutdown.exe", "/s", "/t", "0"),
}


def power_command(
    what: WhenDone, *, platform: str = sys.platform, find: Find = shutil.which
) -> tuple[str, ...]:
    """Return the command that does it; empty where this computer has no known way.

    Args:
        what: Sleep or shut down.
        platform: Name of the system as `sys.platform` has it.
        find: Finds a program by its name.
    """
    if what is WhenDone.NOTHING:
        return ()
    if platform == "win32":
        tool, *rest = _WINDOWS[what]
        path = find(tool)
        return (path, *rest) if path else ()
    paths = (find(one) for one in _LINUX_TOOLS)
    return next(((one, _LINUX[what]) for one in paths if one), ())


def change_power(
    what: WhenDone,
    *,
    command: Callable[[WhenDone], tuple[str, ...]] = power_command,
    run: Run | None = None,
) -> None:
    """Put the computer to sleep or shut it down.

    Args:
        what: Sleep or shut down.
        command: Finds the command that does it.
        run: Runs a command and returns its exit status.

    Raises:
        PowerRefused: There is no way known here, or the system refused it.
    """
    found = command(what)
    if not found:
        raise PowerRefused(_("This computer offers no way to do it that Burnish knows."))
    status = (run or _run)(found)
    if status:
        raise PowerRefused(_("The system refused it."), detail=f"{found[0]}: {status}")


def _run(command: Sequence[str]) -> int:
    try:
        done = subprocess.run(
            command, check=False, stdin=subprocess.DEVNULL, timeout=_ANSWER_LIMIT_S
        )
    except (OSError, subprocess.TimeoutExpired):
        return -1
    return done.returncode
