# SPDX-License-Identifier: Apache-2.0
"""Row shapes: recognised by content, made into domain rows, refused with a reason."""

from __future__ import annotations

from typing import Any

import pytest

from engine.chat.messages import reasoning_block
from engine.domain.dataset import ChatRow, PreferenceRow, Row, RowKind, TextRow, Turn
from engine.formats.refusal import RefusedRecord
from engine.formats.shapes import kind_of, normalise

USER, ANSWER = {"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}
CALL = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}


def spoken(row: Row) -> str:
    """Return a conversation as short text: first letter of the role, then the content."""
    assert isinstance(row, ChatRow)
    return " ".join(f"{turn.role[0]}:{turn.content}" for turn in row.messages)


CHATS: list[tuple[str, Any, str]] = [
    ("openai_messages", {"messages": [USER, ANSWER]}, "u:Hi a:Hello"),
    ("openai_messages", {"Messages": [USER, ANSWER], "id": 3}, "u:Hi a:Hello"),
    ("openai_messages", [USER, ANSWER], "u:Hi a:Hello"),
    ("openai_messages", {"messages": [USER, ANSWER, USER]}, "u:Hi a:Hello u:Hi"),
    ("openai_messages", {"system": "S", "messages": [USER, ANSWER]}, "s:S u:Hi a:Hello"),
    (
        "openai_messages",
        {"messages": [{"role": "Developer", "content": "S"}, USER, ANSWER]},
        "s:S u:Hi a:Hello",
    ),
    (
        "openai_messages",
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "H"}, "i"]}, ANSWER]},
        "u:Hi a:Hello",
    ),
    (
        "openai_messages",
        {"messages": '[{"role": "user", "content": "Hi"}, {"role": "model", "content": "Hello"}]'},
        "u:Hi a:Hello",
    ),
    (
        "sharegpt",
        {"conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello"}]},
        "u:Hi a:Hello",
    ),
    (
        "sharegpt",
        {
            "system": "S",
            "conversation": [
                {"from": "User", "value": "Hi"},
                {"from": "observation", "value": "1"},
                {"from": "ChatGPT", "value": "Hello"},
            ],
        },
        "s:S u:Hi t:1 a:Hello",
    ),
    (
        "openai_messages",
        {"conversation": [{"human": "Hi", "assistant": "Hello"}, {"human": "And", "gpt": "So"}]},
        "u:Hi a:Hello u:And a:So",
    ),
    ("openai_messages", {"dialogue": ["Hi", "Hello", "And", "So"]}, "u:Hi a:Hello u:And a:So"),
    (
        "openai_messages",
        {"turns": [{"speaker": "USER", "text": "Hi"}, {"speaker": "Chatbot", "text": "Hello"}]},
        "u:Hi a:Hello",
    ),
    ("alpaca", {"instruction": "Do", "input": "", "output": "Done"}, "u:Do a:Done"),
    ("alpaca", {"instruction": "Do", "input": "it", "output": "Done"}, "u:Do\n\nit a:Done"),
    ("alpaca", {"instruction": "Do", "context": "it", "response": "Done"}, "u:Do\n\nit a:Done"),
    (
        "alpaca",
        {"system": "S", "history": [["a", "b"]], "instruction": "Do", "output": "Done"},
        "s:S u:a a:b u:Do a:Done",
    ),
    ("prompt_completion", {"prompt": "Hi", "completion": "Hello"}, "u:Hi a:Hello"),
    ("prompt_completion", {"prompt": [USER], "completion": [ANSWER]}, "u:Hi a:Hello"),
    ("question_answer", {"Question": "Hi", "ANSWER": "Hello"}, "u:Hi a:Hello"),
    ("question_answer", {"question": "Q", "context": "C", "answer": "A"}, "u:Q\n\nC a:A"),
    ("input_output", {"input": "Hi", "output": "Hello"}, "u:Hi a:Hello"),
    (
        "query_response",
        {"query": "Hi", "response": "Hello", "system_prompt": "S"},
        "s:S u:Hi a:Hello",
    ),
]


@pytest.mark.parametrize(("shape", "value", "expected"), CHATS)
def test_normalise_of_a_conversation_finds_shape_and_turns(
    shape: str, value: Any, expected: str
) -> None:
    found, row = normalise(value)
    assert found == shape
    assert spoken(row) == expected
    assert kind_of(row) is RowKind.CHAT


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning", "Thinking"])
def test_normalise_keeps_the_reasoning_of_an_answer_as_the_block_that_templates_know(
    name: str,
) -> None:
    answer = {**ANSWER, name: " They greet. ", "refusal": None}
    row = normalise({"messages": [{**USER, name: "No"}, answer]})[1]
    assert spoken(row) == "u:Hi a:<think>\nThey greet.\n</think>\n\nHello"
    assert isinstance(row, ChatRow)
    found = reasoning_block(row.messages[1].content)
    assert found is not None
    assert found[4].strip() == "Hello"


@pytest.mark.parametrize(
    ("answer", "content"),
    [
        ({"content": "<think>a</think>b", "reasoning_content": "a"}, "<think>a</think>b"),
        ({"content": "b", "reasoning_content": " "}, "b"),
        ({"content": "b", "reasoning": {"effort": "high"}}, "b"),
        ({"content": None, "tool_calls": [CALL], "reasoning": "a"}, "<think>\na\n</think>"),
        ({"content": None, "refusal": "I cannot do that."}, "I cannot do that."),
        ({"refusal": "I cannot do that."}, "I cannot do that."),
        ({"content": "b", "refusal": "No."}, "b"),
    ],
)
def test_normalise_of_what_stands_beside_an_answer(answer: dict[str, Any], content: str) -> None:
    row = normalise({"messages": [USER, {"role": "assistant", **answer}]})[1]
    assert spoken(row) == f"u:Hi a:{content}"


def test_normalise_of_reasoning_without_an_answer_is_refused() -> None:
    answer = {"role": "assistant", "content": "", "reasoning_content": "a"}
    with pytest.raises(RefusedRecord):
        normalise({"messages": [USER, answer]})


def test_normalise_keeps_tools_calls_and_weights() -> None:
    value = {
        "tools": [{"type": "function", "function": {"name": "f"}}],
        "messages": [
            USER,
            {"role": "assistant", "content": None, "tool_calls": [CALL], "weight": 0},
            {"role": "tool", "content": "1", "tool_call_id": "1"},
            {**ANSWER, "weight": 1},
        ],
    }
    _shape, row = normalise(value)
    assert isinstance(row, ChatRow)
    assert row.tools == '[{"type":"function","function":{"name":"f"}}]'
    assert row.messages[1].content == ""
    assert row.messages[1].tool_calls is not None
    assert '"name":"f"' in row.messages[1].tool_calls
    assert [turn.weight for turn in row.messages] == [None, 0.0, None, 1.0]


@pytest.mark.parametrize(
    "message",
    [
        {"from": "function_call", "value": '{"name": "f", "arguments": {}}'},
        {"role": "assistant", "content": "", "function_call": {"name": "f", "arguments": {}}},
        {"role": "assistant", "tool_calls": '[{"function": {"name": "f"}}]'},
    ],
)
def test_normalise_of_a_tool_call_in_any_dialect_finds_it(message: dict[str, Any]) -> None:
    first = {"from": "human", "value": "Hi"} if "from" in message else USER
    _shape, row = normalise({"messages": [first, message]})
    assert isinstance(row, ChatRow)
    assert '"name":"f"' in (row.messages[1].tool_calls or "")


@pytest.mark.parametrize("name", ["text", "content", "Document"])
def test_normalise_of_text_finds_it(name: str) -> None:
    assert normalise({name: "Once upon", "id": 1}) == ("text", TextRow(text="Once upon"))


TRANSCRIPT = "\n\nHuman: Hi\n\nAssistant: "
PREFERENCES: list[dict[str, Any]] = [
    {"prompt": "Hi", "chosen": "Good", "rejected": "Bad"},
    {"question": "Hi", "chosen_response": "Good", "rejected_response": "Bad"},
    {
        "prompt": [USER],
        "chosen": [{**ANSWER, "content": "Good"}],
        "rejected": [{**ANSWER, "content": "Bad"}],
    },
    {
        "prompt": "Hi",
        "chosen": [USER, {**ANSWER, "content": "Good"}],
        "rejected": [USER, {**ANSWER, "content": "Bad"}],
    },
    {
        "chosen": [USER, {**ANSWER, "content": "Good"}],
        "rejected": [USER, {**ANSWER, "content": "Bad"}],
    },
    {
        "input": {"messages": [USER], "tools": [], "parallel_tool_calls": True},
        "preferred_output": [{**ANSWER, "content": "Good"}],
        "non_preferred_output": [{**ANSWER, "content": "Bad"}],
    },
    {
        "conversations": [{"from": "human", "value": "Hi"}],
        "chosen": {"from": "gpt", "value": "Good"},
        "rejected": {"from": "gpt", "value": "Bad"},
    },
    {"chosen": TRANSCRIPT + "Good", "rejected": TRANSCRIPT + "Bad"},
    {
        "conversations": [{"from": "human", "value": "Hi"}],
        "chosen": {"from": "gpt", "value": "Good"},
        "rejected": {"from": "gpt", "value": "Bad"},
    },
    {
        "input": {"messages": [USER]},
        "preferred_output": [{**ANSWER, "content": "Good"}],
        "non_preferred_output": [{**ANSWER, "content": "Bad"}],
    },
]


@pytest.mark.parametrize("value", PREFERENCES)
def test_normalise_of_a_preference_finds_prompt_and_answers(value: dict[str, Any]) -> None:
    shape, row = normalise(value)
    assert shape == "preference"
    assert isinstance(row, PreferenceRow)
    assert [turn.content for turn in (*row.prompt, *row.chosen, *row.rejected)] == [
        "Hi", "Good", "Bad",
    ]  # fmt: skip
    assert [turn.role for turn in row.prompt] == ["user"]


def chat(*messages: Any) -> dict[str, Any]:
    return {"messages": list(messages)}


REFUSED: list[tuple[str, Any]] = [
    ("not_an_object", "words"),
    ("wrong_type", {"question": "Q", "answer": ["one", "other"]}),
    ("not_an_object", 5),
    ("not_an_object", None),
    ("unknown_shape", {}),
    ("unknown_shape", {"a": "b"}),
    ("unknown_shape", {"prompt": "no answer"}),
    ("unknown_shape", USER),
    ("unknown_shape", {"chosen": "a", "rejected": "b"}),
    ("empty_conversation", chat()),
    ("empty_conversation", []),
    ("unknown_role", chat({"role": "narrator", "content": "x"}, ANSWER)),
    ("unknown_role", chat({"content": "x"}, ANSWER)),
    ("unknown_role", chat({"role": 5, "content": "x"}, ANSWER)),
    ("no_assistant_turn", chat(USER)),
    ("no_assistant_turn", chat({"role": "system", "content": "x"})),
    ("empty_text", chat(USER, {"role": "assistant", "content": " \n"})),
    ("empty_text", chat({"role": "user", "content": ""}, ANSWER)),
    ("empty_text", chat(USER, {"role": "assistant", "content": None})),
    ("empty_text", chat(USER, {"role": "assistant", "content": None, "tool_calls": []})),
    ("empty_text", {"prompt": "a", "completion": ""}),
    ("empty_text", {"text": "  "}),
    ("wrong_type", {"messages": "words"}),
    ("wrong_type", chat("words")),
    ("wrong_type", chat({"role": "user", "content": 5}, ANSWER)),
    ("wrong_type", chat({"role": "user", "content": [{"type": "image_url"}]}, ANSWER)),
    ("wrong_type", chat(USER, {**ANSWER, "weight": 0.5})),
    ("wrong_type", chat(USER, {**ANSWER, "weight": True})),
    ("wrong_type", chat(USER, {**ANSWER, "tool_calls": "words"})),
    ("wrong_type", {**chat(USER, ANSWER), "tools": {"a": 1}}),
    ("wrong_type", {**chat(USER, ANSWER), "system": ["S"]}),
    ("wrong_type", {"prompt": "a", "completion": 5}),
    ("wrong_type", {"instruction": "a", "output": "b", "history": [["a"]]}),
    ("nul_character", {"text": "a\0b"}),
    ("nul_character", chat(USER, {"role": "assistant", "content": "a\0"})),
    ("nul_character", {**chat(USER, ANSWER), "tools": [{"a": "\0"}]}),
    ("same_answers", {"prompt": "a", "chosen": "b", "rejected": "b"}),
]


@pytest.mark.parametrize(("reason", "value"), REFUSED)
def test_normalise_of_what_is_no_row_names_the_reason(reason: str, value: Any) -> None:
    with pytest.raises(RefusedRecord) as caught:
        normalise(value)
    assert caught.value.reason == reason
    assert caught.value.message.endswith(".")


def test_normalise_of_an_escaped_backslash_before_u0000_is_no_zero_character() -> None:
    _shape, row = normalise({**chat(USER, ANSWER), "tools": [{"a": "\\u0000"}]})
    assert isinstance(row, ChatRow)


def test_refusal_names_no_text_of_the_row() -> None:
    secret = "Zanzibar"
    values = [
        chat({"role": secret, "content": secret}),
        {secret: secret},
        {"prompt": secret, "completion": 5},
        chat({"role": "user", "content": secret}),
    ]
    for value in values:
        with pytest.raises(RefusedRecord) as caught:
            normalise(value)
        assert secret not in caught.value.message


def test_normalise_of_equal_turns_in_two_shapes_gives_equal_rows() -> None:
    one = normalise({"prompt": "Hi", "completion": "Hello"})[1]
    two = normalise({"messages": [USER, ANSWER], "id": 1})[1]
    expected = (Turn(role=one.messages[0].role, content="Hi"),) if isinstance(one, ChatRow) else ()
    assert one == two
    assert isinstance(two, ChatRow)
    assert two.messages[:1] == expected
