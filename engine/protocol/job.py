# SPDX-License-Identifier: Apache-2.0
"""What the worker hands to the code that does a job, which so knows nothing of processes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from engine.domain.run import JobInfo
from engine.protocol.events import Event


@dataclass(frozen=True, kw_only=True)
class JobContext:
    """The surroundings of a job.

    Attributes:
        workspace: Root folder of the workspace.
        folder: The job's own folder.
        info: What was asked for.
        attempt: 1 for the first worker of the job; more after a resume.
        emit: Writes one event; returns when it is in the log.
        stop_requested: Whether the job should end at the next safe point; cheap to ask.
        now: Current UTC time.
    """

    workspace: Path
    folder: Path
    info: JobInfo
    attempt: int
    emit: Callable[[Event], None]
    stop_requested: Callable[[], bool]
    now: Callable[[], datetime]


JobEntry = Callable[[JobContext], None]
"""Emits the job's events, as the last one `Finished` or `Stopped`; raises otherwise."""
