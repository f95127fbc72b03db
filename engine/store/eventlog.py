# SPDX-License-Identifier: Apache-2.0
"""The event log of a job: one writer appends whole lines, any number of readers follow."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

import msgspec

from engine.protocol.codec import Envelope, decode, encode
from engine.protocol.events import EvalDone, Event, ProgressMade, SampleMade, StepDone
from engine.store import atomicfs

_FREQUENT = (StepDone, ProgressMade, SampleMade, EvalDone)
SYNC_EVERY_S = 5.0
_BLOCK_BYTES = 8 << 20


def timestamp(moment: datetime) -> str:
    """Return a moment as UTC, ISO 8601 with milliseconds and a Z."""
    utc = moment.astimezone(UTC)
    return utc.strftime("%Y-%m-%dT%H:%M:%S.") + f"{utc.microsecond // 1000:03d}Z"


class EventWriter:
    """The one writer of a job's log. Cuts a torn tail, then appends; state changes are synced."""

    def __init__(self, path: Path, *, now: Callable[[], datetime]) -> None:
        """Open the log of a job whose lock the caller holds."""
        self._now = now
        reader = EventReader(path)
        last = [envelope.seq for envelope in reader.poll()]
        self._seq = last[-1] if last else 0
        if path.exists() and path.stat().st_size > reader.offset_bytes:
            _cut(path, reader.offset_bytes)
        self._stream: IO[bytes] = atomicfs.open_for_append(path)
        self._path = path
        self._synced_at = now()

    def append(self, event: Event) -> None:
        """Write one event as a single write; sync it unless it is a frequent one.

        Raises:
            DiskFull: No room for the event.
        """
        moment = self._now()
        line = encode(event, seq=self._seq + 1, t=timestamp(moment))
        with atomicfs.naming_disk_errors(self._path):
            written = self._stream.write(line)
            if written != len(line):
                atomicfs.cut_file(self._path, self._path.stat().st_size - written)
                raise OSError(28, "short write")
            self._seq += 1
            is_due = (moment - self._synced_at).total_seconds() >= SYNC_EVERY_S
            if is_due or not isinstance(event, _FREQUENT):
                os.fsync(self._stream.fileno())
                self._synced_at = moment

    def close(self) -> None:
        """Sync and close."""
        os.fsync(self._stream.fileno())
        self._stream.close()


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
    """Follows a log; each poll returns the events that came since the last."""

    def __init__(self, path: Path) -> None:
        """Start before the first event; the log need not exist yet."""
        self._path = path
        self.offset_bytes = 0
        self.last_seq = 0

    def go_to(self, other: EventReader) -> None:
        """Go on where another reader of the same log is."""
        self.offset_bytes, self.last_seq = other.offset_bytes, other.last_seq

    def poll(self, block_bytes: int = _BLOCK_BYTES) -> list[Envelope]:
        """Return all new events in order, up to the first record that is not whole.

        Args:
            block_bytes: How much is read at a time; does not change the result.

        Raises:
            VersionUnknown: The log was written by a newer Burnish.
        """
        found: list[Envelope] = []
        try:
            with self._path.open("rb") as stream:
                stream.seek(self.offset_bytes)
                rest = b""
                while block := stream.read(block_bytes):
                    whole, newline, rest = (rest + block).rpartition(b"\n")
                    if newline and not self._take(whole, found):
                        break
        except FileNotFoundError:
            return []
        return found

    def _take(self, lines: bytes, found: list[Envelope]) -> bool:
        """Append the events of whole lines; return False at the first that is not valid."""
        for line in lines.split(b"\n"):
            try:
                envelope = decode(line)
            except msgspec.DecodeError:
                return False
            if envelope.seq != self.last_seq + 1:
                return False
            self.last_seq = envelope.seq
            self.offset_bytes += len(line) + 1
            found.append(envelope)
        return True
