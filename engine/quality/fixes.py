# SPDX-License-Identifier: Apache-2.0
"""Repairs of one row: each is pure, never fails, and leaves nothing for its check to find.

A row that needs no repair is returned as the same object; None means to leave the row out.
"""

from __future__ import annotations

from collections.abc import Callable
from gettext import gettext as _
from typing import Any, cast

import msgspec

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
from engine.errors import WrongUsage
from engine.quality.batch import BESIDE_CONTENT
from engine.quality.characters import without_end_blanks, without_unseen
from engine.quality.check import KEEP_FIRST, LEAVE_OUT_OF_TRAIN
from engine.quality.mojibake import repaired
from engine.quality.personal_data.data_class import DataClass
from engine.quality.personal_data.finding import NAMES_AND_ADDRESSES, PERSONAL_DATA
from engine.quality.personal_data.json_strings import with_strings
from engine.quality.personal_data.masking import masked_text


class Fix(msgspec.Struct, frozen=True, kw_only=True):
    """One repair.

    Attributes:
        id: Stable snake_case name; checks name their fix by it.
        title: Name for people, as an order.
        summary: One sentence on what it changes.
        apply: Returns the repaired row, the same object where nothing changes, or None to leave
            the row out.
    """

    id: str
    title: Callable[[], str]
    summary: Callable[[], str]
    apply: Callable[[Row], Row | None]


# ------------------------------------------------------------------------------- every text


def _with_texts(row: Row, change: Callable[[str], str]) -> Row | None:
    """Return the row with every text changed; None where a text row has nothing left."""
    return _with_turns(row, lambda turn: _with_content(turn, change(turn.content)), change)


def _with_turns(
    row: Row, change_turn: Callable[[Turn], Turn], change_text: Callable[[str], str]
) -> Row | None:
    changed: dict[str, Any] = {}
    for name in row.__struct_fields__:
        value = getattr(row, name)
        if isinstance(value, tuple):
            changed[name] = tuple(change_turn(turn) for turn in cast("tuple[Turn, ...]", value))
    if isinstance(row, TextRow | LabelRow) and row.text is not None:
        changed["text"] = change_text(row.text)
        if row.text.strip() and not changed["text"].strip():
            return None
    fixed = msgspec.structs.replace(row, **changed)
    return row if fixed == row else fixed


def _with_content(turn: Turn, content: str) -> Turn:
    return turn if content == turn.content else msgspec.structs.replace(turn, content=content)


def repair_mojibake(row: Row) -> Row | None:
    """Read garbled characters as what they were, where that is certain."""
    return _with_texts(row, repaired)


def strip_unseen_characters(row: Row) -> Row | None:
    """Take out control, invisible and stray direction characters."""
    return _with_texts(row, without_unseen)


def strip_end_blanks(row: Row) -> Row | None:
    """Take blanks from the ends of turns; rows of plain text stay as they are."""
    return row if isinstance(row, TextRow | LabelRow) else _with_texts(row, without_end_blanks)


# -------------------------------------------------------------------------------- masking


def mask_personal_data(row: Row) -> Row | None:
    """Mask what has the form of personal data, in texts, names, ids and tool calls."""
    return _masked(row, PERSONAL_DATA)


def mask_names_and_addresses(row: Row) -> Row | None:
    """Mask announced names and street addresses, in texts, names, ids and tool calls."""
    return _masked(row, NAMES_AND_ADDRESSES)


def _masked(row: Row, classes: tuple[DataClass, ...]) -> Row | None:
    def _mask(text: str) -> str:
        return masked_text(text, classes)

    def _mask_turn(turn: Turn) -> Turn:
        # Names and ids stand in tool calls too, and must stay the same there and here.
        changed = {
            name: with_strings(value, _mask)
            for name in BESIDE_CONTENT
            if (value := getattr(turn, name)) is not None
        }
        fixed = msgspec.structs.replace(turn, content=_mask(turn.content), **changed)
        return turn if fixed == turn else fixed

    fixed = _with_turns(row, _mask_turn, _mask)
    if isinstance(fixed, ChatRow) and fixed.tools is not None:
        tools = with_strings(fixed.tools, _mask)
        return fixed if tools == fixed.tools else msgspec.structs.replace(fixed, tools=tools)
    return fixed


# ---------------------------------------------------------------------------------- turns


def drop_empty_turns(row: Row) -> Row | None:
    """Leave out turns without text; a row that keeps no answer is left out as a whole."""
    match row:
        case ChatRow():
            return _chat_of(row, _filled(row.messages))
        case PreferenceRow():
            parts = [_filled(one) for one in (row.prompt, row.chosen, row.rejected)]
            if not all(parts):
                return None
            fixed = PreferenceRow(prompt=parts[0], chosen=parts[1], rejected=parts[2])
            return row if fixed == row else fixed
        case RatedRow():
            prompt, completion = _filled(row.prompt), _filled(row.completion)
            if not prompt or not completion:
                return None
            rated = msgspec.structs.replace(row, prompt=prompt, completion=completion)
            return row if rated == row else rated
        case TextRow() | LabelRow():
            return row


def _filled(turns: tuple[Turn, ...]) -> tuple[Turn, ...]:
    return tuple(turn for turn in turns if turn.content.strip() or turn.tool_calls is not None)


def cut_trailing_turns(row: Row) -> Row | None:
    """Cut what stands behind the last answer; a row without an answer stays as it is."""
    if not isinstance(row, ChatRow):
        return row
    answers = [place for place, turn in enumerate(row.messages) if turn.role is Role.ASSISTANT]
    return _chat_of(row, row.messages[: answers[-1] + 1]) if answers else row


def drop_leading_assistant(row: Row) -> Row | None:
    """Leave out what the assistant says before the first question.

    A row without a question, or with no answer behind it, is left out as a whole.
    """
    if not isinstance(row, ChatRow):
        return row
    told = [turn for turn in row.messages if turn.role is not Role.SYSTEM]
    if not told or told[0].role is not Role.ASSISTANT:
        return row
    asked = next((n for n, turn in enumerate(row.messages) if turn.role is Role.USER), None)
    if asked is None:
        return None
    system = tuple(turn for turn in row.messages[:asked] if turn.role is Role.SYSTEM)
    return _chat_of(row, (*system, *row.messages[asked:]))


def _chat_of(row: ChatRow, messages: tuple[Turn, ...]) -> ChatRow | None:
    """Return the row with these turns; None where none of them is an answer any more."""
    if messages == row.messages:
        return row
    if not any(turn.role is Role.ASSISTANT for turn in messages):
        return None
    return msgspec.structs.replace(row, messages=messages)


def leave_out(_row: Row) -> Row | None:
    """Leave the row out."""
    return None


FIXES: tuple[Fix, ...] = (
    Fix(
        id="repair_mojibake",
        title=lambda: _("Repair garbled characters"),
        summary=lambda: _("Reads garbled characters as what they were, where that is certain."),
        apply=repair_mojibake,
    ),
    Fix(
        id="strip_unseen_characters",
        title=lambda: _("Take out unseen characters"),
        summary=lambda: _("Removes control and invisible characters; page breaks become lines."),
        apply=strip_unseen_characters,
    ),
    Fix(
        id="strip_end_blanks",
        title=lambda: _("Take out blanks at the end of turns"),
        summary=lambda: _("Removes blanks and empty lines behind the text of a turn."),
        apply=strip_end_blanks,
    ),
    Fix(
        id="mask_personal_data",
        title=lambda: _("Mask personal data"),
        summary=lambda: _("Digits become 0 and letters x, so that the shape of the text stays."),
        apply=mask_personal_data,
    ),
    Fix(
        id="mask_names_and_addresses",
        title=lambda: _("Mask names and addresses"),
        summary=lambda: _("Letters become x and digits 0, so that the shape of the text stays."),
        apply=mask_names_and_addresses,
    ),
    Fix(
        id="drop_empty_turns",
        title=lambda: _("Leave out empty turns"),
        summary=lambda: _("Removes turns without text, and rows that keep no answer."),
        apply=drop_empty_turns,
    ),
    Fix(
        id="cut_trailing_turns",
        title=lambda: _("Cut turns behind the last answer"),
        summary=lambda: _("Ends each conversation with its last answer."),
        apply=cut_trailing_turns,
    ),
    Fix(
        id="drop_leading_assistant",
        title=lambda: _("Begin with the user"),
        summary=lambda: _(
            "Removes what the assistant says before the first question, and rows without one."
        ),
        apply=drop_leading_assistant,
    ),
    Fix(
        id=KEEP_FIRST,
        title=lambda: _("Keep the first of each group"),
        summary=lambda: _("Takes the other rows of each group out of the next version."),
        apply=leave_out,
    ),
    Fix(
        id=LEAVE_OUT_OF_TRAIN,
        title=lambda: _("Keep only the held-out ones"),
        summary=lambda: _("Takes rows out of training that are equal or near to held-out rows."),
        apply=leave_out,
    ),
    Fix(
        id="leave_out",
        title=lambda: _("Leave out the rows"),
        summary=lambda: _("Takes the whole rows out of the next version."),
        apply=leave_out,
    ),
)


def fix(fix_id: str) -> Fix:
    """Return a fix by its id.

    Raises:
        WrongUsage: There is none of this id.
    """
    for one in FIXES:
        if one.id == fix_id:
            return one
    raise WrongUsage(
        _("There is no fix {name}.").format(name=fix_id),
        remedy=_("Choose one of: {known}.").format(known=", ".join(one.id for one in FIXES)),
    )
