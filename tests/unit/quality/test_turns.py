# SPDX-License-Identifier: Apache-2.0
"""Who speaks when."""

from __future__ import annotations

import pytest

from engine.domain.dataset import ChatRow, PreferenceRow, Turn
from engine.quality import turns
from engine.quality.check import Check
from tests.builders.conversations import chat, turn
from tests.builders.turn_batches import finds

GOOD = chat("Hi", "Hello", "And?", "More", system="Be brief.")
CALLING = turn("assistant", "", tool_calls='[{"name": "f"}]')
ALL = (turns.EMPTY, turns.ORDER, turns.FIRST, turns.LAST, turns.NONE)


def talk(*said: str) -> ChatRow:
    """Return a conversation from notes such as ``u:Hi``."""
    roles = {"s": "system", "u": "user", "a": "assistant", "t": "tool"}
    return ChatRow(messages=tuple(turn(roles[one[0]], one[2:]) for one in said))


def with_turns(*said: Turn) -> ChatRow:
    return ChatRow(messages=said)


@pytest.mark.parametrize("check", ALL, ids=lambda one: one.id)
def test_good_conversations_give_no_find(check: Check) -> None:
    tools = with_turns(turn("user", "x?"), CALLING, turn("tool", "1"), turn("assistant", "1."))
    calls = with_turns(turn("user", "x?"), CALLING)
    assert finds(check, [GOOD, tools, calls, GOOD]) == []


@pytest.mark.parametrize("check", ALL, ids=lambda one: one.id)
def test_empty_batch_gives_no_find(check: Check) -> None:
    assert finds(check, []) == []


@pytest.mark.parametrize(
    ("check", "row", "labels"),
    [
        (turns.EMPTY, talk("u: \n", "a:ok"), ["empty_user"]),
        (turns.EMPTY, talk("s:", "u:x", "a:\u00a0\t"), ["empty_assistant", "empty_system"]),
        (turns.ORDER, talk("u:x", "s:late", "a:y"), ["late_system"]),
        (turns.ORDER, talk("s:one", "s:two", "u:x", "a:y"), ["late_system"]),
        (turns.ORDER, talk("u:x", "u:y", "a:z"), ["two_users"]),
        (turns.ORDER, talk("u:x", "a:y", "a:z"), ["two_assistants"]),
        (turns.ORDER, talk("u:x", "t:1", "a:z"), ["tool_without_call"]),
        (turns.ORDER, talk("t:1", "t:1", "a:z"), ["tool_without_call"]),
        (turns.FIRST, talk("s:x", "a:y", "u:z", "a:z"), ["assistant_first"]),
        (turns.LAST, talk("u:x", "a:y", "u:z"), ["trailing_user"]),
        (turns.LAST, talk("u:x", "a:y", "t:z"), ["trailing_tool"]),
        (turns.LAST, talk("u:x"), []),
        (turns.NONE, talk("s:x", "u:x"), ["no_assistant"]),
    ],
)
def test_faulty_conversation_is_found_by_its_label(
    check: Check, row: ChatRow, labels: list[str]
) -> None:
    assert finds(check, [GOOD, row, GOOD]) == [(1, one) for one in labels]


def test_order_does_not_reach_from_one_part_of_a_preference_into_the_next() -> None:
    asked, said = (turn("user", "x?"),), (turn("assistant", "y"),)
    row = PreferenceRow(prompt=asked, chosen=said, rejected=said)
    assert finds(turns.ORDER, [row, row]) == []
    resumed = PreferenceRow(
        prompt=(*asked, CALLING), chosen=(turn("tool", "1"), *said), rejected=said
    )
    assert finds(turns.ORDER, [row, resumed]) == []
    doubled = PreferenceRow(prompt=asked, chosen=said, rejected=said + said)
    assert finds(turns.ORDER, [row, doubled]) == [(1, "two_assistants")]
