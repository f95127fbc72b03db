# SPDX-License-Identifier: Apache-2.0
"""Plain text: one row for a short file, sections for a long one."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.domain.dataset import Reject, TextRow
from engine.formats import text
from engine.formats.format import Record
from engine.formats.text import SECTION_CHARACTERS


def read(path: Path, content: str | bytes) -> list[tuple[int, str]]:
    """Return line and text of each row, or line and reason of each reject."""
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    found = list(text.read(path, lambda _: None))
    return [
        (one.line, one.reason)
        if isinstance(one, Reject)
        else (one.line, one.value.text if isinstance(one.value, TextRow) else "")
        for one in found
    ]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_read_of_a_short_file_is_one_row_with_plain_line_ends(end: str, tmp_path: Path) -> None:
    content = end.join(["# Title", "", "One.", "Two.", ""])
    assert read(tmp_path / "a.md", content) == [(1, "# Title\n\nOne.\nTwo.")]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_read_in_any_encoding_finds_the_text(encoding: str, tmp_path: Path) -> None:
    text_ = "Die schöne Müllerin fährt über größere Brücken."
    assert read(tmp_path / "a", text_.encode(encoding)) == [(1, text_)]


def test_read_of_a_long_file_cuts_at_blank_lines_and_loses_nothing(tmp_path: Path) -> None:
    paragraphs = [f"paragraph {n} " + "word " * 300 for n in range(20)]
    found = read(tmp_path / "a", "\n\n".join(paragraphs))
    assert len(found) > 3
    assert "".join(one for _line, one in found).replace("\n", "") == "".join(paragraphs)
    assert all(len(one) < 2 * SECTION_CHARACTERS for _line, one in found)
    assert all(one.startswith("paragraph") for _line, one in found)


def test_read_of_a_long_file_without_blank_lines_cuts_at_line_ends(tmp_path: Path) -> None:
    lines = [f"line {n} " + "x" * 90 for n in range(1000)]
    found = read(tmp_path / "a", "\n".join(lines))
    assert "\n".join(one for _line, one in found).split("\n") == lines
    assert [line for line, _text in found] == sorted(line for line, _text in found)
    assert max(len(one) for _line, one in found) < 5 * SECTION_CHARACTERS


@pytest.mark.parametrize(("bad", "reason"), [(b"\xff", "bad_encoding"), (b"\0", "nul_character")])
def test_read_of_a_line_that_is_no_text_rejects_it_alone(
    bad: bytes, reason: str, tmp_path: Path
) -> None:
    found = read(tmp_path / "a", "é\n".encode() + bad + "x\nü\n".encode())
    assert found == [(2, reason), (1, "é\nü")]


def test_read_of_a_blank_file_finds_nothing(tmp_path: Path) -> None:
    assert list(text.read(_file(tmp_path, b" \n\n\t\n"), lambda _: None)) == []


def _file(folder: Path, content: bytes) -> Path:
    path = folder / "a"
    path.write_bytes(content)
    return path


def test_read_names_the_line_where_each_section_begins(tmp_path: Path) -> None:
    block = "\n".join(["x" * 79] * 60)
    found = text.read(_file(tmp_path, f"{block}\n\n{block}".encode()), lambda _: None)
    assert [one.line for one in found if isinstance(one, Record)] == [1, 61]
