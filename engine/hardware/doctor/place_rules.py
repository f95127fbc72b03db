# SPDX-License-Identifier: Apache-2.0
"""Rules on where a workspace lies: its rights, its disk, a network below it."""

from __future__ import annotations

from gettext import gettext as _

from engine.hardware.doctor.snapshot import Finding, Snapshot, error, gigabytes, warning

_GIGABYTE = 10**9
_NO_DISK_BYTES, _LITTLE_DISK_BYTES = _GIGABYTE, 5 * _GIGABYTE


def rights(seen: Snapshot) -> list[Finding]:
    """Judge who may read and write the workspace."""
    place = seen.workspace
    if not place.is_writable:
        return [
            error(
                "not_writable",
                _("Workspace is read-only"),
                _("The workspace {path} cannot be written to.").format(path=place.path),
                _("Change its permissions, or choose another workspace."),
            )
        ]
    if not place.is_open:
        return []
    return [
        warning(
            "workspace_open_to_others",
            _("Workspace open to others"),
            _("Other users of this computer can look into the workspace {path}.").format(
                path=place.path
            ),
            _("Take their permissions away: chmod 700 on that folder."),
        )
    ]


def disk(seen: Snapshot) -> list[Finding]:
    """Judge the free space of the disk that the workspace is on."""
    free = seen.machine.disk_free_bytes
    if free >= _LITTLE_DISK_BYTES:
        return []
    message = _("The disk of the workspace has only {free} GB free.").format(free=gigabytes(free))
    remedy = _("Free some space, or choose a workspace on another disk.")
    if free < _NO_DISK_BYTES:
        return [error("disk_full", _("Disk full"), message, remedy)]
    return [warning("disk_nearly_full", _("Disk nearly full"), message, remedy)]


def network(seen: Snapshot) -> list[Finding]:
    """Judge whether the workspace is on another computer."""
    kind = seen.workspace.network
    if not kind:
        return []
    return [
        warning(
            "workspace_on_network",
            _("Workspace on a network"),
            _(
                "The workspace lies in a network folder ({kind}). Two computers could work in it "
                "at once, and a lost connection stops a run."
            ).format(kind=kind),
            _("Choose a folder on a disk of this computer in the settings."),
        )
    ]
