# SPDX-License-Identifier: Apache-2.0
"""Rows that stay in columns are those that single records become, whatever the file holds."""

from __future__ import annotations

import csv
import io
import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import ipc
from pyarrow import parquet as pq

from engine.domain.content_hash import HASH_BYTES, content_hash
from engine.domain.dataset import ChatRow, Reject, Role, Turn
from engine.formats import csv_columns, record_batches, source
from engine.formats.arrow_rows import plain_batch
from engine.formats.format import Format
from engine.formats.plain_rows import ROLES, PlainRows, checked
from engine.formats.reading import RECOGNISED, ShapedRow, shaped_parts, shaped_rows
from engine.formats.registry import FORMATS

Told = tuple[int, str, bytes | str, bytes]
"""Line, shape, JSON of the row or the reason why there is none, content hash."""

encode = msgspec.json.encode
GOOD = st.sampled_from(
    [
        "Hi",
        "a b",
        "é",
        "日本",
        "\N{NO-BREAK SPACE}x",
        " x",
        'say "x"',
        "a,b",
        "1",
        "\ufeffx",
        "x\ny",
    ]
)
ODD = st.sampled_from(
    [
        "",
        " ",
        "\xa0",
        "\u3000",
        "\x1f",
        "a\x00",
        "a\nb",
        "a\r\nb",
        "\r",
        "[1]",
        '[{"role": "user", "content": "a"}]',
        '"',
        '""',
        "\u2003\u2003",
    ]
)
TEXT = GOOD | GOOD | GOOD | ODD
TURN = st.fixed_dictionaries(
    {"role": st.sampled_from(["user", "assistant", "system", "tool"]), "content": TEXT}
)
TALK = st.lists(TURN, max_size=2).map(
    lambda turns: {"messages": [*turns, {"role": "assistant", "content": "Yes"}]}
)
PAIR = st.fixed_dictionaries({"prompt": TEXT, "completion": TEXT})
STRANGE = st.sampled_from(
    [
        {"messages": []},
        {"messages": None},
        {"text": "a"},
        {"prompt": "a", "completion": None},
        {"messages": [{"role": "human", "content": "a"}]},
        {"prompt": "a"},
        [],
        5,
    ]
)
RECORDS = (
    st.lists(TALK, min_size=1, max_size=12)
    | st.lists(PAIR, min_size=1, max_size=12)
    | st.lists(TALK | PAIR | STRANGE, min_size=1, max_size=12)
)
EXAMPLES = settings(max_examples=250, deadline=None, database=None, derandomize=True)


def told(items: list[ShapedRow | Reject | PlainRows]) -> list[Told]:
    """Return rows and rejects, those in columns one by one."""
    found: list[Told] = []
    for item in items:
        if isinstance(item, PlainRows):
            rows = rows_of(item)
            found += [
                (
                    int(line),
                    item.shape,
                    encode(row),
                    item.digests[at * HASH_BYTES : (at + 1) * HASH_BYTES],
                )
                for at, (line, row) in enumerate(zip(item.lines, rows, strict=True))
            ]
        elif isinstance(item, Reject):
            found.append((item.line, "", item.reason, b""))
        else:
            found.append((item.line, item.shape, encode(item.row), content_hash(item.row)))
    return found


def rows_of(rows: PlainRows) -> list[ChatRow]:
    """Return conversations in columns as domain rows."""
    texts: list[str] = rows.contents.to_pylist()
    turns = [
        Turn(role=ROLES[role], content=text) for role, text in zip(rows.roles, texts, strict=True)
    ]
    bounds = rows.ends.tolist()
    return [ChatRow(messages=tuple(turns[start:end])) for start, end in pairwise(bounds)]


def both_ways(data: bytes, suffix: str, piece_bytes: int) -> tuple[list[Told], list[Told], int]:
    """Return the rows of a file in small pieces and as one, and how many came in columns."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        path = Path(folder) / f"rows{suffix}"
        path.write_bytes(data)
        used = next(one for one in FORMATS if suffix in one.suffixes)
        single = told(list(shaped_rows(path, used, ignore)))
        patch.setattr(source, "PIECE_BYTES", piece_bytes)
        patch.setattr(source, "BLOCK_BYTES", piece_bytes)
        parts = list(shaped_parts(path, used, ignore, RECOGNISED, lambda rows: rows))
        in_columns = sum(len(one) for one in parts if isinstance(one, PlainRows))
        return told(parts), single, in_columns


def ignore(_done: int) -> None:
    """Hear of progress."""


@EXAMPLES
@given(
    records=RECORDS,
    end=st.sampled_from(["\n", "\n", "\r\n", "\n\n", "", "\r", " \n"]),
    piece_bytes=st.integers(1, 400),
)
def test_json_lines_in_columns_and_one_by_one_are_the_same(
    records: list[object], end: str, piece_bytes: int
) -> None:
    data = "".join(json.dumps(one) + end for one in [{"messages": [], "id": 1}, *records]).encode()
    columns, single, _kept = both_ways(data, ".jsonl", piece_bytes)
    assert columns == single


@EXAMPLES
@given(
    rows=st.lists(st.lists(TEXT, min_size=2, max_size=2) | st.lists(TEXT, max_size=3), max_size=12),
    names=st.sampled_from([("prompt", "completion"), ("Answer ", "question"), ("text", "id")]),
    end=st.sampled_from(["\n", "\r\n"]),
    is_all_quoted=st.booleans(),
    noise=st.sampled_from(["", "", "", '5" pipe,x\n', '"open,x\n', "\n", '"a" ,b\n', "a,\xff\n"]),
    piece_bytes=st.integers(1, 200),
)
def test_table_in_columns_and_one_by_one_is_the_same(
    rows: list[list[str]], names: tuple[str, str], end: str, is_all_quoted: bool, noise: str,
    piece_bytes: int,
) -> None:  # fmt: skip
    stream = io.StringIO(newline="")
    quoting = csv.QUOTE_ALL if is_all_quoted else csv.QUOTE_MINIMAL
    writer = csv.writer(stream, lineterminator=end, quoting=quoting)
    writer.writerow(names)
    writer.writerow(["What?", "That."])
    writer.writerows(rows[: len(rows) // 2])
    stream.write(noise)
    writer.writerows(rows[len(rows) // 2 :])
    data = stream.getvalue().encode("utf-8", errors="replace").replace("\xff".encode(), b"\xff")
    columns, single, _kept = both_ways(data, ".csv", piece_bytes)
    assert columns == single


def _parquet(table: pa.Table, stream: io.BytesIO) -> None:
    pq.write_table(table, stream, row_group_size=5)


def _arrow(table: pa.Table, stream: io.BytesIO) -> None:
    with ipc.new_stream(stream, table.schema) as writer:
        writer.write_table(table, max_chunksize=4)


@EXAMPLES
@given(
    records=st.lists(TALK, min_size=1, max_size=12) | st.lists(PAIR, min_size=1, max_size=12),
    write=st.sampled_from([_parquet, _arrow]),
)
def test_batches_in_columns_and_one_by_one_are_the_same(
    records: list[dict[str, object]], write: Callable[[pa.Table, io.BytesIO], None]
) -> None:
    stream = io.BytesIO()
    write(pa.Table.from_pylist(records), stream)
    suffix = ".parquet" if write is _parquet else ".arrow"
    columns, single, _kept = both_ways(stream.getvalue(), suffix, 1)
    assert columns == single


ROW = {"messages": [{"role": "user", "content": "Why? é"}, {"role": "assistant", "content": "So"}]}
PLAIN = {"prompt": 'Why, "then"?\nHm', "completion": "So"}


def _csv(records: list[dict[str, str]]) -> bytes:
    stream = io.StringIO(newline="")
    writer = csv.DictWriter(stream, list(records[0]))
    writer.writeheader()
    writer.writerows(records)
    return stream.getvalue().encode()


def _lines(records: Sequence[Mapping[str, object]]) -> bytes:
    return "".join(json.dumps(one) + "\n" for one in records).encode()


def _written(
    write: Callable[[pa.Table, io.BytesIO], None], records: Sequence[Mapping[str, object]]
) -> bytes:
    stream = io.BytesIO()
    write(pa.Table.from_pylist(records), stream)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("suffix", "data"),
    [
        (".jsonl", _lines([ROW] * 40)),
        (".jsonl", _lines([PLAIN] * 40)),
        (".jsonl", _lines([ROW] * 40).replace(b"\n", b"\r\n").rstrip()),
        (".csv", _csv([PLAIN] * 40)),
        (".csv", _csv([{"answer": "So", "question": "Why"}] * 40).replace(b"\r\n", b"\n").rstrip()),
        (".csv", _csv([PLAIN] * 40).decode().encode("utf-16")),
        (".parquet", _written(_parquet, [ROW] * 40)),
        (".parquet", _written(_parquet, [PLAIN] * 40)),
        (".arrow", _written(_arrow, [ROW] * 40)),
    ],
)
def test_plain_rows_of_every_format_stay_in_columns(suffix: str, data: bytes) -> None:
    columns, single, kept = both_ways(data, suffix, 500)
    assert columns == single
    assert kept == len(columns) == 40


def test_table_with_line_ends_within_cells_stays_in_columns_with_its_lines() -> None:
    rows = [
        {"prompt": "a\nb" if one % 3 else "a", "completion": "\r\n" * one + "c"} for one in range(9)
    ]
    columns, single, kept = both_ways(_csv(rows), ".csv", 500)
    assert columns == single
    assert kept == len(columns) == 9
    assert [line for line, *_rest in columns][:5] == [2, 3, 6, 10, 14]


@pytest.mark.parametrize(
    "table",
    [
        "prompt,completion\na,b\n\nc,d\n",
        "prompt,completion\na,b\r\n\r\nc,d\r\n",
        "prompt,completion\na,b\r\r\nc,d\n",
        'prompt,completion\na,"b\rb"\nc,d\n',
        "prompt,completion\na,b\n\ufeffc,d\n",
        'prompt,completion\na,b\n"\ufeffc",d\n',
        'prompt,completion\na,b\n\ufeffc,"d"\n',
        "prompt,completion\na,b\nc\n,d\n",
        "prompt,completion\na,b\n \nc,d\n",
        'prompt,completion\na,b\n""\nc,d\n',
    ],
)
@pytest.mark.parametrize("piece_bytes", [4, 22, 400])
def test_odd_table_in_columns_and_one_by_one_is_the_same(table: str, piece_bytes: int) -> None:
    columns, single, _kept = both_ways(table.encode(), ".csv", piece_bytes)
    assert columns == single


def test_piece_that_begins_with_a_byte_order_mark_is_not_left_to_arrow() -> None:
    assert csv_columns.cells_of('\ufeffc,"d"\n'.encode(), ["a", "b"], ",") is None
    assert csv_columns.cells_of(b'c,"d"\n', ["a", "b"], ",") is not None


def test_table_with_a_record_longer_than_a_block_of_arrow_is_read() -> None:
    rows = [{"prompt": "a", "completion": size * "b"} for size in (1, 300_000, 600_000, 5)]
    columns, single, _kept = both_ways(_csv(rows), ".csv", 2 << 20)
    assert columns == single
    assert len(columns) == 4


def test_one_row_in_doubt_takes_only_its_piece_out_of_the_columns() -> None:
    lines = [_lines([ROW])] * 40
    lines[20] = b'{"messages": [], "id": 5}\n'
    columns, single, kept = both_ways(b"".join(lines), ".jsonl", 500)
    assert columns == single
    assert 20 < kept < 40


def test_chosen_rows_keep_their_turns_lines_and_hashes() -> None:
    ends, roles = np.array([0, 2, 3, 6], np.int32), np.array([1, 2, 2, 0, 1, 2], np.int8)
    texts = pa.array(["a", "b", "c", "d", "e", "f"])
    rows = checked("openai_messages", np.array([4, 5, 6]), ends, roles, texts)
    assert rows is not None
    picked = rows.chosen(np.array([0, 2]))
    assert rows_of(picked) == [rows_of(rows)[0], rows_of(rows)[2]]
    assert picked.lines.tolist() == [4, 6]
    batch = plain_batch(picked, 3)
    assert batch.column("row_hash").to_pylist() == [
        content_hash(one).hex() for one in rows_of(picked)
    ]
    assert batch.column("source").to_pylist() == [3, 3]
    assert rows_of(picked)[1].messages[0].role is Role.SYSTEM


@pytest.mark.parametrize(
    ("buffer", "end"),
    [
        (b"a,b\nc,d", 4),
        (b'a,"b\nc",d\ne', 10),
        (b'a,"b\nc', 0),
        (b'a,5" pipe\nb,c\nd', 0),
        (b'a,"b" \nc,d\ne', 0),
        (b'a,"b""c"\ne', 9),
        (b"a,b\rc,d\ne", 0),
    ],
)
def test_records_end_where_no_quote_is_open(buffer: bytes, end: int) -> None:
    assert csv_columns.end_of_records(buffer, ",", is_last=False) == end


def test_rows_at_once_are_few_where_they_are_long() -> None:
    short = pa.RecordBatch.from_pylist([{"text": "a" * 100}] * 256)
    long = pa.RecordBatch.from_pylist([{"text": "a" * 100_000}] * 256)
    assert record_batches.rows_at_once(short) == 4096
    assert record_batches.rows_at_once(long) == 256


def test_hash_of_a_plain_row_differs_from_all_that_are_near() -> None:
    plain = ChatRow(
        messages=(Turn(role=Role.USER, content="a"), Turn(role=Role.ASSISTANT, content="b"))
    )
    others = [
        ChatRow(messages=(*plain.messages, Turn(role=Role.USER, content=""))),
        ChatRow(messages=tuple(reversed(plain.messages))),
        ChatRow(messages=(plain.messages[0], Turn(role=Role.ASSISTANT, content="b", weight=1.0))),
        ChatRow(messages=plain.messages, tools="[]"),
        ChatRow(messages=(Turn(role=Role.USER, content="a\0assistant\0b"),)),
        ChatRow(
            messages=(Turn(role=Role.USER, content="ab"), Turn(role=Role.ASSISTANT, content=""))
        ),
    ]
    hashes = {content_hash(one) for one in [plain, *others]}
    assert len(hashes) == len(others) + 1
    assert all(len(one) == HASH_BYTES for one in hashes)


@pytest.mark.parametrize(
    "name", [one for one in Turn.__struct_fields__ if one not in ("role", "content")]
)
def test_hash_tells_all_that_a_turn_may_hold(name: str) -> None:
    plain = Turn(role=Role.ASSISTANT, content="a")
    other = msgspec.structs.replace(plain, **{name: 1.0 if name == "weight" else "[]"})
    assert content_hash(ChatRow(messages=(plain,))) != content_hash(ChatRow(messages=(other,)))


def test_formats_that_have_chunks_are_those_of_many_rows() -> None:
    chunked: list[Format] = [one for one in FORMATS if one.chunks is not None]
    assert [one.id for one in chunked] == ["jsonl", "csv", "parquet", "arrow"]
