# SPDX-License-Identifier: Apache-2.0
"""Devices, faults and the messy notes people write about them.

A `Ticket` is what a note means. Pretraining shows notes with plain answers (`plain_answer`); the
sample data set (`samples.py`) shows other notes with a form that pretraining never contains.
"""

from __future__ import annotations

import random
from typing import NamedTuple

from world import DAYS


class Fault(NamedTuple):
    """One fault: the words for it in a form, in a sentence and in a hurried note; its remedy."""

    label: str
    clause: str
    notes: tuple[str, ...]
    remedy: str
    devices: tuple[str, ...]


class Urgency(NamedTuple):
    """How soon help is needed; `notes` is empty when the writer does not say."""

    label: str
    plain: str
    notes: tuple[str, ...]


class Ticket(NamedTuple):
    """What one note means. `since` is empty when the writer does not say."""

    device: str
    place: str
    preposition: str
    fault: Fault
    since: str
    urgency: Urgency


DEVICE_USE: dict[str, str] = {
    "printer": "prints pages",
    "label printer": "prints labels",
    "scanner": "reads the codes on boxes",
    "screen": "shows pictures and text",
    "door": "keeps a room closed",
    "gate": "lets trucks in and out",
    "phone": "lets you talk to people far away",
    "keyboard": "lets you type",
    "laptop": "is a small computer",
    "tablet": "is a flat computer that you touch",
    "camera": "takes pictures",
    "projector": "shows a big picture on the wall",
    "headset": "lets you hear and speak",
    "badge reader": "checks who may come in",
    "lamp": "makes light",
    "heater": "makes a room warm",
    "fan": "makes a room cool",
    "coffee machine": "makes coffee",
    "lift": "takes people up and down",
    "radio": "plays voices and music",
    "till": "counts the money in a shop",
    "speaker": "makes sound",
    "router": "joins devices to the network",
}

FAULTS: tuple[Fault, ...] = (
    Fault(
        "Does not pair",
        "does not pair",
        ("wont pair", "does not pair", "cant pair it"),
        "turn it off and on, then pair it again",
        ("scanner", "headset", "keyboard", "speaker"),
    ),
    Fault(
        "Does not turn on",
        "does not turn on",
        ("wont turn on", "is dead", "doesnt start", "stays off"),
        "check the plug and the power switch",
        ("printer", "screen", "laptop", "projector", "lamp", "radio", "till", "tablet"),
    ),
    Fault(
        "Paper jam",
        "has a paper jam",
        ("has a paper jam", "keeps jamming", "is jammed again", "paper is stuck"),
        "open the cover and take out the paper",
        ("printer", "label printer"),
    ),
    Fault(
        "Pale print",
        "prints too pale",
        ("prints too pale", "print is very pale", "pages come out pale", "print is hard to read"),
        "change the ink",
        ("printer", "label printer"),
    ),
    Fault(
        "No network",
        "has no network",
        ("has no network", "is offline", "lost the network", "cant connect"),
        "check the network cable and restart it",
        ("printer", "laptop", "router", "till", "tablet", "scanner", "camera"),
    ),
    Fault(
        "Flickers",
        "flickers",
        ("flickers", "is flickering", "blinks all the time"),
        "change the cable",
        ("screen", "projector", "lamp"),
    ),
    Fault(
        "No picture",
        "shows no picture",
        ("shows no picture", "is black", "stays black", "picture is gone"),
        "push the picture cable in firmly",
        ("screen", "projector", "camera"),
    ),
    Fault(
        "No sound",
        "makes no sound",
        ("has no sound", "makes no sound", "sound is gone", "cant hear anything"),
        "turn up the volume and check the plug",
        ("phone", "speaker", "headset", "radio"),
    ),
    Fault(
        "Loud noise",
        "makes a loud noise",
        ("makes a loud noise", "is very loud", "is so noisy", "rattles"),
        "clean the dust out of it",
        ("fan", "heater", "coffee machine", "projector"),
    ),
    Fault(
        "Does not open",
        "does not open",
        ("wont open", "does not open", "cant open it"),
        "use the spare key and check the lock",
        ("door", "gate"),
    ),
    Fault(
        "Does not close",
        "does not close",
        ("wont close", "does not close", "stays open"),
        "check that nothing is in the way",
        ("door", "gate", "lift"),
    ),
    Fault(
        "Rejects badges",
        "rejects badges",
        ("rejects badges", "doesnt take my badge", "refuses every badge", "badge not read"),
        "clean the reader and test a new badge",
        ("badge reader", "door"),
    ),
    Fault(
        "Keys stick",
        "has keys that stick",
        ("keys stick", "keys are stuck", "has sticky keys"),
        "clean the keys with a dry cloth",
        ("keyboard", "till", "phone", "laptop"),
    ),
    Fault(
        "Battery runs out",
        "has a battery that runs out",
        ("battery runs out fast", "battery is always empty", "battery dies all the time"),
        "put in a new battery",
        ("scanner", "phone", "laptop", "tablet", "headset", "radio"),
    ),
    Fault(
        "Does not charge",
        "does not charge",
        ("wont charge", "does not charge", "isnt charging"),
        "try another charger",
        ("scanner", "phone", "laptop", "tablet", "headset"),
    ),
    Fault(
        "Runs slowly",
        "runs slowly",
        ("is very slow", "runs slowly", "got so slow"),
        "restart it and close old programs",
        ("laptop", "tablet", "till"),
    ),
    Fault(
        "Too hot",
        "gets too hot",
        ("gets too hot", "is burning hot", "runs hot"),
        "turn it off and let it cool down",
        ("laptop", "projector", "router", "heater"),
    ),
    Fault(
        "Does not heat",
        "does not heat",
        ("doesnt heat", "stays cold", "wont get warm"),
        "check the heat switch",
        ("heater", "coffee machine"),
    ),
    Fault(
        "Leaks water",
        "leaks water",
        ("leaks water", "is leaking", "leaks on the floor"),
        "close the water tap and dry the floor",
        ("coffee machine", "heater"),
    ),
    Fault(
        "Cracked glass",
        "has cracked glass",
        ("has a crack", "glass is cracked", "glass broke"),
        "order new glass",
        ("screen", "tablet", "phone", "camera"),
    ),
    Fault(
        "Does not scan",
        "does not scan codes",
        ("wont scan", "doesnt read the codes", "cant scan anything"),
        "clean the scanner window",
        ("scanner",),
    ),
    Fault(
        "Gets stuck",
        "gets stuck",
        ("gets stuck", "is stuck half way", "got stuck again"),
        "press the reset button",
        ("lift", "gate"),
    ),
    Fault(
        "Blurred picture",
        "has a blurred picture",
        ("picture is blurred", "is all blurry", "isnt sharp"),
        "clean the lens",
        ("camera", "projector"),
    ),
    Fault(
        "Freezes",
        "freezes",
        ("freezes", "keeps freezing", "hangs all the time"),
        "hold the power button for ten seconds",
        ("laptop", "till", "tablet", "phone"),
    ),
    Fault(
        "Beeps",
        "beeps all the time",
        ("beeps all the time", "keeps beeping", "wont stop beeping"),
        "press the mute button",
        ("router", "badge reader", "scanner", "coffee machine"),
    ),
)

URGENT: tuple[Urgency, ...] = (
    Urgency(
        "High, late shift",
        "You need it for the late shift, so do this first.",
        ("need it for the late shift", "late shift needs it"),
    ),
    Urgency(
        "High, early shift",
        "You need it for the early shift, so do this first.",
        ("need it for the early shift", "early shift needs it"),
    ),
    Urgency(
        "High, night shift",
        "You need it for the night shift, so do this first.",
        ("need it for the night shift", "night shift needs it"),
    ),
    Urgency(
        "High, truck waiting",
        "A truck is waiting, so do this first.",
        ("a truck is waiting", "the truck is waiting here"),
    ),
    Urgency(
        "High, guests waiting",
        "Guests are waiting, so do this first.",
        ("guests are waiting", "we have guests waiting"),
    ),
    Urgency(
        "High, work stopped",
        "Work has stopped, so do this first.",
        ("we cant work", "all work has stopped", "nobody can work"),
    ),
    Urgency(
        "High, meeting today",
        "There is a meeting today, so do this first.",
        ("big meeting today", "we have a meeting today"),
    ),
)
CALM: tuple[Urgency, ...] = (
    Urgency(
        "Low, no hurry",
        "There is no hurry.",
        ("no hurry", "no rush", "when you have time", "not urgent"),
    ),
    Urgency(
        "Low, spare in use",
        "You can use the spare one for now.",
        ("we use a spare for now", "we have a spare one", "using the spare"),
    ),
)
UNSAID = Urgency("Normal", "", ())

PLACES: tuple[tuple[str, str, int], ...] = (
    ("on", "dock", 12), ("at", "desk", 40), ("in", "room", 30), ("at", "gate", 9),
    ("in", "hall", 6), ("on", "floor", 9), ("in", "bay", 12), ("on", "line", 8),
)  # fmt: skip
NAMED_PLACES: tuple[tuple[str, str], ...] = (
    ("at", "front desk"), ("in", "kitchen"), ("in", "lobby"), ("in", "workshop"),
    ("in", "store room"), ("in", "canteen"), ("in", "mail room"), ("in", "garage"),
)  # fmt: skip
_PLACES_OF: dict[str, tuple[str, ...]] = {
    "door": ("room", "hall"),
    "gate": ("dock", "bay"),
    "lift": ("floor", "hall"),
}
WHEN: tuple[str, ...] = (
    *DAYS, "yesterday", "this morning", "last night", "last week", "noon", "today",
)  # fmt: skip


def draw_place(rng: random.Random, device: str) -> tuple[str, str]:
    """Draw a preposition and a place where `device` can be, such as ("on", "dock 3")."""
    fitting = _PLACES_OF.get(device)
    if fitting is None and rng.random() < 0.2:
        return rng.choice(NAMED_PLACES)
    places = [place for place in PLACES if fitting is None or place[1] in fitting]
    preposition, name, count = rng.choice(places)
    return preposition, f"{name} {rng.randint(1, count)}"


def draw_ticket(rng: random.Random) -> Ticket:
    """Draw what a note is about; device and fault always fit each other."""
    fault = rng.choice(FAULTS)
    device = rng.choice(fault.devices)
    preposition, place = draw_place(rng, device)
    since = rng.choice(WHEN) if rng.random() < 0.8 else ""
    kind = rng.random()
    urgency = UNSAID
    if kind < 0.5:
        urgency = rng.choice(URGENT)
    elif kind < 0.75:
        urgency = rng.choice(CALM)
    return Ticket(device, place, preposition, fault, since, urgency)


def placed(ticket: Ticket) -> str:
    """Return the device with its place, such as "scanner on dock 3"."""
    needs_the = not ticket.place[-1].isdigit()
    return f"{ticket.device} {ticket.preposition} {'the ' if needs_the else ''}{ticket.place}"


def write_note(rng: random.Random, ticket: Ticket) -> str:
    """Write the ticket as a person in a hurry would: parts in any order, few capitals."""
    since = _since_note(rng, ticket.since)
    urgency = rng.choice(ticket.urgency.notes) if ticket.urgency.notes else ""
    fault = rng.choice(ticket.fault.notes)
    where = placed(ticket)
    if rng.random() < 0.25:
        short = f"{ticket.place} {ticket.device}"
        where = f"the {short}" if rng.random() < 0.5 else short
    elif rng.random() < 0.4:
        where = rng.choice(("the ", "our ", "my ")) + where
    core = f"{where} {fault}"
    if since and rng.random() < 0.25:
        parts = [f"{since} {core}", urgency]
    else:
        parts = [f"{core} {since}".strip(), urgency]
        if urgency and rng.random() < 0.25:
            parts.reverse()
    text = rng.choice((", ", ", ", ". ", " - ")).join(part for part in parts if part)
    return _finish_note(rng, text)


def _since_note(rng: random.Random, since: str) -> str:
    if not since:
        return ""
    if since in DAYS:
        return f"since {since[:3] if rng.random() < 0.15 else since}"
    return f"since {since}" if since == "noon" or rng.random() < 0.8 else since


def _finish_note(rng: random.Random, text: str) -> str:
    if rng.random() < 0.12:
        text = rng.choice(("hi, ", "hello, ", "please help, ")) + text
    style = rng.random()
    if style < 0.55:
        text = text.lower()
    elif style < 0.85:
        text = text[0].upper() + text[1:]
    ending = rng.random()
    if ending < 0.15:
        return text + ", thanks"
    if ending < 0.3:
        return text + "!"
    return text + "." if ending < 0.55 else text


def plain_answer(rng: random.Random, ticket: Ticket) -> str:
    """Answer a note in plain sentences: what was understood, what to do, how soon."""
    opening = rng.choice(("The {} {}.", "I understand that the {} {}.", "So the {} {}."))
    parts = [opening.format(placed(ticket), ticket.fault.clause)]
    if ticket.since and rng.random() < 0.8:
        parts.append(f"It started {started(ticket)}.")
    advice = rng.choice(("Please {}.", "You can {}.", "Next, {}."))
    parts.append(advice.format(ticket.fault.remedy))
    if ticket.urgency.plain and rng.random() < 0.8:
        parts.append(ticket.urgency.plain)
    return " ".join(parts)


def started(ticket: Ticket) -> str:
    """Return when the fault began, as it stands after "it started"; needs `ticket.since`."""
    lead = "on " if ticket.since in DAYS else "at " if ticket.since == "noon" else ""
    return lead + ticket.since
