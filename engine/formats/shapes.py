# SPDX-License-Identifier: Apache-2.0
"""Row shapes: recognised by the names and values of a record, and made into domain rows.

A shape is recognised for each row on its own; names are compared without regard to case.
"""

from __future__ import annotations

import re
from typing import cast

from engine.domain.dataset import ChatRow, PreferenceRow, Role, Row, RowKind, TextRow, Turn
from engine.formats import field_names
from engine.formats.plain_chat import PlainChat
from engine.formats.refusal import RefusedRecord, wrong_type
from engine.formats.turns import (
    Fields,
    check_conversation,
    conversation_of,
    filled_text,
    first_of,
    json_list,
    list_of,
    lower_names,
    text_of,
    turns_of,
)
from engine.formats.wording import translated as _

OPENAI, SHAREGPT, ALPACA, PREFERENCE, TEXT = (
    "openai_messages", "sharegpt", "alpaca", "preference", "text",
)  # fmt: skip

_CHAT = RowKind.CHAT
_TRANSCRIPT_TURN = re.compile(r"\n\n(Human|Assistant):")


def kind_of(row: Row) -> RowKind:
    """Return the kind of a row."""
    if isinstance(row, ChatRow):
        return _CHAT
    return RowKind.TEXT if isinstance(row, TextRow) else RowKind.PREFERENCE


def normalise(value: object) -> tuple[str, Row]:
    """Recognise the shape of a record and return it with the domain row.

    The shape is `openai_messages`, `sharegpt`, `alpaca`, `preference`, `text`, or for a question
    with an answer the names of both fields, e.g. `prompt_completion`.

    Raises:
        RefusedRecord: It cannot become a row.
    """
    if isinstance(value, PlainChat):
        check_conversation(value.messages)
        return OPENAI, value
    if isinstance(value, TextRow):
        return TEXT, TextRow(text=filled_text(value.text, "text"))
    is_bare = isinstance(value, list)
    fields = lower_names({"messages": cast("object", value)} if is_bare else value)
    if fields is None:
        raise RefusedRecord("not_an_object", _("This is not an object with named fields."))
    return _of_fields(fields)


def _of_fields(fields: Fields) -> tuple[str, Row]:
    """Try the shapes, the most telling names first."""
    if first_of(fields, field_names.CHOSEN) and first_of(fields, field_names.REJECTED):
        return PREFERENCE, _preference(fields)
    messages = first_of(fields, field_names.CONVERSATIONS)
    if messages and list_of(fields[messages]) is not None:
        return _conversation(fields, messages)
    answer = first_of(fields, field_names.ANSWERS)
    if answer and first_of(fields, field_names.INSTRUCTIONS):
        return ALPACA, _alpaca(fields, answer)
    question = first_of(fields, field_names.QUESTIONS)
    if answer and question:
        return f"{question}_{answer}", _pair(fields, question, answer)
    text = first_of(fields, field_names.TEXTS)
    if text and not first_of(fields, field_names.ROLES):
        return TEXT, TextRow(text=filled_text(fields[text], text))
    if messages:
        raise wrong_type(messages, _("a list of messages"))
    raise RefusedRecord(
        "unknown_shape",
        _("The names of its fields are none that a conversation, a question with its answer, "
          "a text or a preference has."),
    )  # fmt: skip


def _tools(fields: Fields) -> str | None:
    name = first_of(fields, field_names.TOOLS)
    return json_list(fields.get(name), name)


def _system(fields: Fields) -> str:
    name = first_of(fields, field_names.SYSTEMS)
    return text_of(fields[name], name) if name else ""


def _conversation(fields: Fields, name: str) -> tuple[str, Row]:
    items = list_of(fields[name]) or []
    first = lower_names(items[0]) if items else None
    shape = SHAREGPT if first is not None and "from" in first else OPENAI
    turns = conversation_of(items, _system(fields))
    return shape, ChatRow(messages=turns, tools=_tools(fields))


def _alpaca(fields: Fields, answer: str) -> ChatRow:
    """Return instruction, optional input and answer as a conversation, with what came before."""
    name = first_of(fields, field_names.INSTRUCTIONS)
    question = _with_input(filled_text(fields[name], name), fields, field_names.INPUTS)
    turns = (
        *_told(fields),
        *_history(fields),
        Turn(role=Role.USER, content=question),
        Turn(role=Role.ASSISTANT, content=filled_text(fields[answer], answer)),
    )
    return ChatRow(messages=turns)


def _with_input(question: str, fields: Fields, names: tuple[str, ...]) -> str:
    """Return the question with what it is about behind it, if anything."""
    name = first_of(fields, names)
    given = text_of(fields[name], name) if name else ""
    return f"{question}\n\n{given}" if given.strip() else question


def _told(fields: Fields) -> tuple[Turn, ...]:
    system = _system(fields)
    return (Turn(role=Role.SYSTEM, content=system),) if system.strip() else ()


def _history(fields: Fields) -> list[Turn]:
    """Return the turns of [[question, answer], ...]."""
    value = fields.get(first_of(fields, field_names.HISTORIES))
    pairs = [list_of(one) for one in list_of(value) or []]
    turns: list[Turn] = []
    for pair in pairs:
        if pair is None or len(pair) != 2:
            raise wrong_type("history", _("pairs of a question and an answer"))
        turns.append(Turn(role=Role.USER, content=filled_text(pair[0], "history")))
        turns.append(Turn(role=Role.ASSISTANT, content=filled_text(pair[1], "history")))
    return turns


def _pair(fields: Fields, question: str, answer: str) -> ChatRow:
    """Return a question with its answer; both may be texts or lists of messages."""
    value = fields[question]
    if isinstance(value, str):
        value = _with_input(filled_text(value, question), fields, field_names.CONTEXTS)
    asked = _side(value, question, Role.USER)
    if asked and asked[0].role is not Role.SYSTEM:
        asked = (*_told(fields), *asked)
    turns = (*asked, *_side(fields[answer], answer, Role.ASSISTANT))
    check_conversation(turns)
    return ChatRow(messages=turns, tools=_tools(fields))


def _side(value: object, name: str, role: Role) -> tuple[Turn, ...]:
    """Return the turns of one side of a row: a text, a message, or a list of messages."""
    fields = lower_names(value)
    if fields is not None and isinstance(inner := fields.get("messages"), list):
        value = cast("list[object]", inner)
    elif fields is not None:
        value = [value]
    if isinstance(value, str) and value.startswith('[{"role":'):
        # Tables hold messages as JSON text.
        value = list_of(value) or value
    if isinstance(value, list):
        return turns_of(cast("list[object]", value))
    return (Turn(role=role, content=filled_text(value, name)),)


def _preference(fields: Fields) -> PreferenceRow:
    good, bad = first_of(fields, field_names.CHOSEN), first_of(fields, field_names.REJECTED)
    asked = first_of(fields, (*field_names.CONVERSATIONS, *field_names.QUESTIONS))
    prompt = _side(fields[asked], asked, Role.USER) if asked else ()
    if prompt and prompt[0].role is not Role.SYSTEM:
        prompt = (*_told(fields), *prompt)
    chosen, rejected = _answer(fields[good], good, prompt), _answer(fields[bad], bad, prompt)
    if not prompt:
        prompt = _common_start(chosen, rejected)
        chosen, rejected = chosen[len(prompt) :], rejected[len(prompt) :]
    if not prompt:
        raise RefusedRecord(
            "unknown_shape", _("This preference names no prompt, and its answers share none.")
        )
    for turns in (chosen, rejected):
        check_conversation(turns)
    if chosen == rejected:
        raise RefusedRecord("same_answers", _("The chosen and the rejected answer are the same."))
    return PreferenceRow(prompt=prompt, chosen=chosen, rejected=rejected)


def _answer(value: object, name: str, prompt: tuple[Turn, ...]) -> tuple[Turn, ...]:
    """Return the turns of one answer, without the prompt where it repeats it."""
    if isinstance(value, str) and not prompt and value.startswith("\n\nHuman:"):
        return _transcript(value)
    turns = _side(value, name, Role.ASSISTANT)
    repeats = len(turns) > len(prompt) > 0 and turns[: len(prompt)] == prompt
    return turns[len(prompt) :] if repeats else turns


def _transcript(text: str) -> tuple[Turn, ...]:
    r"""Return the turns of a text in which \n\nHuman: and \n\nAssistant: open the turns."""
    roles = {"Human": Role.USER, "Assistant": Role.ASSISTANT}
    parts = _TRANSCRIPT_TURN.split(text_of(text, "chosen"))[1:]
    return tuple(
        Turn(role=roles[name], content=content.strip())
        for name, content in zip(parts[::2], parts[1::2], strict=True)
    )


def _common_start(one: tuple[Turn, ...], other: tuple[Turn, ...]) -> tuple[Turn, ...]:
    """Return the turns with which both begin; at least one turn of each is left over."""
    length = 0
    while length < min(len(one), len(other)) - 1 and one[length] == other[length]:
        length += 1
    return one[:length]
