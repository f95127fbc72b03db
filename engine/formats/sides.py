# SPDX-License-Identifier: Apache-2.0
"""The sides of a row - what was asked, what was answered - from texts or lists of messages."""

from __future__ import annotations

import re
from typing import cast

from engine.domain.dataset import PreferenceRow, RatedRow, Role, Turn
from engine.formats.refusal import UNKNOWN_SHAPE, RefusedRecord
from engine.formats.turns import (
    check_conversation,
    filled_text,
    list_of,
    lower_names,
    text_of,
    turns_of,
)
from engine.formats.wording import translated as _

_TRANSCRIPT_TURN = re.compile(r"\n\n(Human|Assistant):")
Turns = tuple[Turn, ...]


def side_of(value: object, name: str, role: Role) -> Turns:
    """Return the turns of one side of a row.

    Args:
        value: A text, a message, or a list of messages.
        name: The field it stands in.
        role: Who speaks where it is a text.

    Raises:
        RefusedRecord: It is nothing of that, or blank.
    """
    if isinstance(value, str) and not value.startswith('[{"role":'):
        return (Turn(role=role, content=filled_text(value, name)),)
    fields = lower_names(value)
    if fields is not None and isinstance(inner := fields.get("messages"), list):
        value = cast("list[object]", inner)
    elif fields is not None:
        value = [value]
    if isinstance(value, str):
        # Tables hold messages as JSON text.
        value = list_of(value) or value
    if isinstance(value, list):
        return turns_of(cast("list[object]", value))
    return (Turn(role=role, content=filled_text(value, name)),)


def told(system: str, turns: Turns) -> Turns:
    """Return the turns behind a system turn, unless it is blank or they begin with one."""
    if not turns or turns[0].role is Role.SYSTEM or not system.strip():
        return turns
    return (Turn(role=Role.SYSTEM, content=system), *turns)


def preference_of(
    prompt: Turns, chosen: tuple[str, object], rejected: tuple[str, object]
) -> PreferenceRow:
    """Return a preference; without a prompt it is what both answers begin with.

    Args:
        prompt: What was asked; may be empty.
        chosen: Name and value of the field of the better answer.
        rejected: Name and value of the field of the worse one.

    Raises:
        RefusedRecord: An answer is missing, both are the same, or there is no prompt.
    """
    good, bad = _answer(chosen[1], chosen[0], prompt), _answer(rejected[1], rejected[0], prompt)
    if not prompt:
        prompt = _common_start(good, bad)
        good, bad = good[len(prompt) :], bad[len(prompt) :]
    if not prompt:
        raise RefusedRecord(
            UNKNOWN_SHAPE, _("This preference names no prompt, and its answers share none.")
        )
    for turns in (good, bad):
        check_conversation(turns)
    if good == bad:
        raise RefusedRecord("same_answers", _("The chosen and the rejected answer are the same."))
    return PreferenceRow(prompt=prompt, chosen=good, rejected=bad)


def rated_of(prompt: Turns, completion: Turns, *, is_liked: bool) -> RatedRow:
    """Return a rated answer; without a prompt it is what stands before the last answer.

    Raises:
        RefusedRecord: There is no answer, or no prompt.
    """
    completion = _without(prompt, completion)
    if not prompt:
        first = len(completion)
        while first and completion[first - 1].role is not Role.USER:
            first -= 1
        prompt, completion = completion[:first], completion[first:]
    check_conversation(completion)
    if not prompt:
        raise RefusedRecord(UNKNOWN_SHAPE, _("This rated answer has no prompt."))
    return RatedRow(prompt=prompt, completion=completion, is_liked=is_liked)


def _without(prompt: Turns, turns: Turns) -> Turns:
    """Return the turns of an answer, without the prompt where it repeats it."""
    repeats = len(turns) > len(prompt) > 0 and turns[: len(prompt)] == prompt
    return turns[len(prompt) :] if repeats else turns


def _answer(value: object, name: str, prompt: Turns) -> Turns:
    if isinstance(value, str) and not prompt and value.startswith("\n\nHuman:"):
        return _transcript(value)
    return _without(prompt, side_of(value, name, Role.ASSISTANT))


def _transcript(text: str) -> Turns:
    r"""Return the turns of a text in which \n\nHuman: and \n\nAssistant: open the turns."""
    roles = {"Human": Role.USER, "Assistant": Role.ASSISTANT}
    parts = _TRANSCRIPT_TURN.split(text_of(text, "chosen"))[1:]
    return tuple(
        Turn(role=roles[name], content=content.strip())
        for name, content in zip(parts[::2], parts[1::2], strict=True)
    )


def _common_start(one: Turns, other: Turns) -> Turns:
    """Return the turns with which both begin; at least one turn of each is left over."""
    length = 0
    while length < min(len(one), len(other)) - 1 and one[length] == other[length]:
        length += 1
    return one[:length]
