# SPDX-License-Identifier: Apache-2.0
"""No bytes whatever make an importer fail in a way that has no name, or go on for ever."""

from __future__ import annotations

import gzip
import io
import json
import tempfile
import zipfile
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import ipc
from pyarrow import parquet as pq

from engine.domain.dataset import Reject
from engine.errors import EngineError
from engine.formats.format import Format
from engine.formats.reading import plan_sources, shaped_rows
from engine.formats.registry import FORMATS
from tests.builders.documents import pdf, word
from tests.builders.workbooks import open_workbook, table_xml, workbook, workbook_of

ROWS = [{"prompt": f'q{n}, "ä"', "completion": "a\n" * n, "n": n} for n in range(8)]
EXAMPLES = 60
FUZZED = settings(max_examples=EXAMPLES, deadline=None, database=None, derandomize=True)
TRICKS = [
    b"", b"\0", b"\xff", b"\xff\xff\xff\x7f", b"{", b"}", b"[", b"]", b'"', b"\\", b"\n", b"\r",
    b",", b"\x00\x00\x00\x80", b"\xed\xa0\x80", b"1e999", b"NaN", b"{" * 99, b"PK\x01\x02",
    b"\x1f\x8b\x08",
]  # fmt: skip


def _samples() -> dict[str, bytes]:
    table, columns = pa.Table.from_pylist(ROWS), {"prompt": ["a", "b"], "completion": ["c", "d"]}
    parquet, stream, file, packed = io.BytesIO(), io.BytesIO(), io.BytesIO(), io.BytesIO()
    pq.write_table(table, parquet)
    for opening, sink in ((ipc.new_stream, stream), (ipc.new_file, file)):
        with opening(sink, table.schema) as writer:
            writer.write_table(table)
    lines = "".join(json.dumps(row) + "\n" for row in ROWS).encode()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.jsonl", lines)
        archive.writestr("b/c.jsonl.gz", gzip.compress(lines))
    return {
        "jsonl": lines,
        "json": json.dumps(ROWS, indent=1).encode(),
        "columns": json.dumps(columns).encode(),
        "csv": b'prompt,completion\n"a, b",c\n"d""e",f\n' * 3,
        "parquet": parquet.getvalue(),
        "stream": stream.getvalue(),
        "file": file.getvalue(),
        "xlsx": workbook([ROWS]),
        "ods": open_workbook([ROWS]),
        "docx": word(["Title", "One.", "Two."]),
        "pdf": pdf([["One.", "Two."], None]),
        "text": "Größe\n\nzwei\n".encode() * 9,
        "zip": packed.getvalue(),
        "gzip": gzip.compress(lines),
        "zstd": pa.compress(lines, "zstd", asbytes=True),
    }


SAMPLES = _samples()
EDITS = st.lists(
    st.tuples(
        st.floats(min_value=0, max_value=1, exclude_max=True),
        st.integers(min_value=0, max_value=9),
        st.one_of(st.sampled_from(TRICKS), st.binary(max_size=4)),
    ),
    min_size=1,
    max_size=6,
)


def _check(content: bytes) -> None:
    """Read content as an import does; all that comes out has a name."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "fuzzed"
        path.write_bytes(content)
        try:
            plans, left_out = plan_sources([path], lambda _done: None)
            found = list(left_out)
            for plan in plans:
                items = shaped_rows(plan.path, plan.format, lambda _done: None, plan.maker)
                found += [one for one in items if isinstance(one, Reject)]
        except EngineError as error:
            _check_named(error)
            return
    assert all(one.file and one.line >= 0 and one.reason and one.message for one in found)


def _changed(content: bytes, edits: list[tuple[float, int, bytes]]) -> bytes:
    for where, taken, new in edits:
        at = int(where * len(content))
        content = content[:at] + new + content[at + taken :]
    return content


def _check_named(error: EngineError) -> None:
    assert error.code != EngineError.code
    assert error.message
    assert error.remedy


@pytest.mark.parametrize("name", SAMPLES)
@FUZZED
@given(edits=EDITS)
def test_changed_file_gives_rows_rejects_or_a_named_error(
    name: str, edits: list[tuple[float, int, bytes]]
) -> None:
    _check(_changed(SAMPLES[name], edits))


FOUND: list[tuple[str, list[tuple[float, int, bytes]]]] = [
    ("csv", [(0.0, 0, b"\x80\xc2\x80")]),
    ("stream", [(0.34375, 4, b""), (0.3515625, 0, b"PK\x01\x02")]),
    ("xlsx", [(0.4375, 2, b"\0\0")]),
    ("parquet", [(0.375, 3, b"\0\0\x80")]),
]
"""Changes that once ended without a name."""


@pytest.mark.parametrize(("name", "edits"), FOUND)
def test_change_that_once_failed_has_a_named_end(
    name: str, edits: list[tuple[float, int, bytes]]
) -> None:
    _check(_changed(SAMPLES[name], edits))


@pytest.mark.parametrize("start", [b"", b"{", b"[{", b"PAR1", b"PK\x03\x04", b"\x1f\x8b\x08"])
@FUZZED
@given(noise=st.binary(max_size=300))
def test_noise_gives_rows_rejects_or_a_named_error(start: bytes, noise: bytes) -> None:
    _check(start + noise)


@pytest.mark.parametrize("used", FORMATS, ids=lambda one: one.id)
@FUZZED
@given(noise=st.one_of(st.binary(max_size=200), st.text(max_size=200).map(str.encode)))
def test_noise_read_in_a_format_that_it_has_not_has_named_ends(used: Format, noise: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "fuzzed"
        path.write_bytes(noise)
        try:
            found = list(shaped_rows(path, used, lambda _done: None))
        except EngineError as error:
            _check_named(error)
        else:
            assert all(one.line >= 0 for one in found)


@FUZZED
@given(edits=EDITS)
def test_changed_sheet_in_a_whole_workbook_has_named_ends(
    edits: list[tuple[float, int, bytes]],
) -> None:
    content = _changed(table_xml(ROWS).encode(), edits)
    _check(workbook_of([content]))


@FUZZED
@given(edits=EDITS)
def test_changed_text_in_a_whole_word_document_has_named_ends(
    edits: list[tuple[float, int, bytes]],
) -> None:
    whole, changed = io.BytesIO(word(["Title", "One.", "Two."])), io.BytesIO()
    with zipfile.ZipFile(whole) as source, zipfile.ZipFile(changed, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            is_text = name == "word/document.xml"
            target.writestr(name, _changed(content, edits) if is_text else content)
    _check(changed.getvalue())
