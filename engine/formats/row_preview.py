# SPDX-License-Identifier: Apache-2.0
"""What a list shows of a row, without the row itself."""

from __future__ import annotations

import msgspec

from engine.domain.dataset import (
    ChatRow,
    LabelRow,
    PreferenceRow,
    Role,
    Row,
    RowKind,
    TextRow,
    Turn,
)

TITLE_CHARACTERS = 120


class RowPreview(msgspec.Struct, frozen=True, kw_only=True):
    """One line about a row.

    Attributes:
        title: Start of the first thing the user says, or of the text or path, on one line.
        turns: Messages in all; 1 for plain text and for what has a class.
        characters: Characters of all texts in it.
        kind: Kind of the row.
    """

    title: str
    turns: int
    characters: int
    kind: RowKind


def preview_of(row: Row) -> RowPreview:
    """Return the preview of a row."""
    if isinstance(row, TextRow):
        return _preview(row.text, 1, len(row.text), RowKind.TEXT)
    if isinstance(row, ChatRow):
        return _of_turns(row.messages, row.messages, RowKind.CHAT)
    if isinstance(row, LabelRow):
        shown = row.image if row.text is None else row.text
        return _preview(shown or "", 1, len(row.text or ""), RowKind.LABEL)
    if isinstance(row, PreferenceRow):
        turns = (*row.prompt, *row.chosen, *row.rejected)
        return _of_turns(row.prompt, turns, RowKind.PREFERENCE)
    return _of_turns(row.prompt, (*row.prompt, *row.completion), RowKind.RATED)


def _of_turns(asked: tuple[Turn, ...], turns: tuple[Turn, ...], kind: RowKind) -> RowPreview:
    spoken = [turn.content for turn in asked if turn.role is Role.USER]
    title = spoken[0] if spoken else turns[0].content
    return _preview(title, len(turns), sum(len(turn.content) for turn in turns), kind)


def _preview(text: str, turns: int, characters: int, kind: RowKind) -> RowPreview:
    title = " ".join(text[: 4 * TITLE_CHARACTERS].split())[:TITLE_CHARACTERS]
    return RowPreview(title=title, turns=turns, characters=characters, kind=kind)
