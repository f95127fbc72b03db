# SPDX-License-Identifier: Apache-2.0
"""A folder of eight kinds of files, dragged into the real window by a real mouse."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import ipc, parquet

from tests.builders.workbooks import workbook
from tests.e2e.command_line import ROOT, CommandLine

pytestmark = [pytest.mark.e2e, pytest.mark.gui, pytest.mark.slow]

KINDS = 8


def rows_of(kind: int) -> list[dict[str, str]]:
    """Return twelve rows of a kind of file; the last is a copy of one of the kind before."""
    other = (kind - 1) % KINDS
    rows = [
        {"prompt": f"Question {kind} {one}?", "completion": f"Answer {kind} {one}."}
        for one in range(11)
    ]
    return [*rows, {"prompt": f"Question {other} 0?", "completion": f"Answer {other} 0."}]


def pile(folder: Path) -> Path:
    """Write a folder of eight kinds of files."""
    folder.mkdir()
    lines = ["\n".join(json.dumps(one) for one in rows_of(kind)) for kind in range(KINDS)]
    (folder / "a.jsonl").write_text(lines[0], encoding="utf-8")
    (folder / "b.json").write_text(json.dumps(rows_of(1)), encoding="utf-8")
    table = [["prompt", "completion"], *(list(one.values()) for one in rows_of(2))]
    (folder / "c.csv").write_text("\n".join(";".join(one) for one in table), encoding="utf-16")
    table = [["prompt", "completion"], *(list(one.values()) for one in rows_of(3))]
    (folder / "d.tsv").write_text("\n".join("\t".join(one) for one in table), encoding="cp1252")
    parquet.write_table(pa.Table.from_pylist(rows_of(4)), folder / "e.parquet")
    columns = pa.Table.from_pylist(rows_of(5))
    with (folder / "f.arrow").open("wb") as stream, ipc.new_file(stream, columns.schema) as file:
        file.write_table(columns)
    (folder / "g.xlsx").write_bytes(workbook([rows_of(6)]))
    (folder / "h.jsonl.gz").write_bytes(gzip.compress(lines[7].encode()))
    return folder


@pytest.mark.skipif(shutil.which("xvfb-run") is None, reason="Xvfb is not installed")
def test_dragged_folder_becomes_one_merged_checked_and_split_dataset(tmp_path: Path) -> None:
    folder, workspace = pile(tmp_path / "pile"), tmp_path / "workspace"
    script = str(ROOT / "tests" / "e2e" / "drag_a_folder.py")
    screen = ["xvfb-run", "-a", "-s", "-screen 0 1400x900x24"]
    done = subprocess.run(
        [*screen, sys.executable, script, str(workspace), str(folder)],
        cwd=ROOT,
        env={**os.environ, "QT_QPA_PLATFORM": "xcb"},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    line = CommandLine(workspace)
    (made,) = line.do("datasets")["datasets"]
    assert (made["name"], made["rows"], made["rejects"]) == ("pile", 12 * KINDS, 0)
    assert made["duplicates"] == KINDS
    shown = line.do("dataset", "show", "pile")
    assert len(shown["sources"]) == KINDS

    report = line.do("dataset", "check", "pile")
    found = {one["check"]: one for one in report["results"]}
    assert found["exact_copies"]["rows"] == 2 * KINDS
    fixed = line.do("dataset", "fix", "pile")
    assert fixed["removed"] == KINDS
    split = line.do("dataset", "split", "pile", "--eval-ratio", "0.25")
    assert split["splits"]["train"] + split["splits"]["eval"] == 11 * KINDS
    assert split["splits"]["eval"] > 0
    again = {one["check"]: one for one in line.do("dataset", "check", "pile")["results"]}
    assert again["leakage"]["rows"] == again["exact_copies"]["rows"] == 0
