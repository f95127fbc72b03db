# SPDX-License-Identifier: Apache-2.0
"""The event log of a job: one writer appends whole lines, any number of readers follow."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import IO

import msgspec

from engine.domain.run import JobSnapshot
from engine.domain.timestamp import timestamp
from engine.protocol.codec import Envelope, decode, encode
from engine.protocol.events import EvalDone, Event, ProgressMade, SampleMade, StepDone
from engine.protocol.fold import fold, fold_all
from engine.store import atomicfs
from engine.store.disk_errors import naming_disk_errors
from engine.store.kept_fold import LogPlace, read_kept, write_kept
from engine.store.layout import JobFolder

_FREQUENT = (StepDone, ProgressMade, SampleMade, EvalDone)
SYNC_EVERY_S = 5.0
KEEP_EVERY_S = 10.0
_BLOCK_BYTES = 1 << 20
_AT_ONCE = 10_000
"""Events in memory at a time: a log of a million needs no more room than one of a thousand."""


class EventWriter:
    """The one writer of a job's log. Cuts a torn tail, then appends; state changes are synced.

    Attributes:
        snapshot: The fold over all events that are in the log.
    """

    def __init__(self, path: Path, *, now: Callable[[], datetime]) -> None:
        """Open the log of a job whose lock the caller holds."""
        self._now = now
        self._reader = EventReader(path)
        self._folder = JobFolder(path.parent)
        kept = read_kept(self._folder, is_whole_checked=True)
        if kept is not None:
            self._reader.go_to(kept.place)
        self.snapshot = kept.snapshot if kept else JobSnapshot()
        while found := self._reader.poll(limit=_AT_ONCE):
            self.snapshot = fold_all(self.snapshot, found)
        if path.exists() and path.stat().st_size > self._reader.place.offset_bytes:
            _cut(path, self._reader.place.offset_bytes)
        self._stream: IO[bytes] = atomicfs.open_for_append(path)
        self._path = path
        self._synced_at = self._kept_at = now()

    def append(self, event: Event) -> None:
        """Write one event as a single write; sync it unless it is a frequent one.

        Raises:
            DiskFull: No room for the event.
        """
        moment = self._now()
        line = encode(event, seq=self._reader.place.seq + 1, t=timestamp(moment))
        # As every reader will read it: so the snapshot is what they fold, to the last digit, and
        # no line that nobody could read ends the log.
        envelope = decode(line)
        with naming_disk_errors(self._path, needed_bytes=len(line)):
            written = self._stream.write(line)
            if written != len(line):
                atomicfs.cut_file(self._path, self._path.stat().st_size - written)
                raise OSError(28, "short write")
            self._reader.go_over(line, envelope.seq)
            self.snapshot = fold(self.snapshot, envelope)
            if _is_due(moment, self._synced_at, SYNC_EVERY_S) or not isinstance(event, _FREQUENT):
                os.fsync(self._stream.fileno())
                self._synced_at = moment
        if _is_due(moment, self._kept_at, KEEP_EVERY_S):
            write_kept(self._folder, self._reader.place, self.snapshot)
            self._kept_at = moment

    def close(self) -> None:
        """Sync and close."""
        os.fsync(self._stream.fileno())
        self._stream.close()


def _is_due(now: datetime, last: datetime, every_s: float) -> bool:
    """Return whether it is time again; a clock that was set back does not put it off."""
    return abs((now - last).total_seconds()) >= every_s


def _cut(path: Path, at_bytes: int) -> None:
    """Cut what is not whole. More than a torn last line is kept beside it: it was written once."""
    with path.open("rb") as stream:
        stream.seek(at_bytes)
        rest = stream.read()
    if b"\n" in rest:
        aside = path.with_name(f"{atomicfs.DAMAGED_PREFIX}{path.stem}-{at_bytes}{path.suffix}")
        atomicfs.write_file(aside, rest)
    atomicfs.cut_file(path, at_bytes)


class EventReader:
    """Follows a log; each poll returns the events that came since the last.

    Attributes:
        place: Up to where it has read.
    """

    def __init__(self, path: Path) -> None:
        """Start before the first event; the log need not exist yet."""
        self._path = path
        self.place = LogPlace()

    def go_to(self, place: LogPlace) -> None:
        """Go on where another reader of the same log is."""
        self.place = place

    def go_over(self, lines: bytes, seq: int) -> None:
        """Count whole lines as read, of which the last has this number."""
        self.place = LogPlace(
            offset_bytes=self.place.offset_bytes + len(lines),
            seq=seq,
            crc=zlib.crc32(lines, self.place.crc),
        )

    def poll(self, block_bytes: int = _BLOCK_BYTES, *, limit: int | None = None) -> list[Envelope]:
        """Return new events in order, up to the first record that is not whole.

        Args:
            block_bytes: How much is read at a time; does not change the result.
            limit: At most so many; the rest comes with the next poll. None for all.

        Raises:
            VersionUnknown: The log was written by a newer Burnish.
        """
        found: list[Envelope] = []
        try:
            with self._path.open("rb") as stream:
                stream.seek(self.place.offset_bytes)
                rest = b""
                while block := stream.read(block_bytes):
                    whole, newline, rest = (rest + block).rpartition(b"\n")
                    if newline and not self._take(whole, found, limit):
                        break
        except FileNotFoundError:
            return []
        return found

    def _take(self, lines: bytes, found: list[Envelope], limit: int | None) -> bool:
        """Append the events of whole lines; return False where the reading ends for now."""
        seq, taken = self.place.seq, 0
        is_going_on = True
        for line in lines.split(b"\n"):
            try:
                envelope = decode(line)
            except msgspec.DecodeError:
                is_going_on = False
                break
            if envelope.seq != seq + 1:
                is_going_on = False
                break
            seq = envelope.seq
            taken += len(line) + 1
            found.append(envelope)
            if limit is not None and len(found) >= limit:
                is_going_on = False
                break
        if taken:
            self.go_over((lines + b"\n")[:taken], seq)
        return is_going_on
