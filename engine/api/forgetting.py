# SPDX-License-Identifier: Apache-2.0
"""Forgetting a dataset: what that deletes, what it rewrites, what remains; and doing it.

Forgetting is for good. It deletes the dataset with every version, the datasets that were made of it
unless one is to be kept, and every other text of its rows in the workspace. What it cannot reach is
named: weights that learned from the rows, files outside of the workspace, notes of the person.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from gettext import gettext as _
from pathlib import Path

from msgspec.structs import replace

from engine.api.lookup import matching
from engine.domain.dataset import DatasetInfo
from engine.domain.forgetting import (
    ForgetPlan,
    RelatedDataset,
    Remaining,
    RemainingKind,
    Trace,
    TraceKind,
    is_derived,
)
from engine.domain.queue import EntryState, Queue
from engine.domain.run import JobSnapshot, JobState
from engine.domain.run_note import RunNote
from engine.errors import DatasetNotFound, DocumentDamaged, InUse
from engine.launcher.identity import has_worker
from engine.launcher.keeper import read_queue
from engine.store import forgetting
from engine.store.disk_use import size_of
from engine.store.documents import read_document
from engine.store.inventory import (
    KnownDataset,
    KnownJob,
    damaged_folders,
    known_jobs,
    named_datasets,
)
from engine.store.layout import JobFolder, Layout
from engine.store.locks import is_held
from engine.store.traces import Marks, Traces, find_traces


class Forgetting:
    """Forgets datasets of one workspace."""

    def __init__(self, layout: Layout) -> None:
        """Work on one workspace."""
        self._layout = layout

    def plan(
        self, key: str, *, keep: Collection[str] = (), also: Collection[str] = ()
    ) -> ForgetPlan:
        """Find out what forgetting a dataset does; nothing is changed.

        Args:
            key: Id, unique beginning of an id, or name of a dataset: here, in the trash, or gone
                and only named by runs and jobs.
            keep: Ids or names of datasets made of it that are to stay.
            also: Ids or names of datasets with the same source files that are to go, too.

        Raises:
            DatasetNotFound: There is no such dataset, or more than one, or one of the others holds
                no row of it.
            DiskFailed: The disk does not give what something in the workspace says of itself.
        """
        return self._look(key, keep, also)[0]

    def forget(
        self, key: str, *, keep: Collection[str] = (), also: Collection[str] = ()
    ) -> ForgetPlan:
        """Forget a dataset for good, and return what was done and what remains.

        Args:
            key: As of `plan`.
            keep: As of `plan`.
            also: As of `plan`.

        Raises:
            DatasetNotFound: As of `plan`.
            InUse: A job is busy with it, or may become so; nothing was changed.
            DiskFailed: The disk does not give what something in the workspace says of itself; the
                next start goes on with what was begun.
            DiskFull: No room for a log without its samples; the next start goes on with it.
            NotWritable: The place refuses; the next start goes on with it.
        """
        plan, marks = self._look(key, keep, also)
        if plan.blockers:
            raise InUse(
                " ".join((*plan.blockers, _("Nothing was forgotten."))),
                remedy=_("Do it again when that has ended."),
            )
        forgetting.forget(self._layout, marks.dataset_ids, source_sha256=marks.source_sha256)
        return plan

    def _look(
        self, key: str, keep: Collection[str], also: Collection[str]
    ) -> tuple[ForgetPlan, Marks]:
        """Return the plan, and what it is about."""
        known = named_datasets(self._layout)
        dataset = _found(known, key)
        others = [one for one in known if one.id != dataset.id]
        related = _related(dataset, others)
        chosen = _chosen(related, keep=keep, also=also)
        kept = [one for one in chosen if not one.is_forgotten]
        wanted = _wanted(dataset, chosen, others)
        traces = find_traces(self._layout, wanted)
        plan = ForgetPlan(
            dataset_id=dataset.id,
            name=dataset.name,
            removed=tuple(_removed(traces)),
            rewritten=tuple(_rewritten(traces)),
            related=tuple(chosen),
            blockers=tuple(_blockers(self._layout, traces)),
            remaining=(
                *_remaining(traces),
                *_sources(traces, dataset, known),
                *(_kept(one) for one in kept),
                *_learned_from_kept(self._layout, traces, kept),
                *(_of_job(RemainingKind.UNCLEAR, one) for one in traces.unclear),
                *_damaged(self._layout, wanted.dataset_ids),
            ),
        )
        return plan, wanted


def _found(known: Sequence[KnownDataset], key: str) -> KnownDataset:
    """Return the dataset that is meant: one that is here, else in the trash, else gone.

    Raises:
        DatasetNotFound: There is none, or more than one.
    """
    there = [one for one in known if not one.is_gone]
    here = [one for one in there if one.entry is None]
    found = matching(here, key) or matching(there, key) or matching(known, key)
    if len(found) > 1:
        ids = ", ".join(one.id for one in found)
        raise DatasetNotFound(
            _("More than one dataset is called {name}: {ids}.").format(name=key, ids=ids),
            remedy=_("Use the id of one of them."),
        )
    if not found:
        raise DatasetNotFound(_("There is no dataset {name} here.").format(name=key))
    return found[0]


def _related(dataset: KnownDataset, others: Sequence[KnownDataset]) -> list[RelatedDataset]:
    """Return the other datasets that hold rows of a dataset, those made of it first."""
    found = [
        RelatedDataset(
            id=one.id,
            name=one.name,
            rows=one.info.rows,
            is_derived=_is_made_of(one.info, dataset),
            is_in_trash=one.entry is not None,
            is_forgotten=_is_made_of(one.info, dataset),
        )
        for one in others
        if one.info is not None
        and (
            _is_made_of(one.info, dataset)
            or not one.source_sha256.isdisjoint(dataset.source_sha256)
        )
    ]
    return sorted(found, key=lambda one: not one.is_derived)


def _is_made_of(info: DatasetInfo, dataset: KnownDataset) -> bool:
    """Return whether a dataset was made of another; of one that cannot be read, by its id alone."""
    return is_derived(info, dataset.info) if dataset.info else dataset.id in info.made_of


def _wanted(
    dataset: KnownDataset, chosen: Sequence[RelatedDataset], others: Sequence[KnownDataset]
) -> Marks:
    """Return what is to be forgotten.

    All rows of the source files of what a person named go. A dataset that goes because it was made
    of that may hold rows of other files, and runs that only learned from those are not meant.
    """
    going = {one.id: one for one in chosen if one.is_forgotten}
    named = [one for one in others if one.id in going and not going[one.id].is_derived]
    sources = dataset.source_sha256.union(*(one.source_sha256 for one in named))
    return Marks(dataset_ids=(dataset.id, *going), source_sha256=tuple(sorted(sources)))


def _chosen(
    related: Sequence[RelatedDataset], *, keep: Collection[str], also: Collection[str]
) -> list[RelatedDataset]:
    """Return the related datasets as a person wants them.

    Raises:
        DatasetNotFound: One that was named is not among them, or more than one is called so.
    """
    wishes: dict[str, bool] = {}
    for keys, is_forgotten in ((keep, False), (also, True)):
        for key in keys:
            found = matching(related, key)
            if len(found) != 1:
                raise DatasetNotFound(
                    _("No dataset {name} was made of this one, or of its source files.").format(
                        name=key
                    )
                    if not found
                    else _("More than one dataset is called {name}.").format(name=key),
                    remedy=_("Look at the plan first, and use an id of it."),
                )
            wishes[found[0].id] = is_forgotten
    return [replace(one, is_forgotten=wishes.get(one.id, one.is_forgotten)) for one in related]


def _removed(traces: Traces) -> Iterator[Trace]:
    """Yield what is deleted, with its size."""
    for one in traces.datasets:
        if one.entry is not None:
            yield _trace(TraceKind.TRASH, one.id, one.name, size_of(one.entry))
            continue
        parts = (
            _trace(TraceKind.VERSIONS, one.id, one.name, size_of(one.folder.versions)),
            _trace(TraceKind.TOKENS, one.id, one.name, size_of(one.folder.tokens)),
        )
        rest = size_of(one.folder.root) - sum(part.size_bytes for part in parts)
        yield _trace(TraceKind.DATASET, one.id, one.name, max(0, rest))
        yield from (part for part in parts if part.size_bytes)
    for kind, jobs in ((TraceKind.WORK, traces.work), (TraceKind.ANSWERS, traces.answers)):
        for job in jobs:
            yield _trace(kind, job.info.id, job.info.name, size_of(job.folder.root))
    for folder in traces.backups:
        yield _trace(TraceKind.BACKUP, folder.name, folder.name, size_of(folder))


def _trace(kind: TraceKind, owner: str, name: str, size_bytes: int = 0) -> Trace:
    return Trace(kind=kind, id=owner, name=name, size_bytes=size_bytes)


def _rewritten(traces: Traces) -> Iterator[Trace]:
    """Yield what stays without text of rows."""
    for kind, jobs in ((TraceKind.RUN, traces.runs), (TraceKind.EXPORT, traces.exports)):
        for job in jobs:
            yield _trace(kind, job.info.id, job.info.name)


def _blockers(layout: Layout, traces: Traces) -> Iterator[str]:
    """Yield why it cannot be done now."""
    used, wanted = traces.job_ids, traces.marks.dataset_ids
    jobs = known_jobs(layout)
    names = {one.info.id: one.info.name for one in jobs}
    for one in jobs:
        is_using = one.info.id in used or not one.datasets.isdisjoint(wanted)
        if (is_using or one.info.kind in forgetting.WRITERS) and _is_alive(one.folder):
            words = (
                _("{job} is using this dataset: stop it, or wait until it has ended.")
                if is_using
                else _("{job} is being imported or prepared: wait until that has ended.")
            )
            yield words.format(job=one.info.name)
    for entry in _queue(layout).entries:
        if entry.state is EntryState.WAITING and entry.run_id in used:
            words = _("{job} waits in the queue to train on this dataset: take it out first.")
            yield words.format(job=names[entry.run_id])


def _queue(layout: Layout) -> Queue:
    """Return the queue; one that cannot be read starts nothing."""
    try:
        return read_queue(layout)
    except DocumentDamaged:
        return Queue()


def _is_alive(folder: JobFolder) -> bool:
    try:
        return has_worker(folder)
    except DocumentDamaged:
        return is_held(folder.lock)


def _remaining(traces: Traces) -> Iterator[Remaining]:
    """Yield what is not touched, though something of the rows is in it."""
    for run in traces.runs:
        if run.folder.adapter.is_dir() or any(run.folder.checkpoints.glob("ck-*")):
            yield _of_job(RemainingKind.ADAPTER, run)
    for export in traces.exports:
        yield from _files_of(RemainingKind.EXPORT, export)
    for work in traces.work:
        yield from _files_of(RemainingKind.COPY, work)
    for run in traces.runs:
        if _has_note(run.folder):
            yield _of_job(RemainingKind.NOTE, run)


def _learned_from_kept(
    layout: Layout, traces: Traces, kept: Sequence[RelatedDataset]
) -> Iterator[Remaining]:
    """Yield the runs that learned from datasets that stay, and what was exported of them."""
    if not kept:
        return
    found = find_traces(layout, Marks(dataset_ids=tuple(one.id for one in kept)))
    touched = traces.job_ids
    for run in found.runs:
        if run.info.id not in touched:
            yield _of_job(RemainingKind.RUN, run)
    for export in found.exports:
        if export.info.id not in touched:
            yield from _files_of(RemainingKind.EXPORT, export)


def _sources(
    traces: Traces, dataset: KnownDataset, known: Sequence[KnownDataset]
) -> Iterator[Remaining]:
    """Yield the source files, but not those of a dataset that stays and only lent rows."""
    gone = {one.id for one in traces.datasets}
    asked = _source_paths([dataset])
    lent = set(_source_paths([one for one in known if one.id not in gone])) - set(asked)
    for path in dict.fromkeys((*asked, *_source_paths(traces.datasets))):
        if path not in lent:
            yield Remaining(kind=RemainingKind.SOURCE, name=Path(path).name, path=path)


def _source_paths(datasets: Sequence[KnownDataset]) -> list[str]:
    return [source.path for one in datasets if one.info for source in one.info.sources]


def _of_job(kind: RemainingKind, job: KnownJob, path: str = "") -> Remaining:
    return Remaining(
        kind=kind, id=job.info.id, name=job.info.name, path=path, made_at=job.info.created_at
    )


def _files_of(kind: RemainingKind, job: KnownJob) -> Iterator[Remaining]:
    """Yield the folder that a job wrote, unless it never came so far."""
    if job.out and (_is_finished(job.folder) or Path(job.out).exists()):
        yield _of_job(kind, job, job.out)


def _is_finished(folder: JobFolder) -> bool:
    try:
        return read_document(folder.result, JobSnapshot).state is JobState.FINISHED
    except DocumentDamaged:
        return False


def _has_note(folder: JobFolder) -> bool:
    try:
        return bool(read_document(folder.note, RunNote).text)
    except DocumentDamaged:
        return folder.note.exists()


def _damaged(layout: Layout, wanted: Collection[str]) -> Iterator[Remaining]:
    """Yield the folders that may hold rows of them for all that is known; they themselves go."""
    for folder in damaged_folders(layout):
        if not (folder.parent == layout.datasets and folder.name in wanted):
            yield Remaining(kind=RemainingKind.DAMAGED, name=folder.name, path=str(folder))


def _kept(dataset: RelatedDataset) -> Remaining:
    return Remaining(kind=RemainingKind.DATASET, id=dataset.id, name=dataset.name)
