# SPDX-License-Identifier: Apache-2.0
"""Looking at the disk before and after an export; called off the window's thread."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from gui.viewmodels.export import FileFact, Place


def read_files(folder: Path, names: Sequence[str]) -> tuple[FileFact, ...]:
    """Return the files of an export with their sizes; a folder counts with all it holds."""
    return tuple(FileFact(name=one, size_bytes=_size(folder / one)) for one in names)


def read_place(out: Path | None, *, workspace: Path, adapter: Path) -> Place:
    """Return what is known of the disk before an export.

    Args:
        out: The chosen folder, or None for one in the workspace.
        workspace: Folder of the workspace.
        adapter: Folder of the run's adapter.
    """
    wanted = out or workspace
    there = next((one for one in (wanted, *wanted.parents) if one.exists()), None)
    return Place(
        is_taken=out is not None and _is_taken(out),
        free_bytes=shutil.disk_usage(there).free if there is not None else None,
        adapter_bytes=_size(adapter),
    )


def _is_taken(out: Path) -> bool:
    return out.exists() and (not out.is_dir() or any(out.iterdir()))


def _size(path: Path) -> int | None:
    if path.is_dir():
        return sum(one.stat().st_size for one in path.rglob("*") if one.is_file())
    return path.stat().st_size if path.is_file() else None
