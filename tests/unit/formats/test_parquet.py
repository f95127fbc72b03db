# SPDX-License-Identifier: Apache-2.0
"""Parquet: typed columns, and files that are damaged."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import ipc
from pyarrow import parquet as pq

from engine.domain.dataset import Reject
from engine.errors import ArchiveUnsafe, FileUnreadable
from engine.formats import arrow, parquet
from engine.formats.format import Record
from engine.formats.record_batches import class_names, values_of
from engine.formats.refusal import RefusedRecord
from engine.formats.shapes import normalise

ROWS: list[dict[str, Any]] = [
    {
        "messages": [{"role": "user", "content": f"a{n}"}, {"role": "assistant", "content": "b"}],
        "made": date(2026, 1, 1),
        "picture": b"\xff\x00",
    }
    for n in range(600)
]


def read(path: Path) -> list[Record | Reject]:
    return list(parquet.read(path, lambda _: None))


def test_read_of_nested_columns_finds_the_rows_with_their_fields(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.Table.from_pylist(ROWS), path, row_group_size=100)
    found = read(path)
    assert [one.line for one in found] == list(range(1, 601))
    assert [one.value for one in found if isinstance(one, Record)] == [
        {"messages": row["messages"], "made": row["made"]} for row in ROWS
    ]


@pytest.mark.parametrize("used", [parquet, arrow])
def test_read_of_numbers_of_classes_finds_their_names(used: ModuleType, tmp_path: Path) -> None:
    features = {
        "text": {"dtype": "string", "_type": "Value"},
        "label": {"names": ["bad", "good"], "_type": "ClassLabel"},
        "messages": [{"role": {"dtype": "string", "_type": "Value"}}],
        "gone": {"names": ["a"], "_type": "ClassLabel"},
    }
    kept = msgspec.json.encode({"info": {"features": features}})
    numbers = pa.array([0, 1, -1, 2, None], pa.int64())
    table = pa.table({"text": list("abcde"), "label": numbers, "messages": numbers})
    table = table.replace_schema_metadata({"huggingface": kept.decode()})
    path = tmp_path / "a"
    if used is parquet:
        pq.write_table(table, path)
    else:
        with ipc.new_stream(path, table.schema) as writer:
            writer.write_table(table)
    found: list[Record | Reject] = list(used.read(path, lambda _: None))
    values = [one.value for one in found if isinstance(one, Record)]
    named = ["bad", "good", None, None, None]
    assert values == [
        {"text": text, "label": name, "messages": number}
        for text, name, number in zip("abcde", named, numbers.to_pylist(), strict=True)
    ]


@pytest.mark.parametrize(
    "kept", [b"", b"{", b"\xff", b"[]", b'{"info": {}}', b'{"info": {"features": {"label": 5}}}']
)
def test_class_names_of_metadata_that_is_something_else_are_none(kept: bytes) -> None:
    schema = pa.schema([("label", pa.int64())], metadata={b"huggingface": kept})
    assert class_names(schema) == {}


def test_read_tells_how_far_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.Table.from_pylist(ROWS), path)
    heard: list[int] = []
    list(parquet.read(path, heard.append))
    assert heard == sorted(heard)
    assert heard[-1] == path.stat().st_size
    assert len(heard) >= 3


def test_read_of_a_damaged_row_group_rejects_its_rows_and_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    table = pa.table({"text": [f"some text {n} " * 20 for n in range(300)]})
    pq.write_table(table, path, row_group_size=100, compression="gzip")
    content = bytearray(path.read_bytes())
    column = pq.ParquetFile(path).metadata.row_group(1).column(0)  # type: ignore[attr-defined]  # not in the stubs
    at = column.dictionary_page_offset or column.data_page_offset
    content[at : at + column.total_compressed_size] = b"\xa5" * column.total_compressed_size
    path.write_bytes(content)
    found = read(path)
    rejects = [one for one in found if isinstance(one, Reject)]
    assert [(one.line, one.reason) for one in rejects] == [(101, "damaged_rows")]
    assert "100" in rejects[0].message
    assert [one.line for one in found if isinstance(one, Record)] == [
        *range(1, 101), *range(201, 301),
    ]  # fmt: skip


def test_read_of_text_that_is_no_utf8_rejects_its_row_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    good, bad = pa.array([b"a", b"b"]), pa.array([b"\xff"])
    column = pa.concat_arrays([good, bad, good]).cast(pa.binary())
    text = pa.Array.from_buffers(pa.string(), len(column), column.buffers())  # type: ignore[attr-defined]  # not in the stubs
    pq.write_table(pa.table({"text": text}), path)
    words = [one.reason if isinstance(one, Reject) else "row" for one in read(path)]
    assert words == ["row", "row", "bad_encoding", "row", "row"]


@pytest.mark.parametrize("kept", [4, 100, -3])
def test_read_of_a_file_that_is_cut_off_is_a_named_error(kept: int, tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.Table.from_pylist(ROWS), path)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(FileUnreadable):
        read(path)


def test_read_of_far_more_rows_than_the_bytes_can_hold_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet, "FREE_ROWS", 1000)
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"text": ["a"] * 100_000}), path)
    with pytest.raises(ArchiveUnsafe, match="more rows"):
        read(path)


CONTENTS = st.sampled_from(["Hi", "", " ", "a\0", "\u00e9", None])
ROLES = st.sampled_from(["user", "assistant", "system", "User", "gpt", "other", None])
TURNS = st.lists(st.fixed_dictionaries({"role": ROLES, "content": CONTENTS}), max_size=3)
TURN_TYPE = pa.struct([("role", pa.string()), ("content", pa.string())])


@settings(max_examples=150, deadline=None)
@given(st.lists(TURNS | st.none(), min_size=1, max_size=3))
def test_values_of_plain_conversations_become_what_the_general_way_makes_of_them(
    rows: list[list[dict[str, str | None]] | None],
) -> None:
    messages = pa.array(rows, pa.list_(TURN_TYPE))
    plain = pa.record_batch([messages], names=["messages"])
    # A second column takes the general way.
    beside = pa.record_batch([messages, pa.nulls(len(rows))], names=["messages", "beside"])

    assert [outcome(one) for one in values_of(plain)] == [outcome(one) for one in values_of(beside)]


def outcome(value: object) -> tuple[str, bytes] | str:
    """Return what becomes of a record: its shape and canonical text, or why it is refused."""
    try:
        shape, row = normalise(value)
    except RefusedRecord as refused:
        return refused.message
    return shape, msgspec.json.encode(row)
