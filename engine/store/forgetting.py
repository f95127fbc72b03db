# SPDX-License-Identifier: Apache-2.0
"""Forgetting datasets: everything in a workspace that holds text of their rows is ended.

Datasets, work that was done with them, answers to prompts and backups are deleted. Runs and exports
stay without the texts that they show of rows. What is to be forgotten is written down first, in
forgetting.json, with all by which it is found; and that goes last: whatever interrupts it, the next
start ends it. Each part can be done any number of times, and what is left to do is found anew.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Collection, Iterator, Sequence
from gettext import gettext as _
from pathlib import Path

import msgspec
from msgspec.structs import replace

from engine.domain.run import JobKind
from engine.errors import InUse, NotInTrash
from engine.protocol.codec import without_rows
from engine.store import atomicfs, trash
from engine.store.documents import read_document, rewrite_listed, write_document
from engine.store.inventory import KnownJob, known_jobs
from engine.store.layout import JobFolder, Layout
from engine.store.locks import held, is_held
from engine.store.traces import Marks, Traces, find_traces

_LOCK = "forgetting.lock"
_LEFT_BEHIND_S = 600.0
"""Nobody makes the folder of a job for so long: whoever began it has ended in the middle of it."""

WRITERS = (JobKind.IMPORT, JobKind.DATASET)
"""Nothing is forgotten while one of these lives: what it writes may be of any dataset."""

_NO_PROMPTS = msgspec.Raw(b"[]")


def forget(
    layout: Layout, dataset_ids: Sequence[str], *, source_sha256: Collection[str] = ()
) -> None:
    """Delete these datasets and every copy of their rows for good; nothing of it can be undone.

    No job may be busy with them. Interrupted at any moment, it is ended by `settle`.

    Args:
        layout: The workspace.
        dataset_ids: The datasets; also one that is gone, and that only runs and jobs name.
        source_sha256: Hashes of source files all of whose rows are to be forgotten: they tell
            which runs learned from datasets that are gone.

    Raises:
        InUse: Another process forgets something just now, or a job began to use one of them.
        DiskFull: No room to write down what is to be forgotten, or a log without its samples.
        NotWritable: The place refuses; what is left is done at the next start.
        DocumentDamaged: What was begun earlier cannot be read.
    """
    with held(layout.root / _LOCK):
        asked = Marks(dataset_ids=tuple(dataset_ids), source_sha256=tuple(source_sha256))
        # What an earlier one could not end is still owed.
        found = find_traces(layout, _pending(layout).joined(asked))
        if _is_busy(layout, found):
            raise InUse(_("Something began to use these rows just now. Nothing was forgotten."))
        write_document(layout.forgetting, found.marks)
        _carry_out(layout, found.marks)


def _pending(layout: Layout) -> Marks:
    """Return what was begun and not ended.

    Raises:
        DocumentDamaged: It is not known what that was.
    """
    if not layout.forgetting.exists():
        return Marks(dataset_ids=())
    return read_document(layout.forgetting, Marks)


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
            found = find_traces(layout, wanted)
            if _is_busy(layout, found):
                return
            if found.marks != wanted:
                # An older version did not write down the links.
                write_document(layout.forgetting, found.marks)
            _carry_out(layout, found.marks)


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


def _is_busy(layout: Layout, traces: Traces) -> bool:
    return any(
        is_held(one.folder.lock) or is_held(one.folder.starting_lock)
        for one in known_jobs(layout)
        if one.info.id in traces.job_ids or one.info.kind in WRITERS
    )


def _carry_out(layout: Layout, wanted: Marks) -> None:
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
    if job.shows_prompts:
        options = {**job.info.options, "prompts": _NO_PROMPTS}
        rewrite_listed(job.folder.info, replace(job.info, options=options))
