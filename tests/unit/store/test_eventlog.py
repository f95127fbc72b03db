# SPDX-License-Identifier: Apache-2.0
"""The event log: torn tails, gaps, and going on where a dead worker left off."""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from engine.domain.timestamp import timestamp
from engine.errors import DiskFull
from engine.protocol.codec import VersionUnknown
from engine.protocol.events import PhaseChanged, ProgressMade, Stopped
from engine.store.eventlog import EventReader, EventWriter

MOMENT = datetime(2026, 11, 20, 21, 40, 0, 123_000, tzinfo=UTC)


def write(path: Path, count: int) -> None:
    writer = EventWriter(path, now=lambda: MOMENT)
    for number in range(count):
        writer.append(ProgressMade(done=number, total=count, unit="rows"))
    writer.close()


def test_timestamp_is_utc_with_milliseconds() -> None:
    assert timestamp(MOMENT) == "2026-11-20T21:40:00.123Z"


def test_reader_goes_on_where_it_was(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    reader = EventReader(path)
    assert reader.poll() == []
    write(path, 3)
    assert [one.seq for one in reader.poll()] == [1, 2, 3]
    assert reader.poll() == []
    writer = EventWriter(path, now=lambda: MOMENT)
    writer.append(Stopped(step=1, checkpoint=""))
    writer.close()
    assert [one.seq for one in reader.poll()] == [4]


def test_log_cut_at_any_byte_yields_exactly_the_whole_records(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    write(path, 4)
    content = path.read_bytes()
    for cut in range(len(content) + 1):
        path.write_bytes(content[:cut])
        assert len(EventReader(path).poll()) == content[:cut].count(b"\n")


def test_writer_cuts_a_torn_tail_and_numbers_on(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    write(path, 3)
    content = path.read_bytes()
    path.write_bytes(content[:-10])
    writer = EventWriter(path, now=lambda: MOMENT)
    writer.append(PhaseChanged(phase="saving"))
    writer.close()
    found = EventReader(path).poll()
    assert [one.seq for one in found] == [1, 2, 3]
    assert found[-1].event == PhaseChanged(phase="saving")


@pytest.mark.parametrize("tail", [b"garbage\n", b"{}\n", b"\x00" * 40 + b"\n", b'{"v":1}\n'])
def test_garbage_ends_the_log_for_a_reader(tmp_path: Path, tail: bytes) -> None:
    path = tmp_path / "events.jsonl"
    write(path, 2)
    with path.open("ab") as stream:
        stream.write(tail)
    assert len(EventReader(path).poll()) == 2


def test_gap_in_numbers_ends_the_log(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    write(path, 3)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + lines[2])
    assert [one.seq for one in EventReader(path).poll()] == [1]


def test_newer_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(b'{"v":2,"seq":1,"t":"","kind":"x","data":{}}\n')
    with pytest.raises(VersionUnknown):
        EventReader(path).poll()


@pytest.mark.parametrize("block_bytes", [1, 7, 100, 500, 1 << 20])
def test_log_longer_than_a_block_is_read_whole(tmp_path: Path, block_bytes: int) -> None:
    path = tmp_path / "events.jsonl"
    write(path, 50)
    with path.open("ab") as stream:
        stream.write(b'{"torn')
    reader = EventReader(path)
    assert [one.seq for one in reader.poll(block_bytes)] == list(range(1, 51))
    assert reader.place.offset_bytes == path.stat().st_size - 6


def test_line_with_a_changed_byte_ends_the_log(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    write(path, 3)
    content = path.read_bytes()
    path.write_bytes(content.replace(b'"done":1', b'"done":7'))
    assert [one.seq for one in EventReader(path).poll()] == [1]


def test_lines_without_a_sum_are_read(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    write(path, 2)
    path.write_bytes(re.sub(rb',"crc":"\w+"', b"", path.read_bytes()))
    assert [one.seq for one in EventReader(path).poll()] == [1, 2]


def test_writer_keeps_whole_lines_that_it_cuts(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    write(path, 4)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + b"?\n" + lines[2] + lines[3])
    EventWriter(path, now=lambda: MOMENT).close()
    (aside,) = tmp_path.glob("damaged-*")
    assert aside.read_bytes() == b"?\n" + lines[2] + lines[3]
    assert path.read_bytes() == lines[0]


@pytest.mark.parametrize("block_bytes", [1, 60, 1 << 20])
def test_nothing_behind_garbage_is_read_wherever_a_block_ends(
    tmp_path: Path, block_bytes: int
) -> None:
    """Else a reader would go on where the writer will cut."""
    path = tmp_path / "events.jsonl"
    write(path, 3)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + b"?\n" + lines[1] + lines[2])
    reader = EventReader(path)
    assert [one.seq for one in reader.poll(block_bytes)] == [1]
    assert reader.place.offset_bytes == len(lines[0])


def test_frequent_events_are_synced_now_and_then_and_others_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced_at: list[float] = []
    clock = [0.0]
    writer = EventWriter(
        tmp_path / "events.jsonl", now=lambda: MOMENT + timedelta(seconds=clock[0])
    )
    monkeypatch.setattr(os, "fsync", lambda _handle: synced_at.append(clock[0]))
    for clock[0] in (1.0, 4.9, 5.0, 6.0, 9.9, 10.0):
        writer.append(ProgressMade(done=1, total=2, unit="rows"))
    assert synced_at == [5.0, 10.0]
    clock[0] = 11.0
    writer.append(PhaseChanged(phase="saving"))
    clock[0] = 15.9
    writer.append(ProgressMade(done=1, total=2, unit="rows"))
    assert synced_at == [5.0, 10.0, 11.0]
    writer.close()


class ShortStream:
    """Writes but the first half of what it is given, as a disk does that becomes full."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, line: bytes) -> int:
        return self._stream.write(line[: len(line) // 2])

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def test_line_that_is_written_in_part_only_is_cut_and_a_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "events.jsonl"
    write(path, 2)
    before = path.read_bytes()
    writer = EventWriter(path, now=lambda: datetime.now(UTC))
    monkeypatch.setattr(writer, "_stream", ShortStream(writer._stream))
    with pytest.raises(DiskFull, match="bytes are needed"):
        writer.append(PhaseChanged(phase="saving"))
    assert path.read_bytes() == before
    writer.close()
