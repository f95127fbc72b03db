# SPDX-License-Identifier: Apache-2.0
"""The worker process: takes a job, does it, and writes down how it ended.

Everything that a job needs from its process comes together here: the environment of the machine
learning libraries (set before any of them is imported), the lock, the log, signals and the entry
point, which is named by a string so that nothing else ever imports torch.
"""

from __future__ import annotations

import logging
import os
import sys
from dataclasses import replace
from datetime import UTC, datetime
from gettext import ngettext
from pathlib import Path
from typing import cast

import filelock

from engine.domain.run import JobInfo, JobKind
from engine.errors import EngineError, unforeseen
from engine.launcher.identity import job_lock, own_identity
from engine.launcher.offline import OfflineGuard
from engine.launcher.peers import Seat, met_worker, torchrun_seat
from engine.launcher.spawn import EXIT_TAKEN
from engine.launcher.watch import JobFeed
from engine.protocol.events import Failed, Warned, WorkerStarted
from engine.protocol.job import JobContext, JobEntry
from engine.store.documents import read_document, write_document
from engine.store.eventlog import EventWriter
from engine.store.layout import JobFolder
from engine.worker.entries import resolved
from engine.worker.heartbeat import beating
from engine.worker.peer import assist
from engine.worker.ranks import gathered_peers, settle_under_torchrun
from engine.worker.signals import StopWish
from engine.worker.surroundings import prepare

EXIT_DONE, EXIT_FAILED = 0, 1
log = logging.getLogger("worker")


def run_worker(job: Path, launch: str) -> int:
    """Do one job and return the exit status.

    Args:
        job: Folder of the job.
        launch: Token of the client's start.

    Returns:
        0 when it finished or stopped, 1 when it failed, 4 when another worker has the job.
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
    before = JobFeed(folder)
    before.poll()
    attempt = before.snapshot.attempt + 1
    folder.result.unlink(missing_ok=True)
    writer = EventWriter(folder.events, now=_now)
    # Before the identity is written, on which the client's start waits: a stop that is asked for
    # right after the start must count as new.
    wish = StopWish(folder.commands)
    try:
        write_document(folder.identity, own_identity(folder, launch))
        with beating(folder.heartbeat, now=_now):
            return _attempt(folder, info, attempt, writer, wish, guard, seat)
    finally:
        writer.close()


def _attempt(
    folder: JobFolder,
    info: JobInfo,
    attempt: int,
    writer: EventWriter,
    wish: StopWish,
    guard: OfflineGuard,
    seat: Seat | None,
) -> int:
    writer.append(WorkerStarted(attempt=attempt, pid=os.getpid(), versions=_versions(guard)))
    context = JobContext(
        workspace=folder.root.parent.parent,
        folder=folder.root,
        info=info,
        attempt=attempt,
        emit=writer.append,
        stop_requested=wish.is_there,
        now=_now,
    )
    try:
        with gathered_peers(folder, info, seat) as peers:
            cast("JobEntry", resolved(info.entry))(replace(context, peers=peers))
        status = EXIT_DONE
        _tell_attempts(writer, guard)
    except EngineError as error:
        _report(writer, error)
        status = EXIT_FAILED
    except Exception as error:  # noqa: BLE001 - the top of the process: every end is written down
        _report(writer, unforeseen(error))
        status = EXIT_FAILED
    _keep_result(folder)
    return status


def _report(writer: EventWriter, error: EngineError) -> None:
    log.info("failed: %s", error.code, exc_info=error)
    failed = Failed(
        code=error.code, message=error.message, remedy=error.remedy, detail=error.detail
    )
    try:
        writer.append(failed)
    except EngineError:
        # The disk is full even for this line: the log file cannot say it, standard error may.
        sys.stderr.write(f"{error.code}: {error.message}\n")


def _keep_result(folder: JobFolder) -> None:
    """Keep the final state beside the log, so that lists need not read long logs."""
    feed = JobFeed(folder)
    feed.poll()
    try:
        write_document(folder.result, feed.snapshot)
    except EngineError as error:
        sys.stderr.write(f"result.json: {error.code}\n")


def _tell_attempts(writer: EventWriter, guard: OfflineGuard) -> None:
    """Say openly that code of this worker tried to use the network, and that it was refused."""
    if guard.attempts:
        text = ngettext(
            "{count} attempt to use the network was refused ({what}).",
            "{count} attempts to use the network were refused ({what}).",
            guard.attempts,
        ).format(count=guard.attempts, what=guard.last_attempt)
        writer.append(Warned(code="network_refused", message=text))


def _versions(guard: OfflineGuard) -> dict[str, str]:
    network = "refused by the kernel" if guard.is_kernel_filter_active else "refused in Python"
    return {"python": sys.version.split()[0], "platform": sys.platform, "network": network}


def _now() -> datetime:
    return datetime.now(UTC)
