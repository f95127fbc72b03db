# SPDX-License-Identifier: Apache-2.0
"""Held-out prompts whose answers show how the model changes."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from engine.chat.tokenizer import ChatTokenizer
from engine.domain.dataset import ChatRow, Role, Row
from engine.train.decoding import answer_greedily
from engine.train.model import LanguageModel

ANSWER_TOKENS = 128


class SamplePrompt(msgspec.Struct, frozen=True, kw_only=True):
    """A held-out prompt.

    Attributes:
        ids: What the model continues.
        prompt: The same for people: the last turn before the answer.
        expected: What the row says.
    """

    ids: tuple[int, ...]
    prompt: str
    expected: str


def sample_prompts(
    rows: Sequence[Row], tokenizer: ChatTokenizer, *, count: int
) -> tuple[SamplePrompt, ...]:
    """Take the last answer of each of the first `count` conversations as a prompt."""
    found: list[SamplePrompt] = []
    for row in rows:
        if len(found) == count:
            break
        if isinstance(row, ChatRow):
            found += _of_chat(row, tokenizer)
    return tuple(found)


def _of_chat(row: ChatRow, tokenizer: ChatTokenizer) -> list[SamplePrompt]:
    answers = [at for at, one in enumerate(row.messages) if one.role is Role.ASSISTANT]
    if not answers or answers[-1] == 0:
        return []
    before, answer = row.messages[: answers[-1]], row.messages[answers[-1]]
    return [
        SamplePrompt(
            ids=tuple(tokenizer.encode_prompt(before, tools=row.tools)),
            prompt=before[-1].content,
            expected=answer.content,
        )
    ]


def answer_sample(model: LanguageModel, tokenizer: ChatTokenizer, sample: SamplePrompt) -> str:
    """Return what the model answers now."""
    answer = answer_greedily(model, sample.ids, end_ids=tokenizer.end_ids, limit=ANSWER_TOKENS)
    return tokenizer.decode(answer.ids)
