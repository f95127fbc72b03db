# SPDX-License-Identifier: Apache-2.0
"""All classes of personal data, and where they stand in a text."""

from __future__ import annotations

from bisect import bisect_left

from engine.quality.personal_data.contacts import CONTACTS
from engine.quality.personal_data.data_class import DataClass, Span, is_masked
from engine.quality.personal_data.numbers import NUMBERS
from engine.quality.personal_data.persons import PERSONS
from engine.quality.personal_data.secrets import SECRETS

PERSONAL_DATA: tuple[DataClass, ...] = (*SECRETS, *CONTACTS[:1], *NUMBERS, *CONTACTS[1:])
"""What has a form of its own. Where two would overlap, the earlier one has it."""

NAMES_AND_ADDRESSES: tuple[DataClass, ...] = PERSONS
"""What is only announced by the words around it."""

ALL_CLASSES: tuple[DataClass, ...] = (*PERSONAL_DATA, *NAMES_AND_ADDRESSES)


def spans_of(text: str, classes: tuple[DataClass, ...] = ALL_CLASSES) -> tuple[Span, ...]:
    """Return the personal data in a text, in order and without overlaps; what is masked is none.

    Args:
        text: The text of one turn.
        classes: What to look for; where two overlap, the earlier class has it.
    """
    found: list[Span] = []
    for one in classes:
        for start, end in one.find(text):
            place = bisect_left(found, start, key=lambda span: span.start)
            is_free = (not place or found[place - 1].end <= start) and (
                place == len(found) or end <= found[place].start
            )
            if is_free and not is_masked(text[start:end]):
                found.insert(place, Span(start=start, end=end, label=one.name))
    return tuple(found)
