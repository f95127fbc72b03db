# SPDX-License-Identifier: Apache-2.0
"""Forgetting datasets: everything in a workspace that holds text of their rows is found and ended.

Datasets, work that was done with them, answers to prompts and backups are deleted. Runs and exports
stay without the texts that they show of rows. What is to be forgotten is written down first, in
forgetting.json, and that goes last: whatever interrupts it, the next start ends it. Each part can
be done any number of times, and what is left to do is found anew.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from gettext import gettext as _
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec.structs import replace

from engine.domain.dataset import DatasetInfo
from engine.domain.recipe import Recipe
from engine.domain.run import JobInfo, JobKind
from engine.errors import DocumentDamaged, InUse, NotInTrash
from engine.protocol.codec import without_rows
from engine.store import atomicfs, trash
from engine.store.disk_errors import naming_disk_errors
from engine.store.documents import read_document, rewrite_listed, write_document
from engine.store.layout import DatasetFolder, JobFolder, Layout
from engine.store.locks import held, is_held

_LOCK = "forgetting.lock"
_LEFT_BEHIND_S = 600.0
"""Nobody makes the folder of a job for so long: whoever began it has ended in the middle of it."""

WRITERS = (JobKind.IMPORT, JobKind.DATASET)
"""Nothing is forgotten while one of these lives: what it writes may be of any dataset."""

_LEARNERS = (JobKind.TRAIN, JobKind.RATE)
_NO_PROMPTS, _NOTHING = msgspec.Raw(b"[]"), msgspec.Raw(b"null")
Document = TypeVar("Document", bound=msgspec.Struct)


class _Forgetting(msgspec.Struct, frozen=True, kw_only=True):
    """forgetting.json: what is being forgotten."""

    schema_version: int = 1
    dataset_ids: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class KnownDataset:
    """A dataset of the workspace or of its trash.

    Attributes:
        id: Its id.
        folder: Where it stands.
        info: What it is; None where that cannot be read.
        entry: The entry of the trash that holds it; None where it was not removed.
    """

    id: str
    folder: DatasetFolder
    info: DatasetInfo | None
    entry: Path | None = None

    @property
    def name(self) -> str:
        """Return what the person calls it."""
        return self.info.name if self.info else self.id


@dataclass(frozen=True, kw_only=True)
class KnownJob:
    """A job of the workspace or of its trash.

    Attributes:
        folder: Where it stands.
        info: What was asked for.
        recipe: Of a run, where it can be read.
    """

    folder: JobFolder
    info: JobInfo
    recipe: Recipe | None

    @property
    def datasets(self) -> set[str]:
        """Return the ids of the datasets that it reads, or makes."""
        read = self.recipe.read_datasets if self.recipe else ()
        return {one.dataset_id for one in read} | {
            one
            for name in ("dataset_id", "dataset_ids", "new_id", "further_ids")
            for one in _texts(self.info, name)
        }

    @property
    def run_id(self) -> str:
        """Return the run that it takes weights of; empty where there is none."""
        return next(iter(_texts(self.info, "run_id")), "")


@dataclass(frozen=True, kw_only=True)
class Traces:
    """Everything that holds text of rows of some datasets.

    Attributes:
        datasets: The datasets.
        work: Jobs that did something with them, and show nothing of it any more.
        answers: Jobs that answered prompts: whoever asked may have copied a row.
        runs: What learned from them, or goes on from what did.
        exports: Of these runs.
        backups: Folders of files that an older version of the workspace held.
    """

    datasets: tuple[KnownDataset, ...]
    work: tuple[KnownJob, ...]
    answers: tuple[KnownJob, ...]
    runs: tuple[KnownJob, ...]
    exports: tuple[KnownJob, ...]
    backups: tuple[Path, ...]


def known_datasets(layout: Layout) -> list[KnownDataset]:
    """Return every dataset, those in the trash last."""
    here = [
        KnownDataset(id=one.name, folder=DatasetFolder(one), info=_info(one, DatasetInfo))
        for one in _visible(layout.datasets)
    ]
    thrown = [
        KnownDataset(id=info.id, folder=DatasetFolder(part), info=info, entry=part.parent)
        for part in _thrown(layout)
        if (info := _info(part, DatasetInfo)) is not None
    ]
    return [*here, *thrown]


def known_jobs(layout: Layout) -> list[KnownJob]:
    """Return every job that can be read, those in the trash last."""
    return [
        KnownJob(folder=JobFolder(one), info=info, recipe=_read(JobFolder(one).recipe, Recipe))
        for one in (*_visible(layout.jobs), *_thrown(layout))
        if (info := _info(one, JobInfo)) is not None
    ]


def _visible(folder: Path) -> list[Path]:
    return sorted(one for one in folder.iterdir() if one.is_dir() and one.name[0] != ".")


def _thrown(layout: Layout) -> list[Path]:
    return [part for entry in trash.folders(layout) for part in sorted(entry.glob("part-*"))]


def _info(folder: Path, kind: type[Document]) -> Document | None:
    place = JobFolder(folder).info if kind is JobInfo else DatasetFolder(folder).info
    return _read(place, kind)


def _read(path: Path, kind: type[Document]) -> Document | None:
    """Return a document; None where there is none, or none that can be understood.

    Raises:
        DiskFailed: The disk does not give it: nobody knows then whether it is about some dataset.
        NotWritable: The place does not let it be read.
    """
    try:
        return read_document(path, kind)
    except DocumentDamaged as damaged:
        match damaged.__cause__:
            case FileNotFoundError():
                pass
            case OSError() as error:
                with naming_disk_errors(path):
                    raise error from damaged
            case _:
                pass
        return None


def damaged_folders(layout: Layout) -> list[Path]:
    """Return the folders of which a damaged document does not say whose rows they may hold."""
    jobs = [*_visible(layout.jobs), *_thrown(layout)]
    documents = [
        *(
            (DatasetFolder(one).info, DatasetInfo)
            for one in (*_visible(layout.datasets), *_thrown(layout))
        ),
        *((JobFolder(one).info, JobInfo) for one in jobs),
        *((JobFolder(one).recipe, Recipe) for one in jobs),
    ]
    found = [path.parent for path, kind in documents if path.exists() and _read(path, kind) is None]
    return list(dict.fromkeys(found))


def _texts(info: JobInfo, option: str) -> list[str]:
    """Return an option that is a text or a list of texts."""
    raw = info.options.get(option, _NOTHING)
    found = msgspec.json.decode(raw, type=list[str] | str | None)
    return [found] if isinstance(found, str) else found or []


def find_traces(layout: Layout, dataset_ids: Collection[str]) -> Traces:
    """Find everything that holds text of rows of these datasets."""
    jobs = known_jobs(layout)
    wanted = set(dataset_ids)
    runs = _learned(jobs, wanted)
    run_ids = {one.info.id for one in runs}
    datasets = [one for one in known_datasets(layout) if one.id in wanted]
    exports = [one for one in jobs if one.info.kind is JobKind.EXPORT and one.run_id in run_ids]
    work = [one for one in jobs if _is_work_with(one, wanted)]
    answers = [
        one
        for one in jobs
        if one.info.kind is JobKind.GENERATE
        and (one.run_id in run_ids or not is_held(one.folder.lock))
    ]
    names = {f"datasets/{one}" for one in wanted} | {
        f"jobs/{one.info.id}" for one in (*work, *answers, *runs, *exports)
    }
    return Traces(
        datasets=tuple(datasets),
        work=tuple(work),
        answers=tuple(answers),
        runs=tuple(runs),
        exports=tuple(exports),
        backups=tuple(
            one
            for one in (_visible(layout.backups) if layout.backups.is_dir() else ())
            if any((one / name).exists() for name in names)
        ),
    )


def _is_work_with(job: KnownJob, wanted: Collection[str]) -> bool:
    """Return whether a job is about these datasets; an import of others, too, is kept for them."""
    if job.info.kind is JobKind.IMPORT:
        return bool(job.datasets) and job.datasets <= set(wanted)
    workers = (JobKind.DATASET, JobKind.MEMORISATION)
    return job.info.kind in workers and not job.datasets.isdisjoint(wanted)


def _learned(jobs: Sequence[KnownJob], wanted: Collection[str]) -> list[KnownJob]:
    """Return the runs that were trained on rows of these datasets, or begin with one that was."""
    found: dict[Path, KnownJob] = {}  # by folder: one that was copied has the id of another
    learners = [one for one in jobs if one.info.kind in _LEARNERS and one.recipe is not None]
    count = -1
    while count < len(found):
        count = len(found)
        ids = {one.info.id for one in found.values()}
        for one in learners:
            if not _trained(one).isdisjoint(wanted) or not _ancestors(one).isdisjoint(ids):
                found[one.folder.root] = one
    return list(found.values())


def _trained(job: KnownJob) -> set[str]:
    return {one.dataset_id for one in job.recipe.trained_datasets} if job.recipe else set()


def _ancestors(job: KnownJob) -> set[str]:
    """Return the runs that a run goes on from, directly or not."""
    start = job.recipe.start if job.recipe else None
    raw = job.info.options.get("descent")
    descent = msgspec.json.decode(raw, type=list[_AncestorRun]) if raw is not None else []
    return {one.run_id for one in (*descent, *([start] if start else ())) if one.run_id}


class _AncestorRun(msgspec.Struct, frozen=True, kw_only=True):
    """All that matters here of an ancestor."""

    run_id: str = ""


def forget(layout: Layout, dataset_ids: Sequence[str]) -> None:
    """Delete these datasets and every copy of their rows for good; nothing of it can be undone.

    No job may be busy with them. Interrupted at any moment, it is ended by `settle`.

    Raises:
        InUse: Another process forgets something just now, or a job began to use one of them.
        DiskFull: No room to write down what is to be forgotten, or a log without its samples.
        NotWritable: The place refuses; what is left is done at the next start.
        DocumentDamaged: What was begun earlier cannot be read.
    """
    with held(layout.root / _LOCK):
        # What an earlier one could not end is still owed.
        wanted = tuple(dict.fromkeys((*_pending(layout), *dataset_ids)))
        if _is_busy(layout, wanted):
            raise InUse(_("Something began to use these rows just now. Nothing was forgotten."))
        write_document(layout.forgetting, _Forgetting(dataset_ids=wanted))
        _carry_out(layout, wanted)


def _pending(layout: Layout) -> tuple[str, ...]:
    """Return what was begun and not ended.

    Raises:
        DocumentDamaged: It is not known what that was.
    """
    if not layout.forgetting.exists():
        return ()
    return read_document(layout.forgetting, _Forgetting).dataset_ids


def settle(layout: Layout) -> None:
    """End what was begun, once nothing is busy with it.

    Raises:
        InUse: Another process is busy with it, and ends it.
        DocumentDamaged: What was begun cannot be read.
        DiskFull: No room for it; the next start tries again.
        NotWritable: The place refuses; the next start tries again.
    """
    if not layout.forgetting.exists():
        return
    with held(layout.root / _LOCK, is_urgent=True):
        if layout.forgetting.exists():
            wanted = _pending(layout)
            if not _is_busy(layout, wanted):
                _carry_out(layout, wanted)


def wait_until_done(layout: Layout) -> None:
    """Return when nobody forgets anything just now.

    Whoever starts a worker holds the job's `starting_lock` before asking this, and `forget` holds
    its own lock before it looks for that one: so one of the two always sees the other.

    Raises:
        InUse: It takes longer than a moment.
    """
    lock = layout.root / _LOCK
    if lock.exists():
        with held(lock):
            return


def _is_busy(layout: Layout, wanted: Collection[str]) -> bool:
    traces = find_traces(layout, wanted)
    using = {one.info.id for one in (*traces.work, *traces.answers, *traces.runs, *traces.exports)}
    return any(
        is_held(one.folder.lock) or is_held(one.folder.starting_lock)
        for one in known_jobs(layout)
        if one.info.id in using or one.info.kind in WRITERS
    )


def _carry_out(layout: Layout, wanted: Collection[str]) -> None:
    """Do what is still to be done, and then forget that it was."""
    _sweep(layout)
    traces = find_traces(layout, wanted)
    for one in traces.datasets:
        if one.entry is None:
            atomicfs.remove_folder(one.folder.root)
        else:
            _delete_thrown(layout, one.entry.name)
    for job in (*traces.work, *traces.answers):
        atomicfs.remove_folder(job.folder.root)
    for folder in traces.backups:
        atomicfs.remove_folder(folder)
    for job in traces.runs:
        _empty_log(job.folder)
    for job in traces.exports:
        _empty_prompts(job)
    # Only when no deleted name can come back may the note of it go.
    for folder in _holders(layout):
        atomicfs.sync_folder(folder)
    layout.forgetting.unlink()


def _delete_thrown(layout: Layout, entry_id: str) -> None:
    try:
        trash.delete(layout, entry_id)
    except NotInTrash:
        # Somebody else deleted it just now, and may have been cut off in the middle of that.
        _sweep(layout)


def _holders(layout: Layout) -> list[Path]:
    """Return the folders in which something is deleted, as far as they are there."""
    all_of_them = (layout.root, layout.datasets, layout.jobs, layout.trash, layout.backups)
    return [one for one in all_of_them if one.is_dir()]


def _sweep(layout: Layout) -> None:
    """Delete what interrupted writes and removals left; what others are writing just now stays."""
    atomicfs.sweep(layout.datasets)
    for folder in _holders(layout):
        for one in (*folder.glob(f"{atomicfs.TRASH_PREFIX}*"), *_left_behind(folder)):
            atomicfs.remove_folder(one)


def _left_behind(folder: Path) -> Iterator[Path]:
    for one in folder.glob(f"{atomicfs.TEMPORARY_PREFIX}*"):
        with contextlib.suppress(FileNotFoundError):
            newest = max(path.stat().st_mtime for path in (one, *one.rglob("*")))
            if one.is_dir() and abs(time.time() - newest) > _LEFT_BEHIND_S:
                yield one


def _empty_log(folder: JobFolder) -> None:
    """Take the texts of samples out of the log of a run, and delete what was cut off it."""
    atomicfs.sweep(folder.root)
    for part in folder.root.glob(f"{atomicfs.DAMAGED_PREFIX}{folder.events.stem}-*"):
        part.unlink()
    if folder.events.exists() and _shows_rows(folder.events):
        folder.fold.unlink(missing_ok=True)
        with folder.events.open("rb") as lines, atomicfs.whole_file(folder.events) as stream:
            for line in lines:
                stream.write(without_rows(line))
    atomicfs.sync_folder(folder.root)


def _shows_rows(log: Path) -> bool:
    with log.open("rb") as lines:
        return any(without_rows(line) != line for line in lines)


def _empty_prompts(job: KnownJob) -> None:
    """Take out of an export the held-out prompts that its weights were compared on."""
    if _texts(job.info, "prompts"):
        options = {**job.info.options, "prompts": _NO_PROMPTS}
        rewrite_listed(job.folder.info, replace(job.info, options=options))
