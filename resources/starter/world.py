# SPDX-License-Identifier: Apache-2.0
"""The small world that the starter model learns: fixed people, places, animals, things and causes.

Every fact is written down once, here. The grammars in `stories.py`, `chats.py` and `tickets.py`
only ever state these facts, so a model that reads enough text can learn them.
"""

from __future__ import annotations

from typing import NamedTuple


class Person(NamedTuple):
    """One inhabitant; each has one job, one pet, one favourite food and one favourite colour."""

    name: str
    is_woman: bool
    job: str
    place: str
    work: str
    pet: str
    pet_name: str
    food: str
    colour: str
    friend: str


class Animal(NamedTuple):
    """One kind of animal and what everyone knows about it."""

    name: str
    plural: str
    sound: str
    legs: int
    eats: str
    home: str
    moves: str
    young: str


class Shop(NamedTuple):
    """One place of the town: its street, the colour of its door, its hours and its goods."""

    name: str
    street: str
    door: str
    opens: int
    closes: int
    goods: tuple[str, ...]


class Cause(NamedTuple):
    """A cause and its effect, as two clauses that stand alone."""

    cause: str
    effect: str
    advice: str


PEOPLE: tuple[Person, ...] = (
    Person("Anna", True, "baker", "bakery", "bakes bread", "cat", "Mimi", "bread", "red", "Ben"),
    Person(
        "Ben", False, "teacher", "school", "teaches children", "dog", "Rex", "soup", "blue", "Anna"
    ),
    Person(
        "Carla",
        True,
        "doctor",
        "clinic",
        "helps sick people",
        "rabbit",
        "Snow",
        "apples",
        "green",
        "David",
    ),
    Person(
        "David", False, "farmer", "farm", "grows corn", "horse", "Star", "cheese", "brown", "Carla"
    ),
    Person(
        "Ella", True, "librarian", "library", "lends books", "owl", "Moon", "cake", "purple", "Finn"
    ),
    Person(
        "Finn",
        False,
        "fisher",
        "harbour",
        "catches fish",
        "duck",
        "Puddle",
        "fish",
        "white",
        "Ella",
    ),
    Person(
        "Grace",
        True,
        "pilot",
        "airport",
        "flies planes",
        "parrot",
        "Coco",
        "rice",
        "yellow",
        "Hugo",
    ),
    Person(
        "Hugo", False, "cook", "kitchen", "cooks meals", "pig", "Rosy", "pasta", "orange", "Grace"
    ),
    Person(
        "Ida", True, "painter", "studio", "paints pictures", "mouse", "Dot", "pears", "pink", "Jack"
    ),
    Person(
        "Jack", False, "driver", "station", "drives the bus", "dog", "Buddy", "eggs", "black", "Ida"
    ),
    Person(
        "Kate", True, "gardener", "park", "plants flowers", "hen", "Pearl", "salad", "green", "Leo"
    ),
    Person(
        "Leo",
        False,
        "guard",
        "museum",
        "watches the doors",
        "lizard",
        "Spike",
        "nuts",
        "grey",
        "Kate",
    ),
    Person(
        "Mia",
        True,
        "nurse",
        "hospital",
        "cares for people",
        "cat",
        "Tiger",
        "grapes",
        "blue",
        "Noah",
    ),
    Person(
        "Noah",
        False,
        "carpenter",
        "workshop",
        "makes tables",
        "goat",
        "Billy",
        "potatoes",
        "brown",
        "Mia",
    ),
    Person(
        "Olga",
        True,
        "tailor",
        "tailor shop",
        "makes coats",
        "sheep",
        "Cloud",
        "plums",
        "purple",
        "Paul",
    ),
    Person(
        "Paul",
        False,
        "mail carrier",
        "post office",
        "brings letters",
        "dog",
        "Dash",
        "sandwiches",
        "red",
        "Olga",
    ),
    Person(
        "Rosa", True, "singer", "theatre", "sings songs", "parrot", "Echo", "honey", "yellow", "Sam"
    ),
    Person(
        "Sam",
        False,
        "plumber",
        "pump house",
        "repairs pipes",
        "frog",
        "Hopper",
        "beans",
        "green",
        "Rosa",
    ),
    Person(
        "Tara",
        True,
        "engineer",
        "factory",
        "builds machines",
        "rabbit",
        "Button",
        "carrots",
        "orange",
        "Umar",
    ),
    Person(
        "Umar",
        False,
        "electrician",
        "power house",
        "repairs lights",
        "cat",
        "Spark",
        "oranges",
        "white",
        "Tara",
    ),
    Person(
        "Vera",
        True,
        "writer",
        "newspaper",
        "writes stories",
        "mouse",
        "Comma",
        "tea and cake",
        "black",
        "Will",
    ),
    Person(
        "Will",
        False,
        "shopkeeper",
        "corner shop",
        "sells food",
        "hen",
        "Penny",
        "toast",
        "grey",
        "Vera",
    ),
    Person(
        "Yara",
        True,
        "dentist",
        "dental office",
        "cleans teeth",
        "fish",
        "Bubble",
        "melons",
        "pink",
        "Zack",
    ),
    Person(
        "Zack",
        False,
        "clerk",
        "town hall",
        "keeps records",
        "turtle",
        "Speedy",
        "noodles",
        "blue",
        "Yara",
    ),
)

ANIMALS: tuple[Animal, ...] = (
    Animal("cat", "cats", "meows", 4, "fish and mice", "a basket", "walks and climbs", "kitten"),
    Animal("dog", "dogs", "barks", 4, "meat and bones", "a kennel", "runs", "puppy"),
    Animal("cow", "cows", "moos", 4, "grass", "a barn", "walks", "calf"),
    Animal("horse", "horses", "neighs", 4, "hay and oats", "a stable", "gallops", "foal"),
    Animal(
        "duck", "ducks", "quacks", 2, "seeds and worms", "a pond", "swims and flies", "duckling"
    ),
    Animal("hen", "hens", "clucks", 2, "grain", "a coop", "walks and pecks", "chick"),
    Animal("sheep", "sheep", "bleats", 4, "grass", "a field", "walks", "lamb"),
    Animal("pig", "pigs", "grunts", 4, "corn and roots", "a pen", "trots", "piglet"),
    Animal("goat", "goats", "bleats", 4, "leaves and grass", "a hill", "climbs and jumps", "kid"),
    Animal("frog", "frogs", "croaks", 4, "flies", "a pond", "jumps and swims", "tadpole"),
    Animal("owl", "owls", "hoots", 2, "mice", "an old tree", "flies at night", "owlet"),
    Animal("mouse", "mice", "squeaks", 4, "seeds and cheese", "a hole", "runs fast", "pup"),
    Animal("rabbit", "rabbits", "thumps", 4, "carrots and grass", "a burrow", "hops", "kit"),
    Animal(
        "parrot", "parrots", "talks", 2, "nuts and fruit", "a cage", "flies and climbs", "chick"
    ),
    Animal("lizard", "lizards", "hisses", 4, "flies", "a warm wall", "runs", "hatchling"),
    Animal("turtle", "turtles", "hums", 4, "leaves", "a sandy box", "walks slowly", "hatchling"),
    Animal("fish", "fish", "makes bubbles", 0, "small worms", "water", "swims", "fry"),
    Animal("bee", "bees", "buzzes", 6, "nectar", "a hive", "flies", "larva"),
    Animal("spider", "spiders", "makes no sound", 8, "flies", "a web", "crawls", "spiderling"),
)

SHOPS: tuple[Shop, ...] = (
    Shop("bakery", "Mill Street", "yellow", 6, 3, ("bread", "rolls", "cakes", "pies")),
    Shop("library", "Oak Street", "green", 9, 6, ("books", "maps", "newspapers")),
    Shop("market", "Bridge Street", "red", 7, 2, ("apples", "pears", "eggs", "carrots")),
    Shop("bookshop", "Oak Street", "blue", 10, 6, ("books", "pens", "cards")),
    Shop("toy shop", "River Street", "orange", 10, 5, ("balls", "kites", "dolls", "toy trains")),
    Shop("flower shop", "Garden Street", "pink", 8, 4, ("roses", "tulips", "seeds")),
    Shop("tool shop", "Mill Street", "grey", 8, 5, ("hammers", "nails", "ropes", "lamps")),
    Shop("corner shop", "Hill Street", "white", 7, 9, ("milk", "butter", "candles", "soap")),
    Shop("shoe shop", "River Street", "black", 9, 5, ("boots", "shoes", "socks")),
    Shop("fish shop", "Harbour Street", "blue", 6, 1, ("fish", "crabs", "nets")),
    Shop("post office", "Station Street", "yellow", 8, 5, ("stamps", "boxes", "cards")),
    Shop("computer shop", "Station Street", "grey", 9, 7, ("cables", "screens", "keyboards")),
)

CAUSES: tuple[Cause, ...] = (
    Cause("it rains", "the street gets wet", "Take an umbrella"),
    Cause("the sun shines on snow", "the snow melts", "Wear good boots"),
    Cause("it is very cold", "the water in the pond turns to ice", "Wear a warm coat"),
    Cause("the wind is strong", "the leaves fly from the trees", "Hold your hat"),
    Cause("a glass falls on the floor", "the glass breaks", "Sweep the floor"),
    Cause("you heat water", "the water boils", "Be careful, because it is hot"),
    Cause("you put ice in the sun", "the ice melts", "Put it in the shade"),
    Cause("a plant gets no water", "the plant dries out", "Water it every day"),
    Cause("a seed gets water and sun", "the seed grows", "Wait some days"),
    Cause("you leave bread in the oven too long", "the bread burns", "Watch the clock"),
    Cause("you leave milk in the sun", "the milk turns sour", "Keep it cold"),
    Cause("the lamp is off at night", "the room is dark", "Turn on the lamp"),
    Cause("you do not eat", "you get hungry", "Eat some bread"),
    Cause("you do not sleep", "you get tired", "Go to bed early"),
    Cause("you run fast", "your heart beats fast", "Rest for a while"),
    Cause("the battery is empty", "the device turns off", "Charge the battery"),
    Cause("the cable is loose", "the screen goes black", "Push the cable in"),
    Cause("there is no paper", "the printer stops", "Put in new paper"),
    Cause("the ink is low", "the print is pale", "Change the ink"),
    Cause("dust gets into the fan", "the fan gets loud", "Clean the fan"),
    Cause("a window is open in winter", "the room gets cold", "Close the window"),
    Cause("you water the garden", "the flowers grow", "Do it in the evening"),
    Cause("the road is icy", "the bus is late", "Leave home early"),
    Cause("you mix blue and yellow", "you get green", "Use a clean brush"),
    Cause("you mix red and yellow", "you get orange", "Use a clean brush"),
    Cause("you mix red and blue", "you get purple", "Use a clean brush"),
    Cause("you mix black and white", "you get grey", "Use a clean brush"),
    Cause("the wheel has a hole", "the bicycle stops", "Mend the wheel"),
)

COLOUR_OF: dict[str, str] = {
    "grass": "green", "the sky": "blue", "snow": "white", "coal": "black", "a banana": "yellow",
    "a tomato": "red", "a carrot": "orange", "a plum": "purple", "a pig": "pink",
    "an elephant": "grey", "chocolate": "brown", "milk": "white", "the sun": "yellow",
    "a lemon": "yellow", "a leaf": "green", "the sea": "blue", "a strawberry": "red",
    "the night": "black", "a mouse": "grey", "wood": "brown", "salt": "white", "a frog": "green",
}  # fmt: skip

KIND_OF: dict[str, str] = {
    "an apple": "a fruit", "a pear": "a fruit", "a plum": "a fruit", "a banana": "a fruit",
    "a carrot": "a vegetable", "a potato": "a vegetable", "an onion": "a vegetable",
    "a rose": "a flower", "a tulip": "a flower", "an oak": "a tree", "a pine": "a tree",
    "a hammer": "a tool", "a saw": "a tool", "a drum": "an instrument", "a violin": "an instrument",
    "a bus": "a vehicle", "a bicycle": "a vehicle", "a boat": "a vehicle", "a shirt": "clothing",
    "a coat": "clothing", "a chair": "furniture", "a table": "furniture", "a bed": "furniture",
    "winter": "a season", "summer": "a season", "red": "a colour", "blue": "a colour",
    "a printer": "a device", "a scanner": "a device", "a phone": "a device", "a laptop": "a device",
}  # fmt: skip

OPPOSITE_OF: dict[str, str] = {
    "hot": "cold", "big": "small", "long": "short", "wet": "dry", "full": "empty", "open": "closed",
    "fast": "slow", "high": "low", "loud": "quiet", "old": "new", "happy": "sad", "light": "dark",
    "clean": "dirty", "early": "late", "near": "far", "hard": "soft", "strong": "weak",
    "on": "off", "up": "down", "left": "right", "day": "night", "broken": "whole",
}  # fmt: skip

USE_OF: dict[str, str] = {
    "a key": "to open a lock", "a knife": "to cut food", "a pen": "to write",
    "a clock": "to tell the time", "a bed": "to sleep in", "a cup": "to drink from",
    "a broom": "to sweep the floor", "an umbrella": "to stay dry in the rain",
    "a lamp": "to make light", "a map": "to find the way", "a hammer": "to drive in nails",
    "a saw": "to cut wood", "a boat": "to cross the water", "a ladder": "to climb up",
    "soap": "to wash your hands", "a coat": "to stay warm", "a bag": "to carry things",
    "a ruler": "to measure things", "a brush": "to paint", "a needle": "to sew clothes",
}  # fmt: skip

DAYS: tuple[str, ...] = (
    "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday",
)  # fmt: skip
MONTHS: tuple[str, ...] = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip
SEASON_OF: dict[str, str] = {
    "January": "winter", "February": "winter", "March": "spring", "April": "spring",
    "May": "spring", "June": "summer", "July": "summer", "August": "summer",
    "September": "autumn", "October": "autumn", "November": "autumn", "December": "winter",
}  # fmt: skip
NUMBERS: tuple[str, ...] = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen",
    "nineteen", "twenty",
)  # fmt: skip
COLOURS: tuple[str, ...] = (
    "red", "blue", "green", "yellow", "white", "black", "brown", "orange", "pink", "purple", "grey",
)  # fmt: skip

HOUSE_STREETS: tuple[str, ...] = (
    "Mill Street", "Oak Street", "Bridge Street", "River Street", "Garden Street", "Hill Street",
)  # fmt: skip
OBJECTS: tuple[str, ...] = (
    "key", "ball", "hat", "book", "bag", "cup", "scarf", "kite", "letter", "ring", "pen", "box",
    "umbrella", "basket", "coin", "brush", "watch", "map", "lamp", "glove",
)  # fmt: skip
SPOTS: tuple[str, ...] = (
    "under the table", "behind the door", "on the shelf", "in the drawer", "under the bed",
    "on the chair", "in the garden", "near the window", "in the bag", "on the stairs",
    "next to the lamp", "behind the box", "in the coat pocket", "on the roof", "in the kitchen",
)  # fmt: skip
STRANGERS: tuple[str, ...] = (
    "Bob", "Alice", "Peter", "Maria", "Tom", "Lucy", "Oscar", "Nina", "Victor", "Helen", "Max",
)  # fmt: skip

PERSON_BY_NAME: dict[str, Person] = {person.name: person for person in PEOPLE}
ANIMAL_BY_NAME: dict[str, Animal] = {animal.name: animal for animal in ANIMALS}


def house_of(person: Person) -> tuple[str, int]:
    """Return the street and the house number of `person`; no two people share a house."""
    index = PEOPLE.index(person)
    return HOUSE_STREETS[index % len(HOUSE_STREETS)], 1 + index // len(
        HOUSE_STREETS
    ) * 3 + index % 3


def article(noun: str) -> str:
    """Return `noun` with "a" or "an" before it."""
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"


def sentence(text: str) -> str:
    """Return `text` with a capital letter first and a full stop last."""
    ending = "" if text.rstrip('"')[-1] in ".!?," else "."
    return text[0].upper() + text[1:] + ending


def first_upper(text: str) -> str:
    """Return `text` with a capital letter first and the rest as it is."""
    return text[:1].upper() + text[1:]
