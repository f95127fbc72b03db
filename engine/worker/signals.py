# SPDX-License-Identifier: Apache-2.0
"""The wish to stop: a command file, or a signal of the system (log-out, shutdown, `kill`)."""

from __future__ import annotations

import signal
from pathlib import Path
from types import FrameType

import msgspec

from engine.protocol.codec import decode_command
from engine.protocol.commands import Stop


class StopWish:
    """Collects every way in which a stop can be asked for. Made in the main thread of a worker."""

    def __init__(self, commands: Path) -> None:
        """Listen to signals from now on, and to command files that came before or come later.

        Commands that an earlier worker of this job has already obeyed are not wishes any more.
        """
        self._commands = commands
        self._old = _names(commands)
        self._by_signal = False
        for name in ("SIGTERM", "SIGINT", "SIGBREAK"):
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), self._on_signal)
        if hasattr(signal, "SIGHUP"):
            signal.signal(signal.SIGHUP, signal.SIG_IGN)

    def is_there(self) -> bool:
        """Return whether the job should end at its next safe point."""
        return self._by_signal or any(
            _is_stop(self._commands / name) for name in _names(self._commands) - self._old
        )

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self._by_signal = True


def _names(folder: Path) -> set[str]:
    return {one.name for one in folder.glob("*.json")} if folder.is_dir() else set()


def _is_stop(path: Path) -> bool:
    try:
        return isinstance(decode_command(path.read_bytes()), Stop)
    except (OSError, msgspec.DecodeError):
        return False
