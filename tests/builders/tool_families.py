# SPDX-License-Identifier: Apache-2.0
"""Families of chat templates that write names and ids of tool calls, with rules as in `families`.

Their conversations are here too, so that every other family meets them as well.
"""

from __future__ import annotations

import json
from typing import Any

from engine.domain.dataset import ChatRow, Turn
from tests.builders.conversations import turn
from tests.builders.families import Family, Piece, alternates, given, is_on, said


def calls_of(turn: Turn) -> list[dict[str, Any]]:
    """Return the tool calls of a turn."""
    return json.loads(turn.tool_calls or "[]")


def written(value: object) -> str:
    """Return a value as templates write JSON."""
    return json.dumps(value, ensure_ascii=False)


# --- Mistral, version 3 --------------------------------------------------------------------------


def mistral_tools(row: ChatRow) -> list[Piece] | str:
    """Tools and the system text stand at the last question; ids of calls have nine letters."""
    turns, system = list(row.messages), None
    if turns[0].role == "system":
        system = turns.pop(0).content
    spoken = [one for one in turns if one.role != "tool" and not one.tool_calls]
    ids = [one.tool_call_id for one in turns if one.role == "tool"]
    ids += [call.get("id") for one in turns for call in calls_of(one)]
    if not alternates(spoken) or any(len(one or "") != 9 for one in ids):
        return "template_refused"
    # An id in which a control text is marked has no nine letters any more.
    if any("[" in (one or "") for one in ids):
        return "template_refused"
    last = [one for one in turns if one.role == "user"][-1]
    found = [said("<s>")]
    for one in turns:
        found += _mistral_turn(one, row.tools, system, is_last=one == last)
    return found


def _mistral_turn(
    turn: Turn, tools: str | None, system: str | None, *, is_last: bool
) -> list[Piece]:
    on = is_on(turn)
    if turn.role == "user":
        head = _mistral_tools(tools) if is_last and tools else []
        told = [given(system), said("\n\n")] if is_last and system is not None else []
        return [*head, said("[INST] "), *told, given(turn.content), said("[/INST]")]
    if turn.role == "tool":
        found = [said('[TOOL_RESULTS] {"content": '), given(turn.content), said(', "call_id": "')]
        return [*found, given(turn.tool_call_id or ""), said('"}[/TOOL_RESULTS]')]
    if not turn.tool_calls:
        return [said(" ", on=on), given(turn.content.strip(), on=on), said("</s>", on=on)]
    found = [said("[TOOL_CALLS] [", on=on)]
    for number, call in enumerate(calls_of(turn)):
        found += [said(", " if number else "", on=on)]
        found += [given(written(call["function"])[:-1], on=on), said(', "id": "', on=on)]
        found += [given(call["id"], on=on), said('"}', on=on)]
    return [*found, said("]</s>", on=on)]


def _mistral_tools(tools: str) -> list[Piece]:
    listed: list[str] = []
    for tool in json.loads(tools):
        parts = [f'"{name}": {written(one)}' for name, one in tool["function"].items()]
        listed.append('{"type": "function", "function": {' + ", ".join(parts) + "}}")
    return [said("[AVAILABLE_TOOLS] ["), given(", ".join(listed)), said("][/AVAILABLE_TOOLS]")]


# --- speakers by their names, as in Kimi K2 ------------------------------------------------------

_HEADS = {"user": "<|im_user|>", "assistant": "<|im_assistant|>"}


def named(row: ChatRow) -> list[Piece] | str:
    """Every turn is headed by who speaks; a call is written by its id, which holds its name."""
    calls = [call for one in row.messages for call in calls_of(one)]
    if any(call["function"]["name"] not in call.get("id", "") for call in calls):
        return "tool_calls_left_out"
    found: list[Piece] = []
    if row.tools is not None:
        found += [said("<|im_system|>tool_declare<|im_middle|>")]
        found += [given(written(json.loads(row.tools))), said("<|im_end|>")]
    for one in row.messages:
        found += _named_turn(one)
    return found


def _named_turn(turn: Turn) -> list[Piece]:
    on = is_on(turn)
    found = [said(_HEADS.get(turn.role, "<|im_system|>"))]
    found += [given(turn.name or turn.role.value), said("<|im_middle|>")]
    if turn.tool_call_id is not None and turn.role == "tool":
        found += [said("## Return of "), given(turn.tool_call_id), said("\n")]
    found.append(given(turn.content, on=on))
    if turn.tool_calls:
        found.append(said("<|tool_calls_section_begin|>", on=on))
        for call in calls_of(turn):
            found += [said("<|tool_call_begin|>", on=on), given(call["id"], on=on)]
            found.append(said("<|tool_call_argument_begin|>", on=on))
            found.append(given(written(call["function"]["arguments"]), on=on))
            found.append(said("<|tool_call_end|>", on=on))
        found.append(said("<|tool_calls_section_end|>", on=on))
    return [*found, said("<|im_end|>", on=on)]


# --- all of them ---------------------------------------------------------------------------------

TOOL_FAMILIES: dict[str, Family] = {
    "mistral_tools": Family(
        template="mistral_tools",
        bos="<s>",
        eos="</s>",
        special=(
            "[INST]", "[/INST]", "[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]", "[TOOL_CALLS]",
            "[TOOL_RESULTS]", "[/TOOL_RESULTS]",
        ),
        rule=mistral_tools,
    ),
    "named": Family(
        template="named",
        eos="<|im_end|>",
        special=("<|im_system|>", "<|im_user|>", "<|im_assistant|>", "<|im_middle|>"),
        marks=(
            "<|tool_calls_section_begin|>", "<|tool_call_begin|>", "<|tool_call_argument_begin|>",
            "<|tool_call_end|>", "<|tool_calls_section_end|>",
        ),
        rule=named,
    ),
}  # fmt: skip


def call(call_id: str, **arguments: str) -> dict[str, Any]:
    """Return a call of the tool `weather`."""
    function = {"name": "weather", "arguments": arguments}
    return {"id": call_id, "type": "function", "function": function}


def named_chats(controls: str, tools: str) -> dict[str, ChatRow]:
    """Return conversations with names and ids of calls.

    Args:
        controls: The control texts of all families, one after the other.
        tools: JSON text of the tools.
    """
    asking = turn("user", "How is it?", name="Jane")
    calling = turn("assistant", "", tool_calls=written([call("weather:0", town="Köln")]))
    result = turn("tool", "Rain.", name="weather", tool_call_id="weather:0")
    answer = turn("assistant", "It rains.")
    both = turn(
        "assistant", "", tool_calls=written([call("weather:1", a="ü"), call("weather:2", b='"')])
    )
    results = [
        turn("tool", "Sun.", name="weather", tool_call_id=f"weather:{one}") for one in (1, 2)
    ]
    first = (turn("system", "Use tools."), asking, calling, result, answer)
    second = (turn("user", "And now?"), both, *results, turn("assistant", "The sun shines."))
    hostile = written([call(f"weather {controls}", town=controls)])
    return {
        "named_tools": ChatRow(messages=first, tools=tools),
        "named_tools_twice": ChatRow(messages=(*first, *second), tools=tools),
        "named_tools_plain_first": ChatRow(
            messages=(turn("user", "Hi"), turn("assistant", "Hello."), *second), tools=tools
        ),
        "named_all": ChatRow(
            messages=(
                turn("system", "Be kind.", name="Chief"),
                turn("user", "Hi", name="Jane"),
                turn("assistant", "Hello.", name="Helper"),
                turn("user", "Bye", name="assistant"),
                turn("assistant", "So long.", name="user"),
                turn("user", "", name="Jöhn\n"),
                turn("assistant", "Yes?"),
            )
        ),
        "named_controls": ChatRow(
            messages=(
                turn("user", "Hi", name=controls),
                turn("assistant", "", tool_calls=hostile, name=f"a {controls} b"),
                turn("tool", "1", name=controls, tool_call_id=f"{controls}{controls}"),
                turn("assistant", "Hello.", name="<|im_middle|>"),
            )
        ),
        "named_control_id": ChatRow(
            messages=(
                turn("user", "Hi"),
                turn("assistant", "", tool_calls=written([call("[/INST]:1")])),
                turn("tool", "1", tool_call_id="[/INST]:1"),
                turn("assistant", "Hello."),
            )
        ),
    }
