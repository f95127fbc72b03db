# SPDX-License-Identifier: Apache-2.0
"""What killed makers left is deleted at the next start; what living ones make is not touched."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Generator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from engine.api import jobs as jobs_module
from engine.api.jobs import Jobs
from engine.domain.run import JobKind
from engine.store import atomicfs
from engine.store.layout import Layout
from engine.store.leftovers import making_job
from engine.store.locks import held
from engine.store.workspace import open_workspace

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return open_workspace(tmp_path / "w", now=NOW)


def leave(shelf: Path, name: str) -> Path:
    """Leave a folder behind, as somebody does who is killed."""
    folder = shelf / name
    (folder / "inside").mkdir(parents=True)
    (folder / "inside" / "file").write_bytes(b"x")
    return folder


def names(shelf: Path) -> list[str]:
    return sorted(one.name for one in shelf.iterdir())


def test_what_killed_makers_left_is_gone_after_the_next_start(layout: Layout) -> None:
    for name in (".tmp-1", ".del-2"):
        leave(layout.jobs, name)
        leave(layout.exports, name)
    leave(layout.jobs, "j1")
    leave(layout.exports, "e1")
    open_workspace(layout.root, now=NOW)
    assert names(layout.jobs) == ["j1"]
    assert names(layout.exports) == ["e1"]


def test_what_a_living_client_makes_is_not_touched(layout: Layout) -> None:
    with making_job(layout):
        leave(layout.jobs, ".tmp-1")
        open_workspace(layout.root, now=NOW)
        assert ".tmp-1" in names(layout.jobs)
    open_workspace(layout.root, now=NOW)
    assert names(layout.jobs) == []


@pytest.mark.parametrize("name", ["lock", "starting_lock"])
def test_while_a_job_lives_nothing_of_the_exports_is_touched(name: str, layout: Layout) -> None:
    leave(layout.jobs, "j1")
    leave(layout.exports, ".tmp-1")
    with held(getattr(layout.job("j1"), name)):
        open_workspace(layout.root, now=NOW)
        assert names(layout.exports) == [".tmp-1"]
    open_workspace(layout.root, now=NOW)
    assert names(layout.exports) == []


def test_lock_of_a_dead_maker_goes_once_it_is_old(layout: Layout) -> None:
    lock = layout.jobs / ".making-1"
    lock.write_bytes(b"")
    open_workspace(layout.root, now=NOW)
    assert lock.exists()
    os.utime(lock, (0, 0))
    open_workspace(layout.root, now=NOW)
    assert not lock.exists()


def test_job_that_is_made_while_another_client_starts_is_made(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = atomicfs.new_folder

    @contextlib.contextmanager
    def make_slowly(target: Path) -> Generator[Path, None, None]:
        with make(target) as building:
            open_workspace(layout.root, now=NOW)
            yield building

    monkeypatch.setattr(jobs_module.atomicfs, "new_folder", make_slowly)
    job_id = Jobs(layout).create(JobKind.TRAIN, "r", "x:y", {})
    assert names(layout.jobs) == [job_id]


def test_folder_that_another_one_sweeps_meanwhile_is_gone_without_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = leave(tmp_path, "j1")
    delete = shutil.rmtree

    def late(path: Path) -> None:
        monkeypatch.undo()
        delete(path / "inside")
        raise FileNotFoundError(path / "inside")

    monkeypatch.setattr(shutil, "rmtree", late)
    atomicfs.remove_folder(folder)
    assert names(tmp_path) == []
