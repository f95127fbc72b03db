# SPDX-License-Identifier: Apache-2.0
"""JSON Lines: one JSON value per line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from engine.domain.dataset import Reject
from engine.errors import mark
from engine.formats.encoding import decoded_head, is_marked_binary, unicode_encoding
from engine.formats.format import CERTAIN, HEAD_BYTES, LIKELY, Chunk, Format, Record, Seen
from engine.formats.json_value import decode_record
from engine.formats.plain_rows import PlainRows, plain_rows_of, sides_of
from engine.formats.refusal import RefusedRecord, reject, too_long
from engine.formats.source import (
    count_lines,
    holds_lone_return,
    lines,
    pieces,
    read_head,
    utf8_blocks,
)

if TYPE_CHECKING:
    from pyarrow import RecordBatch, Schema

_JOINT = re.compile(r"[}\]]\s*[{\[]")
_shallow = msgspec.json.Decoder(dict[str, msgspec.Raw])
_BRACKETS = (("{", "}"), ("[{", "}]"))


def share_of_whole_lines(text: str, *, is_cut: bool) -> float:
    """Return the share (0..1) of lines that look like one whole JSON object or list each.

    Args:
        text: Start of a file.
        is_cut: The file goes on behind it, so that its last line may not be whole.
    """
    found = [line.strip() for line in text.split("\n")]
    found = [line for line in (found[:-1] if is_cut and len(found) > 1 else found) if line]
    return sum(_is_whole(line) for line in found) / len(found) if found else 0.0


def _is_whole(line: str) -> bool:
    if not any(line.startswith(a) and line.endswith(b) for a, b in _BRACKETS):
        return False
    if _JOINT.search(line) is None:
        return True
    try:
        msgspec.json.decode(line, type=msgspec.Raw)
    except msgspec.DecodeError:
        return False
    return True


def sniff(path: Path, head: bytes) -> float:
    """Score by how many lines look like whole JSON values; one lone list is rather JSON."""
    del path
    if is_marked_binary(head):
        # An archive may hold whole lines as they are.
        return 0.0
    text = decoded_head(head)
    start = text.lstrip()
    if start.startswith("[") and "\n" not in start.strip():
        return 0.0
    if start.startswith("{") and "\n" not in start and len(head) >= HEAD_BYTES:
        return 1.05 * LIKELY
    return 0.95 * CERTAIN * share_of_whole_lines(text, is_cut=len(head) >= HEAD_BYTES)


def read(path: Path, seen: Seen) -> Iterator[Record | Reject]:
    """Yield every line that is not blank, as a record or as a reject."""
    for chunk in chunks(path, seen):
        yield from chunk.records()


def chunks(path: Path, seen: Seen) -> Iterator[Chunk]:
    """Yield the same, many lines at a time."""
    line = 1
    for piece in pieces(utf8_blocks(path, unicode_encoding(read_head(path)), seen), _end_of):
        if isinstance(piece, bytes):
            yield _Lines(file=path.name, line=line, parts=(piece,))
            line += count_lines(piece)
        else:
            yield _Rest(file=path.name, line=line, parts=piece)


def _end_of(buffer: bytes, is_last: bool) -> int:
    """Return where the last line ends; 0 where lines end in some other way than most do."""
    if holds_lone_return(buffer):
        return 0
    return len(buffer) if is_last else buffer.rfind(b"\n") + 1


class _Rest(Chunk, frozen=True, kw_only=True):
    """Lines that are decoded one by one.

    Attributes:
        file: Name of their file.
        line: Number of the first one.
        parts: Their bytes.
    """

    file: str
    line: int
    parts: Iterable[bytes]

    def records(self) -> Iterator[Record | Reject]:
        """Yield every line that is not blank, as a record or as a reject."""
        for number, raw in enumerate(lines(self.parts), start=self.line):
            if raw is None:
                yield reject(self.file, number, too_long())
            elif not raw.isspace():
                try:
                    yield Record(line=number, value=decode_record(raw))
                except RefusedRecord as refused:
                    yield reject(self.file, number, refused, raw)


class _Lines(_Rest, frozen=True):
    """Lines that may be decoded at once."""

    def plain_rows(self) -> PlainRows | None:
        """Return the lines in columns where each holds one plain conversation and no more."""
        import numpy as np

        (raw,) = self.parts
        if not _are_objects(raw):
            return None
        batch = _batch_of(raw)
        count = count_lines(raw)
        if batch is None or batch.num_rows != count:
            return None
        return plain_rows_of(batch, np.arange(self.line, self.line + count))


def _are_objects(raw: bytes) -> bool:
    """Return whether each line begins and ends as an object does.

    No line ends between such braces within a value, so that as many values as lines is one in each.
    """
    import numpy as np

    signs = np.frombuffer(raw, np.uint8)
    ends = np.flatnonzero(signs == ord("\n"))
    if not raw.endswith(b"\n"):
        ends = np.append(ends, len(raw))
    last = ends - 1
    if b"\r" in raw:
        last = last - (signs[last] == ord("\r"))
    is_begun = raw.startswith(b"{") and bool((signs[ends[:-1] + 1] == ord("{")).all())
    return is_begun and bool((signs[last] == ord("}")).all())


def _batch_of(raw: bytes) -> RecordBatch | None:
    """Return the values of some lines in columns; None where they hold more than plain texts."""
    import pyarrow as pa
    from pyarrow import json

    schema = _schema_of(raw.partition(b"\n")[0])
    if schema is None:
        return None
    try:
        table = json.read_json(
            pa.BufferReader(raw),
            read_options=json.ReadOptions(use_threads=False, block_size=len(raw) + 1),
            parse_options=json.ParseOptions(
                explicit_schema=schema, unexpected_field_behavior="error"
            ),
        )
    except pa.ArrowException:
        return None
    batches = table.combine_chunks().to_batches()
    return batches[0] if len(batches) == 1 else None


def _schema_of(line: bytes) -> Schema | None:
    """Return the columns that the first of some lines shows, if they are plain texts."""
    import pyarrow as pa

    try:
        names = list(_shallow.decode(line))
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    if names == ["messages"]:
        turn = pa.struct([("role", pa.string()), ("content", pa.string())])
        return pa.schema([("messages", pa.list_(turn))])
    return pa.schema([(one, pa.string()) for one in names]) if sides_of(names) else None


FORMAT = Format(
    id="jsonl",
    title=mark("JSON Lines"),
    suffixes=(".jsonl", ".ndjson", ".jsonlines"),
    sniff=sniff,
    read=read,
    chunks=chunks,
)
