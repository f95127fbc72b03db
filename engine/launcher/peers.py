# SPDX-License-Identifier: Apache-2.0
"""The processes that compute together with a worker: starting them, and meeting those of torchrun.

A worker starts its peers itself, as children that read and write their standard pipes; they belong
to its session, and end when it ends. Under torchrun the ranks are started by that, and meet over
named pipes in the folder of the job. Neither way opens a socket.
"""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
import time
from collections.abc import Generator, Mapping, Sequence
from gettext import gettext as _
from pathlib import Path

import msgspec
import psutil

from engine.errors import ProcessLost, WrongUsage
from engine.launcher.lines import Line
from engine.launcher.spawn import MAIN
from engine.store import atomicfs

LEAVE_LIMIT_S = 10.0
"""A peer whose line is closed ends at once; one that does not is ended after this long."""

MEET_LIMIT_S = 60.0
_LOOK_EVERY_S = 0.05
_FOLDER = "ranks-"


def peer_argv(job: Path, rank: int) -> list[str]:
    """Return the command of a peer: the frozen executable, or Python with main.py."""
    role = ["--peer", str(job), "--rank", str(rank)]
    if getattr(sys, "frozen", False):
        return [sys.executable, *role]
    return [sys.executable, "-u", str(MAIN), *role]


@contextlib.contextmanager
def started_peers(
    job: Path, environments: Sequence[Mapping[str, str]]
) -> Generator[tuple[Line, ...], None, None]:
    """Start one peer for each environment, and yield lines to them; end them behind the block.

    Their standard error is that of this process, which is the job's log.
    """
    processes: list[subprocess.Popen[bytes]] = []
    lines: list[Line] = []
    try:
        for rank, environment in enumerate(environments, 1):
            process = subprocess.Popen(
                peer_argv(job, rank),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                bufsize=0,
                cwd=job,
                close_fds=True,
                env=dict(environment),
                creationflags=subprocess.CREATE_NO_WINDOW if sys.platform == "win32" else 0,
            )
            processes.append(process)
            lines.append(_line_to(process))
        yield tuple(lines)
    finally:
        for line in lines:
            line.close()
        for process in processes:
            _end(process)


def _line_to(process: subprocess.Popen[bytes]) -> Line:
    reads, writes = process.stdout, process.stdin
    if not isinstance(reads, io.RawIOBase) or not isinstance(writes, io.RawIOBase):
        raise ProcessLost(_("A process could not be started."))
    return Line(reads, writes)


def _end(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(LEAVE_LIMIT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


# --- torchrun ---------------------------------------------------------------------------------


class Seat(msgspec.Struct, frozen=True, kw_only=True):
    """The place of this process among those that torchrun started.

    Attributes:
        rank: From 0.
        count: Processes in all.
        meeting: Name that all of them know, and no earlier start had.
    """

    rank: int
    count: int
    meeting: str


def torchrun_seat(environment: Mapping[str, str]) -> Seat | None:
    """Return the place of this process under torchrun; None where it is alone.

    Raises:
        WrongUsage: Processes of several computers, which could only speak over a network.
    """
    if "TORCHELASTIC_RUN_ID" not in environment:
        return None
    count = int(environment["WORLD_SIZE"])
    if count != int(environment["LOCAL_WORLD_SIZE"]):
        raise WrongUsage(
            _("Training on several computers needs a network, which Burnish does not use."),
            remedy=_("Start all processes on one computer, without --nnodes."),
        )
    if count == 1:
        return None
    parent = psutil.Process(os.getppid())
    again = environment.get("TORCHELASTIC_RESTART_COUNT", "0")
    return Seat(
        rank=int(environment["RANK"]),
        count=count,
        meeting=f"{_FOLDER}{parent.pid}-{parent.create_time():.0f}-{again}",
    )


@contextlib.contextmanager
def met_peers(job: Path, seat: Seat) -> Generator[tuple[Line, ...], None, None]:
    """Yield lines to the other ranks of torchrun, from rank 0."""
    if sys.platform == "win32":
        raise WrongUsage(
            _("torchrun cannot be used on Windows."),
            remedy=_("Start the run with the setting for several processes instead."),
        )
    for old in job.glob(f"{_FOLDER}*"):
        atomicfs.remove_folder(old)
    folder, unready = job / seat.meeting, job / f"{seat.meeting}-unready"
    atomicfs.make_folder(unready)
    for rank in range(1, seat.count):
        for way in ("to", "from"):
            os.mkfifo(unready / f"{way}-{rank}", 0o600)
    unready.rename(folder)
    lines: list[Line] = []
    try:
        for rank in range(1, seat.count):
            writes = io.FileIO(folder / f"to-{rank}", "w")
            lines.append(Line(io.FileIO(folder / f"from-{rank}", "r"), writes))
        atomicfs.remove_folder(folder)
        yield tuple(lines)
    finally:
        for line in lines:
            line.close()


def met_worker(job: Path, seat: Seat) -> Line:
    """Return the line to rank 0 of torchrun.

    Raises:
        ProcessLost: It did not come.
    """
    folder = job / seat.meeting
    deadline = time.monotonic() + MEET_LIMIT_S
    while not folder.exists():
        if time.monotonic() > deadline:
            raise ProcessLost(_("The first process of this job did not come."))
        time.sleep(_LOOK_EVERY_S)
    reads = io.FileIO(folder / f"to-{seat.rank}", "r")
    return Line(reads, io.FileIO(folder / f"from-{seat.rank}", "w"))
