# SPDX-License-Identifier: Apache-2.0
"""Rows as Arrow columns and back, and what stock `datasets` makes of them."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.domain.dataset import (
    ChatRow,
    DatasetInfo,
    PreferenceRow,
    Role,
    Row,
    RowKind,
    TextRow,
    Turn,
)
from engine.domain.split import EVAL, TRAIN
from engine.errors import DatasetDamaged
from engine.formats import arrow_rows
from engine.formats.arrow_layout import data_file
from engine.formats.dataset_writer import DatasetWriter, Written
from engine.formats.row_table import RowTable
from engine.formats.shapes import kind_of
from engine.formats.versions import iter_rows
from engine.store import atomicfs
from engine.store.documents import write_document
from engine.store.layout import DatasetFolder
from engine.store.ledger import Ledger

CHAT = ChatRow(
    messages=(
        Turn(role=Role.SYSTEM, content=""),
        Turn(role=Role.USER, content="Hi é\U0001f600\nyou"),
        Turn(role=Role.ASSISTANT, content="", tool_calls='[{"name":"f"}]', weight=0.0),
        Turn(role=Role.TOOL, content="1", name="f", tool_call_id="c1"),
        Turn(role=Role.ASSISTANT, content="Hello"),
    ),
    tools='[{"name":"f"}]',
)
TEXT = TextRow(text="Once upon\n a time")
PREFERENCE = PreferenceRow(
    prompt=(Turn(role=Role.USER, content="Hi"),),
    chosen=(Turn(role=Role.ASSISTANT, content="Good"),),
    rejected=(Turn(role=Role.ASSISTANT, content="Bad"),),
)


def texts(count: int) -> list[Row]:
    """Return different text rows."""
    return [TextRow(text=f"row {number}") for number in range(count)]


def write(folder: Path, rows: list[Row], eval_ratio: float = 0.0) -> Written:
    """Write a rows folder."""
    with DatasetWriter(folder, kind_of(rows[0]), eval_ratio, Ledger()) as writer:
        for number, row in enumerate(rows, start=1):
            writer.add(row, 1, number)
        return writer.finish()


def read(folder: Path, split: str = TRAIN) -> list[Row]:
    """Read a rows folder."""
    table = RowTable([data_file(folder, split)], ["a.jsonl", "b.jsonl"])
    try:
        return [row for _row_hash, row in table.rows()]
    finally:
        table.close()


@pytest.mark.parametrize("row", [CHAT, TEXT, PREFERENCE])
def test_rows_written_and_read_back_are_equal(row: Row, tmp_path: Path) -> None:
    rows = tmp_path / "rows"
    write(rows, [row, row])
    assert read(rows) == [row, row]
    table = RowTable([data_file(rows, TRAIN)], ["a.jsonl", "b.jsonl"])
    assert (len(table), table.row(1), table.source(1)) == (2, row, ("b.jsonl", 2))
    assert len(table.row_hash(0)) == 32
    table.close()


def test_preview_of_each_kind_tells_title_turns_and_characters(tmp_path: Path) -> None:
    seen: list[tuple[str, int, int, RowKind]] = []
    for number, row in enumerate((CHAT, TEXT, PREFERENCE)):
        write(tmp_path / str(number), [row])
        table = RowTable([data_file(tmp_path / str(number), TRAIN)], ["a", "b"])
        one = table.preview(0)
        seen.append((one.title, one.turns, one.characters, one.kind))
        table.close()
    assert seen == [
        ("Hi é\U0001f600 you", 5, 15, RowKind.CHAT),
        ("Once upon a time", 1, 17, RowKind.TEXT),
        ("Hi", 3, 9, RowKind.PREFERENCE),
    ]


@pytest.mark.parametrize("index", [-1, 5])
def test_row_out_of_range_is_refused(index: int, tmp_path: Path) -> None:
    write(tmp_path / "rows", texts(5))
    table = RowTable([data_file(tmp_path / "rows", TRAIN)], ["a", "b"])
    with pytest.raises(IndexError):
        table.row(index)
    table.close()


@pytest.mark.parametrize("limit", ["BATCH_ROWS", "BATCH_BYTES"])
def test_rows_over_several_batches_keep_their_order(
    limit: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrow_rows, limit, 7)
    write(tmp_path / "rows", texts(50))
    assert read(tmp_path / "rows") == texts(50)
    table = RowTable([data_file(tmp_path / "rows", TRAIN)], ["a", "b"])
    assert [table.row(number) for number in range(50)] == texts(50)
    table.close()


@pytest.mark.parametrize("row", [CHAT, TEXT, PREFERENCE])
@pytest.mark.parametrize("eval_ratio", [0.0, 0.5])
def test_stock_datasets_opens_what_was_written(row: Row, eval_ratio: float, tmp_path: Path) -> None:
    from datasets import DatasetDict, load_from_disk

    rows = tmp_path / "rows"
    write(rows, [row, row], eval_ratio)
    opened = load_from_disk(str(rows))
    assert isinstance(opened, DatasetDict)
    assert set(opened) == {TRAIN, EVAL}
    assert opened[TRAIN].num_rows == 2
    assert opened[EVAL].num_rows == 0
    assert opened[TRAIN].features == opened[EVAL].features
    first = opened[TRAIN][0]
    assert (first["source"], first["line"]) == (1, 1)
    if isinstance(row, ChatRow):
        assert first["messages"][2] == {
            "role": "assistant", "content": "", "tool_calls": '[{"name":"f"}]', "weight": 0.0,
            "name": None, "tool_call_id": None,
        }  # fmt: skip
        assert (first["messages"][3]["name"], first["messages"][3]["tool_call_id"]) == ("f", "c1")


# --- splits -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Generator[Path]:
    """Return a folder in which nothing waits for the disk."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _handle: None)
        yield tmp_path_factory.mktemp("splits")


@settings(max_examples=25, deadline=None, database=None, derandomize=True)
@given(
    names=st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=12),
    eval_ratio=st.sampled_from([0.0, 0.01, 0.3, 0.9]),
)
def test_splits_never_share_a_row_and_are_not_empty_without_need(
    names: list[str], eval_ratio: float, place: Path
) -> None:
    rows = Path(tempfile.mkdtemp(dir=place)) / "rows"
    written = write(rows, [TextRow(text=name) for name in names], eval_ratio)
    train, held = read(rows), read(rows, EVAL)
    assert sorted(map(str, [*train, *held])) == sorted(str(TextRow(text=one)) for one in names)
    assert not [row for row in train if row in held]
    assert written.splits == {TRAIN: len(train), EVAL: len(held)}
    assert written.duplicates == len(names) - len(set(names))
    assert train
    assert bool(held) == (eval_ratio > 0 and len(set(names)) > 1)


def test_splits_of_the_same_rows_in_another_order_are_the_same(tmp_path: Path) -> None:
    write(tmp_path / "one", texts(200), 0.2)
    write(tmp_path / "two", texts(200)[::-1], 0.2)
    assert read(tmp_path / "one", EVAL) == read(tmp_path / "two", EVAL)[::-1]
    assert 20 <= len(read(tmp_path / "one", EVAL)) <= 60


# --- damage -----------------------------------------------------------------------------------


def committed(tmp_path: Path) -> DatasetFolder:
    """Write a committed dataset folder."""
    folder = DatasetFolder(tmp_path / "d1")
    with atomicfs.new_folder(folder.root) as building:
        written = write(building / "rows", texts(300))
        info = DatasetInfo(
            id="d1",
            name="texts",
            kind=RowKind.TEXT,
            rows=300,
            rejects=0,
            duplicates=0,
            splits=written.splits,
            eval_ratio=0,
            created_at="",
            sources=(),
        )
        write_document(building / folder.info.name, info)
    return folder


def test_iter_rows_of_a_sound_dataset_yields_hash_and_row(tmp_path: Path) -> None:
    found = list(iter_rows(committed(tmp_path), TRAIN, 1))
    assert [row for _row_hash, row in found] == texts(300)
    assert len({row_hash for row_hash, _row in found}) == 300


@pytest.mark.parametrize("fault", ["flipped", "cut", "missing", "manifest"])
def test_iter_rows_of_a_damaged_dataset_is_a_named_error(fault: str, tmp_path: Path) -> None:
    folder = committed(tmp_path)
    file = data_file(folder.rows, TRAIN)
    content = file.read_bytes()
    if fault == "missing":
        file.unlink()
    elif fault == "manifest":
        (folder.root / atomicfs.MANIFEST).write_bytes(b"{")
    else:
        middle = len(content) // 2
        flipped = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
        file.write_bytes(flipped if fault == "flipped" else content[:middle])
    with pytest.raises(DatasetDamaged):
        list(iter_rows(folder, TRAIN, 1))


def test_row_table_of_rubbish_is_a_named_error(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"rubbish")
    with pytest.raises(DatasetDamaged):
        RowTable([tmp_path / "a"], [])
