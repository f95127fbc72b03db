# SPDX-License-Identifier: Apache-2.0
"""One dataset: its state, its rejected rows, its split, its sources, and its removal."""

from __future__ import annotations

from datetime import datetime

import pytest

from engine.domain.dataset import Reject, RowKind
from gui.viewmodels.dataset import (
    header_view,
    reject_lines,
    reject_meta,
    reject_reasons,
    reject_title,
    removal_question,
    shape_words,
    source_lines,
    split_findings,
    split_parts,
    split_shares,
)
from tests.fakes.api import a_dataset

NOW = datetime(2026, 11, 3, 18, 0).astimezone()


def test_header_of_a_sound_dataset_is_ready() -> None:
    shown = header_view(a_dataset(), now=NOW)
    assert (shown.chip.text, shown.chip.kind) == ("Ready", "success")
    assert shown.meta.startswith("Version 1 · 400 conversations · imported today")
    assert shown.meta.endswith("from tickets.jsonl")
    assert shown.train_reason == ""


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"rejects": 3}, "Ready, 3 rejected"),
        ({"splits": {"train": 400, "eval": 0}}, "Ready, nothing held out"),
        ({"rejects": 3, "splits": {"train": 400}}, "Ready, 2 things to look at"),
    ],
)
def test_header_names_what_is_to_be_looked_at(changes: dict[str, object], words: str) -> None:
    chip = header_view(a_dataset(**changes), now=NOW).chip
    assert (chip.text, chip.kind) == (words, "warning")


def test_header_of_preferences_says_why_they_cannot_be_trained() -> None:
    shown = header_view(a_dataset(kind=RowKind.PREFERENCE), now=NOW)
    assert "cannot be trained yet" in shown.train_reason
    assert shown.meta.startswith("Version 1 · 400 preferences")


def test_parts_leave_out_an_empty_split() -> None:
    assert [key for key, _words in split_parts(a_dataset())] == ["all", "train", "eval"]
    only = split_parts(a_dataset(splits={"train": 400, "eval": 0}))
    assert only == (("train", "Training, 400"),)


def some_rejects() -> list[Reject]:
    return [
        Reject(file="a.jsonl", line=1_204, reason="broken_json", message="Not valid JSON.",
               excerpt='{"a":\n  1'),
        Reject(file="b.jsonl", line=0, reason="file_empty", message="b.jsonl is empty."),
        Reject(file="a.jsonl", line=7, reason="broken_json", message="Not valid JSON."),
    ]  # fmt: skip


def test_reject_lines_have_one_line_each() -> None:
    first, second, _third = reject_lines(some_rejects())
    assert (first.file, first.line, first.reason) == ("a.jsonl", "1,204", "Not valid JSON.")
    assert first.excerpt == '{"a": 1'
    assert second.line == "whole file"


def test_reject_reasons_are_counted_the_most_frequent_first() -> None:
    assert reject_reasons(some_rejects()) == (
        ("2 rows", "Not valid JSON."),
        ("1 row", "b.jsonl is empty."),
    )


def test_reject_words_tell_when_not_all_are_shown() -> None:
    dataset = a_dataset(rejects=5_000)
    assert reject_title(dataset) == "5,000 rows were rejected at the import"
    assert reject_meta(dataset, 1_000) == "the first 1,000 are shown"
    assert reject_meta(a_dataset(rejects=3), 3) == "of 403 that were read"


def test_split_shares_add_up() -> None:
    training, held_out = split_shares(a_dataset())
    assert (training.value, held_out.value) == ("90 %", "10 %")
    assert training.share + held_out.share == pytest.approx(1)


@pytest.mark.parametrize(("held_out", "kind"), [(40, "success"), (12, "warning"), (0, "warning")])
def test_split_findings_warn_where_few_rows_are_held_out(held_out: int, kind: str) -> None:
    splits = {"train": 400 - held_out, "eval": held_out}
    _training, found, _copies = split_findings(a_dataset(splits=splits))
    assert (found.kind, found.number) == (kind, str(held_out))


def test_split_findings_count_copies() -> None:
    *_rest, none = split_findings(a_dataset())
    *_rest, some = split_findings(a_dataset(duplicates=12))
    assert (none.kind, none.number) == ("success", "0")
    assert (some.kind, some.number, some.unit) == ("info", "12", "rows")


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ("openai_messages", "Messages (OpenAI)"),
        ("prompt_completion", "Prompt and completion"),
        ("", "–"),
        ("odd", "odd"),
    ],
)
def test_shape_words_name_known_and_unknown_shapes(shape: str, words: str) -> None:
    assert shape_words(shape) == words


def test_source_lines_say_name_size_and_counts() -> None:
    (line,) = source_lines(a_dataset())
    assert (line.name, line.size, line.format) == ("tickets.jsonl", "250 kB", "JSONL")
    assert (line.rows, line.rejects) == ("400", "0")


def test_removal_question_names_runs_that_would_lose_their_rows() -> None:
    assert "run" not in removal_question(a_dataset(), runs=0).consequence
    asked = removal_question(a_dataset(), runs=2)
    assert asked.cause == "Remove “Support tickets”?"
    assert "2 runs were trained on it" in asked.consequence
    assert "cannot be resumed" in asked.consequence
