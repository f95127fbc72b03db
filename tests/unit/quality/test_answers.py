# SPDX-License-Identifier: Apache-2.0
"""Checks of answers and exact copies, over stored batches of conversations."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from engine.domain.content_hash import content_hash
from engine.domain.dataset import ChatRow, Role, RowKind, Turn
from engine.formats.arrow_rows import RowPlace, RowWriter
from engine.formats.row_table import RowTable
from engine.quality.answers import CHECKS
from engine.quality.check import CheckSettings
from engine.quality.exact_copies import EXACT_COPIES
from engine.quality.found import Found
from engine.quality.runner import run_checks

Pair = tuple[str, str]


def chat(question: str, answer: str, *, system: str = "") -> ChatRow:
    """Return a conversation of one question."""
    told = [Turn(role=Role.SYSTEM, content=system)] if system else []
    asked = Turn(role=Role.USER, content=question)
    return ChatRow(messages=(*told, asked, Turn(role=Role.ASSISTANT, content=answer)))


def found_in(tmp_path: Path, rows: list[ChatRow]) -> dict[str, Found]:
    """Return what the checks find in rows that were stored and read back."""
    file = tmp_path / "rows.arrow"
    with file.open("wb") as stream:
        writer = RowWriter(stream, RowKind.CHAT)
        for line, row in enumerate(rows):
            writer.add(row, RowPlace(content_hash(row).hex(), 0, line))
        writer.close()
    table = RowTable([file], ["a"])
    batches = [(one, np.zeros(one.num_rows, np.bool_)) for one in table.batches()]
    checks = [*CHECKS, EXACT_COPIES]
    return run_checks(batches, checks, CheckSettings(), on_rows=lambda _done: None)


def rows_of(found: Found) -> list[int]:
    """Return the rows of the findings."""
    return found.rows.tolist()


def test_the_same_question_with_different_answers_is_a_group(tmp_path: Path) -> None:
    rows = [
        chat("What is it?", "A cat."),
        chat("Something else?", "Yes."),
        chat("what  is it", "A dog."),
        chat("What is it?", "a cat"),
        chat("What is it?", "A dog.", system="Be brief."),
        chat("Something else?", "yes!"),
    ]
    found = found_in(tmp_path, rows)["contradicting_answers"]
    assert rows_of(found) == [0, 2, 3]
    assert found.groups is not None
    assert found.groups.tolist() == [0, 0, 0]


def test_an_answer_that_repeats_the_question_is_found(tmp_path: Path) -> None:
    rows = [chat("Say this.", "say this"), chat("Say this.", "no"), chat("?!", "...")]
    assert rows_of(found_in(tmp_path, rows)["echoed_answers"]) == [0]


def test_empty_phrases_are_found_in_answers_only(tmp_path: Path) -> None:
    rows = [
        chat("x", "As an AI language model I cannot."),
        chat("As an AI, what do you do?", "I sort letters."),
        chat("x", "Als KI kann ich das nicht."),
        chat("x", "The aide was an aim."),
        chat("x", "作为一个人工智能，我不能。"),
    ]
    assert rows_of(found_in(tmp_path, rows)["boilerplate_answers"]) == [0, 2, 4]


def test_one_answer_to_very_many_questions_is_found(tmp_path: Path) -> None:
    rows = [chat(f"q{one}", "Ask a lawyer." if one % 4 == 0 else f"a{one}") for one in range(100)]
    assert rows_of(found_in(tmp_path, rows)["monotonous_answers"]) == list(range(0, 100, 4))
    assert rows_of(found_in(tmp_path, rows[:40])["monotonous_answers"]) == []


def test_exact_copies_are_groups_named_by_their_first_row(tmp_path: Path) -> None:
    rows = [chat("a", "b"), chat("c", "d"), chat("a", "b"), chat("A", "b"), chat("a", "b")]
    found = found_in(tmp_path, rows)[EXACT_COPIES.id]
    assert rows_of(found) == [0, 2, 4]
    assert found.groups is not None
    assert found.groups.tolist() == [0, 0, 0]


def test_no_rows_have_no_findings() -> None:
    found = run_checks([], [*CHECKS, EXACT_COPIES], CheckSettings(), on_rows=lambda _done: None)
    assert all(not len(one.rows) for one in found.values())
