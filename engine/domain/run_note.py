# SPDX-License-Identifier: Apache-2.0
"""What a person writes about a run: a note and tags."""

from __future__ import annotations

from collections.abc import Iterable
from gettext import gettext as _

import msgspec

from engine.errors import WrongUsage

LONGEST_NOTE = 20_000
"""Letters of a note."""
LONGEST_TAG = 40
"""Letters of a tag."""
MOST_TAGS = 20
"""Tags of a run."""


class RunNote(msgspec.Struct, frozen=True, kw_only=True):
    """note.json: what a person writes about a run; the run itself never reads it.

    Attributes:
        schema_version: Version of this document.
        text: The note, in several lines if need be.
        tags: Short words to find the run by, each once whatever its capitals.
    """

    schema_version: int = 1
    text: str = ""
    tags: tuple[str, ...] = ()


def tidy_note(text: str) -> str:
    """Return a note without blank ends.

    Raises:
        WrongUsage: It is longer than `LONGEST_NOTE`.
    """
    tidy = text.strip()
    if len(tidy) > LONGEST_NOTE:
        raise WrongUsage(
            _("A note can have at most {count} letters.").format(count=LONGEST_NOTE),
            remedy=_("Shorten it."),
        )
    return tidy


def tidy_tags(given: Iterable[str]) -> tuple[str, ...]:
    """Return tags with single blanks, each once; the first way of writing it is kept.

    Raises:
        WrongUsage: One is longer than `LONGEST_TAG`, or there are more than `MOST_TAGS`.
    """
    kept: dict[str, str] = {}
    for one in given:
        tag = " ".join(one.replace(",", " ").split())
        if len(tag) > LONGEST_TAG:
            raise WrongUsage(
                _("A tag can have at most {count} letters.").format(count=LONGEST_TAG),
                remedy=_("Write longer things as a note."),
            )
        if tag:
            kept.setdefault(tag.casefold(), tag)
    if len(kept) > MOST_TAGS:
        raise WrongUsage(
            _("A run can have at most {count} tags.").format(count=MOST_TAGS),
            remedy=_("Take some away first."),
        )
    return tuple(kept.values())
