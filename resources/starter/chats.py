# SPDX-License-Identifier: Apache-2.0
"""Whole documents of the corpus: prose, and chats between a user and a plain, brief assistant."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import TypeAlias

from cards import draw_card
from facts import draw_fact, draw_world_fact
from sides import draw_note, draw_story, draw_text
from tickets import Ticket, placed, plain_answer, started

Message: TypeAlias = dict[str, str]
Chat: TypeAlias = list[Message]

SYSTEM_TURNS: tuple[str, ...] = (
    "You are a helpful assistant.",
    "You are a helpful assistant. Answer in short sentences.",
    "You help people in the town.",
    "You help people with their devices.",
    "Answer the question.",
)
# The last quarter of all chats is about single facts, which have no held-out side.
SHARE_WITHOUT_FACTS = 0.75
_STORY_REQUESTS: tuple[str, ...] = (
    "Tell me a story.", "Tell me a short story.", "Please write a short story.",
    "Can you tell me a story?", "Write a story about the town.",
)  # fmt: skip


def draw_prose(rng: random.Random, *, held_out: bool) -> str:
    """Write one document without roles: a story, some stories in a row or a page of facts."""
    kind = rng.random()
    if kind < 0.6:
        return draw_story(rng, held_out=held_out).text
    if kind < 0.7:
        count = rng.randint(2, 3)
        return "\n\n".join(draw_story(rng, held_out=held_out).text for _ in range(count))
    return draw_text(rng, _write_page, held_out=held_out)


def _write_page(rng: random.Random) -> str:
    facts = [draw_world_fact(rng) for _ in range(rng.randint(3, 7))]
    if rng.random() < 0.5:
        return " ".join(answer for _question, answer in facts)
    return "\n".join(f"Question: {question}\nAnswer: {answer}" for question, answer in facts)


def draw_chat(rng: random.Random, *, held_out: bool) -> Chat:
    """Hold one chat: about a story that the user tells, a card, a device, or facts."""
    kind = rng.random() * (SHARE_WITHOUT_FACTS if held_out else 1.0)
    if kind < 0.15:
        turns = _about_story(rng, held_out=held_out)
    elif kind < 0.2:
        story = draw_story(rng, held_out=held_out)
        turns = [(rng.choice(_STORY_REQUESTS), story.text)]
    elif kind < 0.4:
        turns = [draw_card(rng, held_out=held_out)]
    elif kind < SHARE_WITHOUT_FACTS:
        turns = _about_note(rng, held_out=held_out)
    else:
        turns = [draw_fact(rng) for _ in range(rng.choice((1, 1, 2, 3)))]
    return _as_messages(rng, turns)


def _about_story(rng: random.Random, *, held_out: bool) -> list[tuple[str, str]]:
    story = draw_story(rng, held_out=held_out)
    count = rng.randint(1, min(3, len(story.questions)))
    (question, answer), *more = rng.sample(story.questions, count)
    joint = rng.choice((" ", "\n"))
    return [(f"{story.text}{joint}{question}", answer), *more]


def _about_note(rng: random.Random, *, held_out: bool) -> list[tuple[str, str]]:
    ticket, note = draw_note(rng, held_out=held_out)
    turns = [(note, plain_answer(rng, ticket))]
    if rng.random() < 0.6:
        turns += rng.sample(_ticket_questions(ticket), rng.randint(1, 3))
    return turns


def _ticket_questions(ticket: Ticket) -> list[tuple[str, str]]:
    soon = ticket.urgency.plain or "You did not say when you need it."
    return [
        ("Which device is it?", f"It is the {placed(ticket)}."),
        ("What is wrong with it?", f"The {ticket.device} {ticket.fault.clause}."),
        ("What is the fault?", f"The {ticket.device} {ticket.fault.clause}."),
        ("Where is it?", f"The device is {placed(ticket).removeprefix(ticket.device + ' ')}."),
        (
            "Since when?",
            f"It started {started(ticket)}." if ticket.since else "You did not say since when.",
        ),
        ("How soon is it needed?", soon),
        ("What is the next step?", f"The next step: {ticket.fault.remedy}."),
        ("Is the priority high?", _priority(ticket)),
        ("What is the priority?", f"Priority is {ticket.urgency.label.split(',')[0].lower()}."),
        ("Can you name the fault?", f"The fault is called: {ticket.fault.label}."),
    ]


def _priority(ticket: Ticket) -> str:
    if ticket.urgency.label.startswith("High"):
        return f"Yes, the priority is high. {ticket.urgency.plain}"
    if ticket.urgency.plain:
        return f"No, the priority is low. {ticket.urgency.plain}"
    return "The priority is normal."


def _as_messages(rng: random.Random, turns: list[tuple[str, str]]) -> Chat:
    chat: Chat = []
    if rng.random() < 0.2:
        chat.append({"role": "system", "content": rng.choice(SYSTEM_TURNS)})
    is_careless = rng.random() < 0.25
    for question, answer in turns:
        asked = question.lower().rstrip(".?") if is_careless else question
        chat.append({"role": "user", "content": asked})
        chat.append({"role": "assistant", "content": answer})
    return chat


def render_chat(chat: Chat) -> str:
    """Write a chat in ChatML, exactly as the tokenizer's chat template does."""
    return "".join(
        f"<|im_start|>{message['role']}\n{message['content']}<|im_end|>\n" for message in chat
    )


def draw_documents(rng: random.Random, *, held_out: bool) -> Iterator[str]:
    """Yield documents without end from one side of the corpus, two chats to one prose text."""
    while True:
        if rng.random() < 1 / 3:
            yield draw_prose(rng, held_out=held_out)
        else:
            yield render_chat(draw_chat(rng, held_out=held_out))
