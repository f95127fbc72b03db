# SPDX-License-Identifier: Apache-2.0
"""Turns as the plain mappings that chat templates read, and marks around what may not be obeyed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, cast

import msgspec

from engine.chat.template import Message
from engine.domain.dataset import Turn

Protected = list[tuple[int, int]]
"""Stretches of a text, in characters, that hold a control text of the user's own."""

_PRIVATE_USE = range(0xE000, 0xF8FF)
_REASONING = re.compile(r"(\s*<think>)(.*?)(</think>)(.*)", re.DOTALL)
_REASONING_MARK = re.compile("</?think>")


class ToolCallsInvalid(ValueError):
    """The JSON text of tool calls or tools cannot be read."""


class MarksUsedUp(ValueError):
    """No character is left that could mark anything in a text."""


def messages_of(turns: Sequence[Turn]) -> list[Message]:
    """Return turns as mappings with `role` and `content`.

    `tool_calls`, `name` and `tool_call_id` are there where the turn has them: templates ask whether
    they are defined.

    Raises:
        ToolCallsInvalid: The JSON text of a tool call cannot be read.
    """
    found: list[Message] = []
    for turn in turns:
        message: Message = {"role": turn.role.value, "content": turn.content}
        if turn.tool_calls is not None:
            message["tool_calls"] = [_call(one) for one in json_list(turn.tool_calls)]
        if turn.name is not None:
            message["name"] = turn.name
        if turn.tool_call_id is not None:
            message["tool_call_id"] = turn.tool_call_id
        found.append(message)
    return found


def json_list(text: str) -> list[Any]:
    """Return the list that a JSON text holds.

    Raises:
        ToolCallsInvalid: It holds no list.
    """
    try:
        return msgspec.json.decode(text, type=list[Any])
    except (msgspec.DecodeError, RecursionError) as error:
        raise ToolCallsInvalid(str(error)) from error


def _call(call: Any) -> Any:
    """Return a tool call whose arguments are values: templates write them as JSON themselves."""
    if not isinstance(call, dict):
        return call
    found = dict(cast("dict[str, Any]", call))
    if isinstance(found.get("function"), dict):
        found["function"] = _call(found["function"])
    if isinstance(found.get("arguments"), str):
        try:
            found["arguments"] = msgspec.json.decode(found["arguments"], type=dict[str, Any])
        except msgspec.DecodeError:
            return found
    return found


def tool_names(tools: Sequence[Any]) -> list[str]:
    """Return the names of tools in the form of OpenAI; tools of another form have none."""
    found: list[str] = []
    for tool in tools:
        known = cast("dict[str, Any]", tool) if isinstance(tool, dict) else {}
        function = known.get("function", known)
        name = cast("dict[str, Any]", function).get("name") if isinstance(function, dict) else None
        if isinstance(name, str):
            found.append(name)
    return found


def texts_in(value: Any) -> Iterator[str]:
    """Yield every text at any depth of JSON values, keys included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in cast("dict[str, Any]", value).items():
            yield key
            yield from texts_in(item)
    elif isinstance(value, list):
        for item in cast("list[Any]", value):
            yield from texts_in(item)


def reasoning_block(content: str) -> re.Match[str] | None:
    """Match the block of reasoning that an answer begins with, if it has exactly that one.

    The groups are its first mark, the reasoning, its last mark, and the rest.
    """
    found = _REASONING.fullmatch(content)
    if found and not any(_REASONING_MARK.search(found[one]) for one in (2, 4)):
        return found
    return None


class Marks:
    """A pair of characters that appear in none of some values, put around control texts."""

    def __init__(self, values: Any, control: re.Pattern[str]) -> None:
        """Choose the pair.

        Raises:
            MarksUsedUp: The values use every character that could serve.
        """
        used = set[str]().union(*texts_in(values))
        free = [chr(one) for one in _PRIVATE_USE if chr(one) not in used][:2]
        if len(free) < 2:
            raise MarksUsedUp("the text uses every private-use character")
        self._start, self._end = free
        self._marked = re.compile(
            f"{self._start}({control.pattern}){self._end}|[{self._start}{self._end}]"
        )

    def put(self, value: Any, texts: re.Pattern[str]) -> Any:
        """Return values with marks around everything that `texts`, a part of control, matches."""
        if isinstance(value, str):
            return texts.sub(f"{self._start}\\g<0>{self._end}", value)
        if isinstance(value, dict):
            items = cast("dict[str, Any]", value).items()
            return {self.put(key, texts): self.put(item, texts) for key, item in items}
        if isinstance(value, list):
            return [self.put(item, texts) for item in cast("list[Any]", value)]
        return value

    def put_answer(self, message: Message, texts: re.Pattern[str]) -> Message:
        """Return an assistant's message with marks, none around the ends of its reasoning.

        The model begins and ends its reasoning with these tokens itself, so they are no text of a
        user's that looks like control.
        """
        marked: Message = self.put(message, texts)
        block = reasoning_block(message["content"])
        if block is not None:
            first, reasoning, last, rest = block.groups()
            content = f"{first}{self.put(reasoning, texts)}{last}{self.put(rest, texts)}"
            return {**marked, "content": content}
        return marked

    def take(self, text: str) -> tuple[str, Protected]:
        """Return a rendered text without marks, and where the marked control texts stand in it."""
        parts: list[str] = []
        protected: Protected = []
        size = at = 0
        for match in self._marked.finditer(text):
            parts.append(text[at : match.start()])
            size += match.start() - at
            marked = match[1] or ""
            if marked:
                protected.append((size, size + len(marked)))
                parts.append(marked)
                size += len(marked)
            at = match.end()
        return "".join((*parts, text[at:])), protected
