# SPDX-License-Identifier: Apache-2.0
"""What a template made of an answer, and what is told of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from engine.chat.answers import Written, compare_answer
from engine.chat.rows import EndOfTurn, RowNote, TokenisedRow
from engine.chat.template import ChatTemplate
from engine.chat.tokenizer import ChatTokenizer
from engine.domain.dataset import ChatRow
from tests.builders.conversations import chat, template_text, turn
from tests.builders.families import FAMILIES

CLOCK = datetime(2026, 11, 20, tzinfo=UTC)
CALLS = json.dumps([{"function": {"name": "find", "arguments": {"what": 'a "b"'}}}])


@pytest.mark.parametrize(
    ("content", "written", "expected"),
    [
        ("Yes.", "Yes.", Written.WHOLE),
        ("  Yes. \n", "Yes.", Written.WHOLE),
        ("Yes.", "<<Yes.>>", Written.WHOLE),
        ("", "", Written.WHOLE),
        ("<think>\na\n</think>\n\nYes.", "a</think>Yes.", Written.WHOLE),
        ("<think>\na\n</think>\n\nYes.", "Yes.", Written.WITHOUT_REASONING),
        ("Well <think>a</think>Yes.", "Yes.", Written.OTHERWISE),
        ("One </think> two", "two", Written.OTHERWISE),
        ("<think>a</think>b</think>Yes.", "<think>a</think>Yes.", Written.OTHERWISE),
        ("<think>a</think>Yes.", "<think>b</think>Yes.", Written.OTHERWISE),
        ("Yes.", "Yes. Bye.", Written.OTHERWISE),
        ("Yes.", "yes.", Written.OTHERWISE),
        ("Yes.", "", Written.OTHERWISE),
        ("", "Nothing.", Written.OTHERWISE),
    ],
)
def test_answer_is_known_again_or_not(content: str, written: str, expected: Written) -> None:
    found = compare_answer(turn("assistant", content), written, opening="<<", closing=">>")
    assert found is expected


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ('{"name": "find", "arguments": {"what": "a \\"b\\""}}', Written.WHOLE),
        ('Well. find(what=a "b")', Written.OTHERWISE),
        ('find(other=a "b")', Written.WITHOUT_CALLS),
        ('{"name": "find"}', Written.WITHOUT_CALLS),
        ("", Written.WITHOUT_CALLS),
    ],
)
def test_tool_calls_are_looked_for(written: str, expected: Written) -> None:
    content = "Really." if written.startswith("Well") else ""
    one = turn("assistant", content, tool_calls=CALLS)
    assert compare_answer(one, written, opening="", closing="") is expected


def encode(family: str, row: ChatRow, *, max_length: int = 9999) -> TokenisedRow:
    one = FAMILIES[family]
    names = {"eos_token": one.eos, "bos_token": one.bos}
    template = ChatTemplate(template_text(one.template), special_tokens=names, clock=CLOCK)
    ours = ChatTokenizer(one.tokenizer(), template=template, special_tokens=names)
    return ours.encode_row(row, max_length=max_length)


THOUGHTS = chat("a", "<think>\nb\n</think>\n\nc", "d", "<think>\ne\n</think>\n\nf")


@pytest.mark.parametrize(
    ("family", "row", "notes"),
    [
        ("chatml", chat("a", "b"), ()),
        ("chatml", THOUGHTS, ()),
        ("qwen3", THOUGHTS, (RowNote.REASONING_LEFT_OUT,)),
        ("qwen3", chat("a", "<think>\nb\n</think>\n\nc"), ()),
        ("deepseek_r1", THOUGHTS, (RowNote.REASONING_LEFT_OUT,)),
        (
            "phi3",
            ChatRow(messages=(turn("user", "a"), turn("tool", "Rain."), turn("assistant", "b"))),
            (RowNote.TURN_LEFT_OUT,),
        ),
        (
            "chatml",
            ChatRow(
                messages=(turn("user", "a"), turn("assistant", "b")),
                tools='[{"type": "function", "function": {"name": "find"}}]',
            ),
            (RowNote.TOOLS_LEFT_OUT,),
        ),
    ],
)
def test_what_a_template_leaves_out_is_noted(
    family: str, row: ChatRow, notes: tuple[RowNote, ...]
) -> None:
    found = encode(family, row)
    assert (found.problem, found.notes) == ("", notes)


def test_second_begin_of_text_is_noted() -> None:
    family = FAMILIES["llama3"]
    names = {"eos_token": family.eos, "bos_token": family.bos}
    source = "{{ bos_token }}" + template_text("llama3")
    template = ChatTemplate(source, special_tokens=names, clock=CLOCK)
    ours = ChatTokenizer(family.tokenizer(), template=template, special_tokens=names)
    assert ours.encode_row(chat("a", "b"), max_length=99).notes == (RowNote.TWO_BOS,)


def test_end_of_each_answer_is_told_before_and_behind_the_cut() -> None:
    row = ChatRow(
        messages=(
            turn("user", "a"),
            turn("assistant", "no", weight=0),
            turn("user", "b"),
            turn("assistant", "yes"),
            turn("user", "c"),
            turn("assistant", "and this"),
        )
    )
    whole = encode("chatml", row)
    ends = [one.end_of_turn for one in whole.answers]
    assert ends == [EndOfTurn.OFF, EndOfTurn.TRAINED, EndOfTurn.TRAINED]
    assert (whole.length_tokens, whole.lost_tokens) == (len(whole.ids), 0)
    last = whole.answers[-1]
    cut = encode("chatml", row, max_length=last.end - 1)
    assert [one.end_of_turn for one in cut.answers][-1] is EndOfTurn.CUT
    assert (cut.length_tokens, cut.lost_tokens, cut.truncated) == (len(whole.ids), 1, True)
    deeper = encode("chatml", row, max_length=last.start)
    assert deeper.lost_tokens == last.end - last.start
    assert sum(deeper.trained) + deeper.lost_tokens == sum(whole.trained)
