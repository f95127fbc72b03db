# SPDX-License-Identifier: Apache-2.0
"""What is counted beforehand is what the trainer then has, to the token."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import msgspec

from engine.chat.coverage import CoverageCount, encode_ahead
from engine.chat.tokenizer import load_tokenizer
from engine.domain.dataset import DatasetInfo
from engine.domain.split import TRAIN
from engine.formats.versions import iter_rows
from engine.store.documents import read_document
from engine.train.examples import encode_training_rows
from engine.train.sources import RowSource
from tests.builders.dataset_import import ImportRun, new_workspace
from tests.builders.model_folder import tiny_model_folder

MAX_LENGTH = 40


def test_counted_tokens_are_those_that_the_trainer_supervises(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    rows = [{"prompt": "q" * (number % 50), "completion": "a b " * number} for number in range(90)]
    file.write_bytes(b"\n".join(msgspec.json.encode(one) for one in rows))
    layout = new_workspace(tmp_path / "w")
    ImportRun(layout, [file], eval_ratio=0.0).run()
    folder = layout.dataset("d1")
    tokenizer = load_tokenizer(tiny_model_folder(tmp_path / "m"), clock=datetime.now(UTC))
    count = CoverageCount()
    read = (row for _row_hash, row in iter_rows(folder, TRAIN, 1))
    for batch in encode_ahead([tokenizer], read, max_length=MAX_LENGTH):
        for one in batch:
            count.add(one)
    source = RowSource(folder=folder, info=read_document(folder.info, DatasetInfo), version=1)
    trained = encode_training_rows(
        [source], tokenizer, max_length=MAX_LENGTH, cache=None, on_rows=lambda _count: None
    )
    sums = count.sums()
    assert sums["trained_tokens"] == int(trained.examples.supervised.sum())
    assert sums["tokens"] == int(trained.examples.lengths.sum())
    assert {one.code: one.rows for one in sums["left_out"]} == trained.skipped
    lengths = count.example_lengths
    assert lengths[lengths > 0].tolist() == trained.examples.lengths.tolist()
