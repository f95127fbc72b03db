# SPDX-License-Identifier: Apache-2.0
"""Texts and ids equal those of transformers, for every template and conversation we have."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from inspect import signature
from pathlib import Path
from typing import Any

import jinja2
import pytest

from engine.chat.messages import messages_of
from engine.chat.tokenizer import ChatTokenizer, load_tokenizer
from engine.domain.dataset import ChatRow, Role, Turn
from engine.errors import TemplateInvalid
from tests.builders.conversations import (
    CONTROL_TEXTS,
    CONVERSATIONS,
    TEMPLATES,
    chat,
    template_text,
    turn,
)
from tests.builders.model_folder import tiny_model_folder
from tests.builders.tool_families import named_chats

Pair = tuple[ChatTokenizer, Any]
TOOLS = '[{"type": "function", "function": {"name": "weather", "parameters": {"a": "ü"}}}]'
NAMED = {name: row for name, row in named_chats("", TOOLS).items() if "control" not in name}


@pytest.fixture(scope="module")
def pair_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Pair]:
    """Return a function from a template's name to our tokenizer and that of transformers."""
    from transformers import AutoTokenizer

    made: dict[str, Pair] = {}
    clock = datetime.now().astimezone()

    def make(name: str) -> Pair:
        if name not in made:
            end, bos = TEMPLATES[name]
            path: Path = tiny_model_folder(
                tmp_path_factory.mktemp(name) / "m",
                template=template_text(name),
                end_of_turn=end,
                bos=bos,
            )
            made[name] = load_tokenizer(path, clock=clock), AutoTokenizer.from_pretrained(path)
        return made[name]

    return make


def theirs(tokenizer: Any, row: ChatRow, **options: Any) -> list[int] | None:
    """Return the ids that transformers makes, or None where the template refuses."""
    try:
        return tokenizer.apply_chat_template(
            messages_of(row.messages), return_dict=False, **options
        )
    except jinja2.TemplateError:
        return None


@pytest.mark.parametrize("conversation", CONVERSATIONS)
@pytest.mark.parametrize("template", TEMPLATES)
def test_ids_of_a_conversation_are_those_of_transformers(
    template: str, conversation: str, pair_of: Callable[[str], Pair]
) -> None:
    ours, reference = pair_of(template)
    row = CONVERSATIONS[conversation]
    wanted = theirs(reference, row)
    found = ours.encode_row(row, max_length=10_000)
    assert found.problem == ("template_refused" if wanted is None else "")
    assert found.ids == (wanted or [])


@pytest.mark.parametrize("template", TEMPLATES)
def test_ids_of_a_prompt_are_those_of_transformers(
    template: str, pair_of: Callable[[str], Pair]
) -> None:
    ours, reference = pair_of(template)
    for row in CONVERSATIONS.values():
        asked = ChatRow(messages=row.messages[:-1])
        wanted = theirs(reference, asked, add_generation_prompt=True)
        if wanted is None:
            with pytest.raises(TemplateInvalid, match="does not accept"):
                ours.encode_prompt(asked.messages)
        else:
            assert ours.encode_prompt(asked.messages) == wanted


def test_ids_with_tools_and_tool_calls_are_those_of_transformers(
    pair_of: Callable[[str], Pair],
) -> None:
    ours, reference = pair_of("qwen3")
    tools = '[{"type": "function", "function": {"name": "weather", "parameters": {"a": "ü"}}}]'
    call = '[{"type": "function", "function": {"name": "weather", "arguments": {"town": "Köln"}}}]'
    row = ChatRow(
        messages=(
            turn("user", "How is the weather?"),
            turn("assistant", "", tool_calls=call),
            turn("tool", "Rain."),
            turn("assistant", "It rains."),
        ),
        tools=tools,
    )
    wanted = theirs(
        reference,
        row,
        tools=[{"type": "function", "function": {"name": "weather", "parameters": {"a": "ü"}}}],
    )
    found = ours.encode_row(row, max_length=10_000)
    assert found.ids == wanted
    trained = ours.decode(
        [one for one, is_on in zip(found.ids, found.trained, strict=True) if is_on]
    )
    assert trained == (
        '<tool_call>\n{"name": "weather", "arguments": {"town": "Köln"}}\n</tool_call><|im_end|>'
        "<think>\n\n</think>\n\nIt rains.<|im_end|>"
    )


@pytest.mark.parametrize("conversation", NAMED)
@pytest.mark.parametrize("template", TEMPLATES)
def test_ids_with_names_and_ids_of_calls_are_those_of_transformers(
    template: str, conversation: str, pair_of: Callable[[str], Pair]
) -> None:
    ours, reference = pair_of(template)
    row = NAMED[conversation]
    tools = json.loads(row.tools) if row.tools else None
    wanted = theirs(reference, row, tools=tools)
    found = ours.encode_row(row, max_length=10_000)
    if found.problem in ("tool_calls_left_out", "mask_mismatch"):
        assert not any(found.trained)
    else:
        assert found.problem == ("template_refused" if wanted is None else "")
        assert found.ids == (wanted or [])
    asked = theirs(
        reference, ChatRow(messages=row.messages[:-1]), tools=tools, add_generation_prompt=True
    )
    if asked is not None:
        assert ours.encode_prompt(row.messages[:-1], tools=row.tools) == asked


def test_arguments_given_as_json_text_are_written_as_values(pair_of: Callable[[str], Pair]) -> None:
    ours, _reference = pair_of("qwen3")
    calls = (
        '[{"function": {"name": "f", "arguments": "{\\"a\\": 1}"}}]',
        '[{"function": {"name": "f", "arguments": {"a": 1}}}]',
    )
    rows = [
        ChatRow(messages=(turn("user", "?"), turn("assistant", "", tool_calls=one)))
        for one in calls
    ]
    text, values = ours.encode_rows(rows, max_length=1000)
    assert text == values
    assert not text.problem


@pytest.mark.parametrize("template", TEMPLATES)
@pytest.mark.parametrize("control", CONTROL_TEXTS)
def test_control_text_of_a_user_is_disarmed_as_transformers_can(
    template: str, control: str, pair_of: Callable[[str], Pair]
) -> None:
    ours, reference = pair_of(template)
    if "sanitize_control_tokens" not in signature(reference.apply_chat_template).parameters:
        pytest.skip("this version of transformers disarms nothing")  # 5.17, for one
    row = chat(f"What is {control}?", f"It is {control} {control}{control}, a marker.")
    wanted = theirs(reference, row, sanitize_control_tokens=True)
    found = ours.encode_row(row, max_length=10_000)
    assert not found.problem
    assert found.ids == wanted
    assert found.ids != theirs(reference, row)


def test_date_of_the_template_is_that_of_the_clock(tmp_path: Path) -> None:
    path = tiny_model_folder(
        tmp_path / "m",
        template=template_text("dated"),
        end_of_turn="<|eot_id|>",
        bos="<|begin_of_text|>",
    )
    early = load_tokenizer(path, clock=datetime(2001, 2, 3).astimezone())
    asked = [Turn(role=Role.USER, content="When?")]
    assert "Today Date: 03 Feb 2001" in early.decode(early.encode_prompt(asked))


@pytest.mark.parametrize("conversation", CONVERSATIONS)
def test_mask_is_that_of_transformers_where_the_template_marks_answers(
    conversation: str, tmp_path: Path
) -> None:
    from transformers import AutoTokenizer

    path = tiny_model_folder(tmp_path / "m", template=template_text("marked"))
    row = CONVERSATIONS[conversation]
    reference = AutoTokenizer.from_pretrained(path).apply_chat_template(
        messages_of(row.messages), return_dict=True, return_assistant_tokens_mask=True
    )
    ours = load_tokenizer(path, clock=datetime.now().astimezone())
    everything = ChatRow(messages=tuple(Turn(role=x.role, content=x.content) for x in row.messages))
    found = ours.encode_row(everything, max_length=10_000)
    assert [int(one) for one in found.trained] == reference["assistant_masks"]
