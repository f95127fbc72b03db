# SPDX-License-Identifier: Apache-2.0
"""Errors of a disk have a name, and a full one says how much is missing."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from engine.errors import DiskFailed, DiskFull, EngineError, NotWritable
from engine.store import atomicfs
from engine.store.disk_errors import naming_disk_errors


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOSPC, DiskFull),
        (errno.EDQUOT, DiskFull),
        (errno.EFBIG, DiskFull),
        (errno.EROFS, NotWritable),
        (errno.EACCES, NotWritable),
        (errno.EIO, DiskFailed),
        (errno.ESTALE, DiskFailed),
    ],
)
def test_error_of_the_system_has_a_name_and_a_remedy(
    tmp_path: Path, number: int, kind: type[EngineError]
) -> None:
    with pytest.raises(kind) as caught, naming_disk_errors(tmp_path):
        raise OSError(number, "as the system says it")
    assert str(tmp_path) in caught.value.message
    assert caught.value.remedy
    assert "as the system says it" in caught.value.detail


def test_other_errors_pass_as_they_are(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), naming_disk_errors(tmp_path):
        raise FileNotFoundError(errno.ENOENT, "gone")


def test_full_disk_says_how_much_is_needed_and_free(tmp_path: Path) -> None:
    with pytest.raises(DiskFull) as caught, naming_disk_errors(tmp_path, needed_bytes=12_345_678):
        raise OSError(errno.ENOSPC, "full")
    assert "at least 12,345,678 bytes are needed" in caught.value.message
    assert " are free" in caught.value.message


def fill_up(target: Path, needed_bytes: int) -> None:
    """Write a file into a folder; behind it the disk is full."""
    with atomicfs.new_folder(target, needed_bytes=needed_bytes) as folder:
        atomicfs.write_file(folder / "a", bytes(50_000), durable=False)
        with naming_disk_errors(folder / "b", needed_bytes=3):
            raise OSError(errno.ENOSPC, "full")


@pytest.mark.parametrize(("announced", "told"), [(0, "54,096"), (70_000, "70,000")])
def test_folder_without_room_says_what_all_of_it_needs_under_its_own_name(
    tmp_path: Path, announced: int, told: str
) -> None:
    """What was written by then and a block more, or what is known to come."""
    target = tmp_path / "target"
    with pytest.raises(DiskFull) as caught:
        fill_up(target, announced)
    assert f"{target} is full: at least {told} bytes" in caught.value.message
    assert caught.value.detail.endswith("full")
    assert list(tmp_path.iterdir()) == []
