# SPDX-License-Identifier: Apache-2.0
"""Tokens that were kept are those that encoding gives, and only what is sound is taken."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.chat.tokenizer import ChatTokenizer, load_tokenizer
from engine.domain.dataset import DatasetInfo, Row
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


def test_a_full_disk_keeps_no_tokens_and_ends_no_run(
    layout: Layout, tokenizer: ChatTokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = source_of(layout)

    def full(*_args: object, **_named: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "save", full)
    found, _told = encoded(source, tokenizer, CACHE)
    assert len(found.examples) == 21
    assert [one.name for one in source.folder.tokens.iterdir()] == []
    assert atomicfs.TEMPORARY_PREFIX not in str(list(source.folder.tokens.iterdir()))
