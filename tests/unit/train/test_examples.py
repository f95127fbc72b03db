# SPDX-License-Identifier: Apache-2.0
"""Rows become examples in order; what cannot be trained is counted, and held-out rows are fair."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.chat.tokenizer import ChatTokenizer, load_tokenizer
from engine.domain.dataset import ChatRow, DatasetInfo, Row, TextRow
from engine.errors import Cancelled, NothingToTrain
from engine.store.documents import read_document
from engine.store.layout import Layout
from engine.store.workspace import open_workspace
from engine.train import examples
from engine.train.batches import data_hash, join_examples
from engine.train.examples import (
    encode,
    encode_held_out_rows,
    encode_training_rows,
    note_warnings,
    skip_warnings,
    truncation_warning,
)
from engine.train.samples import sample_prompts
from engine.train.sources import RowSource
from tests.builders.conversations import template_text
from tests.builders.model_folder import tiny_model_folder
from tests.builders.tool_families import named_chats
from tests.unit.train.runs import DATASET, MOMENT, chat_row, chat_rows, text_rows, write_dataset


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> ChatTokenizer:
    return load_tokenizer(tiny_model_folder(tmp_path_factory.mktemp("model")), clock=MOMENT)


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return open_workspace(tmp_path / "workspace", now=MOMENT)


def source_of(layout: Layout, dataset_id: str = DATASET) -> RowSource:
    folder = layout.dataset(dataset_id)
    return RowSource(folder=folder, info=read_document(folder.info, DatasetInfo), version=1)


def ignore(_count: int) -> None:
    """Take no notice of progress."""


def test_encode_training_rows_are_those_of_the_tokenizer_in_order(
    layout: Layout, tokenizer: ChatTokenizer
) -> None:
    rows = chat_rows(300)
    write_dataset(layout, rows, eval_ratio=0.0)
    told: list[int] = []
    found = encode_training_rows(
        [source_of(layout)], tokenizer, max_length=512, cache=None, on_rows=told.append
    ).examples
    assert told == [256, 300, 300]
    assert len(found) == 300
    for place in (0, 137, 299):
        expected = tokenizer.encode_row(rows[place], max_length=512)
        span = slice(int(found.edges[place]), int(found.edges[place + 1]))
        assert found.ids[span].tolist() == expected.ids
        assert found.trained[span].tolist() == expected.trained


def test_encode_tells_of_long_rows_often_so_that_a_stop_is_heeded_soon(
    tokenizer: ChatTokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(examples, "_BATCH_CHARACTERS", 3000)
    rows: list[Row] = [TextRow(text="word " * 200), chat_row("long " * 200, "a")] * 4
    told: list[int] = []
    found = encode(rows, tokenizer, max_length=64, on_rows=told.append)
    assert told == [3, 6, 8]
    assert (found.rows, len(found.examples), len(found.problems)) == (8, 4, 4)

    def stop(_count: int) -> None:
        raise Cancelled("The work was stopped.")

    with pytest.raises(Cancelled):
        encode(rows, tokenizer, max_length=64, on_rows=stop)


def test_encode_training_rows_problems_are_counted_by_code(
    layout: Layout, tokenizer: ChatTokenizer
) -> None:
    rows: list[Row] = [*chat_rows(2), chat_row("long " * 200, "a"), chat_row("long " * 200, "b")]
    write_dataset(layout, rows, eval_ratio=0.0)
    source = source_of(layout)
    found = encode_training_rows([source], tokenizer, max_length=128, cache=None, on_rows=ignore)
    assert len(found.examples) == 2
    assert found.skipped == {"no_trained_tokens": 2}
    warning = skip_warnings(found.skipped)[0]
    assert warning.code == "no_trained_tokens"
    assert warning.message.startswith("2 rows are left out. Nothing of this row")


def test_encode_training_rows_nothing_left_names_the_reason(
    layout: Layout, tokenizer: ChatTokenizer
) -> None:
    write_dataset(layout, [chat_row("long " * 200, "a")], eval_ratio=0.0)
    with pytest.raises(NothingToTrain, match="Every row is left out"):
        encode_training_rows(
            [source_of(layout)], tokenizer, max_length=32, cache=None, on_rows=ignore
        )


@pytest.mark.parametrize(("truncated", "is_told"), [(0, False), (2, False), (3, True)])
def test_truncation_warning_more_than_a_fifth_is_told(truncated: int, is_told: bool) -> None:
    found = truncation_warning(truncated, 10)
    assert (found is not None) is is_told
    assert found is None or "3 of 10" in found.message


def test_encode_held_out_rows_take_the_lowest_hashes(
    layout: Layout, tokenizer: ChatTokenizer
) -> None:
    write_dataset(layout, chat_rows(60), eval_ratio=0.5)
    source = source_of(layout)
    found = encode_held_out_rows([source], tokenizer, max_length=512, limit=5, on_rows=ignore)
    lowest = sorted(source.held_out_rows(), key=lambda one: one[0])[:5]
    assert list(found.rows) == [row for _digest, row in lowest]
    assert len(found.examples) == 5


def test_encode_held_out_rows_heeds_a_stop_while_it_reads(
    layout: Layout, tokenizer: ChatTokenizer
) -> None:
    write_dataset(layout, chat_rows(700), eval_ratio=0.9)
    told: list[int] = []

    def stop(count: int) -> None:
        told.append(count)
        raise Cancelled("The work was stopped.")

    with pytest.raises(Cancelled):
        encode_held_out_rows([source_of(layout)], tokenizer, max_length=512, limit=5, on_rows=stop)
    assert told == [256]


def test_sample_prompts_end_before_the_last_answer(tokenizer: ChatTokenizer) -> None:
    rows: list[Row] = [*text_rows(1), *chat_rows(3)]
    found = sample_prompts(rows, tokenizer, count=2)
    assert [one.prompt for one in found] == [
        "Where is my order number 0?",
        "Where is my ticket number 1?",
    ]
    assert found[0].expected == "Thank you. The order arrives on Monday."
    assert tokenizer.decode(found[0].ids).endswith("<|im_start|>assistant\n")


def test_sample_prompts_hold_tools_names_and_ids_of_calls(tmp_path: Path) -> None:
    folder = tiny_model_folder(tmp_path / "named", template=template_text("named"))
    tokenizer = load_tokenizer(folder, clock=MOMENT)
    row = named_chats("", '[{"function": {"name": "weather"}}]')["named_tools"]
    (sample,) = sample_prompts([row], tokenizer, count=1)
    assert tokenizer.decode(sample.ids) == (
        '<|im_system|>tool_declare<|im_middle|>[{"function": {"name": "weather"}}]<|im_end|>'
        "<|im_system|>system<|im_middle|>Use tools.<|im_end|>"
        "<|im_user|>Jane<|im_middle|>How is it?<|im_end|>"
        "<|im_assistant|>assistant<|im_middle|><|tool_calls_section_begin|><|tool_call_begin|>"
        'weather:0<|tool_call_argument_begin|>{"town": "Köln"}<|tool_call_end|>'
        "<|tool_calls_section_end|><|im_end|>"
        "<|im_system|>weather<|im_middle|>## Return of weather:0\nRain.<|im_end|>"
        "<|im_assistant|>assistant<|im_middle|>"
    )
    assert sample.expected == "It rains."


def test_data_hash_moves_with_ids_marks_and_edges() -> None:
    joined = [
        join_examples(rows)
        for rows in (
            [([1, 2], [True, True]), ([3], [True])],
            [([1, 2], [True, True]), ([4], [True])],
            [([1, 2], [True, False]), ([3], [True])],
            [([1], [True]), ([2, 3], [True, True])],
        )
    ]
    assert len({data_hash(one) for one in joined}) == 4
    nothing = join_examples([])
    assert data_hash(joined[0], nothing) != data_hash(nothing, joined[0])


def test_encode_training_rows_notes_are_counted_and_told(
    layout: Layout, tokenizer: ChatTokenizer
) -> None:
    tools = '[{"type": "function", "function": {"name": "find"}}]'
    plain = [one for one in chat_rows(2) if isinstance(one, ChatRow)]
    noted = [ChatRow(messages=one.messages, tools=tools) for one in plain]
    write_dataset(layout, [*noted, chat_row("c", "d")], eval_ratio=0.0)
    source = source_of(layout)
    found = encode_training_rows([source], tokenizer, max_length=128, cache=None, on_rows=ignore)
    assert (len(found.examples), found.noted) == (3, {"tools_left_out": 2})
    (warning,) = note_warnings(found.noted)
    assert warning.code == "tools_left_out"
    assert warning.message.startswith("2 rows: The chat template does not write")
