# SPDX-License-Identifier: Apache-2.0
"""JSON in one piece: lists, objects that hold lists, objects one after the other."""

from __future__ import annotations

import json as stdlib_json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.domain.dataset import Reject
from engine.formats import json, source
from engine.formats.format import Record

ROWS = [{"prompt": f'Hi {number} [{{\\"é', "completion": "you, \n"} for number in range(4)]


def read(path: Path, content: str | bytes) -> list[Record | Reject]:
    """Read a file of some content."""
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return list(json.read(path, lambda _: None))


def values(found: list[Record | Reject]) -> list[object]:
    """Return what was read; fail where anything was rejected."""
    assert not [one for one in found if isinstance(one, Reject)]
    return [one.value for one in found if isinstance(one, Record)]


def dumped(value: object, indent: int | None = None) -> str:
    return stdlib_json.dumps(value, indent=indent, ensure_ascii=False)


FORMS = {
    "list on one line": dumped(ROWS),
    "list, indented": dumped(ROWS, 2),
    "list, not indented": dumped(ROWS, 0),
    "list, one row a line": "[\n" + ",\n".join(map(dumped, ROWS)) + "\n]\n",
    "object with a list": dumped({"version": 1, "about": {"a": [1, {}]}, "data": ROWS, "n": 2}),
    "object with a list, indented": dumped({"rows": ROWS}, 2),
    "object with two lists": dumped({"train": ROWS[:2], "test": ROWS[2:]}, 1),
    "object whose list is called as in a row": dumped({"messages": ROWS}),
    "objects one after the other": "\n".join(dumped(one, 2) for one in ROWS),
    "objects with nothing between": "".join(map(dumped, ROWS)),
}


@pytest.mark.parametrize("block_bytes", [1, 7, 1 << 20])
@pytest.mark.parametrize("name", FORMS)
def test_read_of_each_form_in_blocks_of_any_size_finds_the_rows(
    name: str, block_bytes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "BLOCK_BYTES", block_bytes)
    assert values(read(tmp_path / "a.json", FORMS[name])) == ROWS


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be"])
def test_read_in_any_unicode_encoding_finds_the_rows(encoding: str, tmp_path: Path) -> None:
    assert values(read(tmp_path / "a", dumped(ROWS, 1).encode(encoding))) == ROWS


SINGLE = [
    {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]},
    {"conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}]},
    {"tools": [{"type": "function"}], "messages": [{"role": "user", "content": "a"}]},
    {"prompt": "a", "completion": "b", "scores": [{"name": "x"}]},
    {"instruction": "a", "history": [["a", "b"]], "output": "c"},
]


@pytest.mark.parametrize("row", SINGLE)
def test_read_of_a_lone_row_takes_no_list_of_it_for_rows(
    row: dict[str, object], tmp_path: Path
) -> None:
    (found,) = read(tmp_path / "a", dumped(row, 2))
    assert isinstance(found, Record)
    assert found.line == 1


def outcome(found: list[Record | Reject]) -> list[str]:
    """Return one word for each: the prompt's number, or the reason."""
    return [
        one.reason if isinstance(one, Reject) else str(ROWS.index(one.value))  # type: ignore[arg-type]  # a row
        for one in found
    ]


LINES = [dumped(one) for one in ROWS]
INDENTED = dumped(ROWS, 2)
BROKEN = {
    "value": ("[" + ",\n".join([LINES[0], '{"a": tru}', LINES[1]]) + "]", "0 broken_json 1"),
    "no closing brace": (
        "[\n" + ",\n".join([LINES[0], LINES[1][:-1], LINES[2], LINES[3]]) + "\n]",
        "0 broken_json 2 3",
    ),
    "no closing quote": (
        "[\n" + ",\n".join([LINES[0], '{"prompt": "a, "b": "c"}', LINES[2]]) + "\n]",
        "0 broken_json 2",
    ),
    "one brace too many": (
        "[\n" + ",\n".join([LINES[0], LINES[1] + "}", LINES[2]]) + "\n]",
        "0 1 broken_json 2",
    ),
    "two rows broken": (
        "[\n" + ",\n".join([LINES[0][:-1], LINES[1], LINES[2][:-1], LINES[3]]) + "\n]",
        "broken_json 1 broken_json 3",
    ),
    "every row broken": (
        "[\n" + ",\n".join([line[:-1] for line in LINES[:3]] + [LINES[3]]) + "\n]",
        "broken_json broken_json broken_json 3",
    ),
    "mismatch": ("[\n" + ",\n".join([LINES[0], '{"a": [1}', LINES[1]]) + "]", "0 broken_json 1"),
    "indented, no closing brace": (INDENTED.replace("}", "", 1), "broken_json 1 2 3"),
    "no end": ("[\n" + ",\n".join(LINES), "0 1 2 3 broken_json"),
    "cut within a row": (INDENTED[:-30], "0 1 2 broken_json"),
    "words between": (LINES[0] + "\nwords\n" + LINES[1] + "\n" + LINES[2], "0 broken_json 2"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_read_of_broken_json_rejects_what_is_broken_alone(name: str, tmp_path: Path) -> None:
    content, expected = BROKEN[name]
    assert " ".join(outcome(read(tmp_path / "a", content))) == expected


def test_read_of_a_broken_row_names_its_line(tmp_path: Path) -> None:
    found = read(tmp_path / "a.json", "[\n" + ",\n\n".join([LINES[0], "{x}", LINES[1]]) + "\n]")
    assert [one.line for one in found] == [2, 4, 6]


def test_read_of_values_over_the_cap_rejects_them_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json, "RECORD_CAP_BYTES", 300)
    monkeypatch.setattr(json, "LOOKAHEAD_BYTES", 40)
    monkeypatch.setattr(source, "BLOCK_BYTES", 64)
    long_text = dumped({"prompt": "x" * 900, "completion": '\\"'})
    many_parts = dumped({"prompt": ["y"] * 400})
    found = read(tmp_path / "a", f"[{LINES[0]},\n{long_text},\n{many_parts},\n{LINES[1]}]")
    assert outcome(found) == ["0", "too_long", "too_long", "1"]
    assert [one.line for one in found] == [1, 2, 3, 4]


TEXTS = st.sampled_from(["", "a", '"', "\\", "[", "]}", "{", ",", ": ", "\n", "é"])
SCALARS = st.none() | st.booleans() | st.integers(-9, 9) | TEXTS
JSON_VALUES = SCALARS | st.lists(SCALARS, max_size=3) | st.dictionaries(TEXTS, SCALARS, max_size=2)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("json") / "fuzz.json"


@settings(max_examples=60, deadline=None, database=None, derandomize=True)
@given(
    drawn=st.lists(st.dictionaries(TEXTS, JSON_VALUES, min_size=1, max_size=3), max_size=4),
    indent=st.sampled_from([None, 0, 2]),
)
def test_read_of_any_list_of_objects_finds_all(
    drawn: list[dict[str, object]], indent: int | None, place: Path
) -> None:
    assert values(read(place, dumped(drawn, indent))) == drawn


@settings(max_examples=100, deadline=None, database=None, derandomize=True)
@given(
    st.lists(st.sampled_from(['{"a": 1}', "{", "}", "[", "]", '"', ",", "\\", "\n", "é", " x "]))
)
def test_read_of_any_brackets_ends_and_loses_nothing_whole(place_text: list[str]) -> None:
    cutter = json._Cutter("a")
    text = "".join(place_text)
    found = [*cutter.feed(text.encode()), *cutter.finish()]
    assert bool(found) or not text.strip("[], \n{}") or text.count('"a"') == 0
