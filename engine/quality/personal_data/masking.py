# SPDX-License-Identifier: Apache-2.0
"""Masks personal data so that its shape stays: digits become 0, letters x or X, the rest is kept.

The same value always gets the same mask, so a conversation that names a person twice holds
together.
"""

from __future__ import annotations

from engine.quality.personal_data.data_class import DataClass
from engine.quality.personal_data.finding import ALL_CLASSES, spans_of


def masked_value(value: str) -> str:
    """Return a value of the same length with no letter and no digit of the original."""
    return "".join(map(_masked_character, value))


def _masked_character(one: str) -> str:
    if one.isalpha():
        return "X" if one.isupper() else "x"
    return "0" if one.isalnum() else one


def masked_text(text: str, classes: tuple[DataClass, ...] = ALL_CLASSES) -> str:
    """Return a text in which none of the classes is found any more.

    Args:
        text: The text of one turn.
        classes: What to mask.
    """
    # A mask can free what a longer find had covered; every round leaves fewer characters to mask.
    while spans := spans_of(text, classes):
        ends = (0, *(span.end for span in spans))
        parts = [
            text[end : span.start] + masked_value(text[span.start : span.end])
            for end, span in zip(ends, spans, strict=False)
        ]
        text = "".join([*parts, text[ends[-1] :]])
    return text
