# SPDX-License-Identifier: Apache-2.0
"""Who counts the tokens by which documents are cut: the tokenizer of a model, or nobody."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from engine.domain.chunking import Chunking, Cutting, TokenCounts, estimated_tokens
from engine.domain.dataset import ChatRow, DatasetInfo, Role, SourceFile, Turn
from engine.domain.model import ModelInfo
from engine.formats.reading import SourcePlan
from engine.store.known_model import find_model
from engine.store.layout import Layout

if TYPE_CHECKING:
    from engine.chat.tokenizer import ChatTokenizer

TEXT = "text"
"""Format of plain text, which is cut by characters if nothing is asked; also the rows' shape."""


class TokenCounter:
    """Counts the tokens of rows, exactly or roughly; one thread at a time.

    Attributes:
        model: The model whose tokenizer counts; None where tokens are estimated.
        count: Counts texts.
    """

    def __init__(
        self, model: ModelInfo | None = None, tokenizer: ChatTokenizer | None = None
    ) -> None:
        """Count by a tokenizer, or estimate."""
        self.model = model
        self._tokenizer = tokenizer
        self.count: TokenCounts = tokenizer.count_texts if tokenizer else estimated_tokens

    def question_tokens(self, question: str, answer: str) -> int:
        """Return how many tokens a question with its answer has as a row.

        Where the model has no form for conversations, they count as a text.
        """
        if self._tokenizer is None or self.model is None or not self.model.has_chat_template:
            return self.count([f"{question}\n\n{answer}"])[0]
        turns = (
            Turn(role=Role.USER, content=question),
            Turn(role=Role.ASSISTANT, content=answer),
        )
        return self._tokenizer.encode_row(ChatRow(messages=turns), max_length=1).length_tokens

    def told(
        self, info: DatasetInfo, plans: Sequence[SourcePlan], asked: Chunking | None
    ) -> DatasetInfo:
        """Return what is known of a dataset, with how its documents were cut.

        Args:
            info: The dataset.
            plans: How each of its files was read.
            asked: How documents were to be cut; None as their format does.
        """
        name, fingerprint = (self.model.name, self.model.fingerprint) if self.model else ("", "")
        cutting = Cutting(chunking=asked or Chunking(), model_name=name, fingerprint=fingerprint)
        sources = [
            replace(source, cutting=cutting) if _is_cut(plan, source, asked) else source
            for plan, source in zip(plans, info.sources, strict=True)
        ]
        return replace(info, sources=tuple(sources))


def _is_cut(plan: SourcePlan, source: SourceFile, asked: Chunking | None) -> bool:
    is_document = plan.format.blocks is not None and source.shape == TEXT
    return is_document and not (asked is None and source.format == TEXT)


def counter_of(
    layout: Layout,
    chunking: Chunking | None,
    *,
    clock: datetime,
    known: TokenCounter | None = None,
) -> TokenCounter:
    """Return who counts the tokens of documents.

    Args:
        layout: The workspace.
        chunking: How they are cut; None as their format does.
        clock: The present time.
        known: Returned where it still is the right one.

    Raises:
        ModelNotFound, FileMissing, ModelChanged: The model is not what was added.
        TokenizerInvalid, TemplateInvalid: The model's tokenizer or chat template cannot be used.
    """
    if chunking is None or not chunking.model_id:
        return TokenCounter()
    model = find_model(layout, chunking.model_id)
    if known is not None and known.model == model:
        return known

    from engine.chat.tokenizer import load_tokenizer

    return TokenCounter(model, load_tokenizer(Path(model.path), clock=clock))
