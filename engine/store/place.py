# SPDX-License-Identifier: Apache-2.0
"""Where a workspace lies: whether it can be written, and whether that is a folder of a network."""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path, PurePosixPath

from engine.domain.space import Place

_MOUNTS = Path("/proc/mounts")
_OCTAL = re.compile(r"\\([0-7]{3})")
NETWORK_TYPES = frozenset({
    "9p", "afs", "beegfs", "ceph", "cifs", "davfs", "fuse.ceph", "fuse.davfs2", "fuse.glusterfs",
    "fuse.rclone", "fuse.sshfs", "glusterfs", "gpfs", "lustre", "ncpfs", "nfs", "nfs4", "smb3",
    "smbfs", "virtiofs",
})  # fmt: skip
"""File systems of Linux whose files are on another computer, where locks may not hold."""


def holds_home(folder: Path) -> bool:
    """Return whether a folder is the home folder of this user, or one that it stands in."""
    try:
        return Path.home().absolute().is_relative_to(folder.absolute())
    except RuntimeError:
        return False  # this user has none


def place_of(root: Path) -> Place:
    """Look where a workspace lies."""
    try:
        free = shutil.disk_usage(root).free
    except OSError:
        free = None
    return Place(
        is_read_only=root.is_dir() and not os.access(root, os.W_OK | os.X_OK),
        network=_network_of(root.absolute()),
        free_bytes=free,
    )


def _network_of(root: Path) -> str:
    if sys.platform == "win32":
        return "SMB" if root.drive.startswith("\\\\") else ""
    try:
        mounts = _MOUNTS.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        # Systems without that file do not tell; nothing is claimed of them.
        return ""
    kind = mounted_type(PurePosixPath(root.resolve()), mounts)
    return kind if kind in NETWORK_TYPES else ""


def mounted_type(path: PurePosixPath, mounts: str) -> str:
    """Return the type of the file system that a path lies in, by the text of /proc/mounts."""
    best, kind = PurePosixPath(), ""
    for line in mounts.splitlines():
        _device, point_text, found_kind, *_options = line.split(" ")
        point = PurePosixPath(_OCTAL.sub(lambda found: chr(int(found[1], 8)), point_text))
        if path.is_relative_to(point) and len(point.parts) >= len(best.parts):
            # The last of equal mounts lies above the others.
            best, kind = point, found_kind
    return kind
