# SPDX-License-Identifier: Apache-2.0
"""JSON Lines: one JSON value per line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import msgspec

from engine.domain.dataset import Reject
from engine.errors import mark
from engine.formats.encoding import decoded_head, is_marked_binary, unicode_encoding
from engine.formats.format import CERTAIN, HEAD_BYTES, LIKELY, Format, Record, Seen
from engine.formats.json_value import decode_record
from engine.formats.refusal import RefusedRecord, reject, too_long
from engine.formats.source import lines, read_head, utf8_blocks

_JOINT = re.compile(r"[}\]]\s*[{\[]")
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
    encoding = unicode_encoding(read_head(path))
    for number, raw in enumerate(lines(utf8_blocks(path, encoding, seen)), start=1):
        if raw is None:
            yield reject(path.name, number, too_long())
        elif not raw.isspace():
            try:
                yield Record(line=number, value=decode_record(raw))
            except RefusedRecord as refused:
                yield reject(path.name, number, refused, raw)


FORMAT = Format(
    id="jsonl",
    title=mark("JSON Lines"),
    suffixes=(".jsonl", ".ndjson", ".jsonlines"),
    sniff=sniff,
    read=read,
)
