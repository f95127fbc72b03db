# SPDX-License-Identifier: Apache-2.0
"""Cutting documents: nothing is lost, nothing is too long, and questions are only found whole."""

from __future__ import annotations

import time
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from engine.domain.chunking import Chunking, about_tokens, problems_of_chunking
from engine.domain.dataset import Reject, TextRow
from engine.formats.document import chunks_of, cut, document_records, questions_of
from engine.formats.format import Block, Record
from engine.formats.jsonl import FORMAT as JSONL
from engine.formats.markdown import text_blocks

words = st.text("abcdeüß。", min_size=1, max_size=9)
sentences = st.lists(words, min_size=1, max_size=30).map(lambda one: " ".join(one) + ".")
texts = st.lists(sentences, min_size=1, max_size=8).map(" ".join)
blocks = st.lists(
    st.one_of(
        st.builds(lambda text: Block(1, text), texts),
        st.builds(lambda text, level: Block(1, text, level), words, st.integers(1, 4)),
    ),
    max_size=20,
)


@given(blocks, st.integers(32, 200), st.integers(0, 16))
def test_chunks_lose_nothing_and_are_never_too_long(
    found: list[Block], tokens: int, overlap: int
) -> None:
    chunking = Chunking(tokens=tokens, overlap_tokens=overlap)
    chunks = list(chunks_of(found, chunking))
    assert all(about_tokens(one.text) <= tokens for one in chunks)
    bodies = " ".join(one.text for one in chunks).split()
    for block in found:
        if not block.level:
            position = 0
            for word in block.text.split():
                position = bodies.index(word, position)
    kept = sum(
        len(one.text[: one.overlap_start].split()) + len(one.text[one.overlap_end :].split())
        for one in chunks
    )
    assert kept >= sum(len(one.text.split()) for one in found if not one.level)
    assert chunks == list(chunks_of(found, chunking))


def numbered(count: int) -> str:
    return " ".join(f"Sentence number {one} is here." for one in range(count))


def test_chunks_stand_under_their_headings() -> None:
    found = [
        Block(1, "Guide", 1), Block(2, "Install", 2), Block(3, numbered(20)),
        Block(4, "Use", 2), Block(5, numbered(20)),
    ]  # fmt: skip
    chunks = list(chunks_of(found, Chunking(tokens=150)))
    assert [one.text.split("\n\n")[0] for one in chunks] == ["Guide > Install", "Guide > Use"]
    assert [one.line for one in chunks] == [3, 5]


def test_chunks_repeat_whole_sentences_within_a_section() -> None:
    chunks = list(chunks_of([Block(1, numbered(40))], Chunking(tokens=64, overlap_tokens=16)))
    assert len(chunks) > 3
    for before, after in pairwise(chunks):
        repeated = after.text[after.overlap_start : after.overlap_end]
        assert repeated
        assert before.text.endswith(repeated)
        assert 0 < about_tokens(repeated) <= 16
        assert repeated.startswith("Sentence number")


def test_short_sections_share_a_chunk() -> None:
    found = [one for n in range(3) for one in (Block(n, f"Part {n}", 2), Block(n, "Short."))]
    (chunk,) = chunks_of(found, Chunking(tokens=400))
    assert chunk.text == "Part 0\n\nShort.\n\nPart 1\n\nShort.\n\nPart 2\n\nShort."


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
