# SPDX-License-Identifier: Apache-2.0
"""The kept fold is a copy of what the log says: believed where it fits, else made anew."""

from __future__ import annotations

import math
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from engine.domain.run import JobSnapshot
from engine.launcher import watch
from engine.launcher.watch import JobFeed
from engine.protocol.events import EvalDone, PhaseChanged, ProgressMade, WorkerStarted
from engine.store import kept_fold
from engine.store.documents import read_document, write_document
from engine.store.eventlog import EventReader, EventWriter
from engine.store.kept_fold import KeptFold, read_kept
from engine.store.layout import JobFolder
from tests.fakes.api import a_step

START = datetime(2026, 11, 20, tzinfo=UTC)
COUNT = 65


def write(folder: JobFolder, count: int = COUNT, *, every_s: float = 1.0) -> JobSnapshot:
    """Write events, one a second; a fold is kept every ten. Return what they fold into."""
    moments = (START + timedelta(seconds=every_s * i) for i in range(10**6))
    writer = EventWriter(folder.events, now=lambda: next(moments))
    writer.append(WorkerStarted(attempt=1, pid=1))
    for step in range(1, count):
        writer.append(a_step(step, total=count))
    writer.close()
    return writer.snapshot


def folded(folder: JobFolder, *, from_kept: bool = True) -> JobSnapshot:
    feed = JobFeed(folder, from_kept=from_kept)
    feed.catch_up()
    return feed.snapshot


@pytest.fixture
def folder(tmp_path: Path) -> JobFolder:
    return JobFolder(tmp_path)


def test_kept_fold_and_the_rest_of_the_log_are_the_whole_log(folder: JobFolder) -> None:
    snapshot = write(folder)
    kept = read_kept(folder, is_whole_checked=True)
    assert kept is not None
    assert COUNT - 12 < kept.place.seq < COUNT
    assert folded(folder) == folded(folder, from_kept=False) == snapshot


def test_feed_from_the_kept_fold_tells_only_what_came_after_it(folder: JobFolder) -> None:
    write(folder)
    kept = read_kept(folder)
    assert kept is not None
    found = JobFeed(folder, from_kept=True).poll()
    assert [one.seq for one in found] == list(range(kept.place.seq + 1, COUNT + 1))
    assert [one.seq for one in JobFeed(folder).poll()] == list(range(1, COUNT + 1))


def test_deleted_or_damaged_kept_fold_changes_nothing(folder: JobFolder) -> None:
    snapshot = write(folder)
    content, chance = bytearray(folder.fold.read_bytes()), random.Random(3)
    for _i in range(300):
        damaged = bytearray(content)
        damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
        folder.fold.write_bytes(bytes(damaged))
        assert folded(folder) == snapshot
    folder.fold.write_bytes(content[: len(content) // 2])
    assert folded(folder) == snapshot
    folder.fold.unlink()
    assert folded(folder) == snapshot


def test_kept_fold_of_another_log_is_not_believed(folder: JobFolder, tmp_path: Path) -> None:
    write(folder)
    other = JobFolder(tmp_path / "other")
    other.root.mkdir()
    write(other, every_s=2.0)
    folder.fold.write_bytes(other.fold.read_bytes())
    assert read_kept(folder) is None
    folder.events.write_bytes(folder.events.read_bytes()[:200])
    assert read_kept(folder) is None


def test_kept_fold_of_another_fold_is_not_believed(
    folder: JobFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(folder)
    monkeypatch.setattr(kept_fold, "FOLD_VERSION", kept_fold.FOLD_VERSION + 1)
    assert read_kept(folder) is None


def test_writer_ends_a_log_where_a_byte_changed_though_a_fold_is_kept(folder: JobFolder) -> None:
    """A reader stops at the first line that is not right, so the writer must go on there."""
    write(folder)
    content = bytearray(folder.events.read_bytes())
    place = len(content) // 3
    content[place] ^= 1
    folder.events.write_bytes(bytes(content))
    whole = content[:place].count(b"\n")
    writer = EventWriter(folder.events, now=lambda: START)
    writer.append(PhaseChanged(phase="saving"))
    writer.close()
    found = EventReader(folder.events).poll()
    assert [one.seq for one in found] == list(range(1, whole + 2))
    assert folded(folder).phase == "saving"


def test_writer_goes_on_from_the_kept_fold(folder: JobFolder) -> None:
    before = write(folder)
    writer = EventWriter(folder.events, now=lambda: START)
    assert writer.snapshot == before
    writer.append(ProgressMade(done=1, total=2, unit="rows"))
    writer.close()
    assert writer.snapshot == folded(folder, from_kept=False)


def test_number_that_is_none_in_json_is_none_in_the_writers_snapshot(folder: JobFolder) -> None:
    writer = EventWriter(folder.events, now=lambda: START)
    writer.append(msgspec.structs.replace(a_step(1), loss=math.nan))
    check = EvalDone(step=1, loss=0.5, supervised_tokens=1, examples=1, is_best=True, eval_s=1.0)
    writer.append(check)
    writer.close()
    assert writer.snapshot == folded(folder, from_kept=False)


def test_long_log_without_a_worker_is_kept_by_who_reads_it(
    folder: JobFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "_WORTH_KEEPING", COUNT)
    write(folder, every_s=0.0)
    assert not folder.fold.exists()
    feed = JobFeed(folder, from_kept=True)
    feed.catch_up()
    feed.keep()
    kept = read_document(folder.fold, KeptFold)
    assert (kept.place.seq, kept.snapshot) == (COUNT, feed.snapshot)
    assert JobFeed(folder, from_kept=True).poll() == []


def test_clock_that_is_set_back_does_not_end_the_syncs(folder: JobFolder) -> None:
    moments = iter([START, *(START - timedelta(days=2, seconds=i) for i in range(4))])
    writer = EventWriter(folder.events, now=lambda: next(moments))
    for step in range(1, 4):
        writer.append(a_step(step))
    assert read_kept(folder) is not None
    writer.close()


def test_kept_fold_that_cannot_be_written_is_no_error(folder: JobFolder) -> None:
    folder.fold.mkdir()
    write(folder)
    assert folded(folder).step == COUNT - 1
    write_document(folder.result, JobSnapshot())


def test_event_that_nobody_could_read_is_not_written(folder: JobFolder) -> None:
    writer = EventWriter(folder.events, now=lambda: START)
    writer.append(a_step(1))
    with pytest.raises(msgspec.DecodeError):
        writer.append(msgspec.structs.replace(a_step(2), tokens_per_s=math.inf))
    writer.append(a_step(2))
    writer.close()
    assert [one.seq for one in EventReader(folder.events).poll()] == [1, 2]
