# SPDX-License-Identifier: Apache-2.0
"""What holds for every dataset format: it is found by its content, and only by its own."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import ipc
from pyarrow import parquet as pq

from engine.formats.format import Format, Record
from engine.formats.reading import ShapedRow, shaped_rows
from engine.formats.registry import FORMATS, best_match
from tests.builders.documents import pdf, word
from tests.builders.workbooks import open_workbook, workbook

ROWS = [{"prompt": f"Question {number}, please?", "completion": "Answer"} for number in range(5)]


def _parquet() -> bytes:
    stream = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(ROWS), stream)
    return stream.getvalue()


Opening = Callable[[io.BytesIO, pa.Schema], ipc.RecordBatchStreamWriter | ipc.RecordBatchFileWriter]


def _arrow(opening: Opening) -> bytes:
    stream, table = io.BytesIO(), pa.Table.from_pylist(ROWS)
    with opening(stream, table.schema) as opened:
        opened.write_table(table)
    return stream.getvalue()


SAMPLES: dict[str, list[bytes]] = {
    "jsonl": [
        "".join(json.dumps(row) + "\n" for row in ROWS).encode(),
        "\n".join(json.dumps(row) for row in ROWS).encode("utf-16"),
        json.dumps(ROWS[0]).encode(),
        b"{broken\n" + "\n".join(json.dumps(row) for row in ROWS).encode(),
        b'{"prompt": "' + b"x" * 300_000 + b'", "completion": "y"}\n{"prompt": "a"}\n',
    ],
    "json": [
        json.dumps(ROWS).encode(),
        json.dumps(ROWS, indent=2).encode(),
        json.dumps({"data": ROWS}).encode(),
        json.dumps(ROWS[0], indent=1).encode("utf-16-le"),
        b"[" + b",\n".join(json.dumps(row).encode() for row in ROWS) + b"]",
    ],
    "csv": [
        b"prompt,completion\n" + b"".join(b'"a, b",c\n' for _ in ROWS),
        b"Question;Answer\na;b\n",
        "question\tanswer\nä\tö\n".encode("utf-16"),
        "question|answer\nä|ö\n".encode("cp1252"),
    ],
    "parquet": [_parquet()],
    "arrow": [_arrow(ipc.new_stream), _arrow(ipc.new_file)],
    "xlsx": [workbook([ROWS])],
    "ods": [open_workbook([ROWS])],
    "docx": [word(["A paragraph.", "Another one."])],
    "pdf": [pdf([["A page of text."], ["Another page."]])],
    "text": [
        b"Once upon a time, there was a text.\n\nIt ended, soon.\n",
        b"# Title\n\n- [link](somewhere)\n",
        b"[1] A reference, 2020.\n[2] Another, 2021.\n",
        "Größe\n".encode("cp1252"),
    ],
}

CASES = [(name, number) for name, found in SAMPLES.items() for number in range(len(found))]


def test_formats_are_those_that_have_samples() -> None:
    expected = ["jsonl", "json", "csv", "parquet", "arrow", "xlsx", "ods", "docx", "pdf", "text"]
    assert [one.id for one in FORMATS] == expected
    assert {one.id for one in FORMATS} == set(SAMPLES)


def test_formats_claim_no_suffix_twice() -> None:
    suffixes = [suffix for one in FORMATS for suffix in one.suffixes]
    assert len(suffixes) == len(set(suffixes))
    assert all(suffix.startswith(".") and suffix == suffix.lower() for suffix in suffixes)
    assert all(one.title and one.suffixes for one in FORMATS)


@pytest.mark.parametrize(("name", "number"), CASES)
def test_sample_without_a_telling_suffix_is_found_by_content(
    name: str, number: int, tmp_path: Path
) -> None:
    path = tmp_path / "sample.data"
    path.write_bytes(SAMPLES[name][number])
    assert best_match(path).id == name


WEAK = {("text", number) for number in range(len(SAMPLES["text"]))}


@pytest.mark.parametrize(("name", "number"), sorted(set(CASES) - WEAK))
@pytest.mark.parametrize("suffix", [".txt", ".csv", ".json", ".jsonl", ".parquet"])
def test_sample_with_a_wrong_suffix_is_still_found_by_content(
    name: str, number: int, suffix: str, tmp_path: Path
) -> None:
    path = tmp_path / f"sample{suffix}"
    path.write_bytes(SAMPLES[name][number])
    assert best_match(path).id == name


@pytest.mark.parametrize("one", FORMATS, ids=lambda one: one.id)
def test_reader_of_its_own_sample_yields_rows_and_tells_how_far_it_is(
    one: Format, tmp_path: Path
) -> None:
    path = tmp_path / "sample"
    path.write_bytes(SAMPLES[one.id][0])
    heard: list[int] = []
    found = list(shaped_rows(path, one, heard.append))
    assert found
    assert all(isinstance(row, ShapedRow) for row in found)
    assert heard[-1] == path.stat().st_size


@pytest.mark.parametrize("one", FORMATS, ids=lambda one: one.id)
def test_reader_ends_where_it_is_told_to(one: Format, tmp_path: Path) -> None:
    path = tmp_path / "sample"
    path.write_bytes(SAMPLES[one.id][0])

    class Enough(Exception):
        pass

    def stop(_done: int) -> None:
        raise Enough

    with pytest.raises(Enough):
        list(one.read(path, stop))


@pytest.mark.parametrize("one", FORMATS, ids=lambda one: one.id)
def test_records_of_a_sample_number_their_lines_upwards(one: Format, tmp_path: Path) -> None:
    path = tmp_path / "sample"
    path.write_bytes(SAMPLES[one.id][0])
    lines = [found.line for found in one.read(path, lambda _: None) if isinstance(found, Record)]
    assert lines == sorted(lines)
    assert lines[0] >= 1
