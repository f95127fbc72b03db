# SPDX-License-Identifier: Apache-2.0
"""Documents before their import, in words: exact lengths and estimated ones read differently."""

from __future__ import annotations

from typing import Any

import pytest

from engine.domain.chunking import Chunking, ChunkPreview, Cutting, DocumentPreview
from engine.domain.dataset import SourceFile
from gui.viewmodels.dataset import source_view
from gui.viewmodels.documents import counter_hint, counter_options, piece_view, preview_words
from tests.fakes.api import a_model

PIECE = ChunkPreview(
    file="a.md", line=3, text="Guide\n\nOne. Two.", overlap_start=7, overlap_end=11, tokens=8
)


def found(**more: Any) -> DocumentPreview:
    """Return what two thousand rows look like."""
    return DocumentPreview(
        rows=2000, tokens_min=10, tokens_median=900, tokens_max=1000, chunks=(), rejects=(),
        **{"questions": 0, **more},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({}, "2,000 rows, about 10 to 1,000 tokens each, half of them up to 900."),
        ({"is_exact": True}, "2,000 rows, 10 to 1,000 tokens each, half of them up to 900."),
        (
            {"is_exact": True, "questions": 3},
            "2,000 rows, 10 to 1,000 tokens each, half of them up to 900; "
            "3 questions with their answers.",
        ),
        (
            {"is_partial": True},
            "2,000 rows, about 10 to 1,000 tokens each, half of them up to 900. "
            "Of long documents only the first part was looked at.",
        ),
    ],
)
def test_what_documents_become_is_said_as_sure_as_it_is(more: dict[str, Any], words: str) -> None:
    assert preview_words(found(**more)) == words


def test_a_row_names_its_tokens_as_counted_or_as_estimated() -> None:
    assert piece_view(PIECE, is_exact=True).title == "a.md, 3 · 8 tokens"
    assert piece_view(PIECE, is_exact=False).title == "a.md, 3 · about 8 tokens"
    assert piece_view(PIECE, is_exact=True).repeated == "One."


def test_every_model_can_count_and_an_estimate_comes_first() -> None:
    model = a_model(id="m1", name="Qwen")
    assert counter_options([]) == (("", "Estimate"),)
    assert counter_options([model])[1:] == (("m1", "Qwen"),)
    assert "exact tokens of Qwen" in counter_hint(model)
    assert "estimated" in counter_hint(None)


def test_the_source_says_how_it_was_cut() -> None:
    source = SourceFile(
        name="a.md", path="/a.md", size_bytes=1, sha256="0", format="text", shape="text", rows=1,
        rejects=0, cutting=Cutting(chunking=Chunking(tokens=500), model_name="Qwen"),
    )  # fmt: skip
    assert source_view(source).cutting == (
        "Cut into pieces of at most 500 tokens. Tokens were counted by the tokenizer of Qwen."
    )
