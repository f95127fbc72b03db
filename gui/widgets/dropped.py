# SPDX-License-Identifier: Apache-2.0
"""The local paths in what was dropped or pasted."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QMimeData, QUrl


def dropped_paths(mime: QMimeData) -> list[Path]:
    """Return the local files and folders of a drop or paste, in their order."""
    if mime.hasUrls():
        return [Path(url.toLocalFile()) for url in mime.urls() if url.isLocalFile()]
    if mime.hasText():
        return pasted_paths(mime.text())
    return []


def pasted_paths(text: str) -> list[Path]:
    """Return the paths in a pasted text, one per line; lines that are no path count for nothing."""
    found = []
    for line in text.splitlines():
        bare = line.strip().strip("\"'")
        if bare.startswith("file:"):
            bare = QUrl(bare).toLocalFile()
        path = Path(bare).expanduser() if bare else None
        if path is not None and path.is_absolute() and path.exists():
            found.append(path)
    return found
