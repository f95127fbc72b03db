# SPDX-License-Identifier: Apache-2.0
"""What a class of personal data is: how texts are searched for it and where exactly it stands."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import msgspec

Places = Iterator[tuple[int, int]]
_SEPARATORS = str.maketrans("", "", " -./\u00a0")
_MASKED = frozenset("0xX")
_CUE_REACH = 40


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """One piece of personal data in a text.

    Attributes:
        start: Index of its first character.
        end: Index after its last one.
        label: Name of its class.
    """

    start: int
    end: int
    label: str


class DataClass(msgspec.Struct, frozen=True, kw_only=True):
    """One class of personal data.

    Attributes:
        name: Stable snake_case name, the label of findings.
        title: Name for people.
        search: RE2 expression that matches every text with a member of the class, and few others.
        find: Yields where the members stand in one text; exact, and slower.
    """

    name: str
    title: Callable[[], str]
    search: str
    find: Callable[[str], Places]


def matching(
    pattern: str, accepts: Callable[[str], bool] | None = None, *, cue: str = ""
) -> Callable[[str], Places]:
    """Return a finder for what a pattern matches and a rule accepts.

    Args:
        pattern: Python expression; where it has a group `value`, only that group is personal.
        accepts: Is given the value without blanks and separators, in capitals.
        cue: Expression that must match within the 40 characters before the value.
    """

    def _find(text: str) -> Places:
        compiled = re.compile(pattern)  # kept by the library; at import it would cost its time
        group = "value" if "value" in compiled.groupindex else 0
        for match in compiled.finditer(text):
            start, end = match.span(group)
            if accepts is not None and not accepts(bare(text[start:end])):
                continue
            if not cue or re.search(cue, text[max(0, start - _CUE_REACH) : start], re.IGNORECASE):
                yield start, end

    return _find


def bare(value: str) -> str:
    """Return a value without blanks and separators, in capitals."""
    return value.translate(_SEPARATORS).upper()


def is_masked(value: str) -> bool:
    """Say whether a value holds nothing but what masking leaves."""
    return all(one in _MASKED for one in value if one.isalnum())
