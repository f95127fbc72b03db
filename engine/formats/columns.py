# SPDX-License-Identifier: Apache-2.0
"""The columns of a file, and the places in their values, as its first rows show them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import cast

import msgspec

from engine.domain.expression import written
from engine.domain.mapping import ColumnInfo
from engine.formats.mapping import record_of
from engine.formats.refusal import RefusedRecord

MOST_COLUMNS = 200
DEEPEST = 4
EXAMPLES = 3
EXAMPLE_CHARACTERS = 120

Steps = tuple[str | int, ...]


class _Seen(msgspec.Struct):
    types: set[str] = msgspec.field(default_factory=set[str])
    examples: dict[str, None] = msgspec.field(default_factory=dict[str, None])
    filled: int = 0


def columns_of(values: Sequence[object]) -> tuple[ColumnInfo, ...]:
    """Return the columns in their order, each with the places in it behind it.

    Of a list its first place is shown. At most MOST_COLUMNS are returned.

    Args:
        values: The first records of a file.
    """
    found: dict[Steps, _Seen] = {}
    for value in values:
        try:
            record = record_of(value)
        except RefusedRecord:
            continue
        for steps, inner in _places(record, ()):
            if steps in found or len(found) < MOST_COLUMNS:
                _note(found.setdefault(steps, _Seen()), inner)
    order = {steps[0]: place for place, steps in reversed(list(enumerate(found)))}
    return tuple(
        ColumnInfo(
            expression=written(steps),
            depth=len(steps) - 1,
            types=tuple(sorted(seen.types)),
            examples=tuple(seen.examples),
            filled=seen.filled,
        )
        for steps, seen in sorted(found.items(), key=lambda one: order[one[0][0]])
    )


def names_of(values: Sequence[object]) -> tuple[str, ...]:
    """Return the names of the columns in lower case, sorted."""
    names: set[str] = set()
    for value in values:
        try:
            names.update(str(one).lower() for one in record_of(value))
        except RefusedRecord:
            continue
    return tuple(sorted(names))


def _places(value: object, steps: Steps) -> Iterator[tuple[Steps, object]]:
    """Yield a value's fields, and what is in them."""
    if steps:
        yield steps, value
    if len(steps) >= DEEPEST:
        return
    if isinstance(value, dict):
        for name, inner in cast("dict[object, object]", value).items():
            yield from _places(inner, (*steps, str(name)))
    elif isinstance(value, list) and value and steps:
        yield from _places(cast("list[object]", value)[0], (*steps, 0))


def _note(seen: _Seen, value: object) -> None:
    if value is None or value == "":
        return
    seen.filled += 1
    seen.types.add(_type_of(value))
    if len(seen.examples) < EXAMPLES and not isinstance(value, list | dict):
        text = " ".join(str(value)[: 4 * EXAMPLE_CHARACTERS].split())[:EXAMPLE_CHARACTERS]
        seen.examples.setdefault(text, None)


def _type_of(value: object) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, list):
        return "list"
    return "object" if isinstance(value, dict) else "text"
