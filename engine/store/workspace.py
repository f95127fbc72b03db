# SPDX-License-Identifier: Apache-2.0
"""Opening a workspace: the folder that holds datasets, models, jobs and exports."""

from __future__ import annotations

from datetime import datetime
from gettext import gettext as _
from pathlib import Path

import msgspec
import platformdirs

from engine.errors import WorkspaceInvalid, WorkspaceTooNew
from engine.store import atomicfs
from engine.store.documents import read_document, write_document
from engine.store.eventlog import timestamp
from engine.store.layout import Layout

SCHEMA_VERSION = 1


class WorkspaceInfo(msgspec.Struct, frozen=True, kw_only=True):
    """workspace.json."""

    schema_version: int = SCHEMA_VERSION
    created_at: str


def default_root() -> Path:
    """Return the workspace in the platform's place for user data."""
    return Path(platformdirs.user_data_dir("burnish", appauthor=False)) / "workspace"


def open_workspace(root: Path, *, now: datetime) -> Layout:
    """Open a workspace, or make one in a missing or empty folder.

    Raises:
        WorkspaceInvalid: The folder holds other things, or is not a folder.
        WorkspaceTooNew: A newer Burnish wrote it.
        DocumentDamaged: workspace.json cannot be read.
        NotWritable: The place refuses to be written.
    """
    layout = Layout(root.expanduser().absolute())
    if layout.root.exists() and not layout.root.is_dir():
        raise WorkspaceInvalid(_("{path} is a file, not a folder.").format(path=layout.root))
    try:
        if not layout.marker.exists():
            _create(layout, now)
        for folder in (layout.datasets, layout.models, layout.jobs, layout.exports):
            atomicfs.make_folder(folder)
    except OSError as error:
        raise WorkspaceInvalid(
            _("{path} cannot be opened: the drive may not be connected.").format(path=layout.root),
            detail=str(error),
        ) from error
    info = read_document(layout.marker, WorkspaceInfo)
    if info.schema_version > SCHEMA_VERSION:
        raise WorkspaceTooNew(
            _(
                "{path} has version {found}; this Burnish knows versions up to {known}. "
                "Nothing was changed."
            ).format(path=layout.root, found=info.schema_version, known=SCHEMA_VERSION)
        )
    return layout


def _create(layout: Layout, now: datetime) -> None:
    if layout.root.is_dir() and any(layout.root.iterdir()) and not layout.jobs.is_dir():
        raise WorkspaceInvalid(
            _("{path} holds other files, so no workspace was made there.").format(path=layout.root)
        )
    atomicfs.make_folder(layout.root)
    write_document(layout.marker, WorkspaceInfo(created_at=timestamp(now)))
