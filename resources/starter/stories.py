# SPDX-License-Identifier: Apache-2.0
"""Short stories about the small world, in which every sentence agrees with the facts."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import NamedTuple

from tickets import DEVICE_USE, FAULTS, draw_place
from world import (
    ANIMAL_BY_NAME,
    CAUSES,
    COLOURS,
    DAYS,
    NUMBERS,
    OBJECTS,
    PEOPLE,
    PERSON_BY_NAME,
    SHOPS,
    SPOTS,
    Person,
    article,
    house_of,
    sentence,
)


class Story(NamedTuple):
    """A story and questions about it that the text itself answers."""

    text: str
    questions: tuple[tuple[str, str], ...]


def he(person: Person) -> str:
    """Return "he" or "she"."""
    return "she" if person.is_woman else "he"


def his(person: Person) -> str:
    """Return "his" or "her" as it stands before a noun."""
    return "her" if person.is_woman else "his"


def him(person: Person) -> str:
    """Return "him" or "her" as it stands after a verb."""
    return "her" if person.is_woman else "him"


def tell_story(rng: random.Random) -> Story:
    """Tell one story, chosen among all plots with equal chance."""
    return rng.choice(PLOTS)(rng)


def _join(*parts: str) -> str:
    return " ".join(sentence(part) for part in parts if part)


def _maybe(rng: random.Random, text: str, chance: float = 0.5) -> str:
    return text if rng.random() < chance else ""


def _opening(rng: random.Random, person: Person) -> str:
    day = rng.choice(DAYS)
    time = rng.choice(("morning", "afternoon", "evening"))
    return rng.choice((
        f"one {time} {person.name} was at home",
        f"on {day} {time} {person.name} came to the {person.place}",
        f"it was {day}, and {person.name} was at the {person.place}",
        f"{person.name} the {person.job} got up early on {day}",
        f"once there was {article(person.job)} named {person.name}",
    ))  # fmt: skip


def _ending(rng: random.Random, person: Person) -> str:
    return rng.choice((
        f"{person.name} was happy",
        "it was a good day",
        f"{person.name} went home and had some {person.food}",
        f"then {he(person)} went home to {person.pet_name} the {person.pet}",
        f"that night {person.name} slept well",
        f"{person.name} smiled and said, \"What a day!\"",
    ))  # fmt: skip


def _lost_thing(rng: random.Random) -> Story:
    person = rng.choice(PEOPLE)
    friend = PERSON_BY_NAME[person.friend]
    thing, colour = rng.choice(OBJECTS), rng.choice(COLOURS)
    wrong, right = rng.sample(SPOTS, 2)
    text = _join(
        _opening(rng, person),
        f"{he(person)} could not find {his(person)} {colour} {thing}",
        f"{he(person)} looked {wrong}, but it was not there",
        _maybe(rng, f"{person.name} was sad"),
        rng.choice((
            f"then {friend.name} came and asked, \"What are you looking for?\"",
            f"{he(person)} called {his(person)} friend {friend.name}",
            f"{friend.name} the {friend.job} came to help",
        )),
        _maybe(rng, f"\"I lost my {thing},\" said {person.name}"),
        f"they looked {right}, and there was the {colour} {thing}",
        f"\"{rng.choice(('Thank you', 'Thanks'))}, {friend.name},\" said {person.name}",
        _ending(rng, person),
    )  # fmt: skip
    return Story(text, (
        (f"What did {person.name} lose?", f"{person.name} lost {article(colour)} {thing}."),
        (f"Where was the {thing}?", f"The {thing} was {right}."),
        (f"Who helped {person.name}?", f"{friend.name} helped {him(person)}."),
        (f"What colour was the {thing}?", f"The {thing} was {colour}."),
    ))  # fmt: skip


def _shopping(rng: random.Random) -> Story:
    person = rng.choice(PEOPLE)
    friend = PERSON_BY_NAME[person.friend]
    shop = rng.choice(SHOPS)
    goods = rng.choice([item for item in shop.goods if item.endswith("s")])
    had = rng.randint(3, 10)
    gave = rng.randint(1, had - 1)
    left = had - gave
    plain = goods if left != 1 else goods[:-1]
    text = _join(
        f"on {rng.choice(DAYS)} {person.name} went to the {shop.name} on {shop.street}",
        _maybe(rng, f"the door of the {shop.name} is {shop.door}"),
        rng.choice((f"{he(person)} bought {NUMBERS[had]} {goods}",
                    f"there {he(person)} got {NUMBERS[had]} {goods}")),
        _maybe(rng, f"{he(person)} put the {goods} in a {rng.choice(COLOURS)} bag"),
        f"on the way home {he(person)} met {friend.name} the {friend.job}",
        f"{person.name} gave {friend.name} {NUMBERS[gave]} of the {goods}",
        rng.choice((f"now {person.name} had {NUMBERS[left]} {plain} left",
                    f"so {NUMBERS[left]} {plain} {'was' if left == 1 else 'were'} left")),
        _ending(rng, person),
    )  # fmt: skip
    return Story(text, (
        (f"What did {person.name} buy?", f"{person.name} bought {NUMBERS[had]} {goods}."),
        (f"How many {goods} were left?",
         f"{NUMBERS[left].capitalize()} {plain} {'was' if left == 1 else 'were'} left."),
        (f"Who did {person.name} meet?", f"{person.name} met {friend.name}."),
        (f"Where did {person.name} go?", f"{person.name} went to the {shop.name}."),
    ))  # fmt: skip


def _lost_pet(rng: random.Random) -> Story:
    person = rng.choice(PEOPLE)
    friend = PERSON_BY_NAME[person.friend]
    animal = ANIMAL_BY_NAME[person.pet]
    spot = rng.choice(SPOTS)
    street, _number = house_of(person)
    text = _join(
        rng.choice((f"{person.name} has {article(person.pet)} named {person.pet_name}",
                    f"{person.pet_name} is the {person.pet} of {person.name}")),
        f"one {rng.choice(('morning', 'evening', 'day'))} {person.pet_name} was gone",
        f"{person.name} looked {spot} and in all of {street}",
        _maybe(rng, f"\"{person.pet_name}, where are you?\" {he(person)} called"),
        f"{person.name} asked {friend.name}, who {friend.work}",
        rng.choice((f"{friend.name} had seen the {person.pet} at the {friend.place}",
                    f"\"I saw {article(person.pet)} at the {friend.place},\" said {friend.name}")),
        f"they went to the {friend.place} together",
        f"there was {person.pet_name}, eating {animal.eats}",
        _maybe(rng, f"{person.name} took {person.pet_name} home"),
        _ending(rng, person),
    )  # fmt: skip
    return Story(text, (
        (f"Who is {person.pet_name}?", f"{person.pet_name} is the {person.pet} of {person.name}."),
        (f"Where was {person.pet_name}?", f"{person.pet_name} was at the {friend.place}."),
        (f"What was {person.pet_name} doing?", f"{person.pet_name} was eating {animal.eats}."),
        (f"Who helped {person.name}?", f"{friend.name} helped {him(person)}."),
    ))  # fmt: skip


def _broken_device(rng: random.Random) -> Story:
    person = rng.choice(PEOPLE)
    helper = PERSON_BY_NAME[rng.choice(("Umar", "Tara", "Sam", person.friend))]
    if helper is person:
        helper = PERSON_BY_NAME[person.friend]
    fault = rng.choice(FAULTS)
    device = rng.choice(fault.devices)
    preposition, place = draw_place(rng, device)
    where = f"{preposition} {'' if place[-1].isdigit() else 'the '}{place}"
    day = rng.choice(DAYS)
    text = _join(
        f"on {day} {person.name} wanted to use the {device} {where}",
        _maybe(rng, f"a {device} {DEVICE_USE[device]}"),
        rng.choice((f"but the {device} was broken", "but something was wrong",
                    f"but there was a fault in the {device}")),
        f"\"It {fault.clause},\" said {person.name}",
        f"{helper.name} the {helper.job} came and looked at the {device}",
        f"\"{sentence(fault.remedy)[:-1]},\" said {helper.name}",
        rng.choice((f"{person.name} did so", f"so that is what {person.name} did",
                    "they did it together")),
        f"then the {device} worked again",
        _ending(rng, person),
    )  # fmt: skip
    return Story(text, (
        ("Which device was broken?", f"The {device} {where} was broken."),
        (f"What was wrong with the {device}?", f"The {device} {_past(fault.clause)}."),
        (f"Where was the {device}?", f"The {device} was {where}."),
        ("On which day was it?", f"It was on {day}."),
        (f"Who helped {person.name}?", f"{helper.name} helped {him(person)}."),
    ))  # fmt: skip


def _past(clause: str) -> str:
    words = clause.split()
    first = {"does": "did", "has": "had", "gets": "got", "makes": "made"}.get(words[0])
    if first is None:
        return f"had a fault: it {clause}"
    return " ".join((first, *words[1:]))


def _weather(rng: random.Random) -> Story:
    person = rng.choice(PEOPLE)
    cause = rng.choice(CAUSES)
    friend = PERSON_BY_NAME[person.friend]
    text = _join(
        _opening(rng, person),
        f"{person.name} asked {friend.name}, \"What happens when {cause.cause}?\"",
        rng.choice((f"\"When {cause.cause}, {cause.effect},\" said {friend.name}",
                    f"\"Then {cause.effect},\" said {friend.name}")),
        _maybe(rng, f"\"What should I do?\" asked {person.name}"),
        f"\"{cause.advice},\" said {friend.name}",
        rng.choice((f"now {person.name} knew what to do", f"{person.name} learned something new")),
        _ending(rng, person),
    )  # fmt: skip
    return Story(text, (
        (f"What happens when {cause.cause}?", f"When {cause.cause}, {cause.effect}."),
        (f"What did {friend.name} say to do?", f"{friend.name} said: {cause.advice}."),
        (f"Who did {person.name} ask?", f"{person.name} asked {friend.name}."),
    ))  # fmt: skip


def _visit(rng: random.Random) -> Story:
    person, host = rng.sample(PEOPLE, 2)
    street, number = house_of(host)
    gift, colour = rng.choice(OBJECTS), host.colour
    text = _join(
        f"{person.name} wanted to visit {host.name}",
        f"{host.name} lives at {number} {street}",
        f"{host.name} likes the colour {colour}, so {person.name} brought {article(colour)} {gift}",
        rng.choice(
            (
                f'{host.name} opened the door and said, "Come in!"',
                f"{host.name} was happy to see {him(person)}",
            )
        ),
        _maybe(rng, f"{host.pet_name} the {host.pet} was there too"),
        f"they sat at the table and had some {host.food}, because {host.name} likes {host.food}",
        _maybe(rng, f"{host.name} talked about the {host.place}, where {he(host)} works"),
        f"in the evening {person.name} went home",
        _ending(rng, person),
    )
    return Story(text, (
        (f"Who did {person.name} visit?", f"{person.name} visited {host.name}."),
        (f"What did {person.name} bring?", f"{person.name} brought {article(colour)} {gift}."),
        ("What did they eat?", f"They had some {host.food}."),
        (f"Where does {host.name} live?", f"{host.name} lives at {number} {street}."),
    ))  # fmt: skip


def _garden(rng: random.Random) -> Story:
    person = rng.choice(PEOPLE)
    start = rng.randrange(4)
    plant = rng.choice(("rose", "tulip", "carrot", "bean", "pear tree", "corn plant"))
    count = rng.randint(2, 9)
    text = _join(
        f"on {DAYS[start]} {person.name} put {NUMBERS[count]} seeds into the ground",
        f"on {DAYS[start + 1]} {he(person)} gave them water",
        rng.choice((f"on {DAYS[start + 2]} it rained, and the ground was wet",
                    f"on {DAYS[start + 2]} the sun was warm")),
        f"on {DAYS[start + 3]} {he(person)} saw something small and green",
        f"it was a little {plant}",
        _maybe(rng, f"\"A seed needs water and sun,\" said {PERSON_BY_NAME['Kate'].name}"
               if person.name != "Kate" else ""),
        f"{person.name} told {person.friend} about it",
        _ending(rng, person),
    )  # fmt: skip
    return Story(text, (
        (f"How many seeds did {person.name} have?",
         f"{person.name} had {NUMBERS[count]} seeds."),
        ("What grew from the seeds?", f"A little {plant} grew."),
        (f"When did {person.name} give them water?",
         f"{person.name} gave them water on {DAYS[start + 1]}."),
    ))  # fmt: skip


def _moved_thing(rng: random.Random) -> Story:
    person, other = rng.sample(PEOPLE, 2)
    thing, colour = rng.choice(OBJECTS), rng.choice(COLOURS)
    first, second, third = rng.sample(SPOTS, 3)
    moves = rng.random() < 0.5
    last = third if moves else second
    text = _join(
        f"{person.name} put {article(colour)} {thing} {first}",
        _maybe(rng, f"then {person.name} went to the {person.place}"),
        f"{other.name} took the {thing} and put it {second}",
        f"later {other.name} moved the {thing} again and put it {third}" if moves else "",
        _maybe(rng, f"{other.name} went back to the {other.place}"),
        f"now the {colour} {thing} is {last}",
    )
    return Story(text, (
        (f"Where is the {thing} now?", f"The {thing} is {last}."),
        (f"Where was the {thing} at first?", f"At first the {thing} was {first}."),
        (f"Who moved the {thing}?", f"{other.name} moved the {thing}."),
        (f"What colour is the {thing}?", f"The {thing} is {colour}."),
    ))  # fmt: skip


PLOTS: tuple[Callable[[random.Random], Story], ...] = (
    _lost_thing, _shopping, _lost_pet, _broken_device, _weather, _visit, _garden, _moved_thing,
)  # fmt: skip
