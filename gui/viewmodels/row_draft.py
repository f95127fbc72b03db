# SPDX-License-Identifier: Apache-2.0
"""A row while it is being written: its texts by part, and back to a row."""

from __future__ import annotations

from gettext import gettext as _

import msgspec
from msgspec.structs import replace

from engine.domain.dataset import (
    ChatRow,
    LabelRow,
    PreferenceRow,
    RatedRow,
    Role,
    Row,
    RowKind,
    TextRow,
    Turn,
)

MESSAGES, PROMPT, CHOSEN, REJECTED, COMPLETION = (
    "messages", "prompt", "chosen", "rejected", "completion",
)  # fmt: skip
TEXT, LABEL, IMAGE = "text", "label", "image"


class TurnDraft(msgspec.Struct, frozen=True, kw_only=True):
    """A turn that is written.

    Attributes:
        role: Who speaks.
        content: The text.
        name: Who exactly speaks; may be empty.
        tool_call_id: Id of the tool call that it answers; may be empty.
        kept: The turn that it was, with what is not edited here.
    """

    role: Role
    content: str
    name: str = ""
    tool_call_id: str = ""
    kept: Turn | None = None

    @property
    def has_name(self) -> bool:
        """Return whether the name is worth showing: tools have one, others may."""
        return self.role is Role.TOOL or bool(self.name or self.tool_call_id)

    @property
    def has_call_id(self) -> bool:
        """Return whether the id of a tool call is worth showing."""
        return self.role is Role.TOOL or bool(self.tool_call_id)


class PartDraft(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a row: turns in order."""

    key: str
    title: str
    turns: tuple[TurnDraft, ...]


class LineDraft(msgspec.Struct, frozen=True, kw_only=True):
    """A single text of a row."""

    key: str
    title: str
    text: str
    is_long: bool = True


class RowDraft(msgspec.Struct, frozen=True, kw_only=True):
    """A row that is written.

    Attributes:
        kind: Kind of the row.
        parts: Its conversations.
        lines: Its single texts.
        is_liked: Whether the answer is liked; None where that is not asked.
        tools: JSON text of a conversation's tools, kept as it is.
    """

    kind: RowKind
    parts: tuple[PartDraft, ...] = ()
    lines: tuple[LineDraft, ...] = ()
    is_liked: bool | None = None
    tools: str | None = None

    def with_turns(self, key: str, turns: tuple[TurnDraft, ...]) -> RowDraft:
        """Return the draft with other turns in a part."""
        parts = tuple(replace(one, turns=turns) if one.key == key else one for one in self.parts)
        return replace(self, parts=parts)

    def with_line(self, key: str, text: str) -> RowDraft:
        """Return the draft with another text."""
        lines = tuple(replace(one, text=text) if one.key == key else one for one in self.lines)
        return replace(self, lines=lines)

    def turns(self, key: str) -> tuple[TurnDraft, ...]:
        """Return the turns of a part."""
        return next(one.turns for one in self.parts if one.key == key)

    def text(self, key: str) -> str:
        """Return a single text."""
        return next(one.text for one in self.lines if one.key == key)


def draft_of(row: Row) -> RowDraft:
    """Return a row as a draft."""
    if isinstance(row, ChatRow):
        return RowDraft(
            kind=RowKind.CHAT, parts=(_part(MESSAGES, "", row.messages),), tools=row.tools
        )
    if isinstance(row, TextRow):
        return RowDraft(kind=RowKind.TEXT, lines=(_text(row.text),))
    if isinstance(row, LabelRow):
        subject = (
            _text(row.text)
            if row.text is not None
            else LineDraft(key=IMAGE, title=_("Picture"), text=row.image or "", is_long=False)
        )
        label = LineDraft(key=LABEL, title=_("Class"), text=row.label, is_long=False)
        return RowDraft(kind=RowKind.LABEL, lines=(subject, label))
    if isinstance(row, RatedRow):
        return RowDraft(
            kind=RowKind.RATED,
            parts=(
                _part(PROMPT, _("Asked"), row.prompt),
                _part(COMPLETION, _("Answered"), row.completion),
            ),
            is_liked=row.is_liked,
        )
    return RowDraft(
        kind=RowKind.PREFERENCE,
        parts=(
            _part(PROMPT, _("Asked"), row.prompt),
            _part(CHOSEN, _("Better answer"), row.chosen),
            _part(REJECTED, _("Worse answer"), row.rejected),
        ),
    )


def new_draft(kind: RowKind) -> RowDraft:
    """Return the draft of a new row: a question with its answer, or an empty text."""
    asked = (Turn(role=Role.USER, content=""),)
    answered = (Turn(role=Role.ASSISTANT, content=""),)
    rows: dict[RowKind, Row] = {
        RowKind.CHAT: ChatRow(messages=(*asked, *answered)),
        RowKind.TEXT: TextRow(text=""),
        RowKind.LABEL: LabelRow(text="", label=""),
        RowKind.RATED: RatedRow(prompt=asked, completion=answered, is_liked=True),
        RowKind.PREFERENCE: PreferenceRow(prompt=asked, chosen=answered, rejected=answered),
    }
    return draft_of(rows[kind])


def row_of(draft: RowDraft) -> Row:
    """Return the row that a draft stands for; whether it is sound is decided by the engine."""
    if draft.kind is RowKind.CHAT:
        return ChatRow(messages=_turns(draft, MESSAGES), tools=draft.tools)
    if draft.kind is RowKind.TEXT:
        return TextRow(text=draft.text(TEXT))
    if draft.kind is RowKind.LABEL:
        keys = {one.key: one.text for one in draft.lines}
        return LabelRow(text=keys.get(TEXT), image=keys.get(IMAGE), label=keys[LABEL].strip())
    if draft.kind is RowKind.RATED:
        return RatedRow(
            prompt=_turns(draft, PROMPT),
            completion=_turns(draft, COMPLETION),
            is_liked=bool(draft.is_liked),
        )
    return PreferenceRow(
        prompt=_turns(draft, PROMPT),
        chosen=_turns(draft, CHOSEN),
        rejected=_turns(draft, REJECTED),
    )


def _part(key: str, title: str, turns: tuple[Turn, ...]) -> PartDraft:
    return PartDraft(key=key, title=title, turns=tuple(_turn_draft(one) for one in turns))


def _turn_draft(turn: Turn) -> TurnDraft:
    return TurnDraft(
        role=turn.role,
        content=turn.content,
        name=turn.name or "",
        tool_call_id=turn.tool_call_id or "",
        kept=turn,
    )


def _text(text: str) -> LineDraft:
    return LineDraft(key=TEXT, title=_("Text"), text=text)


def _turns(draft: RowDraft, key: str) -> tuple[Turn, ...]:
    return tuple(_turn(one) for one in draft.turns(key))


def _turn(draft: TurnDraft) -> Turn:
    kept = draft.kept
    is_same = kept is not None and kept.role is draft.role
    return Turn(
        role=draft.role,
        content=draft.content,
        tool_calls=kept.tool_calls if kept is not None and is_same else None,
        weight=kept.weight if kept is not None and is_same else None,
        name=_optional(draft.name, kept.name if kept is not None else None),
        tool_call_id=_optional(draft.tool_call_id, kept.tool_call_id if kept is not None else None),
    )


def _optional(text: str, kept: str | None) -> str | None:
    """Return a text that may be missing; an empty one that was there before stays."""
    return kept if text == (kept or "") else text or None
