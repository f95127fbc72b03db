# SPDX-License-Identifier: Apache-2.0
"""The bytes of a source file, as blocks, as UTF-8, as lines."""

from __future__ import annotations

import codecs
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import FileMissing, FileUnreadable
from engine.formats import source
from engine.formats.source import blocks, lines, read_head, utf8_blocks


def nothing(_done: int) -> None:
    """Hear of progress and do nothing."""


@settings(max_examples=150, deadline=None, database=None, derandomize=True)
@given(
    st.lists(st.sampled_from([b"a", b"bc", b"\n", b"\r", b"\r\n", b"x" * 9])),
    st.integers(min_value=1, max_value=7),
)
def test_lines_in_blocks_of_any_size_are_those_of_the_whole(parts: list[bytes], step: int) -> None:
    whole = b"".join(parts)
    pieces = [whole[at : at + step] for at in range(0, len(whole), step)]
    assert list(lines(pieces)) == whole.splitlines(keepends=True)


@pytest.mark.parametrize("step", [1, 3, 1000])
def test_lines_over_the_cap_are_none_and_the_next_are_whole(step: int) -> None:
    whole = b"ok\n" + b"x" * 50 + b"\r\nnext\n" + b"y" * 50
    pieces = [whole[at : at + step] for at in range(0, len(whole), step)]
    assert list(lines(pieces, cap_bytes=20)) == [b"ok\n", None, b"next\n", None]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("block_bytes", [1, 3, 1 << 20])
def test_utf8_blocks_of_utf16_split_anywhere_are_the_same_text(
    encoding: str, block_bytes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "BLOCK_BYTES", block_bytes)
    path = tmp_path / "a"
    path.write_bytes("a\U0001f600é\n".encode(encoding))
    assert b"".join(utf8_blocks(path, encoding, nothing)).decode() == "a\U0001f600é\n"


@pytest.mark.parametrize(
    ("encoding", "content"),
    [
        ("utf-16-le", "a".encode("utf-16-le") + b"\x00"),
        ("utf-16-le", b"\x00\xd8a\x00"),
        ("cp1252", b"a\x81b"),
    ],
)
def test_utf8_blocks_of_broken_bytes_stay_invalid(
    encoding: str, content: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "a"
    path.write_bytes(content)
    with pytest.raises(UnicodeDecodeError):
        b"".join(utf8_blocks(path, encoding, nothing)).decode()


def test_utf8_blocks_with_a_mark_are_without_it(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(codecs.BOM_UTF8 + b"a")
    assert b"".join(utf8_blocks(path, "utf-8", nothing)) == b"a"


def test_blocks_tell_how_far_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "BLOCK_BYTES", 4)
    path = tmp_path / "a"
    path.write_bytes(b"0123456789")
    heard: list[int] = []
    assert b"".join(blocks(path, heard.append)) == b"0123456789"
    assert heard == [4, 8, 10]


def test_read_head_of_a_missing_file_is_a_named_error(tmp_path: Path) -> None:
    with pytest.raises(FileMissing):
        read_head(tmp_path / "none")


def test_read_head_refused_by_the_system_is_a_named_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"a")

    def refuse(*_args: object, **_words: object) -> None:
        raise PermissionError(13, "denied")

    monkeypatch.setattr(source, "open_source", refuse)
    with pytest.raises(FileUnreadable, match="cannot be read"):
        read_head(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no named pipes in folders")
def test_read_head_of_a_pipe_does_not_wait_for_it(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    with pytest.raises(FileUnreadable, match="no ordinary file"):
        read_head(path)


@pytest.mark.parametrize("order", ["le", "be"])
def test_utf32_number_beyond_all_characters_is_refused_in_its_line_alone(
    order: str, tmp_path: Path
) -> None:
    encoding = f"utf-32-{order}"
    path = tmp_path / "a.txt"
    bad = b"\xff\xff\xff\x7f" if order == "le" else b"\x7f\xff\xff\xff"
    mark = "\ufeff".encode(encoding)
    path.write_bytes(mark + "one\n".encode(encoding) + bad + "two\nend\n".encode(encoding) + b"\0")
    first, second, third, *_rest = lines(utf8_blocks(path, encoding, lambda _done: None))
    assert (first, third) == (b"one\n", b"end\n")
    assert second is not None
    with pytest.raises(UnicodeDecodeError):
        second.decode("utf-8")
