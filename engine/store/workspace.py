# SPDX-License-Identifier: Apache-2.0
"""Opening a workspace: the folder that holds datasets, models, jobs and exports."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from datetime import datetime
from gettext import gettext as _
from pathlib import Path

import msgspec
import platformdirs

from engine.domain.timestamp import timestamp
from engine.errors import EngineError, NotWritable, WorkspaceInvalid, WorkspaceTooNew
from engine.store import atomicfs, leftovers, trash
from engine.store.documents import read_document, write_document
from engine.store.layout import Layout
from engine.store.migrations import STEPS, Step, WorkspaceInfo, migrate, newest_version
from engine.store.place import place_of

SCHEMA_VERSION = newest_version(STEPS)


class _Version(msgspec.Struct, frozen=True, kw_only=True):
    """All that is read of a workspace.json that may be newer than this program."""

    schema_version: int


def default_root() -> Path:
    """Return the workspace in the platform's place for user data."""
    return Path(platformdirs.user_data_dir("burnish", appauthor=False)) / "workspace"


def open_workspace(root: Path, *, now: datetime, steps: Sequence[Step] = STEPS) -> Layout:
    """Open a workspace, or make one in a missing or empty folder.

    One of an older version is brought to the newest, with a backup. One that can only be read is
    opened to be looked at.

    Raises:
        WorkspaceInvalid: The folder holds other things, or is not a folder.
        WorkspaceTooNew: A newer Burnish wrote it.
        DocumentDamaged: workspace.json cannot be read.
        NotWritable: The place refuses to be written, and something has to be written.
        InUse: It has to be brought to a newer version, but a worker is busy in it.
        DiskFull: The same, but there is no room; nothing was changed.
    """
    layout = Layout(root.expanduser().absolute())
    if layout.root.exists() and not layout.root.is_dir():
        raise WorkspaceInvalid(_("{path} is a file, not a folder.").format(path=layout.root))
    try:
        if not layout.marker.exists():
            _create(layout, now, steps)
        is_read_only = place_of(layout.root).is_read_only
        _check_version(layout, newest_version(steps), is_read_only=is_read_only)
        for folder in (layout.datasets, layout.models, layout.jobs, layout.exports):
            atomicfs.make_folder(folder)
    except OSError as error:
        raise WorkspaceInvalid(
            _("{path} cannot be opened: the drive may not be connected.").format(path=layout.root),
            detail=str(error),
        ) from error
    migrate(layout, steps=steps)
    if not is_read_only:
        _settle(layout)
    return layout


def _check_version(layout: Layout, known: int, *, is_read_only: bool) -> None:
    """Refuse what this program cannot open, before anything is changed.

    Raises:
        WorkspaceTooNew: A newer Burnish wrote it.
        NotWritable: It has to be brought to a newer version, but can only be read.
    """
    found = read_document(layout.marker, _Version).schema_version
    if found > known:
        raise WorkspaceTooNew(
            _(
                "{path} has version {found}; this Burnish knows versions up to {known}. "
                "Nothing was changed."
            ).format(path=layout.root, found=found, known=known)
        )
    if is_read_only and (found < known or layout.migration.exists()):
        raise NotWritable(
            _(
                "{path} has version {found} and has to be brought to version {known}, but it can "
                "only be read."
            ).format(path=layout.root, found=found, known=known)
        )


def _settle(layout: Layout) -> None:
    for settle in (trash.settle, _settle_forgetting, leftovers.settle):
        # Whatever hinders it hinders nobody from opening: what is in the trash is whole, and the
        # next start tries again.
        with contextlib.suppress(EngineError, OSError):
            settle(layout)


def _settle_forgetting(layout: Layout) -> None:
    if layout.forgetting.exists():
        # It knows every kind of document; a window is quicker there without them.
        from engine.store import forgetting

        forgetting.settle(layout)


def _create(layout: Layout, now: datetime, steps: Sequence[Step]) -> None:
    if layout.root.is_dir() and any(layout.root.iterdir()) and not layout.jobs.is_dir():
        raise WorkspaceInvalid(
            _("{path} holds other files, so no workspace was made there.").format(path=layout.root)
        )
    atomicfs.make_folder(layout.root)
    version = newest_version(steps)
    write_document(layout.marker, WorkspaceInfo(schema_version=version, created_at=timestamp(now)))
