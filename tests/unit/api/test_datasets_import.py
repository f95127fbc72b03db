# SPDX-License-Identifier: Apache-2.0
"""The import job: one committed dataset, or nothing at all."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from collections import namedtuple
from pathlib import Path
from typing import Any

import msgspec
import pytest

from engine.api import importing
from engine.api.datasets import Datasets
from engine.api.jobs import Jobs
from engine.domain.dataset import DatasetInfo, LabelRow, Reject, RowKind
from engine.domain.split import EVAL, TRAIN
from engine.errors import (
    DiskFull,
    EngineError,
    FileEmpty,
    FileMissing,
    FileUnreadable,
    FormatUnknown,
    MixedKinds,
    NoUsableRows,
)
from engine.formats.dataset_writer import DatasetWriter
from engine.formats.versions import iter_rows
from engine.protocol.events import (
    DatasetCommitted,
    Finished,
    PhaseChanged,
    ProgressMade,
    Stopped,
    Warned,
)
from engine.store import atomicfs
from engine.store.documents import read_document
from engine.store.layout import Layout
from tests.builders.dataset_import import ImportRun, new_workspace


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return new_workspace(tmp_path / "workspace")


def chat_lines(count: int) -> bytes:
    """Return different conversations as JSON Lines."""
    lines = [
        f'{{"messages": [{{"role": "user", "content": "Question {number}"}}, '
        f'{{"role": "assistant", "content": "Answer {number}"}}]}}\n'
        for number in range(count)
    ]
    return "".join(lines).encode()


def source(tmp_path: Path, content: bytes, name: str = "a.jsonl") -> Path:
    """Write a source file."""
    path = tmp_path / name
    path.write_bytes(content)
    return path


def remains(layout: Layout) -> list[Path]:
    """Return everything that stands in the folder of datasets."""
    return sorted(layout.datasets.rglob("*"))


def test_run_on_conversations_commits_a_dataset_and_says_so(layout: Layout, tmp_path: Path) -> None:
    path = source(tmp_path, chat_lines(300) + b"{broken\n" + chat_lines(5))
    done = ImportRun(layout, [path], name="Support").run()
    info = read_document(done.folder.info, DatasetInfo)
    assert (info.id, info.name, info.kind) == ("d1", "Support", RowKind.CHAT)
    assert (info.rows, info.rejects, info.duplicates) == (305, 1, 5)
    assert info.splits[TRAIN] + info.splits[EVAL] == 305
    assert 10 <= info.splits[EVAL] <= 60
    assert (info.licence, info.origin, info.eval_ratio) == ("CC0", "made up", 0.1)
    (file,) = info.sources
    assert file.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (file.name, file.format, file.shape) == ("a.jsonl", "jsonl", "openai_messages")
    assert (file.rows, file.rejects, file.size_bytes) == (305, 1, path.stat().st_size)
    atomicfs.verify_folder(done.folder.root)
    (refused,) = done.folder.rejects.read_bytes().splitlines()
    reject = msgspec.json.decode(refused, type=Reject)
    assert (reject.file, reject.line, reject.reason) == ("a.jsonl", 301, "broken_json")
    assert reject.excerpt == "{broken"
    assert len(list(iter_rows(done.folder, TRAIN, 1))) == info.splits[TRAIN]


def test_run_tells_phases_progress_and_result_in_order(layout: Layout, tmp_path: Path) -> None:
    path = source(tmp_path, chat_lines(20))
    events = ImportRun(layout, [path]).run().events
    kinds = [type(one) for one in events]
    assert kinds == [
        PhaseChanged, ProgressMade, PhaseChanged, DatasetCommitted, Finished,
    ]  # fmt: skip
    size = path.stat().st_size
    assert events[1] == ProgressMade(done=size, total=size, unit="bytes")
    assert isinstance(events[3], DatasetCommitted)
    assert (events[3].dataset_id, events[3].rows, events[3].rejects) == ("d1", 20, 0)
    assert events[4] == Finished(result={"dataset_id": "d1"})


def test_run_without_a_name_takes_that_of_the_file(layout: Layout, tmp_path: Path) -> None:
    done = ImportRun(layout, [source(tmp_path, chat_lines(3), "My rows.jsonl")]).run()
    assert read_document(done.folder.info, DatasetInfo).name == "My rows"


def test_run_on_files_of_different_formats_makes_one_dataset(
    layout: Layout, tmp_path: Path
) -> None:
    one = source(tmp_path, chat_lines(4))
    two = source(tmp_path, b"question,answer\na,b\nc,d\n", "b.csv")
    done = ImportRun(layout, [one, two]).run()
    info = read_document(done.folder.info, DatasetInfo)
    assert [(file.format, file.shape, file.rows) for file in info.sources] == [
        ("jsonl", "openai_messages", 4), ("csv", "question_answer", 2),
    ]  # fmt: skip
    assert info.rows == 6


def test_run_rejects_rows_of_another_kind_than_most(layout: Layout, tmp_path: Path) -> None:
    done = ImportRun(layout, [source(tmp_path, chat_lines(5) + b'{"text": "secret"}\n')]).run()
    (line,) = done.folder.rejects.read_bytes().splitlines()
    reject = msgspec.json.decode(line, type=Reject)
    assert (reject.line, reject.reason) == (6, "other_kind")
    assert "secret" not in reject.message


def test_run_again_after_its_commit_only_says_so_again(layout: Layout, tmp_path: Path) -> None:
    path = source(tmp_path, chat_lines(3))
    ImportRun(layout, [path]).run()
    path.unlink()
    events = ImportRun(layout, [path]).run().events
    assert [type(one) for one in events] == [DatasetCommitted, Finished]


def test_run_with_no_eval_share_holds_nothing_out(layout: Layout, tmp_path: Path) -> None:
    done = ImportRun(layout, [source(tmp_path, chat_lines(30))], eval_ratio=0.0).run()
    assert read_document(done.folder.info, DatasetInfo).splits == {TRAIN: 30, EVAL: 0}


def test_run_on_two_rows_holds_one_out(layout: Layout, tmp_path: Path) -> None:
    done = ImportRun(layout, [source(tmp_path, chat_lines(2))], eval_ratio=0.01).run()
    assert read_document(done.folder.info, DatasetInfo).splits == {TRAIN: 1, EVAL: 1}


# --- errors: always named, and nothing remains ------------------------------------------------

BAD: list[tuple[dict[str, bytes], type[EngineError]]] = [
    ({}, FileMissing),
    ({"a": b""}, FileEmpty),
    ({"a": bytes(range(256)) * 50}, FormatUnknown),
    ({"a": b'{"prompt": "a", "completion": "b"}\n', "b": b'{"text": "a"}\n'}, MixedKinds),
    ({"a": b'{"messages": [{"role": "user", "content": "a"}]}\n'}, NoUsableRows),
    ({"a": b"prompt,completion\n"}, NoUsableRows),
    ({"a": b"[]"}, NoUsableRows),
]


@pytest.mark.parametrize(("files", "error"), BAD)
def test_run_on_what_cannot_be_imported_is_a_named_error_and_leaves_nothing(
    files: dict[str, bytes], error: type[EngineError], layout: Layout, tmp_path: Path
) -> None:
    paths = [source(tmp_path, content, name) for name, content in files.items()]
    with pytest.raises(error) as caught:
        ImportRun(layout, paths or [tmp_path / "none"]).run()
    assert caught.value.remedy
    assert remains(layout) == []


def test_run_without_usable_rows_names_reasons_and_lines_but_no_text(
    layout: Layout, tmp_path: Path
) -> None:
    rows = b'{"messages": [{"role": "user", "content": "secret"}]}\n' * 30 + b"{secret\n"
    with pytest.raises(NoUsableRows) as caught:
        ImportRun(layout, [source(tmp_path, rows)]).run()
    error = caught.value
    assert "31 rows" in error.message
    assert "30 rows: No message" in error.message
    assert "1 row: This is not valid JSON" in error.message
    assert error.detail.splitlines()[:2] == [
        "a.jsonl:1 no_assistant_turn", "a.jsonl:2 no_assistant_turn",
    ]  # fmt: skip
    assert len(error.detail.splitlines()) == 20
    assert "secret" not in error.message + error.detail + error.remedy


def test_run_on_columns_that_nobody_knows_says_how_to_name_them(
    layout: Layout, tmp_path: Path
) -> None:
    table = b"referral,reply letter\n" + b"Cough.,Dear colleague\n" * 3
    with pytest.raises(NoUsableRows) as caught:
        ImportRun(layout, [source(tmp_path, table, "letters.csv")]).run()
    error = caught.value
    assert error.message.startswith("None of the 3 rows could be used. The names of its fields")
    assert "Map columns…" in error.remedy
    assert "columns FILE" in error.remedy


def test_run_that_is_stopped_leaves_nothing(layout: Layout, tmp_path: Path) -> None:
    asked: list[bool] = []

    def stop_at_the_third_look() -> bool:
        asked.append(True)
        return len(asked) >= 3

    path = source(tmp_path, chat_lines(10))
    done = ImportRun(layout, [path], stop_requested=stop_at_the_third_look).run()
    assert done.events[-1] == Stopped(step=0, checkpoint="")
    assert not [one for one in done.events if isinstance(one, DatasetCommitted)]
    assert remains(layout) == []


@pytest.mark.parametrize("when", ["prepared", "add_prepared", "finish"])
def test_run_that_breaks_midway_leaves_nothing_and_harms_nothing(
    when: str, layout: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = source(tmp_path, chat_lines(10))
    ImportRun(layout, [path], dataset_id="first").run()
    before = remains(layout)

    def fail(*_args: object, **_named: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(DatasetWriter, when, fail)
    with pytest.raises(RuntimeError):
        ImportRun(layout, [path], dataset_id="second").run()
    assert remains(layout) == before
    atomicfs.verify_folder(layout.dataset("first").root)


class FullStream:
    """A file on a disk that is full after some bytes."""

    def __init__(self, stream: Any, room_bytes: int) -> None:
        self._stream = stream
        self._room_bytes = room_bytes

    def write(self, content: Any) -> int:
        self._room_bytes -= len(memoryview(content).cast("B"))
        if self._room_bytes < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return self._stream.write(content)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def __enter__(self) -> FullStream:
        return self

    def __exit__(self, *_args: object) -> None:
        self._stream.close()


@pytest.mark.parametrize("room_bytes", [0, 3_000])
def test_run_on_a_disk_that_fills_up_is_a_named_error_and_leaves_nothing(
    room_bytes: int, layout: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = atomicfs._open_new
    monkeypatch.setattr(atomicfs, "_open_new", lambda path: FullStream(opened(path), room_bytes))
    with pytest.raises(DiskFull):
        ImportRun(layout, [source(tmp_path, chat_lines(200))]).run()
    assert remains(layout) == []


def test_run_where_syncing_finds_the_disk_full_is_a_named_error_and_leaves_nothing(
    layout: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DiskFull):
        ImportRun(layout, [source(tmp_path, chat_lines(20))]).run()
    assert remains(layout) == []


def test_run_without_room_for_the_dataset_writes_nothing(
    layout: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage(10, 9, 1 << 20))
    monkeypatch.setattr(atomicfs, "new_folder", None)
    with pytest.raises(DiskFull, match="Nothing was written"):
        ImportRun(layout, [source(tmp_path, chat_lines(20))]).run()


def test_run_on_a_file_that_changes_meanwhile_is_a_named_error(
    layout: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = source(tmp_path, chat_lines(20))
    hashed = importing._sha256

    def grow(*args: Any) -> str:
        with path.open("ab") as stream:
            stream.write(b"\n")
        return hashed(*args)

    monkeypatch.setattr(importing, "_sha256", grow)
    with pytest.raises(FileUnreadable, match="changed"):
        ImportRun(layout, [path]).run()
    assert remains(layout) == []


def test_fields_beside_the_row_are_kept_for_splits_and_exports(tmp_path: Path) -> None:
    source = tmp_path / "t.csv"
    source.write_text(
        "question,answer,customer,day\nWhy?,Because.,c1,2026-01-01\nWho?,Me.,,\n", encoding="utf-8"
    )
    layout = new_workspace(tmp_path / "w")
    done = ImportRun(layout, [source], eval_ratio=0.0).run()
    table = Datasets(layout, Jobs(layout)).open_rows(done.folder.root.name)
    assert table.place(0).fields == '{"customer":"c1","day":"2026-01-01"}'
    assert table.place(1).fields == '{"customer":"","day":""}'
    table.close()


def test_run_on_labelled_files_reads_a_short_one_as_the_long_one(
    layout: Layout, tmp_path: Path
) -> None:
    lines = [f'{{"text": "row {n}", "label": {n % 3}, "id": {n}}}\n' for n in range(40)]
    long = source(tmp_path, "".join(lines).encode(), "long.jsonl")
    short = source(tmp_path, b'{"text": "a", "label": 7}\n', "short.jsonl")
    ImportRun(layout, [long, short], eval_ratio=0.0).run()
    info = read_document(layout.dataset("d1").info, DatasetInfo)
    assert (info.kind, info.rows, info.rejects) == (RowKind.LABEL, 41, 0)
    assert [one.shape for one in info.sources] == ["labelled_text"] * 2
    assert info.sources[0].confidence == 1.0
    assert "3 different values" in info.sources[0].reason
    table = Datasets(layout, Jobs(layout)).open_rows("d1")
    assert table.row(40) == LabelRow(text="a", label="7")
    assert table.place(0).fields == '{"id":0}'
    table.close()


def test_each_path_becomes_a_dataset_and_one_that_cannot_is_told(
    layout: Layout, tmp_path: Path
) -> None:
    paths = [tmp_path / name for name in ("a.jsonl", "b.jsonl", "c.jsonl")]
    for path in (paths[0], paths[2]):
        path.write_text('{"prompt": "q", "completion": "a"}\n' * 3, encoding="utf-8")
    paths[1].write_bytes(b"\0\1\2" * 99)
    run = ImportRun(layout, paths, further_ids=("d2", "d3")).run()
    committed = [one for one in run.events if isinstance(one, DatasetCommitted)]
    assert [one.dataset_id for one in committed] == ["d1", "d3"]
    (warned,) = [one for one in run.events if isinstance(one, Warned)]
    assert "b.jsonl" in warned.message
    assert run.events[-1] == Finished(result={"dataset_id": "d3", "datasets": "d1,d3"})
    names = [read_document(layout.dataset(one).info, DatasetInfo).name for one in ("d1", "d3")]
    assert names == ["a", "c"]


def test_paths_of_which_none_can_be_read_fail_with_the_last_reason(
    layout: Layout, tmp_path: Path
) -> None:
    paths = [tmp_path / name for name in ("a.jsonl", "b.jsonl")]
    for path in paths:
        path.write_bytes(b"\0\1\2" * 99)
    with pytest.raises(FormatUnknown):
        ImportRun(layout, paths, further_ids=("d2",)).run()
