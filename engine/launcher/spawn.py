# SPDX-License-Identifier: Apache-2.0
"""Starting a worker that outlives the process that starts it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from gettext import gettext as _
from pathlib import Path
from typing import IO

from engine.errors import AlreadyRunning, InUse
from engine.launcher.deaths import EXIT_TAKEN, exit_thread_name, keep_exit, why_not_begun
from engine.launcher.frozen import ROLE_VARIABLE
from engine.launcher.identity import launch_token, read_identity
from engine.launcher.watch import JobFeed, wait_until_free
from engine.store import atomicfs, forgetting
from engine.store.layout import JobFolder, Layout
from engine.store.locks import held

START_LIMIT_S = 60.0
_LOOK_EVERY_S = 0.02
_OF_RANKS = frozenset({
    "RANK", "LOCAL_RANK", "GROUP_RANK", "ROLE_RANK", "ROLE_NAME",
    "WORLD_SIZE", "LOCAL_WORLD_SIZE", "GROUP_WORLD_SIZE", "ROLE_WORLD_SIZE",
    "MASTER_ADDR", "MASTER_PORT",
})  # fmt: skip
"""What torchrun tells its processes, beside names of its own
(docs.pytorch.org/docs/stable/elastic/run.html)."""

MAIN = Path(__file__).resolve().parents[2] / "main.py"


def worker_argv(job: Path, launch: str) -> list[str]:
    """Return the command of a worker: the frozen executable, or Python with main.py."""
    return program_argv("--worker", str(job), "--launch", launch)


def program_argv(*role: str) -> list[str]:
    """Return the command that starts this program in a role, as `main.py` knows them."""
    if getattr(sys, "frozen", False):
        return [sys.executable, *role]
    return [sys.executable, "-u", str(MAIN), *role]


def spawn(folder: JobFolder, *, after: int | None = None) -> None:
    """Start a detached worker and return when it has taken the job.

    Args:
        folder: The job's.
        after: Workers that the job had when its start was decided; None takes those of now. One
            decision starts one worker, however often it is carried out.

    Raises:
        AlreadyRunning: A worker is busy with the job, or it was started since that was decided, or
            rows are being forgotten.
        WorkerDied: It ended before it took the job; the detail is the end of its log.
        DiskFull: The same, on a disk without any room.
    """
    wait_until_free(folder)
    # Counted while nobody is there to be told anything: whatever comes later is for the new worker.
    obeyed = len(list(folder.commands.glob("*.json")))
    try:
        with held(folder.starting_lock):
            _spawn(folder, after, obeyed)
    except InUse as error:
        raise AlreadyRunning(
            _("Somebody else is starting this, or is forgetting rows. Nothing was changed.")
        ) from error


def _spawn(folder: JobFolder, after: int | None, obeyed: int) -> None:
    # What it would read may be about to go.
    forgetting.wait_until_done(Layout(folder.root.parent.parent))
    feed = JobFeed(folder, from_kept=True)
    feed.catch_up()
    if after not in (None, feed.snapshot.attempt):
        raise AlreadyRunning(_("This was started meanwhile. Nothing was changed."))
    launch = launch_token(feed.snapshot.attempt + 1, obeyed=obeyed)
    argv = worker_argv(folder.root, launch)
    process = start_detached(argv, log=folder.log, cwd=folder.root)
    # Somebody has to collect the exit status while this process lives, else a zombie stays.
    threading.Thread(
        target=lambda: keep_exit(folder, launch, process.wait()),
        name=exit_thread_name(launch),
        daemon=True,
    ).start()
    _wait_until_taken(folder, feed, launch, process)


def start_detached(
    argv: list[str], *, log: Path, cwd: Path, environment: Mapping[str, str] = os.environ
) -> subprocess.Popen[bytes]:
    """Start a process that outlives this one.

    Its output goes to a file: on a pipe it would die with its reader. It gets a session of its
    own, so that no signal of this terminal or window reaches it.

    Args:
        argv: Its command.
        log: Its output, at the end.
        cwd: Its folder.
        environment: Its environment, less what only concerns this process.
    """
    flags = detaching_flags()
    own = {key: one for key, one in environment.items() if not _is_of_one_process(key)}
    with atomicfs.open_for_append(log) as output:
        try:
            return _start(argv, output, cwd, own, flags | BREAKAWAY)
        except PermissionError:
            if not BREAKAWAY:
                raise
            # A job of Windows that lets nothing out: the process then ends with that job.
            return _start(argv, output, cwd, own, flags)


def _is_of_one_process(name: str) -> bool:
    """Return whether a variable says what this very process is: a worker, a rank of torchrun."""
    return name == ROLE_VARIABLE or name in _OF_RANKS or name.startswith("TORCHELASTIC_")


def _start(
    argv: list[str], output: IO[bytes], cwd: Path, environment: Mapping[str, str], flags: int
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        cwd=cwd,
        env=environment,
        close_fds=True,
        start_new_session=True,  # no effect on Windows, where the flags do it
        creationflags=flags,
    )


BREAKAWAY = getattr(subprocess, "CREATE_BREAKAWAY_FROM_JOB", 0)
"""Lets a process of Windows leave the job of the one that starts it; 0 elsewhere."""


def detaching_flags() -> int:
    """Return what frees a process of Windows from the console of the one that starts it."""
    if sys.platform != "win32":
        return 0
    return subprocess.DETACHED_PROCESS | subprocess.CREATE_NEW_PROCESS_GROUP


def _wait_until_taken(
    folder: JobFolder, feed: JobFeed, launch: str, process: subprocess.Popen[bytes]
) -> None:
    """Wait for the worker's identity and its first event, so that no caller sees the old state."""
    earlier = feed.snapshot.attempt
    deadline = time.monotonic() + START_LIMIT_S
    while time.monotonic() < deadline:
        identity = read_identity(folder)
        feed.poll()
        is_taken = identity is not None and identity.launch == launch
        if is_taken and feed.snapshot.attempt > earlier:
            return
        if process.poll() is not None:
            break
        time.sleep(_LOOK_EVERY_S)
    if process.poll() == EXIT_TAKEN:
        raise AlreadyRunning(_("Another worker has just taken this. Nothing was changed."))
    process.kill()
    raise why_not_begun(folder)
