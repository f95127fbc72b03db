# SPDX-License-Identifier: Apache-2.0
"""Jobs: everything that takes long is done by a detached worker, for every client alike."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from gettext import gettext as _
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec

from engine.api.clock import utc_now
from engine.api.ids import new_id
from engine.domain.recipe import Recipe
from engine.domain.run import Failure, JobInfo, JobKind, JobSnapshot, JobState
from engine.domain.start import AdapterStart
from engine.domain.timestamp import timestamp
from engine.errors import DocumentDamaged, RunNotFound, StartUnusable
from engine.launcher.deaths import cause_of, log_tail
from engine.launcher.force import end_by_force
from engine.launcher.identity import has_worker, was_told
from engine.launcher.spawn import spawn
from engine.launcher.watch import JobFeed, is_silent, wait_until_free
from engine.protocol.codec import VersionUnknown, encode_command, kind_of
from engine.protocol.commands import Command, Pause, Stop
from engine.store import atomicfs
from engine.store.checksum import encode_document
from engine.store.documents import read_document, read_own_document
from engine.store.layout import JobFolder, Layout
from engine.store.leftovers import making_job

_BLOCK_BYTES = 1 << 20


class JobView(msgspec.Struct, frozen=True, kw_only=True):
    """A job as a list shows it.

    Attributes:
        info: What was asked for.
        snapshot: What its events tell.
        state: Where it stands, liveness of the worker included.
        cause: Why it was interrupted, as far as it can be known; None in every other state.
        is_silent: Its worker lives, but has given no sign of life for a while.
    """

    info: JobInfo
    snapshot: JobSnapshot
    state: JobState
    cause: Failure | None = None
    is_silent: bool = False


_Stamps = tuple[tuple[int, int] | None, ...]
"""Time and size of the files that tell where a job stands; None where there is none."""


def _stamps_of(folder: JobFolder) -> _Stamps:
    told_by = (folder.info, folder.events, folder.identity, folder.exit, folder.result, folder.log)
    return tuple(_stamp(one) for one in told_by)


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


class Jobs:
    """Makes, starts, stops and follows jobs of one workspace."""

    def __init__(self, layout: Layout, *, make_id: Callable[[], str] = new_id) -> None:
        """Work on one workspace."""
        self._layout = layout
        self._make_id = make_id
        self._feeds: dict[str, JobFeed] = {}
        self._dead: dict[str, tuple[_Stamps, JobView]] = {}

    def create(
        self,
        kind: JobKind,
        name: str,
        entry: str,
        options: Mapping[str, Any],
        recipe: Recipe | None = None,
        weights: Path | None = None,
    ) -> str:
        """Write down what is asked for, complete or not at all, and return the job's id.

        Args:
            kind: What to do.
            name: For people.
            entry: What the worker calls.
            options: Of that, by name.
            recipe: Of a run.
            weights: Of the adapter that the recipe starts with; the job keeps a copy.

        Raises:
            DiskFull: No room for it.
            StartUnusable: The weights are not those that the recipe names.
        """
        info = JobInfo(
            id=self._make_id(),
            kind=kind,
            name=name,
            entry=entry,
            created_at=timestamp(utc_now()),
            options={key: msgspec.Raw(msgspec.json.encode(one)) for key, one in options.items()},
        )
        folder = self._layout.job(info.id)
        with making_job(self._layout), atomicfs.new_folder(folder.root) as building:
            atomicfs.write_file(building / folder.info.name, encode_document(info))
            if recipe is not None:
                atomicfs.write_file(building / folder.recipe.name, encode_document(recipe))
            if recipe is not None and recipe.start is not None and weights is not None:
                _copy_start(weights, building / folder.start.name, recipe.start)
            atomicfs.make_folder(building / folder.commands.name)
        return info.id

    def start(self, job_id: str, *, after: int | None = None) -> None:
        """Start a worker for the job; return when it has taken it.

        Args:
            job_id: The job.
            after: Workers that it had had when this was decided; None means now.

        Raises:
            AlreadyRunning: A worker is busy with it, or was started since that was decided, or rows
                are being forgotten.
            WorkerDied: The worker ended before it began.
        """
        spawn(self._folder(job_id), after=after)

    def stop(self, job_id: str) -> None:
        """Ask the worker to end at its next safe point; without a worker this does nothing."""
        self._ask(job_id, Stop())

    def pause(self, job_id: str) -> None:
        """Ask the worker to free the device and to go on later; without one this does nothing."""
        self._ask(job_id, Pause())

    def _ask(self, job_id: str, command: Command) -> None:
        folder = self._folder(job_id)
        if has_worker(folder):
            atomicfs.make_folder(folder.commands)
            number = len(list(folder.commands.glob("*.json"))) + 1
            name = f"{number:06d}-{kind_of(command)}-{uuid.uuid4().hex[:6]}.json"
            atomicfs.write_file(folder.commands / name, encode_command(command))

    def was_told(self, job_id: str) -> bool:
        """Return whether its newest worker was asked to stop or to pause, or nothing says so.

        Raises:
            RunNotFound: There is none of this id.
        """
        return was_told(self._folder(job_id))

    def end(self, job_id: str) -> bool:
        """End a worker by force that does not heed a stop; return whether there was one.

        What it had not saved is lost; a run can be resumed from its newest checkpoint.

        Raises:
            RunNotFound: There is none of this id.
        """
        return end_by_force(self._folder(job_id))

    def list(self, kind: JobKind | None = None) -> list[JobView]:
        """Return all jobs, or those of one kind, newest first; unreadable ones are left out."""
        views: list[JobView] = []
        for path in self._layout.jobs.iterdir():
            if path.name.startswith(".") or not (path / "job.json").is_file():
                continue
            try:
                view = self._view(path.name)
            except (DocumentDamaged, VersionUnknown):
                continue
            if kind is None or view.info.kind is kind:
                views.append(view)
        return sorted(views, key=lambda one: one.info.created_at, reverse=True)

    def get(self, job_id: str) -> JobView:
        """Return one job.

        Raises:
            RunNotFound: There is none of this id.
        """
        self._folder(job_id)
        return self._view(job_id)

    def feed(self, job_id: str) -> JobFeed:
        """Return a new reader of the job's events, from the first one on.

        Raises:
            RunNotFound: There is none of this id.
        """
        return JobFeed(self._folder(job_id))

    def log_tail(self, job_id: str, limit_bytes: int = 65_536) -> str:
        """Return the end of the worker's own output."""
        return log_tail(self._folder(job_id), limit_bytes)

    def remove(self, job_id: str) -> None:
        """Remove a job and everything in its folder.

        Raises:
            AlreadyRunning: A worker is busy with it.
        """
        atomicfs.remove_folder(self.release(job_id).root)

    def release(self, job_id: str) -> JobFolder:
        """Return the folder of a job that no worker is busy with, so that it can be moved.

        Raises:
            RunNotFound: There is none of this id.
            AlreadyRunning: A worker is busy with it.
        """
        folder = self._folder(job_id)
        wait_until_free(folder)
        self._feeds.pop(job_id, None)
        return folder

    def _folder(self, job_id: str) -> JobFolder:
        folder = self._layout.job(job_id)
        if not job_id.isalnum() or not folder.info.is_file():
            raise RunNotFound(_("There is no job {name} here.").format(name=job_id))
        return folder

    def _view(self, job_id: str) -> JobView:
        """Return a job; one without a worker is looked into again only where its files changed."""
        folder = self._layout.job(job_id)
        stamps = _stamps_of(folder)
        before = self._dead.get(job_id)
        if before is not None and before[0] == stamps:
            return before[1]
        view = self._newest_view(job_id, folder)
        if view.state is JobState.INTERRUPTED:
            self._dead[job_id] = (stamps, view)
        else:
            self._dead.pop(job_id, None)
        return view

    def _newest_view(self, job_id: str, folder: JobFolder) -> JobView:
        info = read_own_document(folder.info, JobInfo)
        if folder.result.exists():
            self._feeds.pop(job_id, None)
            snapshot = read_document(folder.result, JobSnapshot)
            if snapshot.state.is_over:
                return JobView(info=info, snapshot=snapshot, state=snapshot.state)
        feed = self._feeds.get(job_id) or JobFeed(folder, from_kept=True)
        self._feeds[job_id] = feed
        feed.catch_up()
        state = feed.state()
        if state.is_over:
            feed.keep()
        return JobView(
            info=info,
            snapshot=feed.snapshot,
            state=state,
            cause=cause_of(folder, feed.snapshot) if state is JobState.INTERRUPTED else None,
            is_silent=not state.is_over and is_silent(folder),
        )


def _copy_start(source: Path, target: Path, start: AdapterStart) -> None:
    """Copy the weights that a run starts with, which must be the ones that its recipe names.

    Raises:
        StartUnusable: They cannot be read, or are others.
    """
    digest = sha256()
    try:
        with source.open("rb") as stream, atomicfs.new_file(target) as copy:
            while block := stream.read(_BLOCK_BYTES):
                digest.update(block)
                copy.write(block)
    except FileNotFoundError as error:
        raise StartUnusable(
            _("The adapter of {name} is not there any more.").format(name=start.name)
        ) from error
    if digest.hexdigest() != start.sha256:
        raise StartUnusable(
            _("The adapter of {name} has changed since it was chosen.").format(name=start.name)
        )
