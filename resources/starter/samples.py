# SPDX-License-Identifier: Apache-2.0
"""Writes the sample data sets, from the share of the small world that pretraining never sees.

Run `python resources/starter/samples.py --out resources/samples`. The same seed gives the same
files, byte for byte.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Iterable
from pathlib import Path

from chats import Chat, draw_prose
from sides import draw_note
from tickets import Ticket
from world import first_upper

SEED = 20260702
TICKET_ROWS = 400
TEXT_ROWS = 200
SHORTEST_TEXT = 150


def form_answer(ticket: Ticket) -> str:
    """Answer a note in the house form: five lines, each with a label."""
    lines = (
        f"Device: {ticket.device.capitalize()}, {ticket.place}",
        f"Fault: {ticket.fault.label}",
        f"Since: {first_upper(ticket.since) or 'Not stated'}",
        f"Priority: {ticket.urgency.label}",
        f"Next: {first_upper(ticket.fault.remedy)}",
    )
    return "\n".join(lines)


def draw_tickets(rng: random.Random, count: int) -> list[Chat]:
    """Draw `count` chats of one note and its form, no note twice and none from pretraining."""
    chats: dict[str, Chat] = {}
    while len(chats) < count:
        ticket, note = draw_note(rng, held_out=True)
        answer = {"role": "assistant", "content": form_answer(ticket)}
        chats.setdefault(note, [{"role": "user", "content": note}, answer])
    return list(chats.values())


def draw_texts(rng: random.Random, count: int) -> list[str]:
    """Draw `count` different pieces of prose, none from pretraining."""
    texts: dict[str, None] = {}
    while len(texts) < count:
        text = draw_prose(rng, held_out=True)
        if len(text) >= SHORTEST_TEXT:
            texts.setdefault(text)
    return list(texts)


def write_rows(path: Path, rows: Iterable[dict[str, object]]) -> None:
    """Write `rows` to `path`, one JSON object per line."""
    lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in rows]
    path.write_text("".join(lines), encoding="utf-8", newline="\n")


def write_samples(folder: Path) -> None:
    """Write both sample data sets to `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    chats = draw_tickets(random.Random(SEED), TICKET_ROWS)
    write_rows(folder / "support_tickets.jsonl", ({"messages": chat} for chat in chats))
    texts = draw_texts(random.Random(SEED + 1), TEXT_ROWS)
    write_rows(folder / "general_text.jsonl", ({"text": text} for text in texts))


def main() -> None:
    """Read the command line and write the files."""
    parser = argparse.ArgumentParser(description="Write the sample data of Burnish.")
    parser.add_argument("--out", type=Path, required=True, help="folder to write to")
    write_samples(parser.parse_args().out)


if __name__ == "__main__":
    main()
