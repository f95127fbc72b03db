# SPDX-License-Identifier: Apache-2.0
"""Cards: a few labelled lines that the user asks for by name, about a note, a person or a shop.

They teach what a labelled line is and how to copy words into it. The labels and their order change
from card to card, and a card is only ever written on request.
"""

from __future__ import annotations

import random
from typing import TypeAlias

from sides import draw_note
from tickets import Ticket
from world import ANIMALS, PEOPLE, SHOPS, first_upper, house_of

Field: TypeAlias = tuple[str, str]

NOT_SAID = "Not said"


def draw_card(rng: random.Random, *, held_out: bool) -> tuple[str, str]:
    """Draw one request for a card and the card; held-out cards are about notes only."""
    if held_out or rng.random() < 0.75:
        ticket, note = draw_note(rng, held_out=held_out)
        return _about(rng, note, _ticket_fields(rng, ticket))
    subject, fields = rng.choice((_person_fields, _shop_fields, _animal_fields))(rng)
    return _about(rng, subject, fields)


def _about(rng: random.Random, subject: str, fields: list[Field]) -> tuple[str, str]:
    chosen = rng.sample(fields, rng.randint(2, min(5, len(fields))))
    labels = ", ".join(label.lower() for label, _value in chosen)
    request = rng.choice(("Fill in: {}.", "Make a card with: {}.", "List these: {}.")).format(
        labels
    )
    parts = [subject, request]
    if rng.random() < 0.3:
        parts.reverse()
    card = "\n".join(f"{label}: {first_upper(value)}" for label, value in chosen)
    return "\n".join(parts), card


def _ticket_fields(rng: random.Random, ticket: Ticket) -> list[Field]:
    level, _comma, reason = ticket.urgency.label.partition(", ")
    is_urgent = {"High": "Yes", "Low": "No"}.get(level)
    fields = [
        (rng.choice(("Problem", "Trouble", "Complaint")), ticket.fault.label),
        (rng.choice(("When", "Day", "Start")), ticket.since or NOT_SAID),
        (rng.choice(("Advice", "To do", "Help")), ticket.fault.remedy),
    ]
    if rng.random() < 0.5:
        fields.append((rng.choice(("Machine", "Item")), f"{ticket.device}, {ticket.place}"))
    else:
        fields.append((rng.choice(("What", "Thing")), ticket.device))
        fields.append((rng.choice(("Where", "Place")), ticket.place))
    if rng.random() < 0.5:
        fields.append(("Urgent", f"{is_urgent}, {reason}" if is_urgent else NOT_SAID))
    else:
        fields.append((rng.choice(("Reason", "Hurry")), reason or NOT_SAID))
    return fields


def _person_fields(rng: random.Random) -> tuple[str, list[Field]]:
    person = rng.choice(PEOPLE)
    street, number = house_of(person)
    return f"This is about {person.name}.", [
        ("Name", person.name),
        ("Job", person.job),
        ("Work", person.place),
        ("Home", f"{number} {street}"),
        ("Pet", f"{person.pet}, {person.pet_name}"),
        ("Food", person.food),
        ("Colour", person.colour),
        ("Friend", person.friend),
    ]


def _shop_fields(rng: random.Random) -> tuple[str, list[Field]]:
    shop = rng.choice(SHOPS)
    return f"This is about the {shop.name}.", [
        ("Shop", shop.name),
        ("Street", shop.street),
        ("Door", shop.door),
        ("Opens", f"at {shop.opens}"),
        ("Goods", ", ".join(shop.goods)),
    ]


def _animal_fields(rng: random.Random) -> tuple[str, list[Field]]:
    animal = rng.choice(ANIMALS)
    return f"This is about {animal.plural}.", [
        ("Animal", animal.name),
        ("Sound", animal.sound),
        ("Legs", str(animal.legs)),
        ("Eats", animal.eats),
        ("Home", animal.home),
        ("Young", animal.young),
    ]
