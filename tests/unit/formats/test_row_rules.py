# SPDX-License-Identifier: Apache-2.0
"""What a row must be: every fault of a row that a person wrote is refused with its reason."""

from __future__ import annotations

import msgspec
import pytest

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
from engine.formats.refusal import RefusedRecord
from engine.formats.row_rules import check_row

USER, OTHER = Turn(role=Role.USER, content="q"), Turn(role=Role.ASSISTANT, content="b")
ANSWER, BLANK = Turn(role=Role.ASSISTANT, content="a"), Turn(role=Role.ASSISTANT, content=" ")


@pytest.mark.parametrize(
    "row",
    [
        ChatRow(messages=(USER, ANSWER)),
        TextRow(text="x"),
        LabelRow(text="x", label="good"),
        LabelRow(image="a.png", label="good"),
        RatedRow(prompt=(USER,), completion=(ANSWER,), is_liked=False),
        PreferenceRow(prompt=(USER,), chosen=(ANSWER,), rejected=(OTHER,)),
    ],
)
def test_sound_row_is_taken(row: Row) -> None:
    check_row(row)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (ChatRow(messages=()), "empty_conversation"),
        (ChatRow(messages=(USER,)), "no_assistant_turn"),
        (ChatRow(messages=(USER, BLANK)), "empty_text"),
        (ChatRow(messages=(Turn(role=Role.USER, content="a\0b"), ANSWER)), "nul_character"),
        (ChatRow(messages=(msgspec.structs.replace(USER, name="\0"), ANSWER)), "nul_character"),
        (
            ChatRow(messages=(msgspec.structs.replace(USER, tool_call_id="\0"), ANSWER)),
            "nul_character",
        ),
        (TextRow(text=" \n"), "empty_text"),
        (LabelRow(text="x", label=""), "empty_text"),
        (LabelRow(text="", label="good"), "empty_text"),
        (RatedRow(prompt=(), completion=(ANSWER,), is_liked=True), "empty_text"),
        (RatedRow(prompt=(USER,), completion=(BLANK,), is_liked=True), "empty_text"),
        (PreferenceRow(prompt=(USER,), chosen=(ANSWER,), rejected=(ANSWER,)), "same_answers"),
        (PreferenceRow(prompt=(USER,), chosen=(ANSWER,), rejected=()), "empty_conversation"),
    ],
)
def test_row_without_something_to_learn_is_refused(row: Row, reason: str) -> None:
    with pytest.raises(RefusedRecord) as caught:
        check_row(row)
    assert caught.value.reason == reason
