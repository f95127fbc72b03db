# SPDX-License-Identifier: Apache-2.0
"""A peer ends with its line, and keeps what comes over it for itself."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
from typing import Any

import pytest

from engine.errors import ProcessLost
from engine.launcher.lines import Line, line_over
from engine.worker.peer import WatchedLine

LIBRARY = "import sys; sys.stdin.buffer.read(1)"
"""A program that a library starts, and that looks whether there is something to read."""

PEER = f"""
import subprocess, sys
from engine.worker.peer import _standard_line
line = _standard_line()
print("a library prints")
subprocess.run([sys.executable, "-c", {LIBRARY!r}], check=True)
line.send(line.receive())
"""


class BrokenLine(Line):
    """A line on which receiving fails."""

    def __init__(self, error: Exception) -> None:
        super().__init__(io.FileIO(os.devnull), io.FileIO(os.devnull, "w"))
        self._error = error

    def receive(self) -> list[bytes]:
        raise self._error


@pytest.mark.parametrize(
    ("error", "status"), [(ProcessLost("gone"), 0), (MemoryError("too many rows"), 1)]
)
def test_peer_ends_whatever_is_wrong_with_its_line(
    monkeypatch: pytest.MonkeyPatch, error: Exception, status: int
) -> None:
    ended: list[int] = []
    has_ended = threading.Event()

    def end(found: int) -> None:
        """Stand for the end of the process."""
        ended.append(found)
        has_ended.set()

    monkeypatch.setattr(os, "_exit", end)
    line = BrokenLine(error)
    WatchedLine(line)
    assert has_ended.wait(20)
    assert ended == [status]
    line.close()


def test_line_of_a_peer_is_touched_by_nothing_else() -> None:
    process: Any = subprocess.Popen(
        [sys.executable, "-c", PEER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        bufsize=0,
    )
    line = line_over(os.dup(process.stdout.fileno()), os.dup(process.stdin.fileno()))
    process.stdin.close()
    process.stdout.close()
    impatience = threading.Timer(60, process.kill)
    impatience.start()
    line.send([b"words", b"rows"])
    assert line.receive() == [b"words", b"rows"]
    impatience.cancel()
    line.close()
    assert process.wait(60) == 0
