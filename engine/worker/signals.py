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

    def __init__(self, commands: Path) -> None:
        """Listen to signals from now on, and to command files that came before or come later.

        Commands that an earlier worker of this job has already obeyed are not wishes any more.
        """
        self._commands = commands
        self._old = _names(commands)
        self._by_signal: list[Command] = []
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

    def _wishes(self) -> list[Command]:
        found = [_command(self._commands / name) for name in _names(self._commands) - self._old]
        return [one for one in (*found, *self._by_signal) if one is not None]

    def _on_signal(self, wish: Command, number: int, frame: FrameType | None) -> None:
        del number, frame
        # Ctrl+C under torchrun is SIGINT, and then a SIGTERM from torchrun itself.
        self._by_signal.append(wish)


def _names(folder: Path) -> set[str]:
    return {one.name for one in folder.glob("*.json")} if folder.is_dir() else set()


def _command(path: Path) -> Command | None:
    try:
        return decode_command(path.read_bytes())
    except (OSError, msgspec.DecodeError):
        return None
