# SPDX-License-Identifier: Apache-2.0
"""Tables as text: delimiters, quotes, encodings, and rows that are broken."""

from __future__ import annotations

import csv as stdlib_csv
import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.domain.dataset import Reject
from engine.formats import csv, csv_dialect, source
from engine.formats.format import Record
from engine.formats.registry import best_match


def read(path: Path, content: str | bytes) -> list[Record | Reject]:
    """Read a file of some content."""
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return list(csv.read(path, lambda _: None))


def table(rows: list[list[str]], delimiter: str = ",", end: str = "\r\n") -> str:
    """Return a table as a spreadsheet writes it."""
    stream = io.StringIO(newline="")
    # Python leaves a line end of another kind bare where not all cells are quoted.
    writer = stdlib_csv.writer(
        stream, delimiter=delimiter, lineterminator=end, quoting=stdlib_csv.QUOTE_ALL
    )
    writer.writerows(rows)
    return stream.getvalue()


HEADER = ["Prompt", "Completion"]
CELLS = [["Hi, there; you|all", 'a "word"'], ["two\nlines", "tab\there"], ["é", "ü"]]
EXPECTED = [{"prompt": one, "completion": two} for one, two in CELLS]


@pytest.mark.parametrize("delimiter", csv_dialect.DELIMITERS)
def test_read_with_any_delimiter_finds_the_cells(delimiter: str, tmp_path: Path) -> None:
    found = read(tmp_path / "a", table([HEADER, *CELLS], delimiter))
    assert [one.value for one in found if isinstance(one, Record)] == EXPECTED


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_read_with_any_line_end_names_the_first_line_of_each_row(end: str, tmp_path: Path) -> None:
    found = read(tmp_path / "a", table([HEADER, *CELLS], end=end))
    assert [one.line for one in found] == [2, 3, 5]


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252", "latin-1"]
)
def test_read_in_any_encoding_finds_the_cells(encoding: str, tmp_path: Path) -> None:
    text = table([HEADER, *CELLS, ["Wie schön", "größer, süßer, Äpfel"]])
    found = read(tmp_path / "a", text.encode(encoding))
    assert isinstance(found[-1], Record)
    assert found[-1].value == {"prompt": "Wie schön", "completion": "größer, süßer, Äpfel"}
    assert len(found) == 4


BROKEN = {
    "open quote at the end": ('a,b\n"never closed,x\nc,d\n', "row broken_csv row"),
    "open quote before quotes": ('a,b\n"never, x\n"c","d"\ne,f\n', "row broken_csv row row"),
    "text behind a quote": ('a,b\n"x"y,z\nc,d\n', "row broken_csv row"),
    "too many cells": ("a,b\nc,d,e\nf,g\n", "row too_many_cells row"),
    "empty cells too many": ("a,b,,\nc,d\n", "row row"),
    "too few cells": ("a\nc,d\n", "row row"),
    "blank line": ("a,b\n\n\nc,d\n", "row row"),
    "zero byte": ("a,b\n\0,c\nd,e\n", "row row row"),
    "every quote open": ('"a,b\n"c,d\n"e,f\n', "broken_csv broken_csv broken_csv"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_read_of_a_broken_row_rejects_it_alone(name: str, tmp_path: Path) -> None:
    content, expected = BROKEN[name]
    found = read(tmp_path / "a", "prompt,completion\n" + content)
    words = [one.reason if isinstance(one, Reject) else "row" for one in found]
    assert " ".join(words) == expected


def test_read_of_a_bad_byte_rejects_its_row_alone(tmp_path: Path) -> None:
    found = read(tmp_path / "a", b"prompt,completion\n\xc3\xa9,a\n\xff,b\n\xc3\xa9,c\n")
    assert [getattr(one, "reason", "row") for one in found] == ["row", "bad_encoding", "row"]


def test_read_of_a_row_over_the_cap_rejects_it_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source.lines, "__defaults__", (60,))
    found = read(tmp_path / "a", "prompt,completion\na,b\n" + "x" * 90 + ",c\nd,e\n")
    assert [getattr(one, "reason", "row") for one in found] == ["row", "too_long", "row"]


def test_read_of_open_quotes_beyond_what_is_read_again_ends_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv, "AGAIN_CAP_CHARACTERS", 100)
    found = read(tmp_path / "a", 'prompt,completion\na,b\n"c,d\n' + "e,f\n" * 39)
    assert isinstance(found[-1], Reject)
    assert "39 lines" in found[-1].message
    assert (len(found), found[-1].line) == (2, 3)


def test_read_of_a_cell_of_two_hundred_thousand_characters_accepts_it(tmp_path: Path) -> None:
    (found,) = read(tmp_path / "a", table([HEADER, ["x" * 200_000, "y"]]))
    assert isinstance(found, Record)


def test_read_of_two_columns_of_one_name_takes_the_first(tmp_path: Path) -> None:
    (found,) = read(tmp_path / "a", "prompt,completion,Prompt\na,b,c\n")
    assert isinstance(found, Record)
    assert found.value == {"prompt": "a", "completion": "b"}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("csv") / "fuzz.csv"


CELL = st.text('ab,;"\n\r\té ', max_size=5)


@settings(max_examples=60, deadline=None, database=None, derandomize=True)
@given(rows=st.lists(st.tuples(CELL, CELL), max_size=6), end=st.sampled_from(["\n", "\r\n"]))
def test_read_of_any_well_formed_table_finds_all_cells(
    rows: list[tuple[str, str]], end: str, place: Path
) -> None:
    found = read(place, table([HEADER, *map(list, rows)], end=end))
    assert [one.value for one in found if isinstance(one, Record)] == [
        {"prompt": one, "completion": two} for one, two in rows
    ]


@settings(max_examples=80, deadline=None, database=None, derandomize=True)
@given(
    st.lists(st.sampled_from([b'"', b",", b"a", b"\n", b"\r", b"\xff", b"\xc3\xa9", b"\0", b" "]))
)
def test_read_of_any_bytes_ends_with_records_or_rejects(place: Path, drawn: list[bytes]) -> None:
    found = read(place, b"prompt,completion\n" + b"x,y\n" * 50 + b"".join(drawn))
    assert len(found) >= 50
    assert all(isinstance(one, Record) or one.message for one in found)


DIALECTS: dict[str, str] = {
    "backslash": 'prompt,completion\n"say \\"hi\\", ok",b\n"c",d\n',
    "single quotes": "prompt,completion\n'say \"hi\", ok',b\n'c',d\n",
    "tabs without quoting": 'prompt\tcompletion\nsay "hi", ok\tb\n"c\td\n',
    "hint": 'sep=;\nprompt;completion\n"say ""hi"", ok";b\nc;d\n',
    "rare": 'prompt#completion\n"say ""hi"", ok"#b\nc#d\n',
    "control": 'prompt\x01completion\n"say ""hi"", ok"\x01b\nc\x01d\n',
    "doubled": 'prompt||completion\n"say ""hi"", ok"||b\nc||d\n',
}


@pytest.mark.parametrize("name", DIALECTS)
def test_table_in_a_less_common_dialect_is_read(name: str, tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text(DIALECTS[name], encoding="utf-8")
    assert best_match(path).id == "csv"
    found = [one.value for one in csv.read(path, lambda _: None) if isinstance(one, Record)]
    rows = [{k: v for k, v in one.items() if k} for one in found if isinstance(one, dict)]
    assert rows[0] == {"prompt": 'say "hi", ok', "completion": "b"}
    assert (len(rows), rows[1]["completion"]) == (2, "d")


def test_prose_with_colons_is_no_table(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("Answer: this is it.\nText: more of it.\n", encoding="utf-8")
    assert best_match(path).id == "text"
