# SPDX-License-Identifier: Apache-2.0
"""Files inside files: read in place, under the name of their archive."""

from __future__ import annotations

import contextlib
import gzip
import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import ipc
from pyarrow import parquet as pq

from engine.domain.dataset import Reject, RowKind
from engine.errors import ArchiveNested, ArchiveUnsafe, EngineError, FileUnreadable
from engine.formats import packed, unpack_limits
from engine.formats.packed import seekable, shown_path, spooling_in, unpacked_bytes
from engine.formats.reading import plan_sources, shaped_rows
from engine.formats.source import blocks
from tests.builders.workbooks import workbook

ROWS = [{"prompt": f"Question {number}", "completion": "Answer"} for number in range(1000)]
JSONL = b"".join(b'{"prompt": "Question %d", "completion": "Answer"}\n' % n for n in range(1000))


def nothing(_done: int) -> None:
    """Hear of progress and do nothing."""


def zstd(content: bytes) -> bytes:
    """Return content as zstd packs it."""
    return pa.compress(content, "zstd", asbytes=True)


def make_zip(path: Path, files: dict[str, bytes]) -> Path:
    """Write an archive."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def parquet() -> bytes:
    """Return the rows as Parquet."""
    stream = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(ROWS), stream)
    return stream.getvalue()


def arrow() -> bytes:
    """Return the rows as an Arrow file."""
    stream, table = io.BytesIO(), pa.Table.from_pylist(ROWS)
    with ipc.new_file(stream, table.schema) as opened:
        opened.write_table(table, max_chunksize=300)
    return stream.getvalue()


def rows_in(path: Path) -> list[tuple[str, int, list[Reject]]]:
    """Return for each file that is read its shown name, its rows and its rejects."""
    plans, _left_out = plan_sources([path], nothing)
    found: list[tuple[str, int, list[Reject]]] = []
    for plan in plans:
        items = list(shaped_rows(plan.path, plan.format, nothing, plan.maker))
        rejects = [one for one in items if isinstance(one, Reject)]
        found.append((shown_path(plan.path), len(items) - len(rejects), rejects))
    return found


@pytest.mark.parametrize("pack", [gzip.compress, zstd])
@pytest.mark.parametrize("content", [JSONL, parquet(), arrow(), workbook([ROWS])])
def test_rows_of_a_compressed_file_are_those_of_what_it_holds(
    pack: Callable[[bytes], bytes], content: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "rows.packed"
    path.write_bytes(pack(content))
    assert rows_in(path) == [("rows.packed", 1000, [])]


def test_rows_of_an_archive_are_those_of_all_its_files(tmp_path: Path) -> None:
    files = {
        "a/rows.jsonl": JSONL + b"{broken\n",
        "a/rows.parquet": parquet(),
        "rows.csv.gz": gzip.compress(b"prompt,completion\na,b\n"),
        "rows.jsonl.zst": zstd(JSONL),
        "book.xlsx": workbook([ROWS, ROWS]),
        "__MACOSX/._book.xlsx": b"\0\5\x16\7",
        ".DS_Store": b"x",
        "README.md": b"# About",
        "inner.zip": make_zip(tmp_path / "inner.zip", {"b.jsonl": JSONL}).read_bytes(),
    }
    path = make_zip(tmp_path / "all.zip", files)
    plans, left_out = plan_sources([path], nothing)
    assert {plan.kind for plan in plans} == {RowKind.CHAT}
    assert [(one.file, one.reason) for one in left_out] == [
        ("all.zip/inner.zip", "archive_nested"),
        ("all.zip/README.md", "text_beside_rows"),
    ]
    found = rows_in(path)
    assert [one[:2] for one in found] == [
        ("all.zip/a/rows.jsonl", 1000),
        ("all.zip/a/rows.parquet", 1000),
        ("all.zip/rows.csv.gz", 1),
        ("all.zip/rows.jsonl.zst", 1000),
        ("all.zip/book.xlsx", 2000),
    ]
    (refused,) = found[0][2]
    assert (refused.file, refused.line) == ("all.zip/a/rows.jsonl", 1001)


def test_blocks_of_packed_files_tell_how_far_they_are_in_the_packed_bytes(tmp_path: Path) -> None:
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(JSONL) + gzip.compress(b"more"))
    heard: list[int] = []
    assert b"".join(blocks(path / "a", heard.append)) == JSONL + b"more"
    assert heard[-1] == path.stat().st_size
    inside = make_zip(tmp_path / "b.zip", {"c": JSONL}) / "c"
    assert b"".join(blocks(inside, heard.append)) == JSONL
    assert heard[-1] == packed.size_bytes(inside) < len(JSONL) == unpacked_bytes(inside)


@pytest.mark.parametrize("pack", [gzip.compress, zstd])
def test_packed_file_that_is_cut_off_or_changed_is_a_named_error(
    pack: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    whole = pack(JSONL)
    for content in (whole[:-9], whole + b"more"):
        (tmp_path / "a").write_bytes(content)
        with pytest.raises(FileUnreadable, match="a is damaged"):
            list(blocks(tmp_path / "a" / "a", nothing))


def test_file_that_is_packed_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.gz").write_bytes(gzip.compress(gzip.compress(JSONL)))
    (tmp_path / "b.gz").write_bytes(
        gzip.compress(make_zip(tmp_path / "c", {"d": b"e"}).read_bytes())
    )
    for name in ("a.gz", "b.gz"):
        with pytest.raises(ArchiveNested, match=name):
            plan_sources([tmp_path / name], nothing)


@pytest.mark.parametrize("pack", [gzip.compress, zstd])
def test_compressed_bomb_is_refused_where_its_limit_is_passed(
    pack: Callable[[bytes], bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unpack_limits, "FREE_BYTES", 1 << 20)
    (tmp_path / "a").write_bytes(pack(b"row\n" * (1 << 20)))
    got: list[int] = []
    with pytest.raises(ArchiveUnsafe) as caught:
        got.extend(len(block) for block in blocks(tmp_path / "a" / "a", nothing))
    assert (caught.value.detail, sum(got) <= 2 << 20) == ("bomb", True)


def test_seekable_copy_has_no_name_and_lies_in_the_folder_that_is_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packed, "_HELD_BYTES", 10)
    (tmp_path / "a.gz").write_bytes(gzip.compress(JSONL))
    folder = tmp_path / "private"
    folder.mkdir()
    with spooling_in(folder), seekable(tmp_path / "a.gz" / "a", nothing) as stream:
        assert stream.read() == JSONL
    assert not list(folder.iterdir())
    with (
        spooling_in(tmp_path / "none"),
        contextlib.suppress(FileNotFoundError),
        seekable(tmp_path / "a.gz" / "a", nothing),
    ):
        pytest.fail("the copy was made in another folder")


def test_file_of_many_that_cannot_be_read_is_left_out_by_name(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(JSONL)
    (tmp_path / "b.parquet").write_bytes(parquet()[:-20])
    (tmp_path / "c.jsonl.gz").write_bytes(gzip.compress(JSONL)[:50])
    (tmp_path / "d.zip").write_bytes(b"PK\x03\x04" + bytes(100))
    plans, left_out = plan_sources([tmp_path], nothing)
    assert [plan.path.name for plan in plans] == ["a.jsonl"]
    assert {(one.file, one.reason) for one in left_out} == {
        ("b.parquet", "file_unreadable"),
        ("c.jsonl.gz", "file_unreadable"),
        ("d.zip", "file_unreadable"),
    }


def test_path_into_an_archive_that_has_no_such_file_is_a_named_error(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "a.zip", {"b": b"c"})
    with pytest.raises(EngineError):
        list(blocks(path / "none", nothing))


class ReadAhead:
    """Stands for a bomb whose decompressor reads 128 KiB at once: 300 bytes from each of them."""

    def __init__(self) -> None:
        self.done_bytes = 0

    def read(self, size: int) -> bytes:
        self.done_bytes += size
        return bytes(size) if self.done_bytes <= 100 << 20 else b""

    def taken_bytes(self) -> int:
        return -(-self.done_bytes // (300 * (128 << 10))) * (128 << 10)

    def close(self) -> None:
        """Close nothing."""


def test_check_bomb_is_not_put_off_by_what_was_read_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    source = ReadAhead()
    monkeypatch.setattr(packed, "open_source", lambda _path: source)
    packed.check_bomb(Path("odd.gz"))
    assert source.done_bytes > 100 << 20
