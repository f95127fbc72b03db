# SPDX-License-Identifier: Apache-2.0
"""The worker process: takes a job, does it, and writes down how it ended.

Everything that a job needs from its process comes together here: the environment of the machine
learning libraries (set before any of them is imported), the lock, the log, signals and the entry
point, which is named by a string so that nothing else ever imports torch.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import time
from datetime import UTC, datetime
from gettext import gettext as _
from pathlib import Path
from typing import cast

import filelock
from msgspec.structs import replace

from engine.domain.run import JobInfo, JobKind, JobSnapshot
from engine.errors import EngineError
from engine.launcher.deaths import EXIT_TAKEN
from engine.launcher.identity import attempt_of, job_lock, obeyed_before, own_identity
from engine.launcher.offline import OfflineGuard
from engine.launcher.peers import Seat, met_worker, torchrun_seat
from engine.protocol.job import JobContext, JobEntry
from engine.store import atomicfs
from engine.store.documents import read_document, write_document
from engine.store.eventlog import EventWriter
from engine.store.layout import JobFolder
from engine.worker.account import Account
from engine.worker.entries import resolved
from engine.worker.heartbeat import beating
from engine.worker.output import bound_output
from engine.worker.peer import assist
from engine.worker.ranks import gathered_peers, settle_under_torchrun
from engine.worker.session_end import told_of_session_end
from engine.worker.signals import StopWish
from engine.worker.surroundings import let_compile, prepare
from engine.worker.wakefulness import SleepWatch, Wakefulness, kept_awake

EXIT_DONE, EXIT_FAILED = 0, 1
_ABANDONED_S = 600.0
"""Nobody has written to one of the small files of a job for so long and is still at it."""

log = logging.getLogger("worker")


def run_worker(job: Path, launch: str) -> int:
    """Do one job and return the exit status.

    Args:
        job: Folder of the job.
        launch: Token of the client's start.

    Returns:
        0 when it finished or stopped, 1 when it failed, 4 when another worker has the job, or had
        it since this one was started.
    """
    prepare(job)
    guard = OfflineGuard()
    folder = JobFolder(job)
    info = read_document(folder.info, JobInfo)
    seat = torchrun_seat(os.environ)
    if seat is not None and seat.rank:
        return _assist_under_torchrun(folder, info, seat)
    try:
        with job_lock(folder.lock):
            return _work(folder, info, launch, guard, seat)
    except filelock.Timeout:
        log.info("another worker has job %s", info.id)
        return EXIT_TAKEN


def _assist_under_torchrun(folder: JobFolder, info: JobInfo, seat: Seat) -> int:
    if info.kind is not JobKind.TRAIN:
        return EXIT_DONE
    settle_under_torchrun(seat)
    return assist(folder.root, seat.rank, met_worker(folder.root, seat))


def _work(
    folder: JobFolder, info: JobInfo, launch: str, guard: OfflineGuard, seat: Seat | None
) -> int:
    writer = EventWriter(folder.events, now=_now)
    attempt = writer.snapshot.attempt + 1
    if attempt_of(launch) not in (None, attempt):
        # Two were started at once, and the other one was quicker: it may even have done the job
        # while this one waited for the lock.
        writer.close()
        log.info("another worker has had job %s", info.id)
        return EXIT_TAKEN
    folder.result.unlink(missing_ok=True)
    _sweep(folder)
    # Before the identity is written, on which the client's start waits.
    wish = StopWish(folder.commands, obeyed=obeyed_before(launch))
    with (
        told_of_session_end(wish.pause, reason=_("A checkpoint is being saved.")),
        contextlib.closing(writer),
    ):
        log_bytes = folder.log.stat().st_size if folder.log.exists() else 0
        write_document(folder.identity, own_identity(folder, launch, log_bytes=log_bytes))
        beats = beating(
            folder.heartbeat,
            now=_now,
            refused=lambda: guard.attempts,
            besides=lambda: bound_output(folder.log, folder.older_log),
        )
        with beats, _awake(info) as wakefulness:
            account = Account(writer, guard, wakefulness, SleepWatch())
            account.open(attempt)
            return _attempt(folder, info, attempt, account, wish, seat)


def _sweep(folder: JobFolder) -> None:
    """Remove what killed workers were writing; clients write here too, but never for so long."""
    for place in (folder.root, folder.commands):
        if place.is_dir():
            atomicfs.sweep(place, before_s=time.time() - _ABANDONED_S)


def _awake(info: JobInfo) -> contextlib.AbstractContextManager[Wakefulness]:
    """Keep the computer awake for a job that trains; others are short."""
    if info.kind is JobKind.TRAIN:
        return kept_awake()
    return contextlib.nullcontext(Wakefulness.NEEDLESS)


def _attempt(
    folder: JobFolder,
    info: JobInfo,
    attempt: int,
    account: Account,
    wish: StopWish,
    seat: Seat | None,
) -> int:
    context = JobContext(
        workspace=folder.root.parent.parent,
        folder=folder.root,
        info=info,
        attempt=attempt,
        emit=account.emit,
        stop_requested=wish.is_there,
        pause_requested=wish.is_pause,
        now=_now,
    )
    try:
        let_compile(folder.recipe)
        with gathered_peers(folder, info, seat) as peers:
            cast("JobEntry", resolved(info.entry))(replace(context, peers=peers))
        status = EXIT_DONE
    except EngineError as error:
        account.report(error)
        status = EXIT_FAILED
    except Exception as error:  # noqa: BLE001 - the top of the process: every end is written down
        account.report_unraised(error)
        status = EXIT_FAILED
    account.tell_attempts()
    _keep_result(folder, account.snapshot)
    return status


def _keep_result(folder: JobFolder, snapshot: JobSnapshot) -> None:
    """Keep the final state beside the log, so that lists need not read long logs."""
    try:
        write_document(folder.result, snapshot)
    except EngineError as error:
        sys.stderr.write(f"result.json: {error.code}\n")


def _now() -> datetime:
    return datetime.now(UTC)
