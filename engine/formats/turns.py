# SPDX-License-Identifier: Apache-2.0
"""Messages of many dialects to turns: role names, content in parts, tool calls."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import cast

import msgspec

from engine.domain.dataset import Role, Turn
from engine.formats import field_names
from engine.formats.json_value import decode_value
from engine.formats.refusal import RefusedRecord, empty_text, nul_character, wrong_type
from engine.formats.wording import translated as _

Fields = Mapping[str, object]
"""One JSON object with its names in lower case."""

ROLE_OF_NAME = {
    "system": Role.SYSTEM,
    "developer": Role.SYSTEM,
    "user": Role.USER,
    "human": Role.USER,
    "prompter": Role.USER,
    "assistant": Role.ASSISTANT,
    "gpt": Role.ASSISTANT,
    "chatgpt": Role.ASSISTANT,
    "chatbot": Role.ASSISTANT,
    "model": Role.ASSISTANT,
    "bot": Role.ASSISTANT,
    "ai": Role.ASSISTANT,
    "function_call": Role.ASSISTANT,
    "tool_call": Role.ASSISTANT,
    "tool": Role.TOOL,
    "function": Role.TOOL,
    "ipython": Role.TOOL,
    "observation": Role.TOOL,
    "function_response": Role.TOOL,
    "tool_response": Role.TOOL,
}
_SAID_BY_USER, _SAID_BY_ASSISTANT = ("human", "user"), ("assistant", "gpt", "bot")
_CALLING = ("function_call", "tool_call")
_USER, _ASSISTANT = Role.USER, Role.ASSISTANT
"""Looking up a member of an enumeration takes longer than all else that is done with a turn."""


def lower_names(value: object) -> Fields | None:
    """Return a JSON object with its names in lower case, or None for any other value."""
    if not isinstance(value, dict):
        return None
    named = cast("dict[object, object]", value)
    if all(type(name) is str and name.islower() for name in named):
        return cast("Fields", named)
    return {str(name).lower(): one for name, one in cast("dict[object, object]", value).items()}


def first_of(fields: Fields, names: tuple[str, ...]) -> str:
    """Return the first of the names that holds something, or an empty text."""
    # Asked a dozen times for each row, mostly in vain: one look into a set tells that.
    if _set_of(names).isdisjoint(fields):
        return ""
    for name in names:
        if fields.get(name) is not None:
            return name
    return ""


@cache
def _set_of(names: tuple[str, ...]) -> frozenset[str]:
    return frozenset(names)


def text_of(value: object, name: str) -> str:
    """Return a text field as it is.

    Raises:
        RefusedRecord: It is no text (`wrong_type`), or holds NUL characters.
    """
    if not isinstance(value, str):
        raise wrong_type(name, _("text"))
    if "\0" in value:
        raise nul_character()
    return value


def filled_text(value: object, name: str) -> str:
    """Return a text field that holds more than blanks.

    Raises:
        RefusedRecord: It is no text, or blank (`empty_text`).
    """
    text = text_of(value, name)
    if not text or text.isspace():
        raise empty_text(name)
    return text


def list_of(value: object) -> list[object] | None:
    """Return a list, also where it is written as JSON text (as tables do); else None."""
    if isinstance(value, str) and value.lstrip().startswith("["):
        try:
            value = decode_value(value.encode("utf-8", errors="replace"))
        except RefusedRecord:
            return None
    return cast("list[object]", value) if isinstance(value, list) else None


def json_list(value: object, name: str) -> str | None:
    """Return a list of objects as compact JSON text; None where it is missing or empty.

    Raises:
        RefusedRecord: It is something else.
    """
    if value is None or value in ("", []):
        return None
    items = list_of(value)
    if items is None or not all(isinstance(one, dict) for one in items):
        raise wrong_type(name, _("a list of objects"))
    if not items:
        return None
    try:
        text = msgspec.json.encode(items).decode("utf-8")
    except (TypeError, UnicodeEncodeError) as error:  # dates and bytes of a table
        raise wrong_type(name, _("a list of objects")) from error
    if "\\u0000" in text.replace("\\\\", ""):
        raise nul_character()
    return text


def turns_of(items: list[object]) -> tuple[Turn, ...]:
    """Return the turns of a list of messages.

    Raises:
        RefusedRecord: One of them is no message.
    """
    if items and _is_exchange(items[0]):
        return tuple(turn for one in items for turn in _exchange(one))
    return tuple(_turn(one) for one in items)


def _is_exchange(value: object) -> bool:
    """Return whether a message is a question and its answer, each under who says it."""
    if not isinstance(value, dict) or "role" in value or "from" in value:
        return False
    fields = lower_names(cast("object", value)) or {}
    return bool(first_of(fields, _SAID_BY_USER)) and not first_of(fields, field_names.ROLES)


def _alternating(items: list[object]) -> tuple[Turn, ...]:
    """Return the turns of a list of texts: question, answer, question, answer ..."""
    texts = [text_of(one, "messages") for one in items]
    roles = (_USER, _ASSISTANT)
    return tuple(Turn(role=roles[place % 2], content=one) for place, one in enumerate(texts))


def _exchange(value: object) -> list[Turn]:
    fields = lower_names(value) or {}
    found = ((_USER, _SAID_BY_USER), (_ASSISTANT, _SAID_BY_ASSISTANT))
    said = [(role, first_of(fields, names)) for role, names in found]
    turns = [Turn(role=role, content=text_of(fields[name], name)) for role, name in said if name]
    return turns or [_turn(value)]


def conversation_of(items: list[object], system: str = "") -> tuple[Turn, ...]:
    """Return a conversation from which an assistant can learn.

    Args:
        items: The messages.
        system: Put in front, unless it is blank or the messages begin with a system turn.

    Raises:
        RefusedRecord: It is empty, or no turn of it is the assistant's.
    """
    is_plain = len(items) > 1 and isinstance(items[0], str)
    turns = _alternating(items) if is_plain else turns_of(items)
    is_told = bool(turns) and turns[0].role is Role.SYSTEM
    if system.strip() and not is_told:
        turns = (Turn(role=Role.SYSTEM, content=system), *turns)
    check_conversation(turns)
    return turns


def check_conversation(turns: tuple[Turn, ...]) -> None:
    """Refuse a conversation from which nothing can be learnt.

    Raises:
        RefusedRecord: It is empty, a speaker says nothing, or the assistant has no turn.
    """
    if not turns:
        raise RefusedRecord("empty_conversation", _("This conversation has no messages."))
    has_assistant = False
    for turn in turns:
        role, content = turn.role, turn.content
        if role is _ASSISTANT:
            has_assistant = True
        elif role is not _USER:
            continue
        if (not content or content.isspace()) and turn.tool_calls is None:
            raise RefusedRecord(
                "empty_text", _("A message of the {role} holds no text.").format(role=role.value)
            )
    if not has_assistant:
        raise RefusedRecord(
            "no_assistant_turn",
            _("No message of this conversation is the assistant's, so nothing can be learnt."),
        )


def _turn(value: object) -> Turn:
    fields = lower_names(value)
    if fields is None:
        raise wrong_type("messages", _("a list of objects"))
    name = fields.get(first_of(fields, field_names.ROLES))
    role = ROLE_OF_NAME.get(name.strip().lower()) if isinstance(name, str) else None
    if role is None:
        raise RefusedRecord(
            "unknown_role",
            _("A message has a role that is none of: system, user, assistant, tool."),
        )
    content: str
    calls: str | None
    if isinstance(name, str) and name.strip().lower() in _CALLING:
        content, calls = "", _written_calls(fields)
    else:
        calls = _tool_calls(fields) if role is _ASSISTANT else None
        content = _content(fields, may_be_missing=calls is not None, role=role)
    if role is _ASSISTANT and (calls or content.strip()):
        content = _with_reasoning(fields, content)
    return Turn(
        role=role,
        content=content,
        tool_calls=calls,
        weight=_weight(fields),
        name=_optional_text(fields, "name"),
        tool_call_id=_optional_text(fields, "tool_call_id"),
    )


def _optional_text(fields: Fields, name: str) -> str | None:
    value = fields.get(name)
    return None if value is None else text_of(value, name)


def _with_reasoning(fields: Fields, content: str) -> str:
    """Return an answer with the reasoning that stands beside it, in the block templates know."""
    name = first_of(fields, field_names.REASONINGS)
    value = fields.get(name)
    if not isinstance(value, str) or not value.strip() or "<think>" in content:
        return content
    block = f"<think>\n{text_of(value, name).strip()}\n</think>"
    return f"{block}\n\n{content}" if content else block


def _content(fields: Fields, *, may_be_missing: bool, role: Role) -> str:
    """Return the text of a message, which may come in parts, or what an assistant refuses with."""
    name = first_of(fields, field_names.CONTENTS)
    if role is _ASSISTANT and fields.get(name) is None and fields.get("refusal"):
        name = "refusal"
    if not name:
        if may_be_missing:
            return ""
        raise empty_text("content")
    value = fields[name]
    if not isinstance(value, list):
        return text_of(value, name)
    return "".join(_part(one, name) for one in cast("list[object]", value))


def _part(value: object, name: str) -> str:
    if isinstance(value, str):
        return text_of(value, name)
    fields = lower_names(value)
    if fields is None or fields.get("type", "text") not in ("text", "input_text", "output_text"):
        raise wrong_type(name, _("text, or a list of text parts"))
    return text_of(fields.get("text"), name)


def _tool_calls(fields: Fields) -> str | None:
    calls = json_list(fields.get("tool_calls"), "tool_calls")
    single = fields.get("function_call")
    if calls is None and isinstance(single, dict):
        wrapped: list[object] = [{"type": "function", "function": cast("object", single)}]
        return json_list(wrapped, "function_call")
    return calls


def _written_calls(fields: Fields) -> str | None:
    """Return the tool calls of a ShareGPT message whose text is their JSON."""
    text = filled_text(fields.get(first_of(fields, field_names.CONTENTS)), "value")
    try:
        call = decode_value(text.encode("utf-8", errors="replace"))
    except RefusedRecord:
        call = None
    calls = cast("list[object]", call if isinstance(call, list) else [call])
    return json_list([_wrapped_call(one) for one in calls], "value")


def _wrapped_call(value: object) -> object:
    """Return a call in the form of OpenAI, whose id stands beside the function."""
    call = cast("dict[str, object]", value) if isinstance(value, dict) else {}
    if isinstance(call.get("function"), dict):
        return call
    if "name" not in call:
        raise wrong_type("value", _("a tool call as JSON"))
    function = {name: one for name, one in call.items() if name != "id"}
    known = {"id": call["id"]} if call.get("id") is not None else {}
    return {**known, "type": "function", "function": function}


def _weight(fields: Fields) -> float | None:
    value = fields.get("weight")
    if value is None:
        return None
    if isinstance(value, bool) or value not in (0, 1):
        raise wrong_type("weight", _("0 or 1"))
    return float(cast("float", value))
