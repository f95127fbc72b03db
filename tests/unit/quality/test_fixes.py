# SPDX-License-Identifier: Apache-2.0
"""Fixes never fail, change nothing twice, and leave nothing for their check to find."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.domain.dataset import ChatRow, PreferenceRow, Role, Row, TextRow, Turn
from engine.errors import WrongUsage
from engine.quality import characters, mojibake, turns
from engine.quality.check import Check
from engine.quality.fixes import FIXES, Fix, fix, leave_out
from engine.quality.personal_data import check as personal_data
from tests.builders.conversations import chat, turn
from tests.builders.personal_values import samples
from tests.builders.turn_batches import finds, kind_of

FIXED_CHECKS = (
    personal_data.PERSONAL,
    personal_data.NAMES,
    mojibake.GARBLED,
    characters.UNSEEN,
    characters.END_BLANKS,
    turns.EMPTY,
    turns.FIRST,
    turns.LAST,
)

ODD = ("Ã©", "Ð¿Ñ€Ð¸", "\x92", "\u200b", "\ufeff", "\u202e", "\u00ad", "\x1b[0m", "\x0c", "\u0627",
       "\u0e01", " ", "\n", "\u2029", "\x1c", "\ufffd", "{", '"', "\U0001f3f4", "\U000e0067",
       "\U000e007f", "<|im_end|>")  # fmt: skip
CALL = '[{"name":"f","arguments":"{\\"to\\":\\"a@acme.com\\"}"}]'
pieces = st.one_of(
    st.sampled_from(ODD),
    st.sampled_from([one.text for one in samples(9, 3)]),
    st.text(max_size=6),
)
texts = st.lists(pieces, max_size=5).map("".join)
calls = st.sampled_from(
    [None, '[{"name":"f","arguments":"{\\"to\\":\\"a@acme.com\\"}"}]', "{", "[1e999]"]
)
names = st.none() | texts
said = st.builds(
    Turn,
    role=st.sampled_from(Role),
    content=texts,
    tool_calls=calls,
    name=names,
    tool_call_id=names,
)
talks = st.lists(said, min_size=1, max_size=4).map(tuple)
rows = st.one_of(
    st.builds(ChatRow, messages=talks),
    st.builds(TextRow, text=texts),
    st.builds(PreferenceRow, prompt=talks, chosen=talks, rejected=talks),
)


@pytest.mark.parametrize("check", FIXED_CHECKS, ids=lambda one: one.id)
@settings(deadline=None, max_examples=120, derandomize=True)
@given(row=rows)
def test_fixed_row_gives_its_check_nothing_to_find(check: Check, row: Row) -> None:
    fixed = fix(check.fix).apply(row)
    if fixed is not None and kind_of(fixed) in check.kinds:
        assert finds(check, [fixed]) == []


@pytest.mark.parametrize("one", FIXES, ids=lambda one: one.id)
@settings(deadline=None, max_examples=60, derandomize=True)
@given(row=rows)
def test_fixing_twice_is_fixing_once(one: Fix, row: Row) -> None:
    fixed = one.apply(row)
    assert fixed is None or one.apply(fixed) is fixed


@pytest.mark.parametrize(
    "one", [one for one in FIXES if one.apply is not leave_out], ids=lambda one: one.id
)
def test_row_without_fault_stays_the_same_object(one: Fix) -> None:
    for row in (chat("Hi", "Hello"), TextRow(text="plain ")):
        assert one.apply(row) is row


def test_masking_reaches_the_strings_inside_tool_calls_and_keeps_their_json() -> None:
    arguments = '{"mail":"jo@acme.com","n":4111111111111111}'
    before = turn("assistant", "", tool_calls=msgspec.json.encode([{"a": arguments}]).decode())
    row = ChatRow(messages=(turn("user", "x"), before))
    fixed = fix("mask_personal_data").apply(row)
    assert isinstance(fixed, ChatRow)
    (call,) = msgspec.json.decode(fixed.messages[1].tool_calls or "")
    assert msgspec.json.decode(call["a"]) == {"mail": "xx@xxxx.xxx", "n": 4111111111111111}


@pytest.mark.parametrize(
    ("row", "label"),
    [
        (ChatRow(messages=(turn("user", "x", name="jo@acme.com"),)), "email"),
        (ChatRow(messages=(turn("tool", "1", tool_call_id="c 4111111111111111"),)), "payment_card"),
        (ChatRow(messages=(turn("assistant", "", tool_calls=CALL),)), "email"),
        (ChatRow(messages=(turn("user", "x"),), tools='[{"about": "jo\\u0040acme.com"}]'), "email"),
        (
            PreferenceRow(
                prompt=(turn("user", "x"),),
                chosen=(turn("assistant", "y"),),
                rejected=(turn("assistant", "z", name="jo@acme.com"),),
            ),
            "email",
        ),
    ],
    ids=["name", "id", "call", "tools", "rejected"],
)
def test_what_stands_beside_the_texts_is_found_and_masked(row: Row, label: str) -> None:
    before = [chat("Hi", "Hello")] if isinstance(row, ChatRow) else []
    assert finds(personal_data.PERSONAL, [*before, row]) == [(len(before), label)]
    fixed = fix("mask_personal_data").apply(row)
    assert fixed is not None
    assert fixed != row
    assert finds(personal_data.PERSONAL, [fixed]) == []


def test_number_in_a_call_is_left_alone_and_not_found() -> None:
    row = ChatRow(
        messages=(turn("assistant", "", tool_calls='[{"a":"{\\"n\\":4111111111111111}"}]'),)
    )
    assert finds(personal_data.PERSONAL, [row]) == []
    assert fix("mask_personal_data").apply(row) is row


def test_calls_nested_beyond_all_measure_are_read_as_a_text() -> None:
    calls = "[" * 5000 + '"jo@acme.com"' + "]" * 5000
    row = ChatRow(messages=(turn("assistant", "", tool_calls=calls),))
    assert finds(personal_data.PERSONAL, [row]) == [(0, "email")]
    fixed = fix("mask_personal_data").apply(row)
    assert isinstance(fixed, ChatRow)
    assert "jo@acme.com" not in (fixed.messages[0].tool_calls or "")


@pytest.mark.parametrize("call_id", ["jo@acme.com", "call_4111111111111111", '["jo@acme.com"]'])
def test_masking_keeps_the_id_of_a_call_the_same_wherever_it_stands(call_id: str) -> None:
    calls = [{"id": call_id, "function": {"name": "mail_jo@acme.com"}}]
    row = ChatRow(
        messages=(
            turn("user", "x", name="jo@acme.com"),
            turn("assistant", "", tool_calls=msgspec.json.encode(calls).decode()),
            turn("tool", "1", name="mail_jo@acme.com", tool_call_id=call_id),
        )
    )
    fixed = fix("mask_personal_data").apply(row)
    assert isinstance(fixed, ChatRow)
    asking, calling, result = fixed.messages
    (call,) = msgspec.json.decode(calling.tool_calls or "")
    assert asking.name == "xx@xxxx.xxx"
    assert result.tool_call_id == call["id"] != call_id
    assert result.name == call["function"]["name"] != "mail_jo@acme.com"


@pytest.mark.parametrize(
    ("fix_id", "row", "expected"),
    [
        ("drop_empty_turns", chat("Hi", "Hello", " ", "ok"), ["Hi", "Hello", "ok"]),
        ("drop_empty_turns", chat("Hi", " "), None),
        ("cut_trailing_turns", chat("Hi", "Hello", "And?"), ["Hi", "Hello"]),
        ("cut_trailing_turns", chat("Hi"), ["Hi"]),
        ("drop_leading_assistant", chat("", "Hi", system="s"), ["s", "", "Hi"]),
        ("strip_end_blanks", chat("Hi ", " Hello\n\n"), ["Hi", " Hello"]),
        ("strip_end_blanks", chat(" ", "Hello"), [" ", "Hello"]),
        ("leave_out", chat("Hi", "Hello"), None),
    ],
)
def test_fix_changes_what_it_says(fix_id: str, row: ChatRow, expected: list[str] | None) -> None:
    fixed = fix(fix_id).apply(row)
    contents = [one.content for one in fixed.messages] if isinstance(fixed, ChatRow) else None
    assert contents == expected


@pytest.mark.parametrize(
    ("roles", "kept"),
    [
        ("aua", "ua"),
        ("sauaua", "suaua"),
        ("satua", "sua"),
        ("sa", None),
        ("au", None),
        ("sua", "sua"),
    ],
)
def test_leading_assistant_is_dropped_up_to_the_first_question(
    roles: str, kept: str | None
) -> None:
    names = {"s": "system", "u": "user", "a": "assistant", "t": "tool"}
    row = ChatRow(messages=tuple(turn(names[one], "x") for one in roles))
    fixed = fix("drop_leading_assistant").apply(row)
    left = (
        "".join(one.role.value[0] for one in fixed.messages) if isinstance(fixed, ChatRow) else None
    )
    assert left == kept


def test_text_row_of_unseen_characters_only_is_left_out() -> None:
    assert fix("strip_unseen_characters").apply(TextRow(text="\ufeff\x07")) is None


def test_unknown_fix_is_refused_with_the_known_ones() -> None:
    with pytest.raises(WrongUsage, match="nothing") as caught:
        fix("nothing")
    assert "leave_out" in caught.value.remedy


def test_every_fix_has_texts_and_an_id_of_its_own() -> None:
    assert len({one.id for one in FIXES}) == len(FIXES)
    assert all(one.title() and one.summary().endswith(".") for one in FIXES)
