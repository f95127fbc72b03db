# SPDX-License-Identifier: Apache-2.0
"""The fold over a long event log, kept beside it, so that nobody reads a million events for a list.

It is a copy of what the log says and nothing more: it is believed only where it fits the log, it
may be deleted at any time, and whoever misses it reads the log from its first event.
"""

from __future__ import annotations

import contextlib
import zlib
from pathlib import Path

import msgspec

from engine.domain.run import JobSnapshot
from engine.errors import DocumentDamaged, EngineError
from engine.protocol.fold import FOLD_VERSION
from engine.store.documents import read_document, write_document
from engine.store.layout import JobFolder

_TAIL_BYTES = 4096
_BLOCK_BYTES = 1 << 20


class LogPlace(msgspec.Struct, frozen=True, kw_only=True):
    """A place between two events of a log.

    Attributes:
        offset_bytes: Bytes before it.
        seq: Number of the event before it; 0 at the start.
        crc: CRC-32 of all that is before it.
    """

    offset_bytes: int = 0
    seq: int = 0
    crc: int = 0


class KeptFold(msgspec.Struct, frozen=True, kw_only=True):
    """fold.json.

    Attributes:
        schema_version: Version of this document.
        fold_version: `FOLD_VERSION` of the fold that made it.
        place: Up to where the log is folded.
        tail_crc: CRC-32 of the last 4 kB before that place.
        snapshot: The state there.
    """

    schema_version: int = 1
    fold_version: int
    place: LogPlace
    tail_crc: int
    snapshot: JobSnapshot


def read_kept(folder: JobFolder, *, is_whole_checked: bool = False) -> KeptFold | None:
    """Return the kept fold of a job where it fits the log, else None.

    Args:
        folder: The job's.
        is_whole_checked: Compare every byte of the log and not its last ones only, as its writer
            does before it goes on: a byte that changed in the middle ends every reading there.
    """
    try:
        kept = read_document(folder.fold, KeptFold)
    except (DocumentDamaged, OSError):
        return None
    if kept.fold_version != FOLD_VERSION or _tail_crc(folder.events, kept.place) != kept.tail_crc:
        return None
    if is_whole_checked and _whole_crc(folder.events, kept.place) != kept.place.crc:
        return None
    return kept


def write_kept(folder: JobFolder, place: LogPlace, snapshot: JobSnapshot) -> None:
    """Keep a fold. It is no loss where that fails, so no error comes of it."""
    tail_crc = _tail_crc(folder.events, place)
    if tail_crc is None:
        return
    kept = KeptFold(fold_version=FOLD_VERSION, place=place, tail_crc=tail_crc, snapshot=snapshot)
    with contextlib.suppress(EngineError, OSError):
        write_document(folder.fold, kept, durable=False)


def _tail_crc(log: Path, place: LogPlace) -> int | None:
    """Return the CRC-32 of the last bytes before a place, or None where the log is shorter."""
    start = max(0, place.offset_bytes - _TAIL_BYTES)
    try:
        with log.open("rb") as stream:
            stream.seek(start)
            found = stream.read(place.offset_bytes - start)
    except OSError:
        return None
    return zlib.crc32(found) if len(found) == place.offset_bytes - start else None


def _whole_crc(log: Path, place: LogPlace) -> int:
    crc, left = 0, place.offset_bytes
    with log.open("rb") as stream:
        while left and (block := stream.read(min(left, _BLOCK_BYTES))):
            crc = zlib.crc32(block, crc)
            left -= len(block)
    return crc
