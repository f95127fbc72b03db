# SPDX-License-Identifier: Apache-2.0
"""The wish to stop or to pause: a command file, or a signal (log-out, shutdown, `kill`)."""

from __future__ import annotations

import signal
from functools import partial
from pathlib import Path
from types import FrameType

import msgspec

from engine.protocol.codec import decode_command
from engine.protocol.commands import Command, Pause, Stop


class StopWish:
    """Collects every way in which an end can be asked for. Made in the main thread of a worker."""

    def __init__(self, commands: Path, *, obeyed: int | None = None) -> None:
        """Listen to signals from now on, and to command files.

        Args:
            commands: Where clients put these files, whose names begin with their number.
            obeyed: So many were for earlier workers of this job; None takes all that are there.
        """
        self._commands = commands
        there = sorted(_names(commands))
        self._old = set(there if obeyed is None else there[:obeyed])
        self._by_system: list[Command] = []
        # By SIGTERM a system ends all programs when it is shut down: the work is to go on later.
        for name, wish in (("SIGTERM", Pause()), ("SIGINT", Stop()), ("SIGBREAK", Stop())):
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), partial(self._on_signal, wish))
        if hasattr(signal, "SIGHUP"):
            signal.signal(signal.SIGHUP, signal.SIG_IGN)

    def is_there(self) -> bool:
        """Return whether the job should end at its next safe point."""
        return bool(self._wishes())

    def is_pause(self) -> bool:
        """Return whether it should go on later; a stop beside a pause counts more."""
        wishes = self._wishes()
        return bool(wishes) and not any(isinstance(one, Stop) for one in wishes)

    def pause(self) -> None:
        """Note that the system ends the session; may be called in any thread."""
        self._by_system.append(Pause())

    def _wishes(self) -> list[Command]:
        found = [_command(self._commands / name) for name in _names(self._commands) - self._old]
        return [one for one in (*found, *self._by_system) if one is not None]

    def _on_signal(self, wish: Command, number: int, frame: FrameType | None) -> None:
        del number, frame
        # Ctrl+C under torchrun is SIGINT, and then a SIGTERM from torchrun itself.
        self._by_system.append(wish)


def _names(folder: Path) -> set[str]:
    return {one.name for one in folder.glob("*.json")} if folder.is_dir() else set()


def _command(path: Path) -> Command | None:
    try:
        return decode_command(path.read_bytes())
    except (OSError, msgspec.DecodeError):
        return None
