# SPDX-License-Identifier: Apache-2.0
"""Deleting a folder comes to an end, whatever the system lists and whoever deletes it too."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.errors import NotWritable
from engine.store import atomicfs

MOST_TRIES = 50
"""Far more than it may take: an end of the test where the deletion itself has none."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a folder in it, and files in both."""
    for name in ("a", "b", "inside/aux."):
        (tmp_path / "x" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "x" / name).write_bytes(b"1")
    return tmp_path / "x"


def count_tries(real: Callable[..., None], is_lost: Callable[[str], bool]) -> Callable[..., None]:
    """Return a deletion that does not find some names that were listed."""
    tries: list[str] = []

    def delete(path: Any, *arguments: Any, **options: Any) -> None:
        tries.append(str(path))
        assert len(tries) < MOST_TRIES
        if is_lost(str(path)):
            raise FileNotFoundError(errno.ENOENT, "No such file or directory", str(path))
        real(path, *arguments, **options)

    return delete


def test_file_that_is_listed_but_never_found_ends_the_removal(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = count_tries(os.unlink, lambda name: name.endswith("aux."))
    monkeypatch.setattr(os, "unlink", lost)
    with pytest.raises(NotWritable, match=r"lists some in .*\.del-") as caught:
        atomicfs.remove_folder(folder)
    assert "aux." in caught.value.detail
    assert "by hand" in caught.value.remedy
    assert not folder.exists()  # nobody finds half of it
    (left,) = folder.parent.iterdir()
    assert (left / "inside/aux.").exists()


def test_pythons_that_pass_over_such_a_file_come_to_the_same_end(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def miss_an_empty_folder(path: str) -> None:
        raise OSError(errno.ENOTEMPTY, "Directory not empty", path)

    tried = count_tries(miss_an_empty_folder, lambda _name: False)
    monkeypatch.setattr(shutil, "rmtree", tried)
    with pytest.raises(NotWritable):
        atomicfs.remove_folder(folder)


def test_files_that_others_take_away_one_by_one_do_not_end_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def take_one(path: Path) -> None:
        files = [one for one in path.rglob("*") if one.is_file()]
        if not files:
            delete(path)
            raise FileNotFoundError(path)
        files[0].unlink()
        raise FileNotFoundError(files[0])

    delete = shutil.rmtree
    monkeypatch.setattr(shutil, "rmtree", count_tries(take_one, lambda _name: False))
    atomicfs.remove_folder(folder)
    assert list(folder.parent.iterdir()) == []


def test_what_the_system_refuses_is_no_endless_try(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(shutil, "rmtree", count_tries(refuse, lambda _name: False))
    with pytest.raises(NotWritable, match="cannot be written to"):
        atomicfs.remove_folder(folder)
