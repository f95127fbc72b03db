# SPDX-License-Identifier: Apache-2.0
"""Whatever people write: the trained tokens spell the answers, and no content becomes control."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.chat.preview import token_texts
from engine.chat.template import ChatTemplate
from engine.chat.tokenizer import ChatTokenizer
from engine.domain.dataset import ChatRow
from tests.builders.conversations import CONTROL_TEXTS, TEMPLATES, chat, template_text, turn
from tests.builders.model_folder import tiny_tokenizer
from tests.builders.tool_families import call

CLOCK = datetime(2026, 11, 20, tzinfo=UTC)
LETTERS = st.characters(exclude_categories=["Cs"])
PIECES = st.one_of(
    st.text(LETTERS, max_size=12),
    st.sampled_from(CONTROL_TEXTS),
    st.sampled_from(
        [
            "\n",
            "\n\n",
            " ",
            "assistant",
            "user",
            "{{",
            "}}",
            "{% for %}",
            "<|im_",
            "start|>",
            "\ue000",
            "\ue001",
            "\ufffd",
            "|>",
            "<",
            "[/",
            "INST]",
        ]
    ),
)
CONTENT = st.lists(PIECES, max_size=6).map("".join)
CONVERSATION = st.lists(st.tuples(CONTENT, CONTENT), min_size=1, max_size=3).map(
    lambda pairs: chat(*(text for pair in pairs for text in pair))
)
QUICK = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def make(name: str) -> ChatTokenizer:
    end, bos = TEMPLATES[name]
    tokens = {"eos_token": end, "bos_token": bos}
    template = ChatTemplate(template_text(name), special_tokens=tokens, clock=CLOCK)
    return ChatTokenizer(tiny_tokenizer(bos=bos), template=template, special_tokens=tokens)


TOKENIZERS = {name: make(name) for name in TEMPLATES if name != "qwen3"}


def expected(name: str, row: ChatRow) -> str:
    """Return what the template is to write of the answers, each with its end."""
    end = TOKENIZERS[name].end_of_turn
    answers = [one.content for one in row.messages if one.role == "assistant"]
    if name in ("chatml_default_system", "zephyr", "phi3", "named"):
        return "".join(one + end for one in answers)
    space = " " if name.startswith("mistral") else ""
    return "".join(f"{space}{one.strip()}{end}" for one in answers)


@pytest.mark.parametrize("name", TOKENIZERS)
@QUICK
@given(row=CONVERSATION)
def test_trained_tokens_spell_the_answers_with_their_ends(name: str, row: ChatRow) -> None:
    tokenizer = TOKENIZERS[name]
    found = tokenizer.encode_row(row, max_length=100_000)
    assert not found.problem
    pairs = zip(found.ids, found.trained, strict=True)
    trained = tokenizer.decode([one for one, is_trained in pairs if is_trained])
    assert trained == expected(name, row)


@pytest.mark.parametrize("name", TOKENIZERS)
@QUICK
@given(row=CONVERSATION)
def test_content_adds_no_control_token_to_those_of_the_template(name: str, row: ChatRow) -> None:
    tokenizer = TOKENIZERS[name]
    plain = chat(*("x" for _ in row.messages))
    found, bare = tokenizer.encode_rows([row, plain], max_length=100_000)
    special = [one for one in found.ids if tokenizer.is_special(one)]
    assert special == [one for one in bare.ids if tokenizer.is_special(one)]


def called(asker: str, helper: str, tool: str, call_id: str) -> ChatRow:
    """Return a conversation with a tool call, its speakers and the call named."""
    return ChatRow(
        messages=(
            turn("user", "x", name=asker),
            turn("assistant", "", tool_calls=json.dumps([call(call_id)])),
            turn("tool", "x", name=tool, tool_call_id=call_id),
            turn("assistant", "x", name=helper),
        )
    )


@QUICK
@given(names=st.tuples(CONTENT, CONTENT, CONTENT), call_id=CONTENT)
def test_names_and_ids_add_no_control_token_to_those_of_the_template(
    names: tuple[str, str, str], call_id: str
) -> None:
    tokenizer = TOKENIZERS["named"]
    asker, helper, tool = (f"x{one}" for one in names)
    row = called(asker, helper, tool, f"weather{call_id}")
    found, bare = tokenizer.encode_rows([row, called("x", "x", "x", "weather")], max_length=100_000)
    assert (found.problem, bare.problem) == ("", "")
    special = [one for one in found.ids if tokenizer.is_special(one)]
    assert special == [one for one in bare.ids if tokenizer.is_special(one)]


@QUICK
@given(call_id=CONTENT)
def test_ids_of_any_length_are_written_or_the_row_is_flagged(call_id: str) -> None:
    tokenizer = TOKENIZERS["mistral_tools"]
    for one in (call_id, call_id[:9].ljust(9, "x")):
        row, plain = called("x", "x", "x", one), called("x", "x", "x", "weather:0")
        found, bare = tokenizer.encode_rows([row, plain], max_length=100_000)
        special = [one for one in found.ids if tokenizer.is_special(one)]
        is_odd = len(one) != 9 or any(text in one for text in CONTROL_TEXTS)
        assert found.problem == ("template_refused" if is_odd else "")
        assert special == ([] if is_odd else [n for n in bare.ids if tokenizer.is_special(n)])


@QUICK
@given(text=CONTENT)
def test_texts_of_single_tokens_join_to_the_decoded_text(text: str) -> None:
    tokenizer = TOKENIZERS["chatml_default_system"]
    ids = tokenizer.encode_row(chat("q", text), max_length=100_000).ids
    assert "".join(token_texts(tokenizer, ids)) == tokenizer.decode(ids)
