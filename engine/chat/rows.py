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
    TOOL_CALLS_LEFT_OUT = "tool_calls_left_out"
    UNREADABLE_TEXT = "unreadable_text"


class RowNote(StrEnum):
    """What a person should know of a row that is trained all the same."""

    REASONING_LEFT_OUT = "reasoning_left_out"
    TOOLS_LEFT_OUT = "tools_left_out"
    TURN_LEFT_OUT = "turn_left_out"
    TWO_BOS = "two_bos"


def note_text(code: str) -> str:
    """Return the sentence for a note on a row."""
    texts = {
        RowNote.REASONING_LEFT_OUT: _(
            "The chat template leaves out the reasoning of an answer, so it is not learned."
        ),
        RowNote.TOOLS_LEFT_OUT: _(
            "The chat template does not write the list of tools, so the model never sees it."
        ),
        RowNote.TURN_LEFT_OUT: _(
            "The chat template leaves out a turn, so the model answers without having seen it."
        ),
        RowNote.TWO_BOS: _("The row begins with two begin-of-text tokens instead of one."),
    }
    return texts[RowNote(code)]


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
            "The model's chat template does not accept this order or kind of turns, or the ids of "
            "its tool calls."
        ),
        RowProblem.TOOL_CALLS_LEFT_OUT: _(
            "The model's chat template does not write tool calls, so the model would learn to "
            "answer with nothing."
        ),
        RowProblem.TOOL_CALLS_INVALID: _("The tool calls or tools are not valid JSON text."),
        RowProblem.UNREADABLE_TEXT: _("The text holds broken characters."),
    }
    return texts[RowProblem(code)] if code else ""


class Section(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A stretch of tokens that one turn's text makes; what the template adds lies between.

    Attributes:
        role: The turn's role, or `text` for a text row.
        start: First token.
        end: The token after the last.
    """

    role: str
    start: int
    end: int


class EndOfTurn(StrEnum):
    """What becomes of the token that closes an answer."""

    TRAINED = "trained"
    OFF = "off"
    CUT = "cut"
    MISSING = "missing"


class Answer(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One answer of the assistant, with its end-of-turn token; the whole of a text row.

    Attributes:
        start: First token, before the row is cut.
        end: The token after the last, before the row is cut.
        end_of_turn: Whether the token that closes it is trained, switched off by the turn's weight,
            cut off, or not known to the tokenizer.
    """

    start: int
    end: int
    end_of_turn: EndOfTurn


class TokenisedRow(msgspec.Struct, frozen=True, kw_only=True):
    """A row as the model sees it.

    Attributes:
        ids: Token ids.
        trained: For each token, whether it carries loss.
        sections: Which stretches come from which turns, in order.
        answers: The answers, in order.
        length_tokens: Tokens before the row was cut.
        lost_tokens: Trained tokens that were cut off.
        problem: Empty, or the code of a RowProblem; such a row is not trained.
        notes: Codes of RowNote.
    """

    ids: list[int]
    trained: list[bool]
    sections: list[Section] = []
    answers: list[Answer] = []
    length_tokens: int = 0
    lost_tokens: int = 0
    problem: str = ""
    notes: tuple[str, ...] = ()

    @property
    def truncated(self) -> bool:
        """Return whether tokens were cut off at the end."""
        return self.length_tokens > len(self.ids)


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
        answers: The answers of the assistant, and what becomes of the token that closes each.
        length_tokens: Tokens before the row was cut.
        lost_tokens: Trained tokens that were cut off.
        note_texts: What else there is to know, by its code.
    """

    row_hash: str
    tokens: list[TokenView]
    trained_count: int
    truncated: bool
    problem: str
    problem_text: str = ""
    answers: list[Answer] = []
    length_tokens: int = 0
    lost_tokens: int = 0
    note_texts: dict[str, str] = {}
