# SPDX-License-Identifier: Apache-2.0
"""Rows in memory, and tokens of them as a model with a simple template would cut them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from engine.api.datasets import RowPreview
from engine.api.preview import Answer, EndOfTurn, RowTokens, TokenView
from engine.domain.dataset import ChatRow, Role, Row, RowKind, TextRow, Turn

_PIECES = re.compile(r"\n| ?[^\s]+|\s")
TURN, END = "<|im_start|>", "<|im_end|>"


def a_chat(
    asked: str = "the scanner in room 3 does not scan",
    answered: str = "Device: Scanner, room 3\nFault: Does not scan\nPriority: Low",
    system: str = "",
) -> ChatRow:
    """Return a conversation of one question and one answer."""
    told = (Turn(role=Role.SYSTEM, content=system),) if system else ()
    return ChatRow(
        messages=(
            *told,
            Turn(role=Role.USER, content=asked),
            Turn(role=Role.ASSISTANT, content=answered),
        )
    )


class FakeRowTable:
    """Rows of one split."""

    def __init__(self, rows: Sequence[Row], file: str = "tickets.jsonl") -> None:
        self._rows = rows
        self._file = file
        self.is_closed = False

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def ids(self) -> Sequence[int]:
        return range(len(self._rows))

    def row(self, index: int) -> Row:
        return self._rows[index]

    def preview(self, index: int) -> RowPreview:
        row = self._rows[index]
        if isinstance(row, TextRow):
            return RowPreview(
                title=row.text[:120], turns=1, characters=len(row.text), kind=RowKind.TEXT
            )
        turns = row.messages if isinstance(row, ChatRow) else getattr(row, "prompt", ())
        title = next((one.content for one in turns if one.role is Role.USER), "")
        return RowPreview(
            title=title[:120],
            turns=len(turns),
            characters=sum(len(one.content) for one in turns),
            kind=RowKind.CHAT,
        )

    def source(self, index: int) -> tuple[str, int]:
        return self._file, index + 1

    def close(self) -> None:
        self.is_closed = True


def tokens_of(row: Row, *, max_length: int = 2048, problem: str = "") -> RowTokens:
    """Return a row as tokens: words, with the marks of turns around them."""
    tokens = list(_tokens(row))
    kept = tokens[:max_length]
    trained = 0 if problem else sum(one.trained for one in kept)
    ends = [number for number, one in enumerate(tokens) if one.trained and one.text == END]
    return RowTokens(
        row_hash="0" * 32,
        tokens=[] if problem else kept,
        trained_count=trained,
        truncated=len(tokens) > max_length,
        problem=problem,
        problem_text="The text holds broken characters." if problem else "",
        answers=[
            Answer(
                start=number,
                end=number + 1,
                end_of_turn=EndOfTurn.TRAINED if number < max_length else EndOfTurn.CUT,
            )
            for number in ends
        ],
        length_tokens=len(tokens),
        lost_tokens=sum(one.trained for one in tokens[max_length:]),
    )


def _tokens(row: Row) -> Iterator[TokenView]:
    if isinstance(row, TextRow):
        yield from _words(row.text, "text", trained=True)
        return
    turns = row.messages if isinstance(row, ChatRow) else getattr(row, "prompt", ())
    for turn in turns:
        role, trained = turn.role.value, turn.role is Role.ASSISTANT
        yield _special(TURN, trained=False)
        yield from _words(f"{role}\n", "", trained=False)
        yield from _words(turn.content, role, trained=trained)
        yield _special(END, trained=trained)
        yield from _words("\n", "", trained=False)


def _special(text: str, *, trained: bool) -> TokenView:
    return TokenView(id=len(text), text=text, trained=trained, special=True, role="")


def _words(text: str, role: str, *, trained: bool) -> Iterator[TokenView]:
    for piece in _PIECES.findall(text):
        number = sum(ord(one) for one in piece) * 97 % 150_000
        yield TokenView(id=number, text=piece, trained=trained, special=False, role=role)
