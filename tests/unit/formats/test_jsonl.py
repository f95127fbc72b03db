# SPDX-License-Identifier: Apache-2.0
"""JSON Lines: whatever is in a line, only that line is concerned."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.domain.dataset import Reject
from engine.formats import format as format_module
from engine.formats import jsonl, source
from engine.formats.format import Record
from engine.formats.reading import ShapedRow, shaped_rows

ROW = b'{"prompt": "Hello", "completion": "Hi \xc3\xa9"}'


def read(path: Path, content: bytes) -> list[Record | Reject]:
    """Read a file of some content."""
    path.write_bytes(content)
    return list(jsonl.read(path, lambda _: None))


BROKEN = {
    "broken": (b"{broken", "broken_json"),
    "cut off": (b'{"prompt": "a', "broken_json"),
    "two values": (b'{"a": 1} {"b": 2}', "broken_json"),
    "not a number": (b'{"a": NaN}', "broken_json"),
    "infinity": (b'{"a": -Infinity}', "broken_json"),
    "beyond range": (b'{"a": 1e999}', "number_out_of_range"),
    "raw zero byte": (b'{"a": "\x00"}', "broken_json"),
    "lone surrogate": (b'{"a": "\\ud800"}', "broken_json"),
    "bad utf-8": (b'{"a": "\xff"}', "bad_encoding"),
    "65 levels": (b"[" * 65 + b"]" * 65, "too_deep"),
    "10,000 levels": (b"[" * 10_000 + b"]" * 10_000, "too_deep"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_read_of_a_broken_line_rejects_it_alone(name: str, tmp_path: Path) -> None:
    line, reason = BROKEN[name]
    first, broken, last = read(tmp_path / "a.jsonl", b"\n".join([ROW, line, ROW]))
    assert isinstance(first, Record)
    assert isinstance(last, Record)
    assert last.line == 3
    assert isinstance(broken, Reject)
    assert (broken.file, broken.line, broken.reason) == ("a.jsonl", 2, reason)
    assert broken.message
    assert len(broken.excerpt) <= 200


def test_read_of_64_levels_accepts_them(tmp_path: Path) -> None:
    (found,) = read(tmp_path / "a", b"[" * 64 + b"]" * 64)
    assert isinstance(found, Record)


def test_read_of_a_line_over_the_cap_rejects_it_unread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source.lines, "__defaults__", (60,))
    assert format_module.RECORD_CAP_BYTES == 16 << 20
    found = read(tmp_path / "a", ROW + b"\n" + b"x" * 100 + b"\n" + ROW)
    assert [one.line for one in found] == [1, 2, 3]
    assert isinstance(found[1], Reject)
    assert found[1].reason == "too_long"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_read_in_any_unicode_encoding_and_line_end_finds_the_rows(
    encoding: str, end: str, tmp_path: Path
) -> None:
    text = end.join([ROW.decode(), "", ROW.decode(), ""])
    found = read(tmp_path / "a", text.encode(encoding))
    assert [one.line for one in found] == [1, 3]
    assert all(isinstance(one, Record) for one in found)


PIECES = [
    b'{"text": "a"}', b'{"messages": []}', b"{", b"}", b'"', b"\\", b"[1]", b" ", b"\xff", b"\xc3",
    b"null", b'{"prompt": "a", "completion": "b"}', b"1e999", b"\\ud800", b"\t", b"\x00",
]  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("jsonl") / "fuzz.jsonl"


@settings(max_examples=100, deadline=None, database=None, derandomize=True)
@given(drawn=st.lists(st.lists(st.sampled_from(PIECES), max_size=5)))
def test_rows_and_rejects_of_any_lines_are_as_many_as_the_lines(
    drawn: list[list[bytes]], place: Path
) -> None:
    made = [b"".join(parts) for parts in drawn]
    # The long first line keeps a few zero bytes from looking like UTF-16.
    content = b"\n".join([b"[" + b"1," * 50 + b"1]", *made])
    place.write_bytes(content)
    found = list(shaped_rows(place, jsonl.FORMAT, lambda _: None))
    assert len(found) == 1 + sum(bool(line.strip(b" \t\r\x0b\x0c")) for line in made)
    assert all(isinstance(one, ShapedRow) or (one.reason and one.message) for one in found)


def test_sniff_of_an_archive_that_stores_whole_lines_is_zero(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.jsonl", '{"text": "row"}\n' * 50)
    assert jsonl.sniff(path, path.read_bytes()) == 0
