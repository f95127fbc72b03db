# SPDX-License-Identifier: Apache-2.0
"""Cutting documents: nothing is lost, and no piece is too long by the tokenizer that counts."""

from __future__ import annotations

import random
import time
import zlib
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, normalizers, trainers

from engine.api.starter import starter_folder
from engine.chat.tokenizer import ChatTokenizer, load_tokenizer
from engine.domain.chunking import Chunking, TokenCounts, about_tokens, estimated_tokens
from engine.domain.dataset import TextRow
from engine.formats.format import Block
from engine.formats.markdown import text_blocks
from engine.formats.pieces import Chunk, chunks_of
from tests.builders.families import FAMILIES
from tests.builders.model_folder import SENTENCES

CLOCK = datetime(2026, 11, 21, tzinfo=UTC)

letters = st.text("abcdeüß。，!🙂\t ́ﷺนี้", min_size=1, max_size=12).filter(str.strip)
sentences = st.lists(letters, min_size=1, max_size=30).map(lambda one: " ".join(one) + ".")
long_word = st.integers(50, 900).map(lambda length: "xYz/+" * (length // 5))
texts = st.lists(st.one_of(sentences, sentences, long_word), min_size=1, max_size=8)
bodies = st.builds(lambda parts, gap: gap.join(parts), texts, st.sampled_from([" ", "\n", "\n\n"]))
headings = st.text("0123456789", min_size=1, max_size=30)
blocks = st.lists(
    st.one_of(
        st.builds(lambda text: Block(1, text), bodies),
        st.builds(lambda text, level: Block(1, text, level), headings, st.integers(1, 4)),
    ),
    max_size=20,
)
limits = st.tuples(st.integers(32, 300), st.integers(0, 150)).map(
    lambda one: Chunking(tokens=one[0], overlap_tokens=min(one[1], one[0] // 2))
)


@lru_cache
def unigram() -> Tokenizer:
    """Return a tokenizer that rewrites letters before it counts, and sees no words."""
    made = Tokenizer(models.Unigram())
    made.normalizer = normalizers.NFKC()
    trainer = trainers.UnigramTrainer(vocab_size=200, show_progress=False, unk_token="<unk>")
    made.train_from_iterator(SENTENCES, trainer)
    return made


@lru_cache
def tokenizer(name: str) -> ChatTokenizer:
    """Return the tokenizer of a family, or of the bundled model."""
    if name == "starter":
        return load_tokenizer(starter_folder(), clock=CLOCK)
    if name == "unigram":
        return ChatTokenizer(unigram(), template=None, special_tokens={})
    family = FAMILIES[name]
    ends = {"bos_token": family.bos, "eos_token": family.eos}
    return ChatTokenizer(family.tokenizer(), template=None, special_tokens=ends)


def erratic(texts: Sequence[str]) -> list[int]:
    """Count so that a longer text may have fewer tokens, and parts say little of the whole."""
    return [2 + len(one) // 3 + zlib.crc32(one.encode()) % 6 for one in texts]


def counts(name: str) -> TokenCounts:
    """Return a way to count."""
    known = {"estimate": estimated_tokens, "erratic": erratic}
    return known[name] if name in known else tokenizer(name).count_texts


def new_letters(chunks: Sequence[Chunk]) -> str:
    """Return what is no heading and no blank in pieces, what they repeat left out."""
    whole = "".join(one.text[: one.overlap_start] + one.text[one.overlap_end :] for one in chunks)
    return "".join(one for one in whole if not one.isspace() and one not in "0123456789>")


WAYS = ("estimate", "erratic", "starter", "llama3", "llama2", "unigram")


@pytest.mark.parametrize("way", WAYS)
@settings(max_examples=60, deadline=None)
@given(found=blocks, chunking=limits)
def test_no_piece_is_too_long_and_together_they_are_the_document(
    way: str, found: list[Block], chunking: Chunking
) -> None:
    count = counts(way)
    chunks = list(chunks_of(found, chunking, count))
    assert [one.tokens for one in chunks] == count([one.text for one in chunks])
    assert all(one.tokens <= chunking.tokens for one in chunks)
    assert new_letters(chunks) == "".join(
        "".join(one.text.split()) for one in found if not one.level
    )
    around = count([""])[0]
    for before, after in pairwise([Chunk(0, "", 0), *chunks]):
        repeated = after.text[after.overlap_start : after.overlap_end]
        assert before.text.endswith(repeated)
        assert count([repeated])[0] - around <= chunking.overlap_tokens
    assert chunks == list(chunks_of(found, chunking, count))


@given(st.lists(st.builds(Block, st.just(1), headings, st.integers(1, 4)), max_size=12), blocks)
@settings(max_examples=60, deadline=None)
def test_no_heading_is_lost(first: list[Block], then: list[Block]) -> None:
    named = [
        Block(1, f"{number}9{one.text}", one.level) if one.level else one
        for number, one in enumerate([*first, *then], start=1000)
    ]
    whole = "\n".join(one.text for one in chunks_of(named, Chunking(tokens=1500)))
    assert all(one.text in whole for one in named if one.level)


@pytest.mark.parametrize("name", ["starter", "llama3", "llama2", "unigram"])
@given(text=st.one_of(bodies, st.text(max_size=40), st.sampled_from(["", "</s>", "<s><s>a"])))
@settings(max_examples=60, deadline=None)
def test_a_text_has_as_many_tokens_as_its_row_when_it_is_trained(name: str, text: str) -> None:
    row = tokenizer(name).encode_row(TextRow(text=text), max_length=99_999)
    assert tokenizer(name).count_texts([text, "other"])[0] == row.length_tokens


def numbered(count: int) -> str:
    return " ".join(f"Sentence number {one} is here." for one in range(count))


def test_pieces_stand_under_their_headings() -> None:
    found = [
        Block(1, "Guide", 1), Block(2, "Install", 2), Block(3, numbered(20)),
        Block(4, "Use", 2), Block(5, numbered(20)),
    ]  # fmt: skip
    chunks = list(chunks_of(found, Chunking(tokens=150)))
    assert [one.text.split("\n\n")[0] for one in chunks] == ["Guide > Install", "Guide > Use"]
    assert [one.line for one in chunks] == [3, 5]


def test_a_section_that_goes_on_stands_under_the_heading_it_began_with() -> None:
    found = [
        Block(1, "Guide", 1), Block(2, "Short, this one."),
        Block(3, "Use", 2), Block(4, numbered(40)),
    ]  # fmt: skip
    chunks = list(chunks_of(found, Chunking(tokens=150)))
    assert chunks[0].text.startswith("Guide\n\nShort, this one.\n\nUse\n\nSentence")
    assert all(one.text.startswith("Guide > Use\n\nSentence") for one in chunks[1:])
    whole = [*found[:3], Block(4, "word " * 114)]
    assert [one.text[:18] for one in chunks_of(whole, Chunking(tokens=150))] == [
        "Guide\n\nShort, this", "Guide > Use\n\nword ",
    ]  # fmt: skip


def test_pieces_repeat_whole_sentences_within_a_section() -> None:
    chunks = list(chunks_of([Block(1, numbered(40))], Chunking(tokens=64, overlap_tokens=16)))
    assert len(chunks) > 3
    for before, after in pairwise(chunks):
        repeated = after.text[after.overlap_start : after.overlap_end]
        assert repeated
        assert before.text.endswith(repeated)
        assert 0 < about_tokens(repeated) <= 16
        assert repeated.startswith("Sentence number")


def test_without_sentences_words_are_repeated() -> None:
    words = " ".join(f"word{one}" for one in range(300))
    chunks = list(chunks_of([Block(1, words)], Chunking(tokens=64, overlap_tokens=16)))
    assert all(one.text.startswith("word") for one in chunks)
    assert all(one.overlap_end - one.overlap_start > 30 for one in chunks[1:])


def test_short_sections_share_a_piece() -> None:
    found = [one for n in range(3) for one in (Block(n, f"Part {n}", 2), Block(n, "Short."))]
    (chunk,) = chunks_of(found, Chunking(tokens=400))
    assert chunk.text == "Part 0\n\nShort.\n\nPart 1\n\nShort.\n\nPart 2\n\nShort."


def test_code_is_cut_between_its_lines_and_keeps_them_as_they_are() -> None:
    code = "\n".join(f"    if x == {one}:\n        y = {one}" for one in range(40))
    chunks = list(chunks_of([Block(1, code)], Chunking(tokens=64)))
    assert "\n".join(one.text for one in chunks) == code


def test_chinese_is_cut_behind_its_sentences() -> None:
    text = "你好世界今天天气很好我们去公园。" * 30
    chunks = list(chunks_of([Block(1, text)], Chunking(tokens=64)))
    assert len(chunks) > 3
    assert all(one.text.endswith("。") for one in chunks)


def test_pieces_are_filled() -> None:
    text = numbered(2000)
    for way in ("estimate", "starter", "llama3", "llama2"):
        chunks = list(chunks_of([Block(1, text)], Chunking(tokens=200), counts(way)))
        mean = sum(one.tokens for one in chunks[:-1]) / (len(chunks) - 1)
        assert mean > 170, way


def long_documents() -> dict[str, str]:
    """Return 5 MB of Markdown, and shorter documents that have fewer borders, or none."""
    chance = random.Random(5)
    words = ["printer", "the", "of", "reset", "warehouse", "a", "4711", "must", "then,", "off."]
    said = [" ".join(chance.choices(words, k=chance.randint(5, 80))) for _one in range(400)]
    parts = [f"## Part {n}" if n % 9 == 0 else chance.choice(said) for n in range(24_500)]
    return {
        "Markdown": "\n\n".join(parts),
        "one paragraph": " ".join(parts[1:5000]),
        "one heading": "# " + " ".join(parts[1:5000]),
        "one word": "".join(chance.choices("abcdefgh0123+/", k=1_000_000)),
        "lines": "\n".join(one.replace(".", "") for one in parts[:5000]),
    }


@pytest.mark.slow
def test_five_megabytes_are_cut_in_time_that_grows_with_them() -> None:
    documents = long_documents()
    assert len(documents["Markdown"]) >= 5_000_000
    for name, text in documents.items():
        read = 0

        def count(texts: Sequence[str]) -> list[int]:
            """Count, and remember how much was to be read for that."""
            nonlocal read
            read += sum(map(len, texts))
            return tokenizer("starter").count_texts(texts)

        began = time.process_time()
        found = text_blocks(enumerate(text.split("\n"), start=1), is_markdown=True)
        chunking = Chunking(tokens=1000, overlap_tokens=100)
        chunks = list(chunks_of(found, chunking, count))
        took = time.process_time() - began
        assert all(one.tokens <= 1000 for one in chunks), name
        assert read < 5 * len(text), name
        assert took < 5 + len(text) / 200_000, name


def test_a_line_that_is_no_heading_but_by_its_mark_costs_no_more_than_text() -> None:
    heading = Block(1, "word " * 200_000, 1)
    began = time.process_time()
    chunks = list(chunks_of([heading, Block(2, "Below.")], Chunking(tokens=32)))
    assert time.process_time() - began < 5
    assert "".join(one.text for one in chunks).count("word") == 200_000
