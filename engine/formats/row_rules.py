# SPDX-License-Identifier: Apache-2.0
"""What a row must be: one that is written in Burnish is held to the rules of the import too."""

from __future__ import annotations

from engine.domain.dataset import (
    ChatRow,
    LabelRow,
    PreferenceRow,
    RatedRow,
    Role,
    Row,
    TextRow,
    Turn,
)
from engine.formats.refusal import RefusedRecord, empty_text, nul_character
from engine.formats.turns import check_conversation, filled_text
from engine.formats.wording import translated as _


def check_row(row: Row) -> None:
    """Refuse a row from which nothing can be learned.

    Raises:
        RefusedRecord: It lacks a text, an answer or a class, or holds a NUL character.
    """
    for turn in _turns(row):
        texts = (turn.content, turn.name or "", turn.tool_call_id or "")
        if any("\0" in one for one in texts):
            raise nul_character()
    if isinstance(row, ChatRow):
        check_conversation(row.messages)
    elif isinstance(row, TextRow):
        filled_text(row.text, "text")
    elif isinstance(row, LabelRow):
        filled_text(row.label, "label")
        filled_text(row.text if row.text is not None else row.image, "text")
    elif isinstance(row, RatedRow):
        _check_prompt(row.prompt)
        check_conversation(row.completion)
    else:
        _check_pair(row)


def _check_pair(row: PreferenceRow) -> None:
    _check_prompt(row.prompt)
    for turns in (row.chosen, row.rejected):
        check_conversation(turns)
    if row.chosen == row.rejected:
        raise RefusedRecord("same_answers", _("The chosen and the rejected answer are the same."))


def _check_prompt(turns: tuple[Turn, ...]) -> None:
    asked = [one.content for one in turns if one.role is Role.USER]
    if not any(one.strip() for one in asked):
        raise empty_text("prompt")


def _turns(row: Row) -> tuple[Turn, ...]:
    if isinstance(row, ChatRow):
        return row.messages
    if isinstance(row, PreferenceRow):
        return (*row.prompt, *row.chosen, *row.rejected)
    if isinstance(row, RatedRow):
        return (*row.prompt, *row.completion)
    return ()
