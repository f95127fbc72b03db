# SPDX-License-Identifier: Apache-2.0
"""Documents as rows: questions are only found whole, and what is cut is said."""

from __future__ import annotations

import time

from engine.domain.chunking import Chunking, problems_of_chunking
from engine.domain.dataset import Reject, TextRow
from engine.formats.document import cut, document_records, questions_of
from engine.formats.format import Block, Record
from engine.formats.jsonl import FORMAT as JSONL
from engine.formats.markdown import text_blocks


def test_questions_are_found_by_their_marks_with_all_paragraphs() -> None:
    found = [
        Block(1, "Frequently asked", 1), Block(2, "Q: One?"), Block(3, "A: Yes."),
        Block(4, "And more."), Block(5, "Frage 2: Zwei?"), Block(6, "Antwort: Ja."),
        Block(7, "Question: Three?"), Block(8, "Answer: No."),
    ]  # fmt: skip
    assert questions_of(found) == [
        (2, "One?", "Yes.\n\nAnd more."), (5, "Zwei?", "Ja."), (7, "Three?", "No."),
    ]  # fmt: skip
    assert questions_of(found[:6]) == []
    assert questions_of([*found, Block(9, "Q: Without an answer?")]) == []


def test_questions_are_found_as_headings_that_ask() -> None:
    faq = [one for n in range(4) for one in (Block(n, f"How {n}?", 2), Block(n, f"So {n}."))]
    assert questions_of([Block(0, "FAQ", 1), *faq])[0] == (0, "How 0?", "So 0.")
    guide = [one for n in range(4) for one in (Block(n, f"Part {n}", 2), Block(n, f"So {n}."))]
    assert questions_of([*guide, *faq[:6]]) == []


def test_records_are_questions_or_texts_and_rejects_pass() -> None:
    refused = Reject(file="a.pdf", line=2, reason="scanned_page", message="A picture.")
    faq = [one for n in range(3) for one in (Block(n, f"Q: How {n}?"), Block(n, f"A: So {n}."))]
    found = list(document_records([*faq[:3], refused, *faq[3:]], Chunking()))
    assert found[0] == refused
    assert found[1] == Record(line=0, value={"question": "How 0?", "answer": "So 0."})
    plain = list(document_records(faq, Chunking(finds_questions=False)))
    assert len(plain) == 1
    assert isinstance(plain[0], Record)
    assert isinstance(plain[0].value, TextRow)


def test_formats_of_rows_are_not_cut() -> None:
    assert cut(JSONL, Chunking()) is JSONL


def test_impossible_chunking_is_said() -> None:
    assert problems_of_chunking(Chunking()) == []
    assert len(problems_of_chunking(Chunking(tokens=8, overlap_tokens=9))) == 2


def test_markdown_has_headings_paragraphs_and_code() -> None:
    text = (
        "# One #\n\nFirst\nline\n\nTwo\n===\n```py\n# no heading\n\nx = 1\n```\n"
        "Three\n---\n#hash\nend"
    )
    found = list(text_blocks(enumerate(text.split("\n"), start=1), is_markdown=True))
    assert [(one.line, one.text, one.level) for one in found] == [
        (1, "One", 1), (3, "First\nline", 0), (6, "Two", 1),
        (8, "```py\n# no heading\n\nx = 1\n```", 0), (13, "Three", 2), (15, "#hash\nend", 0),
    ]  # fmt: skip


def test_plain_text_has_no_headings() -> None:
    lines = enumerate(["# a", "", "b", "===", ""], start=1)
    assert [one.level for one in text_blocks(lines, is_markdown=False)] == [0, 0]


def test_questions_in_a_very_long_text_are_looked_for_in_time_that_grows_with_it() -> None:
    many = [Block(1, "Q: One?"), Block(2, "A: Yes."), *(Block(3, "More of it."),) * 200_000]
    began = time.process_time()
    assert questions_of(many) == []
    assert time.process_time() - began < 5
