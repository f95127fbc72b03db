# SPDX-License-Identifier: Apache-2.0
"""Whether a chat template wrote an answer as it was given, so that its mask is certain.

Templates rewrite: they trim an answer, put an empty block of reasoning before it, or leave out the
reasoning of earlier turns or the tool calls. What the rewriting is known to be is told; anything
else is no answer that a model should learn, so its row is flagged rather than guessed at.
"""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Any, cast

from engine.chat.messages import json_list, reasoning_block, texts_in
from engine.domain.dataset import Turn

_THOUGHTS_START, _THOUGHTS_END = "<think>", "</think>"


class Written(StrEnum):
    """How a template wrote an answer."""

    WHOLE = "whole"
    WITHOUT_REASONING = "without_reasoning"
    WITHOUT_CALLS = "without_calls"
    OTHERWISE = "otherwise"


def compare_answer(turn: Turn, written: str, *, opening: str, closing: str) -> Written:
    """Compare an answer with what a template wrote of it.

    Args:
        turn: The assistant's turn.
        written: What stands between the prompt that asks for it and its end-of-turn token.
        opening: What the template puts before every answer by itself.
        closing: What it puts between every answer and its end-of-turn token.
    """
    if written == turn.content and turn.tool_calls is None:
        return Written.WHOLE
    inner = written.removeprefix(opening).removesuffix(closing)
    thoughts, answer = _parts(turn.content)
    found_thoughts, found = _parts(inner)
    if turn.tool_calls is None:
        is_there = found == answer
    else:
        is_there = answer in found
        if is_there and not _holds_calls(turn.tool_calls, found.replace(answer, "", 1)):
            return Written.WITHOUT_CALLS
    if is_there and found_thoughts == thoughts:
        return Written.WHOLE
    is_left_out = is_there and not found_thoughts and reasoning_block(turn.content) is not None
    return Written.WITHOUT_REASONING if is_left_out else Written.OTHERWISE


def _parts(text: str) -> tuple[str, str]:
    """Return the reasoning, without its marks, and the answer; both without outer whitespace.

    Only the first opening mark is taken off: a text with more than one block of reasoning, or with
    text before it, is no longer the same where a template keeps only a part of it.
    """
    before, _mark, answer = text.rpartition(_THOUGHTS_END)
    return before.replace(_THOUGHTS_START, "", 1).strip(), answer.strip()


def _holds_calls(tool_calls: str, written: str) -> bool:
    """Return whether a text holds the names and all texts of the arguments of some tool calls."""
    for call in json_list(tool_calls):
        if not all(_holds(written, one) for one in _call_texts(call)):
            return False
    return True


def _call_texts(call: Any) -> list[str]:
    if not isinstance(call, dict):
        return list(texts_in(call))
    known = cast("dict[str, Any]", call)
    function = known.get("function", known)
    if not isinstance(function, dict):
        return list(texts_in(function))
    named = cast("dict[str, Any]", function)
    arguments = named.get("arguments")
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments)
        except ValueError:
            return [str(named.get("name", "")), str(arguments)]
    return [str(named.get("name", "")), *texts_in(arguments)]


def _holds(written: str, text: str) -> bool:
    """Return whether a text stands in another: as it is, or as JSON writes it."""
    return text in written or any(
        json.dumps(text, ensure_ascii=is_ascii)[1:-1] in written for is_ascii in (False, True)
    )
