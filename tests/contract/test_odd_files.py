# SPDX-License-Identifier: Apache-2.0
"""Every odd file is read or refused as it should be: by name, in time, with its reasons."""

from __future__ import annotations

import gzip
import subprocess
import sys
import time
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import msgspec
import pyarrow as pa
import pytest
from pyarrow import parquet as pq

from engine.domain.dataset import DatasetInfo, Reject
from engine.errors import EngineError, FileUnreadable
from engine.formats.format import RECORD_CAP_BYTES
from engine.store.documents import read_document
from tests.builders.dataset_import import ImportRun, new_workspace
from tests.builders.odd_archives import ODD_ARCHIVES
from tests.builders.odd_documents import ODD_DOCUMENTS
from tests.builders.odd_files import LINE, OddFile
from tests.builders.odd_rows import ODD_ROWS
from tests.builders.odd_tables import ODD_TABLES

ODD_FILES = ODD_ROWS + ODD_TABLES + ODD_ARCHIVES + ODD_DOCUMENTS
SECONDS_PER_MB = 10


def _size_mb(path: Path) -> float:
    files = [path] if path.is_file() else [one for one in path.rglob("*") if one.is_file()]
    return sum(one.stat().st_size for one in files) / 1e6


def test_corpus_holds_at_least_150_files_of_different_names() -> None:
    names = [one.name for one in ODD_FILES]
    assert len(names) == len(set(names))
    assert len(names) >= 150


@pytest.mark.parametrize("odd", ODD_FILES, ids=str)
def test_odd_file_gets_its_verdict(odd: OddFile, tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    path = odd.make(folder)
    layout = new_workspace(tmp_path / "workspace")
    run = ImportRun(layout, [path])
    began = time.monotonic()
    try:
        run.run()
    except EngineError as error:
        _check_refusal(odd, error, layout.datasets)
    else:
        _check_rows(odd, run)
    assert time.monotonic() - began < SECONDS_PER_MB * max(1.0, _size_mb(path))


def _check_refusal(odd: OddFile, error: EngineError, datasets: Path) -> None:
    expected = odd.code or ("no_usable_rows" if not odd.rows else "")
    assert error.code == expected, (error.code, error.message, error.detail)
    assert error.message
    assert error.remedy
    assert odd.words in f"{error.message} {error.detail}", (error.message, error.detail)
    if not odd.code:
        for reason in odd.rejects:
            assert reason in error.detail
    assert not list(datasets.iterdir()), "something was left of an import that failed"


def _check_rows(odd: OddFile, run: ImportRun) -> None:
    info = read_document(run.folder.info, DatasetInfo)
    lines = run.folder.rejects.read_bytes().splitlines()
    rejects = [msgspec.json.decode(line, type=Reject) for line in lines]
    reasons = dict(Counter(one.reason for one in rejects))
    assert (odd.code, info.rows, reasons) == ("", odd.rows, odd.rejects)
    assert info.rejects == len(rejects)
    assert all(one.file and one.line >= 0 and one.reason and one.message for one in rejects)
    assert sum(info.splits.values()) == info.rows == sum(one.rows for one in info.sources)


@pytest.mark.parametrize("pack", [lambda content: content, gzip.compress])
def test_file_that_grows_while_it_is_read_leaves_nothing(
    pack: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    path = tmp_path / "a"
    path.write_bytes(pack(LINE * 1000))
    layout = new_workspace(tmp_path / "workspace")

    def grow() -> bool:
        with path.open("ab") as stream:
            stream.write(pack(LINE))
        return False

    with pytest.raises(FileUnreadable, match="changed while it was read"):
        ImportRun(layout, [path], stop_requested=grow).run()
    assert not list(layout.datasets.iterdir())


def test_file_that_vanishes_while_it_is_read_is_a_named_error(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(LINE * 200_000)
    layout = new_workspace(tmp_path / "workspace")
    asked: list[int] = []

    def vanish() -> bool:
        asked.append(1)
        if len(asked) == 4:
            path.unlink(missing_ok=True)
        return False

    with pytest.raises(EngineError) as caught:
        ImportRun(layout, [path], stop_requested=vanish).run()
    assert caught.value.code == "file_missing"
    assert not list(layout.datasets.iterdir())


MEMORY_CAP_MB = 512 + 4 * (RECORD_CAP_BYTES >> 20)
_HEAVY = """
import sys
from pathlib import Path
from engine.errors import EngineError, FileUnreadable
from engine.formats.format import RECORD_CAP_BYTES
from engine.formats.reading import plan_sources, shaped_rows
for name in sys.argv[1:]:
    try:
        plans, _left_out = plan_sources([Path(name)], lambda _done: None)
        for plan in plans:
            for _row in shaped_rows(plan.path, plan.format, lambda _done: None, plan.maker):
                pass
    except EngineError as error:
        assert error.code == "archive_unsafe", error.code
# Not ru_maxrss, which counts the memory of the process that started this one too.
status = Path("/proc/self/status").read_text(encoding="ascii")
print(int(status.partition("VmHWM:")[2].split()[0]) >> 10)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the peak of a process")
def test_heavy_files_are_read_in_little_memory(tmp_path: Path) -> None:
    """Sparse and packed files stand for far larger ones: nothing of them is held but a record."""
    line = tmp_path / "line"
    with line.open("wb") as stream:
        stream.write(b'{"text": "')
        stream.truncate(256 << 20)
    megabyte = b'{"prompt": "' + b"x" * (1 << 20) + b'", "completion": "b"},'
    rows = tmp_path / "rows.json.gz"
    rows.write_bytes(gzip.compress(b"[" + megabyte, 1) + gzip.compress(megabyte, 1) * 120)
    columns = tmp_path / "columns.json"
    values = b",".join([b'"' + b"y" * 1000 + b'"'] * 30_000)
    columns.write_bytes(b'{"prompt": [' + values + b'], "completion": [' + values + b"]}")
    bomb = tmp_path / "bomb.zst"
    bomb.write_bytes(pa.compress(bytes(64 << 20), "zstd", asbytes=True) * 16)
    table = pa.table({"text": ["z" * 10_000] * 10_000})
    pq.write_table(table, tmp_path / "a.parquet", use_dictionary=False, compression="none")
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as packed:
        packed.write(tmp_path / "a.parquet", "a.parquet")
    names = ["line", "rows.json.gz", "columns.json", "bomb.zst", "a.zip"]
    command = [sys.executable, "-c", _HEAVY, *(str(tmp_path / name) for name in names)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < MEMORY_CAP_MB
