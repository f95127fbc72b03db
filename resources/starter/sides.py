# SPDX-License-Identifier: Apache-2.0
"""Decides which stories, pages and notes are trained on and which are held out.

The side is decided by the text's own hash, so no text can be on both sides, whatever the seed.
Single facts, greetings and remedies are few; they belong to both sides.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable

from stories import Story, tell_story
from tickets import Ticket, draw_ticket, write_note

BUCKETS = 16


def is_held_out(text: str) -> bool:
    """Say whether `text` belongs to the held-out share, 1 of `BUCKETS` of all possible texts."""
    return hashlib.sha256(text.encode()).digest()[0] % BUCKETS == 0


def draw_text(rng: random.Random, write: Callable[[random.Random], str], *, held_out: bool) -> str:
    """Let `write` write until a text belongs to the wanted side."""
    while True:
        text = write(rng)
        if is_held_out(text) is held_out:
            return text


def draw_story(rng: random.Random, *, held_out: bool) -> Story:
    """Tell a story of the wanted side."""
    while True:
        story = tell_story(rng)
        if is_held_out(story.text) is held_out:
            return story


def draw_note(rng: random.Random, *, held_out: bool) -> tuple[Ticket, str]:
    """Draw a ticket and a note about it; the note belongs to the wanted side."""
    while True:
        ticket = draw_ticket(rng)
        note = write_note(rng, ticket)
        if is_held_out(note) is held_out:
            return ticket, note
