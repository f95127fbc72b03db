# SPDX-License-Identifier: Apache-2.0
"""Questions about the small world with their one right answer, and plain statements of the same."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TypeAlias

from tickets import DEVICE_USE, FAULTS
from world import (
    ANIMALS,
    CAUSES,
    COLOUR_OF,
    DAYS,
    KIND_OF,
    MONTHS,
    NUMBERS,
    OPPOSITE_OF,
    PEOPLE,
    PERSON_BY_NAME,
    SEASON_OF,
    SHOPS,
    STRANGERS,
    USE_OF,
    article,
    house_of,
    sentence,
)

Fact: TypeAlias = tuple[str, str]


def draw_fact(rng: random.Random) -> Fact:
    """Draw one question and its answer, each topic as often as its weight says."""
    return rng.choices(TOPICS, WEIGHTS)[0](rng)


def draw_world_fact(rng: random.Random) -> Fact:
    """Draw one question whose answer is a statement that can stand alone."""
    return rng.choice(WORLD_TOPICS)(rng)


def _person(rng: random.Random) -> Fact:
    person = rng.choice(PEOPLE)
    name = person.name
    street, number = house_of(person)
    return rng.choice((
        (f"Who is {name}?", f"{name} is {article(person.job)} and {person.work}."),
        (f"What does {name} do?", f"{name} is {article(person.job)} and {person.work}."),
        (f"What is the job of {name}?", f"{name} is {article(person.job)}."),
        (f"Where does {name} work?", f"{name} works at the {person.place}."),
        (f"Where does {name} live?", f"{name} lives at {number} {street}."),
        (f"What pet does {name} have?",
         f"{name} has {article(person.pet)} named {person.pet_name}."),
        (f"Does {name} have a pet?",
         f"Yes, {name} has {article(person.pet)} named {person.pet_name}."),
        (f"Who is {person.pet_name}?", f"{person.pet_name} is the {person.pet} of {name}."),
        (f"What does {name} like to eat?", f"{name} likes to eat {person.food}."),
        (f"Which colour does {name} like?", f"{name} likes the colour {person.colour}."),
        (f"Who is the friend of {name}?", f"The friend of {name} is {person.friend}."),
        (f"Who {person.work}?", f"{name} the {person.job} {person.work}."),
        (f"Who works at the {person.place}?",
         f"{name} the {person.job} works at the {person.place}."),
        (f"Who is the {person.job}?", f"The {person.job} is {name}."),
    ))  # fmt: skip


def _person_check(rng: random.Random) -> Fact:
    person, other = rng.sample(PEOPLE, 2)
    truth = f"{person.name} is {article(person.job)}."
    if rng.random() < 0.5:
        return f"Is {person.name} {article(person.job)}?", f"Yes, {truth}"
    answer = f"No, {truth} {other.name} is {article(other.job)}."
    return f"Is {person.name} {article(other.job)}?", answer


def _stranger(rng: random.Random) -> Fact:
    name = rng.choice(STRANGERS)
    question = rng.choice(("Who is {0}?", "Where does {0} live?", "What does {0} do?",
                           "Where does {0} work?", "What pet does {0} have?"))  # fmt: skip
    return question.format(name), f"I do not know anyone named {name}."


def _animal(rng: random.Random) -> Fact:
    animal = rng.choice(ANIMALS)
    one = article(animal.name)
    legs = f"{NUMBERS[animal.legs]} legs" if animal.legs else "no legs"
    return rng.choice((
        (f"What sound does {one} make?", sentence(f"{one} {animal.sound}")),
        (f"How many legs does {one} have?", sentence(f"{one} has {legs}")),
        (f"What do {animal.plural} eat?", sentence(f"{animal.plural} eat {animal.eats}")),
        (f"Where does {one} live?", sentence(f"{one} lives in {animal.home}")),
        (f"How does {one} move?", sentence(f"{one} {animal.moves}")),
        (f"What is a young {animal.name} called?",
         f"A young {animal.name} is called {article(animal.young)}."),
        (f"What is {one}?", sentence(f"{one} is an animal. It {animal.moves}")),
        (f"Tell me about {animal.plural}.",
         sentence(f"{animal.plural} have {legs}. They eat {animal.eats}")),
    ))  # fmt: skip


def _shop(rng: random.Random) -> Fact:
    shop = rng.choice(SHOPS)
    item = rng.choice(shop.goods)
    goods = f"{', '.join(shop.goods[:-1])} and {shop.goods[-1]}"
    sellers = [other for other in SHOPS if item in other.goods]
    where = " or at the ".join(other.name for other in sellers)
    return rng.choice((
        (f"Where is the {shop.name}?", f"The {shop.name} is on {shop.street}."),
        (f"What colour is the door of the {shop.name}?",
         f"The door of the {shop.name} is {shop.door}."),
        (f"When does the {shop.name} open?", f"The {shop.name} opens at {shop.opens}."),
        (f"When does the {shop.name} close?", f"The {shop.name} closes at {shop.closes}."),
        (f"What can I get at the {shop.name}?", f"You can get {goods} at the {shop.name}."),
        (f"Where can I get {item}?", f"You can get {item} at the {where}."),
    ))  # fmt: skip


def _cause(rng: random.Random) -> Fact:
    cause = rng.choice(CAUSES)
    return rng.choice((
        (f"What happens when {cause.cause}?", f"When {cause.cause}, {cause.effect}."),
        (f"What happens if {cause.cause}?", f"If {cause.cause}, {cause.effect}."),
        (f"What should I do when {cause.cause}?", f"{cause.advice}."),
        (f"Why is it that {cause.effect}?",
         f"Because {_causes_of(cause.effect)}."),
    ))  # fmt: skip


def _causes_of(effect: str) -> str:
    return " or ".join(cause.cause for cause in CAUSES if cause.effect == effect)


def _colour(rng: random.Random) -> Fact:
    thing = rng.choice(tuple(COLOUR_OF))
    colour = COLOUR_OF[thing]
    if rng.random() < 0.3:
        guess = rng.choice(tuple(COLOUR_OF.values()))
        verdict = "Yes" if guess == colour else "No"
        return f"Is {thing} {guess}?", f"{verdict}, {thing} is {colour}."
    return f"What colour is {thing}?", sentence(f"{thing} is {colour}")


def _kind(rng: random.Random) -> Fact:
    thing = rng.choice(tuple(KIND_OF))
    return rng.choice((
        (f"What is {thing}?", sentence(f"{thing} is {KIND_OF[thing]}")),
        (f"What kind of thing is {thing}?", sentence(f"{thing} is {KIND_OF[thing]}")),
    ))  # fmt: skip


def _opposite(rng: random.Random) -> Fact:
    pair = list(rng.choice(tuple(OPPOSITE_OF.items())))
    rng.shuffle(pair)
    return f"What is the opposite of {pair[0]}?", f"The opposite of {pair[0]} is {pair[1]}."


def _use(rng: random.Random) -> Fact:
    thing = rng.choice(tuple(USE_OF))
    return rng.choice((
        (f"What is {thing} for?", f"You use {thing} {USE_OF[thing]}."),
        (f"What do I need {USE_OF[thing]}?", f"You need {thing} {USE_OF[thing]}."),
    ))  # fmt: skip


def _calendar(rng: random.Random) -> Fact:
    day, month = rng.randrange(7), rng.randrange(12)
    return rng.choice((
        (f"Which day comes after {DAYS[day]}?",
         f"{DAYS[(day + 1) % 7]} comes after {DAYS[day]}."),
        (f"Which day comes before {DAYS[day]}?",
         f"{DAYS[day - 1]} comes before {DAYS[day]}."),
        (f"Which month comes after {MONTHS[month]}?",
         f"{MONTHS[(month + 1) % 12]} comes after {MONTHS[month]}."),
        (f"In which season is {MONTHS[month]}?",
         f"{MONTHS[month]} is in {SEASON_OF[MONTHS[month]]}."),
        ("How many days are in a week?", "There are seven days in a week."),
        ("How many months are in a year?", "There are twelve months in a year."),
    ))  # fmt: skip


def _sum(rng: random.Random) -> Fact:
    first, second = rng.randint(0, 10), rng.randint(0, 10)
    high, low = max(first, second), min(first, second)
    words = rng.random() < 0.5
    shown: Callable[[int], str] = (lambda n: NUMBERS[n]) if words else str
    return rng.choice((
        (f"What is {shown(first)} plus {shown(second)}?",
         sentence(f"{shown(first)} plus {shown(second)} is {shown(first + second)}")),
        (f"What is {shown(high)} minus {shown(low)}?",
         sentence(f"{shown(high)} minus {shown(low)} is {shown(high - low)}")),
        (f"What comes after {shown(first)}?",
         sentence(f"{shown(first + 1)} comes after {shown(first)}")),
    ))  # fmt: skip


def _device(rng: random.Random) -> Fact:
    device = rng.choice(tuple(DEVICE_USE))
    one, use = article(device), DEVICE_USE[device]
    return rng.choice((
        (f"What does {one} do?", sentence(f"{one} {use}")),
        (f"What is {one}?", sentence(f"{one} is a device. It {use}")),
    ))  # fmt: skip


def _device_names(rng: random.Random) -> Fact:
    first, second = rng.sample(tuple(DEVICE_USE), 2)
    fault, other = rng.sample(FAULTS, 2)
    return rng.choice((
        ("Name two devices.", f"{first.capitalize()} and {second}."),
        ("Name two faults.", f"{fault.label} and {other.label.lower()}."),
        (f"What do you call it when {article(rng.choice(fault.devices))} {fault.clause}?",
         f"The fault is called: {fault.label}."),
        rng.choice(MEANINGS),
    ))  # fmt: skip


def _remedy(rng: random.Random) -> Fact:
    fault = rng.choice(FAULTS)
    device = rng.choice(fault.devices)
    return rng.choice((
        (f"My {device} {fault.clause}. What should I do?", f"Please {fault.remedy}."),
        (f"What should I do when the {device} {fault.clause}?",
         f"When the {device} {fault.clause}, {fault.remedy}."),
        (f"The {device} {fault.clause}.", f"You can {fault.remedy}."),
        (f"How do I help {article(device)} that {fault.clause}?", f"You can {fault.remedy}."),
    ))  # fmt: skip


def _greeting(rng: random.Random) -> Fact:
    return rng.choice((
        ("Hello!", "Hello! How can I help you?"),
        ("Hello", "Hello! How can I help you?"),
        ("Hi", "Hello! How can I help you?"),
        ("Good morning!", "Good morning! How can I help you?"),
        ("Who are you?", "I am a small assistant. I know a small town and its devices."),
        ("What are you?", "I am a small assistant. I know a small town and its devices."),
        ("What can you do?", "I can answer simple questions and tell short stories."),
        ("What do you know?", "I know a small town, its people, its animals and its devices."),
        ("How are you?", "I am well, thank you. How can I help you?"),
        ("Thank you!", "You are welcome."),
        ("Thanks", "You are welcome."),
        ("Goodbye!", "Goodbye! Have a good day."),
        ("Can you help me?", "Yes. Please tell me what you need."),
        ("Who lives in the town?",
         f"Many people live here, such as {PEOPLE[0].name}, {PEOPLE[1].name} and "
         f"{PERSON_BY_NAME['Grace'].name}."),
    ))  # fmt: skip


MEANINGS: tuple[Fact, ...] = (
    ("What does device mean?", "Device means a machine that helps you."),
    ("What does fault mean?", "Fault means that a device does not work well."),
    ("What does since mean?", "Since means from that time until now."),
    ("What does priority mean?", "Priority means how soon help is needed."),
    ("What does next mean?", "Next means what to do after this."),
)
TOPICS: tuple[Callable[[random.Random], Fact], ...] = (
    _person, _person_check, _stranger, _animal, _shop, _cause, _colour, _kind, _opposite, _use,
    _calendar, _sum, _device, _device_names, _remedy, _greeting,
)  # fmt: skip
WEIGHTS: tuple[int, ...] = (20, 4, 3, 10, 7, 7, 5, 3, 3, 3, 5, 8, 4, 8, 12, 3)
WORLD_TOPICS: tuple[Callable[[random.Random], Fact], ...] = (
    _person, _person, _animal, _shop, _colour, _kind, _opposite, _use, _calendar, _device,
)  # fmt: skip
