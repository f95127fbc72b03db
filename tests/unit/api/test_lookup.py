# SPDX-License-Identifier: Apache-2.0
"""What a person means by a word: an id first, then a name, then the beginning of an id."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from engine.api.lookup import matching


@dataclass(frozen=True)
class Thing:
    id: str
    name: str


KNOWN = (
    Thing("abcd1111", "letters"),
    Thing("abcd2222", "abcd1111"),
    Thing("beef3333", "letters"),
    Thing("cafe4444", "beef"),
)


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("abcd1111", ["abcd1111"]),
        ("letters", ["abcd1111", "beef3333"]),
        ("beef", ["cafe4444"]),
        ("beef3", ["beef3333"]),
        ("abcd", ["abcd1111", "abcd2222"]),
        ("caf", []),
        ("", []),
    ],
)
def test_id_goes_before_name_and_name_before_the_beginning_of_an_id(
    key: str, expected: list[str]
) -> None:
    assert [one.id for one in matching(KNOWN, key)] == expected
