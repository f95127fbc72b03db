# SPDX-License-Identifier: Apache-2.0
"""The trash: out of sight at once, back as it was, never between."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Generator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from engine.api.trash import Trash
from engine.domain.timestamp import timestamp
from engine.domain.trash import KEEP_DAYS, TrashEntry, TrashKind
from engine.errors import DiskFull, FileMissing, InUse, NotInTrash, NotWritable, TargetExists
from engine.store import atomicfs, locks, trash
from engine.store.documents import write_document
from engine.store.layout import Layout
from engine.store.locks import held
from engine.store.workspace import open_workspace

NOW = datetime(2026, 11, 20, tzinfo=UTC)
ON_WINDOWS = pytest.mark.skipif(sys.platform != "win32", reason="elsewhere it is one name")


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return open_workspace(tmp_path / "w", now=NOW)


def an_entry(*places: str, entry_id: str = "t1", at: datetime = NOW) -> TrashEntry:
    return TrashEntry(
        id=entry_id,
        kind=TrashKind.EXPORT,
        name="One",
        places=places,
        thrown_at=timestamp(at),
    )


def a_folder(layout: Layout, place: str) -> Path:
    folder = layout.root / place
    folder.mkdir(parents=True)
    (folder / "file").write_bytes(place.encode())
    return folder


def test_what_is_thrown_away_is_gone_listed_and_comes_back_as_it_was(layout: Layout) -> None:
    first, second = a_folder(layout, "jobs/j1"), a_folder(layout, "exports/e1")
    entry = an_entry("jobs/j1", "exports/e1")
    trash.throw_away(layout, entry)
    assert not first.exists()
    assert not second.exists()
    assert trash.entries(layout) == [entry]
    assert trash.restore(layout, "t1") == entry
    assert (first / "file").read_bytes() == b"jobs/j1"
    assert (second / "file").read_bytes() == b"exports/e1"
    assert trash.entries(layout) == []
    assert not (layout.trash / "t1").exists()


def test_what_took_the_place_meanwhile_is_not_touched(layout: Layout) -> None:
    a_folder(layout, "jobs/j1")
    a_folder(layout, "exports/e1")
    trash.throw_away(layout, an_entry("jobs/j1", "exports/e1"))
    a_folder(layout, "exports/e1")
    with pytest.raises(TargetExists):
        trash.restore(layout, "t1")
    assert not (layout.root / "jobs/j1").exists()
    assert len(trash.entries(layout)) == 1


@pytest.mark.parametrize(
    ("entry_id", "places"),
    [
        ("t1", ("jobs/j1", "../victim")),
        ("t1", ("../victim",)),
        ("t1", ("jobs/../../victim",)),
        ("t1", ("jobs/..",)),
        ("t1", ("jobs",)),
        ("t1", ("{absolute}",)),
        pytest.param("t1", ("jobs/j1\\..\\..\\..\\victim",), marks=ON_WINDOWS),
        ("t1", ()),
        ("../../victim", ("jobs/j1",)),
        ("t2", ("jobs/j1",)),
    ],
)
def test_note_of_a_foreign_workspace_moves_and_deletes_nothing_outside(
    layout: Layout, entry_id: str, places: tuple[str, ...]
) -> None:
    victim = layout.root.parent / "victim"
    for one in (victim, layout.jobs / "j2"):
        one.mkdir()
        (one / "file").write_bytes(b"precious")
    a_folder(layout, "trash/t1/part-0")
    named = tuple(one.format(absolute=victim) for one in places)
    write_document(layout.trash / "t1" / "trash.json", an_entry(*named, entry_id=entry_id))
    open_workspace(layout.root, now=NOW)
    assert trash.entries(layout) == []
    with pytest.raises(NotInTrash):
        trash.restore(layout, entry_id)
    for one in (victim, layout.jobs / "j2"):
        assert (one / "file").read_bytes() == b"precious"
    assert trash.empty(layout) == 1


def test_second_folder_that_does_not_move_leaves_all_as_it_was(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_folder(layout, "jobs/j1")
    a_folder(layout, "exports/e1")
    move = atomicfs.move_folder

    def refuse(source: Path, target: Path) -> None:
        if source.name == "e1":
            raise NotWritable("A file is open.")
        move(source, target)

    monkeypatch.setattr(atomicfs, "move_folder", refuse)
    with pytest.raises(NotWritable):
        trash.throw_away(layout, an_entry("jobs/j1", "exports/e1"))
    assert (layout.root / "jobs/j1/file").is_file()
    assert trash.entries(layout) == []


def test_disk_without_room_for_the_note_says_how_to_make_some(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_folder(layout, "jobs/j1")
    a_folder(layout, "jobs/j2")
    trash.throw_away(layout, an_entry("jobs/j1"))

    def full(*_arguments: object, **_options: object) -> None:
        raise DiskFull("Full.")

    monkeypatch.setattr(atomicfs, "write_file", full)
    with pytest.raises(DiskFull) as caught:
        trash.throw_away(layout, an_entry("jobs/j2", entry_id="t2"))
    assert "Empty the trash" in caught.value.remedy
    assert (layout.root / "jobs/j2/file").is_file()
    assert trash.empty(layout) == 1
    trash.settle(layout)


def test_removal_that_was_cut_off_behind_its_first_folder_is_ended_at_the_next_start(
    layout: Layout,
) -> None:
    a_folder(layout, "jobs/j1")
    a_folder(layout, "exports/e1")
    trash.throw_away(layout, an_entry("jobs/j1", "exports/e1"))
    (layout.trash / "t1" / "part-1").rename(layout.root / "exports/e1")
    open_workspace(layout.root, now=NOW)
    assert not (layout.root / "exports/e1").exists()
    trash.restore(layout, "t1")
    assert (layout.root / "exports/e1/file").is_file()


def test_removal_that_was_cut_off_before_its_first_folder_never_was(layout: Layout) -> None:
    a_folder(layout, "jobs/j1")
    trash.throw_away(layout, an_entry("jobs/j1"))
    (layout.trash / "t1" / "part-0").rename(layout.root / "jobs/j1")
    assert trash.entries(layout) == []
    open_workspace(layout.root, now=NOW)
    assert [one.name for one in layout.trash.iterdir()] in (["trash.lock"], [])


def test_entry_that_fits_nowhere_hinders_neither_the_start_nor_the_others(layout: Layout) -> None:
    """As in a workspace of somebody else: a second folder without the first, its place taken."""
    odd, cut_off = layout.trash / "t1", layout.trash / "t2"
    (odd / "part-1").mkdir(parents=True)
    write_document(odd / "trash.json", an_entry("jobs/j1", "exports/e1"))
    (odd / "part-1" / "file").write_bytes(b"mine")
    theirs = a_folder(layout, "exports/e1")
    a_folder(layout, "trash/t2/part-0")
    write_document(cut_off / "trash.json", an_entry("exports/e2", "exports/e3", entry_id="t2"))
    rest = a_folder(layout, "exports/e3")
    open_workspace(layout.root, now=NOW)
    assert (theirs / "file").read_bytes() == b"exports/e1"
    assert (odd / "part-1" / "file").read_bytes() == b"mine"
    assert not rest.exists()


@pytest.mark.parametrize("error", [TargetExists("It is there."), OSError(5, "Input/output error")])
def test_whatever_hinders_tidying_hinders_nobody_from_opening(
    layout: Layout, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(_layout: Layout) -> None:
        raise error

    monkeypatch.setattr(trash, "settle", fail)
    assert open_workspace(layout.root, now=NOW) == layout


def test_delete_is_for_good(layout: Layout) -> None:
    a_folder(layout, "jobs/j1")
    trash.throw_away(layout, an_entry("jobs/j1"))
    trash.delete(layout, "t1")
    with pytest.raises(NotInTrash):
        trash.restore(layout, "t1")
    for name in ("t1", "..", ""):
        with pytest.raises(NotInTrash):
            trash.delete(layout, name)
    assert layout.jobs.is_dir()


def while_it_waits(monkeypatch: pytest.MonkeyPatch, meanwhile: Callable[[], object]) -> None:
    """Let another process be quicker: it does this while the next one waits for the trash."""

    @contextlib.contextmanager
    def late(path: Path) -> Generator[None, None, None]:
        monkeypatch.setattr(trash, "held", held)
        meanwhile()
        with held(path):
            yield

    monkeypatch.setattr(trash, "held", late)


@pytest.mark.parametrize("action", [trash.delete, trash.restore])
def test_second_of_two_at_the_same_entry_is_told_that_it_is_gone(
    action: Callable[[Layout, str], object], layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_folder(layout, "jobs/j1")
    trash.throw_away(layout, an_entry("jobs/j1"))
    while_it_waits(monkeypatch, lambda: trash.delete(layout, "t1"))
    with pytest.raises(NotInTrash):
        action(layout, "t1")


def test_second_of_two_that_throw_the_same_away_is_told_so(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_folder(layout, "jobs/j1")
    first = an_entry("jobs/j1")
    while_it_waits(monkeypatch, lambda: trash.throw_away(layout, first))
    with pytest.raises(FileMissing):
        trash.throw_away(layout, an_entry("jobs/j1", entry_id="t2"))
    assert trash.entries(layout) == [first]


def test_tidying_at_the_same_time_as_another_one_is_no_error(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_folder(layout, "jobs/j1")
    trash.throw_away(layout, an_entry("jobs/j1", at=NOW - timedelta(days=KEEP_DAYS + 1)))
    while_it_waits(monkeypatch, lambda: trash.empty(layout))
    assert Trash(layout, now=lambda: NOW).tidy() == 0
    assert trash.folders(layout) == []


def test_only_what_is_older_than_it_is_kept_is_outdated(layout: Layout) -> None:
    for number, days in enumerate((KEEP_DAYS - 1, KEEP_DAYS + 1)):
        a_folder(layout, f"jobs/j{number}")
        at = NOW - timedelta(days=days)
        trash.throw_away(layout, an_entry(f"jobs/j{number}", entry_id=f"t{number}", at=at))
    assert [one.id for one in trash.outdated(layout, now=NOW)] == ["t1"]
    assert [one.id for one in trash.entries(layout)] == ["t0", "t1"]


def test_while_another_process_is_at_the_trash_nothing_moves(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "_WAIT_S", 0.0)
    a_folder(layout, "jobs/j1")
    layout.trash.mkdir()
    with held(layout.trash / "trash.lock"), pytest.raises(InUse):
        trash.throw_away(layout, an_entry("jobs/j1"))
    assert (layout.root / "jobs/j1").is_dir()


def test_entry_whose_note_is_damaged_is_left_where_it_is(layout: Layout) -> None:
    a_folder(layout, "jobs/j1")
    trash.throw_away(layout, an_entry("jobs/j1"))
    (layout.trash / "t1" / "trash.json").write_bytes(b"{")
    open_workspace(layout.root, now=NOW)
    assert trash.entries(layout) == []
    assert (layout.trash / "t1" / "part-0" / "file").is_file()
    assert trash.empty(layout) == 1
    assert not (layout.trash / "t1").exists()
