# SPDX-License-Identifier: Apache-2.0
"""JSON objects that hold a list for each column."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.domain.dataset import Reject
from engine.formats import json_columns
from engine.formats import source as source_of_bytes
from engine.formats.format import Record
from engine.formats.registry import best_match

COLUMNS = {
    "prompt": [f'q{number} "[{{,}}]"\\' for number in range(50)],
    "completion": [f"ä{number}" for number in range(50)],
    "score": list(range(50)),
}
ROWS = [dict(zip(COLUMNS, values, strict=True)) for values in zip(*COLUMNS.values(), strict=True)]


def read(path: Path, content: bytes) -> list[Record | Reject]:
    """Read a file by the format that its content shows."""
    path.write_bytes(content)
    return list(best_match(path).read(path, lambda _: None))


@pytest.mark.parametrize("block_bytes", [1, 7, 1 << 20])
@pytest.mark.parametrize("indent", [None, 1])
def test_columns_are_read_as_rows_whatever_the_blocks(
    block_bytes: int, indent: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source_of_bytes, "BLOCK_BYTES", block_bytes)
    found = read(tmp_path / "a", json.dumps(COLUMNS, indent=indent).encode())
    assert [one.value for one in found if isinstance(one, Record)] == ROWS
    assert [one.line for one in found] == list(range(1, 51))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-8-sig"])
def test_columns_in_another_encoding_are_read(encoding: str, tmp_path: Path) -> None:
    found = read(tmp_path / "a", json.dumps(COLUMNS, ensure_ascii=False).encode(encoding))
    assert [one.value for one in found if isinstance(one, Record)] == ROWS


def test_columns_of_unequal_length_reject_the_rows_that_miss_a_value(tmp_path: Path) -> None:
    found = read(tmp_path / "a", b'{"prompt": ["a", "b", "c"], "completion": ["d"]}')
    assert [(one.line, getattr(one, "reason", "")) for one in found] == [
        (1, ""), (2, "short_column"), (3, "short_column"),
    ]  # fmt: skip


@pytest.mark.parametrize("end", [b"", b"]", b"}}", b'"'])
def test_columns_that_do_not_end_well_reject_what_is_missing(end: bytes, tmp_path: Path) -> None:
    found = read(tmp_path / "a", b'{"prompt": ["a", "b"], "completion": ["c", "d"' + end)
    assert isinstance(found[0], Record)
    assert isinstance(found[-1], Reject)
    assert found[-1].reason == "broken_json"


def test_value_of_a_column_that_is_too_long_ends_the_reading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_columns, "RECORD_CAP_BYTES", 100)
    monkeypatch.setattr(source_of_bytes, "BLOCK_BYTES", 64)
    content = json.dumps({"prompt": ["a", "b" * 1000], "completion": ["c", "d"]}).encode()
    found = read(tmp_path / "a", content)
    assert [one.reason for one in found if isinstance(one, Reject)][-1] == "too_long"


def test_more_columns_than_readers_are_opened_for_are_refused(tmp_path: Path) -> None:
    columns = {"prompt": ["a"], **{f"c{number}": ["b"] for number in range(300)}}
    (found,) = read(tmp_path / "a", json.dumps(columns).encode())
    assert isinstance(found, Reject)
    assert found.reason == "too_many_columns"


@pytest.mark.parametrize(
    "content",
    [
        '{"messages": [{"role": "user", "content": "a"}]}',
        '{"prompt": "a", "completion": ["b"]}',
        '{"prompt": [{"role": "user", "content": "a"}], "chosen": [], "rejected": []}',
        '{"data": ["a", "b"]}',
    ],
)
def test_row_with_a_list_in_it_is_no_column(content: str) -> None:
    assert not json_columns.holds_columns(content)
