# SPDX-License-Identifier: Apache-2.0
"""Odd tables: CSV, Parquet, Arrow, Excel, saved datasets; and odd plain texts."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import ipc
from pyarrow import parquet as pq

from tests.builders.odd_files import LINE, ROW, OddFile, file_with, read, refused
from tests.builders.workbooks import (
    cell_xml,
    open_blank,
    open_cell,
    open_row,
    open_workbook,
    open_workbook_of,
    sheet_xml,
    table_xml,
    workbook,
    workbook_of,
)

_HEADER = b"prompt,completion\n"
_TABLE = _HEADER + b"a,b\n" * 3

_TEXTS: tuple[OddFile, ...] = (
    refused("table with only a header", _HEADER, "no_usable_rows", ".csv"),
    read("semicolons", _TABLE.replace(b",", b";"), 3, ".csv"),
    read("tabs", _TABLE.replace(b",", b"\t"), 3, ".csv"),
    read("bars", _TABLE.replace(b",", b"|"), 3, ".csv"),
    read("colons", _TABLE.replace(b",", b":"), 3, ".csv"),
    read("unit separators", _TABLE.replace(b",", b"\x1f"), 3, ".csv"),
    read("hint of the delimiter", b"sep=;\r\n" + _TABLE.replace(b",", b";"), 3, ".csv"),
    read("table that is called jsonl", _TABLE, 3, ".jsonl"),
    read("table in utf-16", _TABLE.decode().encode("utf-16"), 3, ".csv"),
    read("table in utf-16 without mark", _TABLE.decode().encode("utf-16-le"), 3, ".csv"),
    read("table in cp1252", _HEADER + "Größe – “so”,ja\n".encode("cp1252") * 3, 3, ".csv"),
    read("table in latin-1", _HEADER + "café à la crème,où\n".encode("latin-1") * 3, 3, ".csv"),
    read("table in cp1251", _HEADER + "Привет как дела,Спасибо хорошо\n".encode("cp1251") * 9, 9),
    read("table in shift-jis", _HEADER + "日本語の質問です,答えはこれです\n".encode("cp932") * 9,
         9),
    read("one byte that is broken", _HEADER + "ä,ö\n".encode() * 9 + b"\xff,b\n", 9, ".csv",
         bad_encoding=1),
    read("quote that is not closed", _TABLE + b'"a,b\nc,d\ne,f\n', 5, ".csv", broken_csv=1),
    read("text behind a quote", _TABLE + b'"a"x,b\nc,d\n', 4, ".csv", broken_csv=1),
    read("line ends in cells", _TABLE + b'"a\nb\r\nc",d\n', 4, ".csv"),
    read("single quotes", b"prompt,completion\n'a, b',c\n'd',e\n", 2, ".csv"),
    read("escaped quotes", b'prompt,completion\n"a \\"b\\", c",d\n', 1, ".csv"),
    read("cells too few", _TABLE + b"a\n", 3, ".csv", empty_text=1),
    read("cells too many", _TABLE + b"a,b,c,d\n", 3, ".csv", too_many_cells=1),
    read("columns of one name", b"prompt,completion,completion\na,b,c\n", 1, ".csv"),
    read("columns without a name", b",prompt,,completion\n1,a,2,b\n", 1, ".csv"),
    read("100,000 columns",
         b"prompt,completion," + b",".join(b"c%d" % n for n in range(100_000)) + b"\na,b\n", 1),
    read("zero byte in a cell", _TABLE + b"c,d\n" * 97 + b"a\0b,c\n", 100, ".csv",
         nul_character=1),
    read("cell of 16 MB and more", _TABLE + b'"' + b"x" * (16 << 20) + b'",b\nc,d\n', 4, ".csv",
         too_long=1),
    read("mixed line ends in a table", b"prompt,completion\r\na,b\nc,d\re,f\r\n", 3, ".csv"),
    read("excel that is only called so", _TABLE, 3, ".xlsx"),
    read("plain text", b"Once upon a time.\n", 1, ".txt"),
    read("plain text in cp1252", "Größe und Länge\n".encode("cp1252"), 1, ".txt"),
    read("plain text with a zero byte", b"Once.\n" * 200 + b"a\0b\n", 1, ".txt", nul_character=1),
    read("plain text in one line of 1 MB", b"word " * 200_000, 1, ".txt"),
    read("plain text in one line of 17 MB", b"word " * 3_600_000, 0, ".txt", too_long=1),
    refused("picture", b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 9, "format_unknown", ".txt"),
    refused("program", b"\x7fELF" + bytes(range(256)) * 9, "format_unknown", ".jsonl"),
    refused("database", b"SQLite format 3\0" + bytes(4096), "format_unknown", ".csv"),
    refused("noise", bytes((n * 7919 >> 3) % 256 for n in range(9000)), "format_unknown"),
)  # fmt: skip


def parquet(rows: list[dict[str, Any]] | pa.Table, **options: Any) -> bytes:
    stream = io.BytesIO()
    table = rows if isinstance(rows, pa.Table) else pa.Table.from_pylist(rows)
    pq.write_table(table, stream, **options)
    return stream.getvalue()


def _spoilt(content: bytes, at: int, new: bytes) -> bytes:
    return content[:at] + new + content[at + len(new) :]


_MANY = [{"prompt": f"q{number}", "completion": "a" * 50} for number in range(1000)]
_GROUPS = parquet(_MANY, row_group_size=100, compression="none")
_FIRST_PAGE = 4 + 20
_NESTED = [{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}]

_PARQUET: tuple[OddFile, ...] = (
    read("parquet that is called csv", parquet([ROW] * 3), 3, ".csv"),
    read("parquet with nested messages", parquet(_NESTED * 3), 3, ".parquet"),
    read("parquet with pictures", parquet([ROW | {"image": b"\xff\0"}] * 3), 3, ".parquet"),
    read("parquet with dictionaries", parquet(pa.table({
        "prompt": pa.array(["a", "a"]).dictionary_encode(), "completion": ["b", "c"]})), 2),
    read("parquet with large texts", parquet(pa.table({
        "prompt": pa.array(["a"], pa.large_string()), "completion": ["b"]})), 1),
    read("parquet with nulls", parquet([ROW, {"prompt": None, "completion": "b"}]), 1, ".parquet",
         unknown_shape=1),
    read("parquet with numbers and dates", parquet(pa.table({
        "prompt": ["a"], "completion": ["b"], "day": pa.array([1], pa.date32()),
        "time": pa.array([1], pa.timestamp("ns", "UTC")), "cost": pa.array([1], pa.decimal128(9)),
        })), 1),
    refused("parquet without rows", parquet(pa.table({"prompt": pa.array([], pa.string())})),
            "no_usable_rows"),
    refused("parquet that is cut off", _GROUPS[:-9], "file_unreadable", words="damaged Parquet"),
    refused("parquet with only its mark", b"PAR1PAR1", "file_unreadable"),
    refused("parquet with a footer of 2 GB",
            _GROUPS[:-8] + b"\xff\xff\xff\x7fPAR1", "file_unreadable"),
    refused("parquet with a footer of noise",
            _spoilt(_GROUPS, len(_GROUPS) - 300, bytes(range(200))), "file_unreadable"),
    read("parquet with a page that is damaged", _spoilt(_GROUPS, _FIRST_PAGE, b"\xff" * 40), 900,
         ".parquet", damaged_rows=1),
    read("parquet with text that is no utf-8", parquet(pa.table({
        "prompt": pa.array([b"a", b"\xff", b"c"]).view(pa.binary()).cast(pa.string(), safe=False),
        "completion": ["d", "e", "f"]})), 2, ".parquet", bad_encoding=1),
    read("parquet with an unknown extension type", parquet(pa.Table.from_arrays(
        [pa.array(["a"]), pa.array(["b"])], schema=pa.schema([
            pa.field("prompt", pa.string(), metadata={"ARROW:extension:name": "some.unknown"}),
            pa.field("completion", pa.string())]))), 1),
    read("parquet whose rows are one large value", parquet([{"text": "x" * (4 << 20)}] * 2), 2),
)  # fmt: skip


def _arrow(table: pa.Table, opening: Callable[..., Any] = ipc.new_stream) -> bytes:
    stream = io.BytesIO()
    with opening(stream, table.schema) as opened:
        opened.write_table(table, max_chunksize=100)
    return stream.getvalue()


_ROWS_TABLE = pa.Table.from_pylist(_MANY)
STREAM, _FILE = _arrow(_ROWS_TABLE), _arrow(_ROWS_TABLE, ipc.new_file)


def _wrong_offsets() -> bytes:
    """Return a stream of texts whose second offset leads far outside of their bytes."""
    content = _arrow(pa.table({"text": ["aaaa", "bbbb", "cccc"]}))
    offsets = b"".join(number.to_bytes(4, "little") for number in (0, 4, 8, 12))
    wrong = b"".join(number.to_bytes(4, "little") for number in (0, 1 << 30, 8, 12))
    assert offsets in content
    return content.replace(offsets, wrong)


_ARROW: tuple[OddFile, ...] = (
    read("arrow stream", STREAM, 1000),
    read("arrow file", _FILE, 1000, ".csv"),
    read("arrow stream without an end", STREAM[:-8], 1000),
    read("arrow stream that is cut off", STREAM[: len(STREAM) // 2], 400, damaged_rows=1),
    refused("arrow file that is cut off", _FILE[:-100], "file_unreadable", words="damaged Arrow"),
    refused("arrow stream with only its first bytes", STREAM[:40], "file_unreadable"),
    refused("arrow file with only its mark", b"ARROW1\0\0", "file_unreadable"),
    refused("arrow stream without rows", _arrow(_ROWS_TABLE.slice(0, 0)), "no_usable_rows"),
    read("arrow with offsets that lead outside", _wrong_offsets(), 1, damaged_rows=2),
    read("arrow with text that is no utf-8", _arrow(pa.table({"text": pa.array(
        [b"a", b"\xff", b"c"]).cast(pa.string(), safe=False)})), 2, damaged_rows=1),
    read("arrow with columns of one name", _arrow(pa.Table.from_arrays(
        [pa.array(["a"]), pa.array(["b"]), pa.array(["c"])],
        names=["prompt", "completion", "completion"])), 1),
)  # fmt: skip

_FAR = sheet_xml(
    f'<row r="1">{cell_xml("A1", "text")}</row><row r="1048576">{cell_xml("XFD1048576", "x")}</row>'
)
BOOK = workbook([[ROW] * 3])
_RULED = (
    '<table:table-cell table:style-name="c" table:content-validation-name="v" '
    'table:protect="true" table:protected="true" table:number-columns-spanned="2" '
    'table:number-rows-spanned="1" xml:id="i"/>'
)
_OLD = bytes.fromhex("d0cf11e0a1b11ae1") + bytes(22) + b"\x09\0" + bytes(16) + bytes(464)


def _compound(name: str) -> bytes:
    return _OLD + name.encode("utf-16-le").ljust(512, b"\0")


def _long_row(references: str) -> bytes:
    return workbook_of([sheet_xml(f'<row r="1">{cell_xml("A1", "text")}</row>{references}')])


_EXCEL: tuple[OddFile, ...] = (
    read("excel that is called csv", BOOK, 3, ".csv"),
    read("excel with several sheets", workbook([[ROW] * 2, [ROW] * 3]), 5, ".xlsx"),
    read("excel with an empty sheet", workbook([[], [ROW] * 3]), 3, ".xlsx"),
    refused("excel with nothing in it", workbook([[]]), "no_usable_rows", ".xlsx"),
    read("excel with numbers", workbook([[{"prompt": 5, "completion": True}]]), 1, ".xlsx"),
    read("excel with cells that miss", workbook([[ROW, {"prompt": "a"}]]), 1, ".xlsx",
         empty_text=1),
    refused("excel with cells in far corners", workbook_of([_FAR]), "file_unreadable", ".xlsx",
            words="too large"),
    refused("excel with a cell beyond the last", _long_row('<row r="2"><c r="ZZZZ2"/></row>'),
            "file_unreadable", ".xlsx"),
    refused("excel with a row beyond the last", _long_row('<row r="99999999"></row>'),
            "file_unreadable", ".xlsx"),
    refused("excel with xml that is broken", workbook_of(["<worksheet><sheetData><row"]),
            "file_unreadable", ".xlsx", words="damaged workbook"),
    refused("excel with entities", workbook_of([
        '<!DOCTYPE a [<!ENTITY b "bbbb">]>' + table_xml([ROW])]), "file_unreadable", ".xlsx"),
    refused("excel without its sheet", workbook_of([table_xml([ROW])]).replace(
        b"worksheets/s1", b"worksheets/s9"), "file_unreadable", ".xlsx"),
    refused("excel that unpacks to 200 MB", workbook_of(
        [table_xml([ROW])], {"xl/media/a.xml": "x" * (200 << 20)}), "file_unreadable", ".xlsx",
        words="too large"),
    refused("excel with two workbooks", workbook_of([table_xml([ROW])], {"content.xml": "<a/>"}),
            "file_unreadable", ".xlsx"),
    refused("excel that is cut off", BOOK[:-30], "file_unreadable", ".xlsx"),
    refused("excel with a password", _compound("EncryptedPackage"), "file_encrypted", ".xlsx"),
    refused("excel of 2003", _compound("Workbook"), "file_unreadable", ".xls", words="2003"),
    read("spreadsheet of LibreOffice", open_workbook([[ROW] * 3]), 3, ".ods"),
    read("spreadsheet that is called xlsx", open_workbook([[ROW] * 2, [], [ROW]]), 3, ".xlsx"),
    read("spreadsheet with numbers", open_workbook([[{"prompt": 5, "completion": True}]]), 1,
         ".ods"),
    read("spreadsheet with rows that repeat", open_workbook_of([
        open_row(open_cell("prompt") + open_cell("completion"))
        + open_row(open_cell("a") + open_cell("b"), 7)]), 7, ".ods"),
    read("spreadsheet with rules for whole columns", open_workbook_of([
        open_row("".join(map(open_cell, ROW)))
        + open_row("".join(map(open_cell, ROW.values())), 2)
        + open_row(open_blank(30) + _RULED, 1_048_573)]), 2, ".ods"),
    refused("spreadsheet with cells in far corners", open_workbook_of([
        open_row(open_cell("text")) + open_row(open_blank(9), 900_000)
        + open_row(open_blank(9_000) + open_cell("x"))]), "file_unreadable", ".ods",
            words="too large"),
    refused("spreadsheet with one row a million times in many sheets", open_workbook_of(
        [open_row(open_cell("text"), 1_000_000)] * 9), "file_unreadable", ".ods",
            words="too large"),
    refused("spreadsheet with a repetition that is no number", open_workbook_of([
        open_row(open_cell("text")).replace('repeated="1"', 'repeated="-1"')]),
            "file_unreadable", ".ods"),
    refused("spreadsheet with nothing in it", open_workbook([[]]), "no_usable_rows", ".ods"),
    refused("spreadsheet with a password", open_workbook_of([], {
        "content.xml": b"\xff" * 99, "META-INF/manifest.xml": "<m><encryption-data/></m>"}),
            "file_encrypted", ".ods"),
    refused("spreadsheet with entities", open_workbook_of([], {
        "content.xml": '<!DOCTYPE a [<!ENTITY b "bbbb">]><a>&b;</a>'}), "file_unreadable", ".ods"),
    refused("spreadsheet with xml that is broken", open_workbook_of([], {
        "content.xml": "<a><b"}), "file_unreadable", ".ods", words="damaged"),
    refused("spreadsheet with another workbook", open_workbook_of([
        open_row(open_cell("text"))], {"xl/workbook.bin": "x"}), "file_unreadable", ".ods"),
    refused("other compound file", _compound("WordDocument"), "format_unknown", ".doc"),
)  # fmt: skip


def _saved(folder: Path) -> Path:
    """Make what `DatasetDict.save_to_disk` makes, with a cached file beside it."""
    for split in ("train", "test"):
        place = folder / "saved" / split
        place.mkdir(parents=True)
        (place / "data-00000-of-00001.arrow").write_bytes(STREAM)
        (place / "cache-0123.arrow").write_bytes(STREAM)
        (place / "state.json").write_text('{"_data_files": [{"filename": '
            '"data-00000-of-00001.arrow"}], "_fingerprint": "0"}', "utf-8")  # fmt: skip
        (place / "dataset_info.json").write_text('{"features": {}}', encoding="utf-8")
    (folder / "saved" / "dataset_dict.json").write_text('{"splits": []}', encoding="utf-8")
    return folder / "saved"


def _saved_badly(folder: Path) -> Path:
    path = _saved(folder)
    (path / "train" / "state.json").write_text("{", encoding="utf-8")
    (path / "train" / "cache-0123.arrow").unlink()
    return path


def _mixed_folder(folder: Path) -> Path:
    for name, content in {
        "a.jsonl": LINE, "b.csv": _TABLE, "c/d.parquet": parquet([ROW]), "e.xlsx": BOOK,
        "README.md": b"# About", "empty.jsonl": b"", "x.png": b"\x89PNG\r\n\x1a\n" + bytes(99),
        ".hidden": LINE, "broken.parquet": b"PAR1PAR1",
    }.items():  # fmt: skip
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def _pipe(folder: Path) -> Path:
    os.mkfifo(folder / "pipe")
    return folder / "pipe"


def _endless(folder: Path) -> Path:
    (folder / "zero").symlink_to("/dev/zero")
    return folder / "zero"


def _folder_with_special_files(folder: Path) -> Path:
    _pipe(folder)
    _endless(folder)
    (folder / "a.jsonl").write_bytes(LINE)
    return folder


def _loop(folder: Path) -> Path:
    (folder / "loop").symlink_to(folder / "loop")
    return folder / "loop"


def _sparse(folder: Path) -> Path:
    path = folder / "sparse"
    with path.open("wb") as stream:
        stream.write(LINE)
        stream.truncate(64 << 20)
    return path


_PLACES: tuple[OddFile, ...] = (
    OddFile(name="folder that datasets saved", make=_saved, rows=2000,
            rejects={"not_in_dataset": 2}),
    OddFile(name="folder that datasets saved with a broken state", make=_saved_badly, rows=2000,
            rejects={"not_in_dataset": 1}),
    OddFile(name="folder of all kinds", make=_mixed_folder, rows=8, rejects={
        "text_beside_rows": 1, "file_empty": 1, "format_unknown": 1, "file_unreadable": 1}),
    OddFile(name="folder with nothing in it", make=lambda folder: folder, code="format_unknown"),
    OddFile(name="path that is not there", make=lambda folder: folder / "none",
            code="file_missing"),
    OddFile(name="name that is long", make=file_with(LINE, "n" * 250 + ".csv"), rows=1),
    OddFile(name="rows with 64 MB of holes behind them", make=_sparse, rows=1,
            rejects={"too_long": 1}),
)  # fmt: skip
_LINUX_PLACES: tuple[OddFile, ...] = (
    OddFile(name="named pipe", make=_pipe, code="file_unreadable", words="no ordinary file"),
    OddFile(name="link to /dev/zero", make=_endless, code="file_unreadable"),
    OddFile(name="folder with a pipe and a device", make=_folder_with_special_files, rows=1),
    OddFile(name="link to itself", make=_loop, code="file_unreadable"),
)

ODD_TABLES = (
    _TEXTS + _PARQUET + _ARROW + _EXCEL + _PLACES
    + (_LINUX_PLACES if hasattr(os, "mkfifo") else ())
)  # fmt: skip
