# SPDX-License-Identifier: Apache-2.0
"""Bringing a workspace of an older Burnish to the present version, step by step.

A step writes the files that it changes, in their new form, into a folder beside the workspace's
own. What they replace is kept as a backup first. Writing the new version into workspace.json is
the one moment at which the workspace becomes new: before it nothing has changed, and after it a
start that finds files still waiting puts them in place before anything is read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from gettext import gettext as _
from pathlib import Path

import msgspec

from engine.errors import InUse, WorkspaceInvalid
from engine.store import atomicfs
from engine.store.checksum import encode_document
from engine.store.documents import read_document, write_document
from engine.store.layout import Layout
from engine.store.locks import held, is_held

FIRST_VERSION = 1
_PLAN, _FILES, _LOCK = "plan.json", "files", "migration.lock"


class WorkspaceInfo(msgspec.Struct, frozen=True, kw_only=True):
    """workspace.json."""

    schema_version: int
    created_at: str


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One step from a version to the next.

    Attributes:
        write: Reads the workspace, and writes each file that changes under the given folder, at
            its path relative to the workspace. It changes nothing else.
    """

    write: Callable[[Layout, Path], None]


STEPS: tuple[Step, ...] = ()
"""The steps from version 1 on, in order; none was needed yet."""


class _Plan(msgspec.Struct, frozen=True, kw_only=True):
    schema_version: int = 1
    from_version: int
    to_version: int


def newest_version(steps: Sequence[Step]) -> int:
    """Return the version that a workspace has after all steps."""
    return FIRST_VERSION + len(steps)


def migrate(layout: Layout, *, steps: Sequence[Step] = STEPS) -> None:
    """Bring a workspace to the newest version; one that has it is left alone.

    Raises:
        InUse: A worker, the queue or another window is busy in the workspace; nothing was changed.
        WorkspaceInvalid: It has a version that no Burnish has written.
        DiskFull: No room for the backup or the new files; the version that was reached is whole.
        NotWritable: The place refuses to be written.
        DocumentDamaged: A file that has to change cannot be read; nothing was changed.
    """
    if not _has_work(layout, steps):
        return
    with held(layout.root / _LOCK):
        atomicfs.sweep(layout.root, before_s=0)
        _finish(layout)
        if _info(layout).schema_version < newest_version(steps):
            _take_steps(layout, steps)


def is_going_on(layout: Layout) -> bool:
    """Return whether somebody brings the workspace to a newer version, or waits to do so."""
    return is_held(layout.root / _LOCK)


def _has_work(layout: Layout, steps: Sequence[Step]) -> bool:
    """Return whether there is a step to be taken, or one to be finished.

    Raises:
        WorkspaceInvalid: The workspace has a version that no Burnish has written.
    """
    version = _info(layout).schema_version
    if version < FIRST_VERSION:
        raise WorkspaceInvalid(
            _("{path} has version {found}, which no Burnish has written.").format(
                path=layout.root, found=version
            )
        )
    return layout.migration.exists() or version < newest_version(steps)


def _info(layout: Layout) -> WorkspaceInfo:
    return read_document(layout.marker, WorkspaceInfo)


def _check_idle(layout: Layout) -> None:
    """Refuse while a worker of the older version is at work, or about to be.

    Raises:
        InUse: One is.
    """
    for job in layout.jobs.iterdir():
        folder = layout.job(job.name)
        if is_held(folder.starting_lock) or is_held(folder.lock):
            raise InUse(
                _("{path} has to be brought to a newer version, but a job is running in it.")
                .format(path=layout.root)
            )  # fmt: skip


def _take_steps(layout: Layout, steps: Sequence[Step]) -> None:
    _check_idle(layout)
    atomicfs.make_folder(layout.queue.root)
    # A keeper of the queue leaves between two of its looks when it sees that this waits for it.
    with held(layout.queue.keeper_lock):
        while (info := _info(layout)).schema_version < newest_version(steps):
            _check_idle(layout)
            _take_step(layout, info, steps[info.schema_version - FIRST_VERSION])


def _take_step(layout: Layout, info: WorkspaceInfo, step: Step) -> None:
    plan = _Plan(from_version=info.schema_version, to_version=info.schema_version + 1)
    with atomicfs.new_folder(layout.migration) as building:
        files = building / _FILES
        files.mkdir(mode=0o700)
        step.write(layout, files)
        atomicfs.write_file(building / _PLAN, encode_document(plan), durable=False)
    try:
        _back_up(layout, plan)
    except BaseException:
        atomicfs.remove_folder(layout.migration)
        raise
    new = WorkspaceInfo(schema_version=plan.to_version, created_at=info.created_at)
    write_document(layout.marker, new)
    _put_in_place(layout)


def _back_up(layout: Layout, plan: _Plan) -> None:
    """Keep what the step replaces, and workspace.json, under the number of its version."""
    names = [layout.marker.name, *(one.as_posix() for one in _changed(layout))]
    target = layout.backups / f"version-{plan.from_version}"
    with atomicfs.new_folder(target, replace=True) as building:
        for name in names:
            old, copy = layout.root / name, building / name
            if old.is_file():
                copy.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                atomicfs.write_file(copy, old.read_bytes(), durable=False)


def _changed(layout: Layout) -> list[Path]:
    """Return the files that the prepared step changes, relative to the workspace."""
    files = layout.migration / _FILES
    return sorted(one.relative_to(files) for one in files.rglob("*") if one.is_file())


def _finish(layout: Layout) -> None:
    """End a step that was interrupted: it is done, or it never was.

    Raises:
        DocumentDamaged: It has to be done, but what it prepared cannot be read.
    """
    if not layout.migration.exists():
        return
    plan = read_document(layout.migration / _PLAN, _Plan)
    if _info(layout).schema_version < plan.to_version:
        atomicfs.remove_folder(layout.migration)
        return
    atomicfs.verify_folder(layout.migration)
    _put_in_place(layout)


def _put_in_place(layout: Layout) -> None:
    for name in _changed(layout):
        target = layout.root / name
        atomicfs.make_folder(target.parent)
        atomicfs.write_file(target, (layout.migration / _FILES / name).read_bytes())
    atomicfs.remove_folder(layout.migration)
