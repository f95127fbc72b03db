# SPDX-License-Identifier: Apache-2.0
"""Where a workspace lies: which file system that is, and whether it can be written."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

import pytest

from engine.store import place
from engine.store.place import NETWORK_TYPES, mounted_type, place_of

MOUNTS = """\
/dev/sda1 / ext4 rw,relatime 0 0
server:/home /home nfs4 rw,vers=4.2 0 0
/dev/sdb1 /home/ann/disk xfs rw 0 0
//nas/my\\040files /mnt/my\\040files cifs rw 0 0
tmpfs /mnt/twice tmpfs rw 0 0
ann@host:/ /mnt/twice fuse.sshfs rw 0 0
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/var/lib", "ext4"),
        ("/", "ext4"),
        ("/home/ann/w", "nfs4"),
        ("/homely", "ext4"),
        ("/home/ann/disk/w", "xfs"),
        ("/mnt/my files/w", "cifs"),
        ("/mnt/twice/w", "fuse.sshfs"),
    ],
)
def test_innermost_and_last_mount_tells_the_file_system(path: str, kind: str) -> None:
    assert mounted_type(PurePosixPath(path), MOUNTS) == kind


def test_network_folder_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(f"/dev/x / ext4 rw 0 0\nserver:/w {tmp_path} nfs rw 0 0\n", encoding="utf-8")
    monkeypatch.setattr(place, "_MOUNTS", mounts)
    assert place_of(tmp_path).network == "nfs"
    mounts.write_text("/dev/x / ext4 rw 0 0\n", encoding="utf-8")
    assert place_of(tmp_path).network == ""
    monkeypatch.setattr(place, "_MOUNTS", tmp_path / "none")
    assert place_of(tmp_path).network == ""


def test_local_file_systems_are_no_network() -> None:
    assert not {"ext4", "xfs", "btrfs", "tmpfs", "overlay", "vfat", "fuse.ntfs-3g"} & NETWORK_TYPES


def test_free_room_and_whether_it_can_be_written_are_looked_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = place_of(tmp_path)
    assert not found.is_read_only
    assert found.free_bytes
    monkeypatch.setattr(os, "access", lambda _path, _mode: False)
    assert place_of(tmp_path).is_read_only
    assert not place_of(tmp_path / "missing").is_read_only
    assert place_of(tmp_path / "missing").free_bytes is None
