# SPDX-License-Identifier: Apache-2.0
"""A row as a draft and back: nothing that is not edited is lost."""

from __future__ import annotations

import pytest
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
from gui.viewmodels.row_draft import TurnDraft, draft_of, new_draft, row_of

USER = Turn(role=Role.USER, content="q")
ANSWER = Turn(role=Role.ASSISTANT, content="a", weight=0.0)
CALL = Turn(role=Role.ASSISTANT, content="", tool_calls='[{"function":{"name":"f"}}]')
ROWS: list[Row] = [
    ChatRow(
        messages=(
            USER,
            CALL,
            Turn(role=Role.TOOL, content="1", name="f", tool_call_id="c1"),
            ANSWER,
        ),
        tools="[{}]",
    ),
    TextRow(text="x\ny"),
    LabelRow(text="x", label="good"),
    LabelRow(image="a.png", label="good"),
    RatedRow(prompt=(USER,), completion=(ANSWER,), is_liked=False),
    PreferenceRow(prompt=(USER,), chosen=(ANSWER,), rejected=(CALL,)),
    ChatRow(messages=(Turn(role=Role.USER, content="q", name="", tool_call_id=""), ANSWER)),
]


@pytest.mark.parametrize("row", ROWS)
def test_row_that_is_not_touched_stays_the_same(row: Row) -> None:
    assert row_of(draft_of(row)) == row


def test_edited_turn_keeps_its_calls_and_weight() -> None:
    draft = draft_of(ROWS[0])
    turns = draft.turns("messages")
    changed = draft.with_turns("messages", (*turns[:3], replace(turns[3], content="b")))
    row = row_of(changed)
    assert isinstance(row, ChatRow)
    assert row.messages[3] == Turn(role=Role.ASSISTANT, content="b", weight=0.0)
    assert row.messages[1].tool_calls == CALL.tool_calls


def test_turn_of_another_role_drops_what_only_the_old_one_had() -> None:
    draft = draft_of(ROWS[0])
    turns = draft.turns("messages")
    changed = draft.with_turns("messages", (replace(turns[1], role=Role.USER), *turns[2:]))
    row = row_of(changed)
    assert isinstance(row, ChatRow)
    assert row.messages[0] == Turn(role=Role.USER, content="")


def test_name_and_id_of_a_turn_are_changed_and_taken_away() -> None:
    draft = draft_of(ROWS[0])
    turns = draft.turns("messages")
    other = replace(turns[2], name="g", tool_call_id="")
    row = row_of(draft.with_turns("messages", (replace(turns[0], name="Jane"), other)))
    assert isinstance(row, ChatRow)
    assert row.messages == (
        Turn(role=Role.USER, content="q", name="Jane"),
        Turn(role=Role.TOOL, content="1", name="g"),
    )


def test_names_are_shown_beside_tools_and_where_there_are_some() -> None:
    turns = draft_of(ROWS[0]).turns("messages")
    assert [one.has_name for one in turns] == [False, False, True, False]
    assert [one.has_call_id for one in turns] == [False, False, True, False]
    assert TurnDraft(role=Role.TOOL, content="").has_call_id
    jane = TurnDraft(role=Role.USER, content="", name="Jane")
    assert (jane.has_name, jane.has_call_id) == (True, False)
    odd = TurnDraft(role=Role.USER, content="", tool_call_id="c1")
    assert (odd.has_name, odd.has_call_id) == (True, True)


@pytest.mark.parametrize("kind", list(RowKind))
def test_new_draft_is_of_its_kind_and_empty(kind: RowKind) -> None:
    draft = new_draft(kind)
    assert draft.kind is kind
    assert all(turn.content == "" for part in draft.parts for turn in part.turns)
    assert all(line.text == "" for line in draft.lines)


def test_lines_and_verdict_are_taken_over() -> None:
    label = draft_of(ROWS[2]).with_line("text", "y").with_line("label", " bad ")
    assert row_of(label) == LabelRow(text="y", label="bad")
    rated = replace(draft_of(ROWS[4]), is_liked=True)
    found = row_of(rated.with_turns("prompt", (TurnDraft(role=Role.USER, content="z"),)))
    assert isinstance(found, RatedRow)
    assert (found.is_liked, found.prompt[0].content) == (True, "z")
