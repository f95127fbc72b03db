# SPDX-License-Identifier: Apache-2.0
"""Finding everything in a workspace that holds text of rows of some datasets.

A run names its datasets by id, and the run that it goes on from too. Either may be gone, and with
it the link: then the hashes of source files and of weights tell, which a run and an export keep. A
dataset that is still here speaks for itself: runs on it are not taken for runs on another one of
the same files.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from pathlib import Path

import msgspec
from msgspec.structs import replace

from engine.domain.run import JobKind
from engine.errors import DiskFailed, NotWritable
from engine.protocol.codec import VersionUnknown, decode
from engine.protocol.events import AdapterCommitted
from engine.store import atomicfs
from engine.store.adapterfolder import WEIGHTS, weights_in
from engine.store.disk_errors import naming_disk_errors
from engine.store.inventory import (
    Forebear,
    KnownDataset,
    KnownJob,
    Told,
    hashes_of,
    known_datasets,
    known_jobs,
    read_or_none,
    visible_folders,
)
from engine.store.layout import Layout
from engine.store.locks import is_held

_COMMITTED = b'"adapter_committed"'


class Marks(msgspec.Struct, frozen=True, kw_only=True):
    """forgetting.json: what is being forgotten, and all by which it is found again.

    What is deleted first may have been the only link to something else, so the links stand here.

    Attributes:
        schema_version: Version of this document.
        dataset_ids: The datasets that go.
        former_ids: Datasets that are gone already and held rows of them; one that is here again is
            not touched.
        source_sha256: Hashes of their source files.
        run_ids: Runs that learned from them, here or gone.
        adapter_sha256: Hashes of weights files that learned from them.
    """

    schema_version: int = 1
    dataset_ids: tuple[str, ...]
    former_ids: tuple[str, ...] = ()
    source_sha256: tuple[str, ...] = ()
    run_ids: tuple[str, ...] = ()
    adapter_sha256: tuple[str, ...] = ()

    def joined(self, other: Marks) -> Marks:
        """Return these and others."""
        return Marks(
            dataset_ids=_sorted((*self.dataset_ids, *other.dataset_ids)),
            former_ids=_sorted((*self.former_ids, *other.former_ids)),
            source_sha256=_sorted((*self.source_sha256, *other.source_sha256)),
            run_ids=_sorted((*self.run_ids, *other.run_ids)),
            adapter_sha256=_sorted((*self.adapter_sha256, *other.adapter_sha256)),
        )


def _sorted(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(texts)))


class Traces(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that holds text of rows of some datasets.

    Attributes:
        marks: By what it was found.
        datasets: The datasets.
        work: Jobs that did something with them, and show nothing of it any more.
        answers: Jobs that answered prompts: whoever asked may have copied a row.
        runs: What learned from them, or goes on from what did.
        exports: Of these runs, here or gone.
        unclear: Runs and exports of which nothing tells any more what they learned from.
        backups: Folders of files that an older version of the workspace held.
    """

    marks: Marks
    datasets: tuple[KnownDataset, ...]
    work: tuple[KnownJob, ...]
    answers: tuple[KnownJob, ...]
    runs: tuple[KnownJob, ...]
    exports: tuple[KnownJob, ...]
    unclear: tuple[KnownJob, ...]
    backups: tuple[Path, ...]

    @property
    def job_ids(self) -> set[str]:
        """Return the ids of all jobs that are deleted or rewritten."""
        return {one.info.id for one in (*self.work, *self.answers, *self.runs, *self.exports)}


def find_traces(layout: Layout, wanted: Marks) -> Traces:
    """Find everything that holds text of rows of some datasets."""
    known, jobs = known_datasets(layout), known_jobs(layout)
    search = _Search(wanted, known, jobs)
    marks = search.marks
    traces = Traces(
        marks=marks,
        datasets=tuple(one for one in known if one.id in marks.dataset_ids),
        work=tuple(one for one in jobs if _is_work_with(one, search.dataset_ids)),
        answers=tuple(
            one
            for one in jobs
            if one.info.kind is JobKind.GENERATE
            and (one.run_id in search.run_ids or not is_held(one.folder.lock))
        ),
        runs=tuple(one for one in jobs if one.is_learner and one.folder.root in search.found),
        exports=tuple(
            one for one in jobs if not one.is_learner and one.folder.root in search.found
        ),
        unclear=tuple(one for one in jobs if search.is_unclear(one)),
        backups=(),
    )
    # An id may come from a file that somebody else made.
    names = {f"datasets/{one}" for one in search.dataset_ids if one.isalnum()} | {
        f"jobs/{one}" for one in traces.job_ids | search.run_ids if one.isalnum()
    }
    return replace(traces, backups=tuple(_backups(layout, names)))


def _backups(layout: Layout, names: Collection[str]) -> Iterator[Path]:
    """Yield the backups that hold one of these folders."""
    for one in visible_folders(layout.backups) if layout.backups.is_dir() else ():
        if any((one / name).exists() for name in names):
            yield one


def _is_work_with(job: KnownJob, wanted: Collection[str]) -> bool:
    """Return whether a job is about these datasets; an import of others, too, is kept for them."""
    if job.info.kind is JobKind.IMPORT:
        return bool(job.datasets) and job.datasets <= set(wanted)
    workers = (JobKind.DATASET, JobKind.MEMORISATION)
    return job.info.kind in workers and not job.datasets.isdisjoint(wanted)


class _Search:
    """Follows every link from datasets to what was made of them, until nothing new is found.

    Attributes:
        dataset_ids: The datasets, and those that are gone and held rows of them.
        run_ids: Runs that learned from them.
        found: Folders of these runs, as far as they are here, and of exports of them.
    """

    def __init__(
        self, wanted: Marks, known: Sequence[KnownDataset], jobs: Sequence[KnownJob]
    ) -> None:
        self._wanted = wanted
        self._here = {one.id for one in known}
        self._runs_here = {one.info.id for one in jobs if one.is_learner}
        self._jobs = jobs
        # Hashes take a look into whole logs: only where something is not known by the id of a run.
        self._are_hashes_needed = any(
            one.run_id not in self._runs_here for job in jobs for one in job.line
        )
        self._sources = set(wanted.source_sha256)
        self._adapters = set(wanted.adapter_sha256)
        self.dataset_ids = {*wanted.dataset_ids, *(set(wanted.former_ids) - self._here)}
        self.run_ids = set(wanted.run_ids)
        # By folder: one that was copied has the id of another.
        self.found: set[Path] = set()
        count = -1
        while count < self._count:
            count = self._count
            for job in jobs:
                self._follow(job)

    @property
    def _count(self) -> int:
        return sum(map(len, (self.dataset_ids, self.run_ids, self._adapters, self.found)))

    @property
    def marks(self) -> Marks:
        """Return all that is known by now."""
        return Marks(
            dataset_ids=self._wanted.dataset_ids,
            former_ids=tuple(self.dataset_ids - set(self._wanted.dataset_ids)),
            run_ids=tuple(self.run_ids),
            adapter_sha256=tuple(self._adapters),
        ).joined(self._wanted)

    def is_unclear(self, job: KnownJob) -> bool:
        """Return whether nothing tells any more what a run or an export learned from."""
        if job.folder.root in self.found:
            return False
        if job.info.kind is JobKind.EXPORT:
            return job.run_id not in self._runs_here and not hashes_of(job.links.data or ())
        if job.info.kind is not JobKind.TRAIN:
            return False
        # The last of the line stands in the recipe too, without what it learned from.
        line = job.links.descent or job.line
        return any(
            one not in self._here and not told.source_sha256 for one, told in job.trained
        ) or any(
            one.run_id and one.run_id not in self._runs_here and not hashes_of(one.data)
            for one in line
        )

    def _follow(self, job: KnownJob) -> None:
        """Take in what a job links to what was found before."""
        if job.info.kind is JobKind.DATASET:
            if not (job.datasets - job.made).isdisjoint(self.dataset_ids):
                self.dataset_ids |= job.made - self._here
        elif job.folder.root in self.found:
            return
        elif job.is_learner:
            has_learned, goes_on = self._has_learned(job), self._goes_on(job)
            if has_learned or goes_on:
                self._take(job, job.info.id, _adapters_of)
        elif job.info.kind is JobKind.EXPORT and self._is_of_learned(job):
            self._take(job, job.run_id, _exported_adapter)

    def _take(
        self, job: KnownJob, run_id: str, adapters_of: Callable[[KnownJob], set[str]]
    ) -> None:
        self.found.add(job.folder.root)
        self.run_ids |= {run_id} - {""}
        if self._are_hashes_needed:
            self._adapters |= adapters_of(job)

    def _has_learned(self, job: KnownJob) -> bool:
        """Return whether a run was trained on the rows, those of datasets that are gone included.

        Where a dataset is here, its own id decides: it may have been imported from the same file.
        """
        for dataset_id, told in job.trained:
            if dataset_id not in self._here and not self._sources.isdisjoint(told.source_sha256):
                self.dataset_ids.add(dataset_id)
        return any(one in self.dataset_ids for one, _told in job.trained)

    def _goes_on(self, job: KnownJob) -> bool:
        """Return whether an adapter that a job goes on from learned from the rows."""
        is_marked = False
        for one in job.line:
            is_marked = is_marked or self._is_marked(one)
            if is_marked:
                self.run_ids |= {one.run_id} - {""}
                self._adapters |= {one.sha256} - {""}
        return is_marked

    def _is_marked(self, one: Forebear) -> bool:
        return (
            one.run_id in self.run_ids
            or one.sha256 in self._adapters
            or not self.dataset_ids.isdisjoint(one.held_out)
            # A run that is here is judged by itself.
            or (one.run_id not in self._runs_here and self._came_of(one.data))
        )

    def _is_of_learned(self, export: KnownJob) -> bool:
        if export.run_id in self._runs_here:
            return export.run_id in self.run_ids
        came_of, goes_on = self._came_of(export.links.data or ()), self._goes_on(export)
        return came_of or goes_on or export.run_id in self.run_ids

    def _came_of(self, told: Iterable[Told]) -> bool:
        return not self._sources.isdisjoint(hashes_of(told))


def _adapters_of(run: KnownJob) -> set[str]:
    """Return the hashes of all weights of a run; one that it replaced may stand elsewhere.

    Raises:
        DiskFailed: The disk does not give them.
        NotWritable: The place does not let them be read.
    """
    listed = {_listed_sha256(one) for one in weights_in(run.folder)}
    with naming_disk_errors(run.folder.events):
        return (listed | _committed(run.folder.events)) - {""}


def _exported_adapter(export: KnownJob) -> set[str]:
    """Return the hash of an adapter that was exported; its place may be gone, or refuse."""
    if not export.out:
        return set()
    with contextlib.suppress(DiskFailed, NotWritable, OSError, ValueError):
        return {_listed_sha256(Path(export.out) / WEIGHTS)} - {""}
    return set()


def _listed_sha256(weights: Path) -> str:
    """Return the hash that the list of a folder states for its weights, or nothing."""
    listed = read_or_none(weights.parent / atomicfs.MANIFEST, atomicfs.Manifest)
    entry = listed.files.get(weights.name) if listed else None
    return entry.sha256 if entry else ""


def _committed(log: Path) -> set[str]:
    """Return the hashes of the adapters that a run delivered, by its log."""
    if not log.exists():
        return set()
    found: set[str] = set()
    with log.open("rb") as lines:
        for line in lines:
            if _COMMITTED in line:
                found |= _committed_in(line)
    return found


def _committed_in(line: bytes) -> set[str]:
    try:
        event = decode(line).event
    except (msgspec.DecodeError, VersionUnknown):
        return set()
    return {event.sha256} if isinstance(event, AdapterCommitted) else set()
