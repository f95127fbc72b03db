# SPDX-License-Identifier: Apache-2.0
"""Tokens that were kept are those that encoding gives, and only what is sound is taken."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import IO, Any

import jinja2
import numpy as np
import pytest
from msgspec.structs import replace

from engine.chat.tokenizer import ChatTokenizer, load_tokenizer
from engine.domain.dataset import DatasetInfo, Row
from engine.errors import DocumentDamaged
from engine.store import atomicfs
from engine.store.documents import read_document
from engine.store.layout import Layout
from engine.store.workspace import open_workspace
from engine.train import token_cache
from engine.train.batches import data_hash
from engine.train.examples import EncodedSplit, encode, encode_training_rows
from engine.train.sources import RowSource
from engine.train.token_cache import TokenCache
from tests.builders.model_folder import tiny_model_folder
from tests.unit.train.runs import DATASET, MOMENT, chat_row, chat_rows, write_dataset

CACHE = TokenCache(model_fingerprint="m", written_time="", max_length=128)


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> ChatTokenizer:
    return load_tokenizer(tiny_model_folder(tmp_path_factory.mktemp("model")), clock=MOMENT)


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    layout = open_workspace(tmp_path / "workspace", now=MOMENT)
    rows: list[Row] = [*chat_rows(20), chat_row("long " * 200, "a"), chat_row("b", "word " * 200)]
    write_dataset(layout, rows, eval_ratio=0.0)
    return layout


def source_of(layout: Layout) -> RowSource:
    folder = layout.dataset(DATASET)
    return RowSource(folder=folder, info=read_document(folder.info, DatasetInfo), version=1)


def encoded(
    source: RowSource, tokenizer: ChatTokenizer, cache: TokenCache | None
) -> tuple[EncodedSplit, list[int]]:
    """Return the rows as examples, and what was told of the rows that were read."""
    told: list[int] = []
    split = encode_training_rows(
        [source], tokenizer, max_length=128, cache=cache, on_rows=told.append
    )
    return split, told


def facts(split: EncodedSplit) -> tuple[object, ...]:
    """Return all that a run takes of a split."""
    return (
        data_hash(split.examples), split.truncated, split.skipped, split.noted, split.counts
    )  # fmt: skip


def test_kept_tokens_equal_those_encoded_anew_and_no_row_is_read(
    layout: Layout, tokenizer: ChatTokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = source_of(layout)
    plain, _told = encoded(source, tokenizer, None)
    first, _told = encoded(source, tokenizer, CACHE)
    monkeypatch.setattr(ChatTokenizer, "encode_rows", None)
    second, told = encoded(source, tokenizer, CACHE)
    assert facts(plain) == facts(first) == facts(second)
    assert second.skipped == {"no_trained_tokens": 1}
    assert second.truncated == 1
    assert told == [22]


def test_rows_left_out_are_left_out_of_kept_tokens_too(
    layout: Layout, tokenizer: ChatTokenizer
) -> None:
    left_out = np.arange(22) % 3 == 0
    source = replace(source_of(layout), left_out=left_out)
    rows = [row for place, row in enumerate(source.training_rows()) if not left_out[place]]
    expected = encode(rows, tokenizer, max_length=128, on_rows=lambda _count: None)
    for _time in range(2):
        found, _told = encoded(source, tokenizer, CACHE)
        assert data_hash(found.examples) == data_hash(expected.examples)
        assert sum(found.skipped.values()) == len(expected.problems)
        assert found.truncated == int(expected.truncated.sum())


@pytest.mark.parametrize(
    "other",
    [
        replace(CACHE, model_fingerprint="n"),
        replace(CACHE, written_time="2026-11-21"),
        replace(CACHE, max_length=129),
    ],
)
def test_tokens_of_another_model_time_or_length_are_not_taken(
    layout: Layout, tokenizer: ChatTokenizer, other: TokenCache
) -> None:
    source = source_of(layout)
    encoded(source, tokenizer, CACHE)
    assert CACHE.read(source) is not None
    assert other.read(source) is None
    assert CACHE.read(replace(source, version=2)) is None


def test_tokens_of_other_encoding_code_are_not_taken(
    layout: Layout, tokenizer: ChatTokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = source_of(layout)
    encoded(source, tokenizer, CACHE)
    monkeypatch.setattr(token_cache, "_encoder", lambda: ["other"])
    assert CACHE.read(source) is None


def test_damaged_tokens_are_removed_and_made_again(
    layout: Layout, tokenizer: ChatTokenizer
) -> None:
    source = source_of(layout)
    first, _told = encoded(source, tokenizer, CACHE)
    (entry,) = source.folder.tokens.iterdir()
    content = bytearray((entry / "ids.npy").read_bytes())
    content[-1] ^= 1
    (entry / "ids.npy").write_bytes(content)
    assert CACHE.read(source) is None
    assert list(source.folder.tokens.iterdir()) == []
    again, _told = encoded(source, tokenizer, CACHE)
    assert facts(again) == facts(first)
    assert len(list(source.folder.tokens.iterdir())) == 1


def test_only_the_newest_entries_stay(layout: Layout, tokenizer: ChatTokenizer) -> None:
    source = source_of(layout)
    for length in range(100, 108):
        encoded(source, tokenizer, replace(CACHE, max_length=length))
    assert len(list(source.folder.tokens.iterdir())) == token_cache.KEPT_ENTRIES
    assert replace(CACHE, max_length=107).read(source) is not None
    assert replace(CACHE, max_length=100).read(source) is None


@pytest.mark.parametrize(
    "error",
    [
        OSError(28, "No space left on device"),
        OSError("1000 requested and 10 written"),  # how numpy says that a disk is full
        OSError(5, "Input/output error"),
        DocumentDamaged("A file is not the same both times it is read."),
    ],
)
def test_a_disk_that_takes_no_tokens_ends_no_run(
    layout: Layout, tokenizer: ChatTokenizer, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    source = source_of(layout)

    def fail(*_args: object, **_named: object) -> None:
        raise error

    monkeypatch.setattr(np, "save", fail)
    found, _told = encoded(source, tokenizer, CACHE)
    assert len(found.examples) == 21
    assert list(source.folder.tokens.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on the size of a file")
def test_a_file_that_grows_too_large_ends_no_run(layout: Layout, tokenizer: ChatTokenizer) -> None:
    import resource
    import signal

    source = source_of(layout)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
        found, _told = encoded(source, tokenizer, CACHE)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert len(found.examples) == 21
    assert list(source.folder.tokens.iterdir()) == []


def test_the_last_of_a_disk_is_left_to_the_run(
    layout: Layout, tokenizer: ChatTokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = source_of(layout)
    usage = shutil.disk_usage(layout.root)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage._replace(free=1 << 30))
    encoded(source, tokenizer, CACHE)
    assert CACHE.read(source) is None
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage._replace(free=1 << 31))
    encoded(source, tokenizer, CACHE)
    assert CACHE.read(source) is not None


def test_two_runs_that_write_the_same_tokens_at_once_leave_one_whole_entry(
    layout: Layout, tokenizer: ChatTokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = source_of(layout)
    save, others = np.save, []

    def save_after_another(stream: IO[bytes], values: Any, **named: Any) -> None:
        """Let another run write the whole entry while this one is at its first file."""
        if not others:
            others.append("begun")
            others.append(facts(encoded(source, tokenizer, CACHE)[0]))
        save(stream, values, **named)

    monkeypatch.setattr(np, "save", save_after_another)
    found, _told = encoded(source, tokenizer, CACHE)
    assert facts(found) == others[1]
    assert len(list(source.folder.tokens.iterdir())) == 1
    kept = CACHE.read(source)
    assert kept is not None
    assert data_hash(kept.examples) == data_hash(found.examples)


def test_what_another_run_is_writing_is_not_counted_and_stays(
    layout: Layout, tokenizer: ChatTokenizer
) -> None:
    source = source_of(layout)
    encoded(source, tokenizer, CACHE)
    now = source.folder.tokens.stat().st_mtime
    for name, age in (("writing", 100), ("ended", 100_000)):
        path = source.folder.tokens / f"{atomicfs.TEMPORARY_PREFIX}{name}"
        path.mkdir()
        os.utime(path, (now - age, now - age))
    for length in range(100, 108):
        encoded(source, tokenizer, replace(CACHE, max_length=length))
    names = [one.name for one in source.folder.tokens.iterdir()]
    assert len(names) == token_cache.KEPT_ENTRIES + 1
    assert f"{atomicfs.TEMPORARY_PREFIX}writing" in names


def test_an_entry_that_goes_while_it_is_read_is_encoded_anew(
    layout: Layout, tokenizer: ChatTokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = source_of(layout)
    first, _told = encoded(source, tokenizer, CACHE)
    read = token_cache.read_document

    def read_then_lose(path: Path, kind: Any) -> Any:
        """Let another run remove the entry as soon as it was found to be sound."""
        found = read(path, kind)
        atomicfs.remove_folder(path.parent)
        return found

    monkeypatch.setattr(token_cache, "read_document", read_then_lose)
    again, _told = encoded(source, tokenizer, CACHE)
    assert facts(again) == facts(first)


def test_a_disk_that_cannot_be_written_to_gives_kept_tokens(
    layout: Layout, tokenizer: ChatTokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = source_of(layout)
    encoded(source, tokenizer, CACHE)

    def refuse(_path: Path) -> None:
        raise PermissionError(30, "Read-only file system")

    monkeypatch.setattr(os, "utime", refuse)
    assert CACHE.read(source) is not None
    assert len(list(source.folder.tokens.iterdir())) == 1


@pytest.mark.parametrize("part", ["jinja2", "examples.py"])
def test_tokens_of_another_renderer_or_keeper_are_not_taken(
    layout: Layout,
    tokenizer: ChatTokenizer,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    part: str,
) -> None:
    source = source_of(layout)
    encoded(source, tokenizer, CACHE)
    if part == "jinja2":
        monkeypatch.setattr(jinja2, "__version__", "0.0")
    else:
        for name in ("examples.py", "token_cache.py"):
            (tmp_path / name).write_text("# other", encoding="utf-8")
        monkeypatch.setattr(token_cache, "__file__", str(tmp_path / "token_cache.py"))
    assert CACHE.read(source) is None
