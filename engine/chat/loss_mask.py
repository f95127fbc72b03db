# SPDX-License-Identifier: Apache-2.0
"""Which characters of a rendered conversation are trained: what the assistant itself writes.

A trained span begins where the template's generation prompt ends and runs to the end of the token
that closes the turn: exactly what the model has to produce after that prompt. So headers are never
trained, and what a template puts around an answer by itself (an empty block of thoughts, a leading
space, tool calls) is, since the model would have to write it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from gettext import gettext as _
from itertools import dropwhile
from typing import Any

import msgspec

from engine.chat.answers import Written, compare_answer
from engine.chat.messages import Protected
from engine.chat.template import ChatTemplate, Message, TemplateRefused
from engine.domain.dataset import Role, Turn
from engine.errors import TemplateInvalid

_PROBE = "burnish0probe"


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of a rendered text, in characters.

    Attributes:
        start: First character.
        end: The character after the last.
        is_trained: Whether it carries loss.
        lacks_reasoning: The template left out the reasoning of the answer.
    """

    start: int
    end: int
    is_trained: bool
    lacks_reasoning: bool = False


class TurnForm(msgspec.Struct, frozen=True, kw_only=True):
    """How a template writes an assistant turn.

    Attributes:
        opening: What it puts between generation prompt and answer; mostly empty.
        closing: What it puts between the answer and that token; mostly empty.
        end: The token that closes the turn, e.g. `<|im_end|>`.
        header: What asks for an answer, e.g. `<|im_start|>assistant`, where it holds a control
            token and so cannot be written by a user; else empty.
    """

    opening: str
    closing: str
    end: str
    header: str = ""


class SpansUnclear(ValueError):
    """The trained characters of a conversation cannot be told for sure."""


class ToolCallsLeftOut(ValueError):
    """The template does not write the tool calls of an answer."""


def turn_form(template: ChatTemplate, added: re.Pattern[str], control: re.Pattern[str]) -> TurnForm:
    """Find out how a template writes an assistant turn, from a probe conversation.

    Args:
        template: The template.
        added: Matches every added token of the tokenizer.
        control: Matches every control token of the tokenizer.

    Raises:
        TemplateInvalid: It cannot render a question and an answer, changes the answer, or closes
            it with no token, so that a model would never learn to stop.
    """
    question: Message = {"role": "user", "content": "question"}
    answer: Message = {"role": "assistant", "content": _PROBE}
    try:
        text, asked = template.render([question, answer]), template.render([question])
        prompt = template.render([question], add_generation_prompt=True)
    except TemplateRefused as error:
        raise TemplateInvalid(
            _("The chat template cannot render a question and its answer."), detail=str(error)
        ) from error
    before, found, after = text.partition(_PROBE)
    if not found:
        raise TemplateInvalid(_("The chat template does not write an answer as it is given."))
    end = added.search(after)
    if end is None:
        raise TemplateInvalid(
            _(
                "The chat template closes an answer with no token of its own, so the model would "
                "never learn to stop."
            )
        )
    opening = before[len(prompt) :] if before.startswith(prompt) else ""
    header = prompt[len(asked) :] if prompt.startswith(asked) else ""
    return TurnForm(
        opening=opening,
        closing=after[: end.start()],
        end=end[0],
        header=header if control.search(header) else "",
    )


def trained_spans(
    template: ChatTemplate,
    form: TurnForm,
    turns: Sequence[Turn],
    messages: Sequence[Message],
    tools: Sequence[Any] | None,
    text: str,
    protected: Protected,
) -> list[Span]:
    """Return the span of every assistant turn in a rendered conversation, in order.

    Args:
        template: The template that rendered it.
        form: How it writes an assistant turn.
        turns: The turns.
        messages: The same as mappings.
        tools: Tools that were given to the template.
        text: The rendered conversation.
        protected: Where the user's own control texts stand in it; they never close a turn.

    Raises:
        SpansUnclear: A turn cannot be found for sure, or is written otherwise than given.
        ToolCallsLeftOut: The tool calls of a turn are not written.
    """
    spans: list[Span] = []
    answers = [number for number, turn in enumerate(turns) if turn.role is Role.ASSISTANT]
    starts = _starts_by_header(text, form.header, protected)
    if len(starts) != len(answers):
        starts = [_start(template, form, messages, tools, text, number) for number in answers]
    for number, start in zip(answers, starts, strict=True):
        turn = turns[number]
        end = _end(text, form.end, start, protected)
        if spans and start < spans[-1].end:
            raise SpansUnclear("two answers overlap")
        spans.append(_checked_span(form, turn, text, start, end))
    return spans


def _checked_span(form: TurnForm, turn: Turn, text: str, start: int, end: int) -> Span:
    written = compare_answer(
        turn, text[start : end - len(form.end)], opening=form.opening, closing=form.closing
    )
    if written is Written.OTHERWISE:
        raise SpansUnclear("an answer is not written as it is given")
    if written is Written.WITHOUT_CALLS:
        raise ToolCallsLeftOut("tool calls are not written")
    return Span(
        start=start,
        end=end,
        is_trained=turn.weight != 0,
        lacks_reasoning=written is Written.WITHOUT_REASONING,
    )


def _start(
    template: ChatTemplate,
    form: TurnForm,
    messages: Sequence[Message],
    tools: Sequence[Any] | None,
    text: str,
    number: int,
) -> int:
    """Return where an answer begins: behind the prompt that would ask for it.

    Before a conversation there is nothing to ask with, and some templates then write no prompt.
    """
    try:
        prompt = template.render(messages[:number], tools=tools, add_generation_prompt=True)
        if number and text.startswith(prompt):
            return len(prompt)
    except TemplateRefused:
        pass  # Some templates render no conversation that lacks its end; the probe below serves.
    for probe in _probes(messages, number):
        try:
            before, found, _after = template.render(probe, tools=tools).partition(_PROBE)
        except TemplateRefused:
            continue
        prompt = before.removesuffix(form.opening)
        if found and text.startswith(prompt):
            return len(prompt)
    raise SpansUnclear("what stands before an answer depends on the answer")


def _probes(messages: Sequence[Message], number: int) -> Iterator[list[Message]]:
    """Yield conversations in which an answer is a probe, the most alike first."""
    before, answer, behind = messages[:number], messages[number], messages[number + 1 :]
    yield [*before, {**answer, "content": _PROBE}, *behind]
    if "tool_calls" in answer:
        # Templates that write calls alone show no content beside them. The prompt before a call is
        # that before a plain answer, which needs no results behind it.
        asked = dropwhile(lambda one: one["role"] != Role.USER, behind)
        yield [*before, {"role": answer["role"], "content": _PROBE}, *asked]


def _starts_by_header(text: str, header: str, protected: Protected) -> list[int]:
    """Return where answers begin by the headers in a text: the quick way, where there is one."""
    starts: list[int] = []
    at = 0
    while header and (at := text.find(header, at)) >= 0:
        stop = at + len(header)
        if not _clash(protected, at, stop):
            starts.append(stop)
        at = stop
    return starts


def _end(text: str, end_token: str, start: int, protected: Protected) -> int:
    at = start
    while (at := text.find(end_token, at)) >= 0:
        stop = at + len(end_token)
        if not _clash(protected, at, stop):
            return stop
        at += 1
    raise SpansUnclear("an answer is not closed")


def _clash(protected: Protected, start: int, stop: int) -> bool:
    """Return whether a stretch touches a control text of the user's own."""
    return any(begin < stop and start < end for begin, end in protected)
