# SPDX-License-Identifier: Apache-2.0
"""What a row becomes: token ids, which of them are trained, and what is wrong with it."""

from __future__ import annotations

from enum import StrEnum
from gettext import gettext as _

import msgspec


class RowProblem(StrEnum):
    """Why a row cannot be trained as it is."""

    NO_ASSISTANT_TURN = "no_assistant_turn"
    NO_TRAINED_TOKENS = "no_trained_tokens"
    MASK_MISMATCH = "mask_mismatch"
    TEMPLATE_REFUSED = "template_refused"
    TOOL_CALLS_INVALID = "tool_calls_invalid"
    UNREADABLE_TEXT = "unreadable_text"


def problem_text(code: str) -> str:
    """Return the sentence for a problem of a row; an empty text for no problem."""
    texts = {
        RowProblem.NO_ASSISTANT_TURN: _("The conversation has no answer of the assistant."),
        RowProblem.NO_TRAINED_TOKENS: _(
            "Nothing of this row would be trained: its answers are switched off, or lie behind "
            "the longest length."
        ),
        RowProblem.MASK_MISMATCH: _(
            "The chat template changes the answers in a way that cannot be followed exactly, "
            "so the row is left out."
        ),
        RowProblem.TEMPLATE_REFUSED: _(
            "The model's chat template does not accept this order or kind of turns."
        ),
        RowProblem.TOOL_CALLS_INVALID: _("The tool calls or tools are not valid JSON text."),
        RowProblem.UNREADABLE_TEXT: _("The text holds broken characters."),
    }
    return texts[RowProblem(code)] if code else ""


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of tokens that one turn's text makes; what the template adds lies between.

    Attributes:
        role: The turn's role, or `text` for a text row.
        start: First token.
        end: The token after the last.
    """

    role: str
    start: int
    end: int


class TokenisedRow(msgspec.Struct, frozen=True, kw_only=True):
    """A row as the model sees it.

    Attributes:
        ids: Token ids.
        trained: For each token, whether it carries loss.
        sections: Which stretches come from which turns, in order.
        truncated: Tokens were cut off at the end.
        problem: Empty, or the code of a RowProblem; such a row is not trained.
    """

    ids: list[int]
    trained: list[bool]
    sections: list[Section] = []
    truncated: bool = False
    problem: str = ""


def problem_row(problem: RowProblem) -> TokenisedRow:
    """Return a row of which nothing but its problem is known."""
    return TokenisedRow(ids=[], trained=[], problem=problem.value)


class TokenView(msgspec.Struct, frozen=True, kw_only=True):
    """One token as it is shown.

    Attributes:
        id: Its number.
        text: Its text; where several tokens make one letter, the last of them has it.
        trained: It carries loss.
        special: It is a control token, not text.
        role: Whose turn it belongs to; empty for what the template adds.
    """

    id: int
    text: str
    trained: bool
    special: bool
    role: str


class RowTokens(msgspec.Struct, frozen=True, kw_only=True):
    """One row as it is shown.

    Attributes:
        row_hash: Content hash of the row, hex.
        tokens: All tokens, in order; together their texts are the row as the model reads it.
        trained_count: How many carry loss.
        truncated: The row was cut at the longest length.
        problem: Empty, or the code of what keeps the row out of a training.
        problem_text: The same as a sentence.
    """

    row_hash: str
    tokens: list[TokenView]
    trained_count: int
    truncated: bool
    problem: str
    problem_text: str = ""
