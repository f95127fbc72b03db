# SPDX-License-Identifier: Apache-2.0
"""What is shown of a row is what would be trained."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from engine.chat.preview import preview_rows
from engine.chat.rows import RowProblem, problem_text
from engine.chat.tokenizer import ChatTokenizer, load_tokenizer
from engine.domain.dataset import ChatRow
from tests.builders.conversations import chat, turn
from tests.builders.model_folder import tiny_model_folder


@pytest.fixture
def tokenizer(tmp_path: Path) -> ChatTokenizer:
    return load_tokenizer(tiny_model_folder(tmp_path / "m"), clock=datetime(2026, 1, 1, tzinfo=UTC))


def test_tokens_are_shown_with_text_role_and_training(tokenizer: ChatTokenizer) -> None:
    (row,) = preview_rows(
        tokenizer, [("ab12", chat("Hello", "Grüße 🙂", system="S"))], max_length=999
    )
    assert row.row_hash == "ab12"
    assert "".join(one.text for one in row.tokens) == (
        "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nHello<|im_end|>\n"
        "<|im_start|>assistant\nGrüße 🙂<|im_end|>\n"
    )
    assert "".join(one.text for one in row.tokens if one.trained) == "Grüße 🙂<|im_end|>"
    assert "".join(one.text for one in row.tokens if one.role == "user") == "Hello"
    assert [one.text for one in row.tokens if one.special] == ["<|im_start|>", "<|im_end|>"] * 3
    assert not any("\ufffd" in one.text for one in row.tokens)
    assert row.trained_count == sum(one.trained for one in row.tokens)
    assert (row.problem, row.problem_text, row.truncated) == ("", "", False)


def test_problem_is_shown_as_a_sentence(tokenizer: ChatTokenizer) -> None:
    (row,) = preview_rows(tokenizer, [("x", ChatRow(messages=(turn("user", "?"),)))], max_length=9)
    assert row.problem == "no_assistant_turn"
    assert row.problem_text.endswith("no answer of the assistant.")


def test_every_problem_has_a_sentence() -> None:
    texts = [problem_text(one.value) for one in RowProblem]
    assert len(set(texts)) == len(RowProblem)
    assert all(one.endswith(".") for one in texts)


def test_cut_row_is_shown_as_cut(tokenizer: ChatTokenizer) -> None:
    (row,) = preview_rows(tokenizer, [("x", chat("Hello", "A long answer."))], max_length=12)
    assert len(row.tokens) == 12
    assert row.truncated
