# SPDX-License-Identifier: Apache-2.0
"""Row shapes: recognised by the names and values of a record, and made into domain rows.

A shape is recognised for each row on its own; names are compared without regard to case.
"""

from __future__ import annotations

from typing import TypeGuard, cast

import msgspec

from engine.domain.dataset import (
    ChatRow,
    PreferenceRow,
    RatedRow,
    Role,
    Row,
    RowKind,
    TextRow,
    Turn,
)
from engine.formats import field_names
from engine.formats.classes import ClassField, labelled, liked_of
from engine.formats.plain_chat import PlainChat
from engine.formats.refusal import UNKNOWN_SHAPE, RefusedRecord, wrong_type
from engine.formats.sides import preference_of, rated_of, side_of, told
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
)
from engine.formats.wording import translated as _

OPENAI, SHAREGPT, ALPACA, PREFERENCE, TEXT, RATED = (
    "openai_messages", "sharegpt", "alpaca", "preference", "text", "rated",
)  # fmt: skip

_CHAT, _USER, _ASSISTANT = RowKind.CHAT, Role.USER, Role.ASSISTANT
_PLAIN_QUESTIONS = frozenset(field_names.QUESTIONS) - set(field_names.INSTRUCTIONS)
_ANSWERS = frozenset(field_names.ANSWERS)


def kind_of(row: Row) -> RowKind:
    """Return the kind of a row."""
    if isinstance(row, ChatRow):
        return _CHAT
    if isinstance(row, TextRow):
        return RowKind.TEXT
    if isinstance(row, PreferenceRow):
        return RowKind.PREFERENCE
    return RowKind.RATED if isinstance(row, RatedRow) else RowKind.LABEL


def normalise(value: object, classed: ClassField | None = None) -> tuple[str, Row]:
    """Recognise the shape of a record and return it with the domain row.

    The shape is `openai_messages`, `sharegpt`, `alpaca`, `preference`, `text`, or for a question
    with an answer the names of both fields, e.g. `prompt_completion`.

    Args:
        value: A record, or a domain row that a reader has made of one.
        classed: The field that says a class or a verdict, where the whole file shows that it
            does; then the shape is `labelled_text`, `labelled_image` or `rated`.

    Raises:
        RefusedRecord: It cannot become a row.
    """
    if classed is not None and isinstance(value, PlainChat | TextRow):
        value = msgspec.to_builtins(value)
    if isinstance(value, PlainChat):
        check_conversation(value.messages)
        return OPENAI, value
    if isinstance(value, TextRow):
        return TEXT, TextRow(text=filled_text(value.text, "text"))
    if classed is None and (pair := _plain_pair(value)) is not None:
        return pair
    is_bare = isinstance(value, list)
    fields = lower_names({"messages": cast("object", value)} if is_bare else value)
    if fields is None:
        raise RefusedRecord("not_an_object", _("This is not an object with named fields."))
    return _of_fields(fields) if classed is None else _classed(fields, classed)


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
        UNKNOWN_SHAPE,
        _("The names of its fields are none that a conversation, a question with its answer, "
          "a text or a preference has."),
    )  # fmt: skip


def _plain_pair(value: object) -> tuple[str, Row] | None:
    """Return a question and its answer where a record is nothing but two filled texts.

    The same row as the general way makes, at once; None where that has to decide.
    """
    record = cast("dict[object, object]", value) if isinstance(value, dict) else {}
    if len(record) != 2:
        return None
    question, answer = record
    if question in _ANSWERS:
        question, answer = answer, question
    if question not in _PLAIN_QUESTIONS or answer not in _ANSWERS:
        return None
    asked, said = record[question], record[answer]
    if not _is_plain_text(asked) or not _is_plain_text(said):
        return None
    turns = (Turn(role=_USER, content=asked), Turn(role=_ASSISTANT, content=said))
    return f"{question}_{answer}", ChatRow(messages=turns)


def _is_plain_text(value: object) -> TypeGuard[str]:
    if not isinstance(value, str) or not value or value.isspace():
        return False
    return "\0" not in value and not value.startswith("[")


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
        *_history(fields),
        Turn(role=Role.USER, content=question),
        Turn(role=Role.ASSISTANT, content=filled_text(fields[answer], answer)),
    )
    return ChatRow(messages=told(_system(fields), turns))


def _with_input(question: str, fields: Fields, names: tuple[str, ...]) -> str:
    """Return the question with what it is about behind it, if anything."""
    name = first_of(fields, names)
    given = text_of(fields[name], name) if name else ""
    return f"{question}\n\n{given}" if given.strip() else question


def _history(fields: Fields) -> list[Turn]:
    return turns_of_pairs(fields.get(first_of(fields, field_names.HISTORIES)))


def turns_of_pairs(value: object) -> list[Turn]:
    """Return the turns of [[question, answer], ...]; none where the value is no list.

    Raises:
        RefusedRecord: One of them is no pair of texts.
    """
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
    asked = told(_system(fields), side_of(value, question, Role.USER))
    turns = (*asked, *side_of(fields[answer], answer, Role.ASSISTANT))
    check_conversation(turns)
    return ChatRow(messages=turns, tools=_tools(fields))


def _preference(fields: Fields) -> PreferenceRow:
    good, bad = first_of(fields, field_names.CHOSEN), first_of(fields, field_names.REJECTED)
    return preference_of(_asked(fields), (good, fields[good]), (bad, fields[bad]))


def _asked(fields: Fields) -> tuple[Turn, ...]:
    """Return what was asked, with the system turn that stands beside it; empty if not said."""
    name = first_of(fields, (*field_names.CONVERSATIONS, *field_names.QUESTIONS))
    return told(_system(fields), side_of(fields[name], name, Role.USER)) if name else ()


def _classed(fields: Fields, field: ClassField) -> tuple[str, Row]:
    if field.kind is RowKind.LABEL:
        return labelled(fields, field.name)
    is_liked = liked_of(fields.get(field.name), field.name)
    answer = first_of(fields, field_names.ANSWERS)
    if answer:
        completion = side_of(fields[answer], answer, Role.ASSISTANT)
        return RATED, rated_of(_asked(fields), completion, is_liked=is_liked)
    messages = first_of(fields, field_names.CONVERSATIONS)
    if not messages or list_of(fields[messages]) is None:
        raise RefusedRecord("missing_answer", _("This holds no answer that could be rated."))
    turns = conversation_of(list_of(fields[messages]) or [], _system(fields))
    return RATED, rated_of((), turns, is_liked=is_liked)
