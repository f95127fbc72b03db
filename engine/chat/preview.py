# SPDX-License-Identifier: Apache-2.0
"""What a person is shown of rows before a run: every token, and whether it would be trained."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from engine.chat.rows import RowTokens, TokenisedRow, TokenView, note_text, problem_text
from engine.chat.tokenizer import ChatTokenizer
from engine.domain.dataset import Row

_INCOMPLETE = "\ufffd"
_LONGEST_LETTER = 12
"""Tokens that one letter may take: three times the bytes of the longest UTF-8 sequence."""


def preview_rows(
    tokenizer: ChatTokenizer, rows: Iterable[tuple[str, Row]], *, max_length: int
) -> list[RowTokens]:
    """Return rows as a run would see them, by the very code that the run uses.

    Args:
        tokenizer: Tokenizer of the model.
        rows: Content hash and row of each.
        max_length: Longer rows are cut at the end, tokens.

    Raises:
        NoChatTemplate: Chat rows, but the model has no chat template.
        KindUnsuitable: Rows that no method here learns from.
    """
    named = list(rows)
    found = tokenizer.encode_rows([row for _row_hash, row in named], max_length=max_length)
    return [
        _row_tokens(tokenizer, row_hash, one)
        for (row_hash, _row), one in zip(named, found, strict=True)
    ]


def _row_tokens(tokenizer: ChatTokenizer, row_hash: str, row: TokenisedRow) -> RowTokens:
    roles = [""] * len(row.ids)
    for section in row.sections:
        roles[section.start : section.end] = [section.role] * (section.end - section.start)
    views = [
        TokenView(
            id=token_id,
            text=text,
            trained=trained,
            special=tokenizer.is_special(token_id),
            role=role,
        )
        for token_id, text, trained, role in zip(
            row.ids, token_texts(tokenizer, row.ids), row.trained, roles, strict=True
        )
    ]
    return RowTokens(
        row_hash=row_hash,
        tokens=views,
        trained_count=sum(row.trained),
        truncated=row.truncated,
        problem=row.problem,
        problem_text=problem_text(row.problem),
        answers=row.answers,
        length_tokens=row.length_tokens,
        lost_tokens=row.lost_tokens,
        note_texts={code: note_text(code) for code in row.notes},
    )


def token_texts(tokenizer: ChatTokenizer, ids: Sequence[int]) -> list[str]:
    """Return the text of each token; joined, they are the decoded text.

    A token is decoded behind the one before it, since decoders treat the first token of a text
    differently. A letter that several tokens share is given to the last of them.
    """
    texts: list[str] = []
    before: list[int] = []
    open_ids: list[int] = []
    for token_id in ids:
        open_ids.append(token_id)
        known = tokenizer.decode(before)
        text = tokenizer.decode([*before, *open_ids])[len(known) :]
        if text.endswith(_INCOMPLETE) and len(open_ids) < _LONGEST_LETTER:
            texts.append("")
            continue
        texts.append(text)
        before, open_ids = open_ids, []
    if open_ids:
        texts[-1] = tokenizer.decode([*before, *open_ids])[len(tokenizer.decode(before)) :]
    return texts
