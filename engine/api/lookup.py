# SPDX-License-Identifier: Apache-2.0
"""Finding what a person means by an id, by the beginning of one, or by a name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

SHORTEST_PREFIX = 4
"""Characters of an id from which on its beginning is taken for it."""


class Named(Protocol):
    """Anything that is kept under an id and has a name."""

    @property
    def id(self) -> str:
        """The id; no other thing has it."""
        ...

    @property
    def name(self) -> str:
        """The name; others may have it too."""
        ...


Thing = TypeVar("Thing", bound=Named)


def matching(known: Sequence[Thing], key: str) -> list[Thing]:
    """Return what has this id; else what has this name; else what has an id that begins so."""
    ways = (
        [one for one in known if one.id == key],
        [one for one in known if one.name == key],
        [one for one in known if len(key) >= SHORTEST_PREFIX and one.id.startswith(key)],
    )
    return ways[0] or ways[1] or ways[2]
