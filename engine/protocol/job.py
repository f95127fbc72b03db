# SPDX-License-Identifier: Apache-2.0
"""What the worker hands to the code that does a job, which so knows nothing of processes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Protocol

import msgspec

from engine.domain.run import JobInfo
from engine.protocol.events import Event


class PeerLine(Protocol):
    """A line to another process of the same job on this computer; both ends take turns."""

    def send(self, parts: Sequence[bytes]) -> None:
        """Send one message of some parts.

        Raises:
            ProcessLost: The other process has ended.
        """
        ...

    def receive(self) -> list[bytes]:
        """Wait for one message and return its parts.

        Raises:
            ProcessLost: The other process has ended.
        """
        ...


def _never() -> bool:
    return False


class JobContext(msgspec.Struct, frozen=True, kw_only=True):
    """The surroundings of a job.

    Attributes:
        workspace: Root folder of the workspace.
        folder: The job's own folder.
        info: What was asked for.
        attempt: 1 for the first worker of the job; more after a resume.
        emit: Writes one event; returns when it is in the log.
        stop_requested: Whether the job should end at the next safe point; cheap to ask.
        pause_requested: Whether that end is a pause: the work is to go on later, so that nothing
            has to be delivered.
        now: Current UTC time.
        peers: Lines to the processes that compute together with this one; empty where it is alone.
    """

    workspace: Path
    folder: Path
    info: JobInfo
    attempt: int
    emit: Callable[[Event], None]
    stop_requested: Callable[[], bool]
    now: Callable[[], datetime]
    pause_requested: Callable[[], bool] = _never
    peers: tuple[PeerLine, ...] = ()


JobEntry = Callable[[JobContext], None]
"""Emits the job's events, as the last one `Finished`, `Stopped` or `Paused`; raises otherwise."""


class PeerContext(msgspec.Struct, frozen=True, kw_only=True):
    """The surroundings of a process that only computes for the worker of a job.

    Attributes:
        workspace: Root folder of the workspace.
        folder: The job's own folder; it is only read.
        info: What was asked for.
        rank: Its number, from 1; the worker itself is 0.
        line: The line to the worker.
        now: Current UTC time.
    """

    workspace: Path
    folder: Path
    info: JobInfo
    rank: int
    line: PeerLine
    now: Callable[[], datetime]


PeerEntry = Callable[[PeerContext], None]
"""Answers what comes over the line until it is told to leave."""
