# SPDX-License-Identifier: Apache-2.0
"""The mapping to begin with: what the shape of a file means, said column by column."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from engine.domain.dataset import Mapping, Part, RowKind
from engine.domain.expression import written
from engine.formats import field_names, shapes
from engine.formats.classes import LABELLED_IMAGE, subject_of
from engine.formats.mapping import record_of
from engine.formats.recognition import Survey
from engine.formats.refusal import RefusedRecord
from engine.formats.turns import Fields, first_of, lower_names

LONG_CHARACTERS = 12
"""A column whose values are shorter on average is a number, a date or a name, not a text."""


def propose(found: Survey, values: Sequence[object]) -> Mapping:
    """Return the mapping that says the same as the shape, as near as one can.

    Where the shape is unknown, the longest columns are taken in their order: the first as the
    question and the next as the answer, or a single one as text.

    Args:
        found: What the first rows of the file show.
        values: Those rows.
    """
    records = [one for one in map(_record, values) if one]
    fields = next((one for one in records if _fits(one, found)), None)
    if fields is None:
        return _of_unknown(records)
    name_of = {name.lower(): name for name in _named(values)}
    parts = _parts(found, fields)
    kind = found.guess.kind or RowKind.CHAT
    return Mapping(
        kind=kind,
        parts=tuple(Part(target=to, value=_value(names, name_of)) for to, names in parts),
    )


def _record(value: object) -> Fields:
    try:
        return lower_names(record_of(value)) or {}
    except RefusedRecord:
        return {}


def _named(values: Sequence[object]) -> list[str]:
    """Return the names of all columns as they are written."""
    names: dict[str, None] = {}
    for value in values:
        if isinstance(value, dict):
            names.update(dict.fromkeys(map(str, cast("dict[object, object]", value))))
    return list(names)


def _fits(fields: Fields, found: Survey) -> bool:
    try:
        return shapes.normalise(dict(fields), found.classed)[0] == found.guess.shape
    except RefusedRecord:
        return False


def _value(names: tuple[str, ...], name_of: dict[str, str]) -> str:
    return "\n\n".join(written((name_of.get(one, one),)) for one in names)


def _parts(found: Survey, fields: Fields) -> list[tuple[str, tuple[str, ...]]]:
    """Return each target with the columns that it is made of."""
    shape, kind = found.guess.shape, found.guess.kind
    system = first_of(fields, field_names.SYSTEMS)
    told = [("system", (system,))] if system else []
    messages = first_of(fields, field_names.CONVERSATIONS)
    question = first_of(fields, (*field_names.INSTRUCTIONS, *field_names.QUESTIONS))
    answer = first_of(fields, field_names.ANSWERS)
    if kind is RowKind.LABEL and found.classed is not None:
        target = "image" if shape == LABELLED_IMAGE else "text"
        return [(target, (subject_of(fields),)), ("label", (found.classed.name,))]
    if kind is RowKind.RATED and found.classed is not None:
        asked = [("prompt", (question,))] if answer and question else []
        completion = ("completion", (answer or messages,))
        return [*told, *asked, completion, ("liked", (found.classed.name,))]
    if kind is RowKind.PREFERENCE:
        asked = [("prompt", (messages or question,))] if messages or question else []
        good = first_of(fields, field_names.CHOSEN)
        bad = first_of(fields, field_names.REJECTED)
        return [*told, *asked, ("chosen", (good,)), ("rejected", (bad,))]
    if kind is RowKind.TEXT:
        return [("text", (first_of(fields, field_names.TEXTS) or "text",))]
    tools = first_of(fields, field_names.TOOLS)
    calls = [("tools", (tools,))] if tools else []
    if shape in (shapes.OPENAI, shapes.SHAREGPT):
        return [*told, ("messages", (messages or "messages",)), *calls]
    history = first_of(fields, field_names.HISTORIES)
    before = [("history", (history,))] if history and shape == shapes.ALPACA else []
    given = field_names.INPUTS if shape == shapes.ALPACA else field_names.CONTEXTS
    about = first_of(fields, tuple(one for one in given if one != question))
    asked = (question, about) if about else (question,)
    return [*told, *before, ("user", asked), ("assistant", (answer,)), *calls]


def _of_unknown(records: Sequence[Fields]) -> Mapping:
    names = _long_columns(records)
    if len(names) < 2:
        parts = tuple(Part(target="text", value=written((one,))) for one in names[:1])
        return Mapping(kind=RowKind.TEXT, parts=parts)
    user, assistant = (written((one,)) for one in names[:2])
    return Mapping(
        kind=RowKind.CHAT,
        parts=(Part(target="user", value=user), Part(target="assistant", value=assistant)),
    )


def _long_columns(records: Sequence[Fields]) -> list[str]:
    """Return the names of columns of texts in their order, at least the longest of them."""
    lengths: dict[str, list[int]] = {}
    for record in records:
        for name, value in record.items():
            if isinstance(value, str):
                lengths.setdefault(name, []).append(len(value))
    means = {name: sum(found) / len(records) for name, found in lengths.items()}
    long = [name for name, mean in means.items() if mean >= LONG_CHARACTERS]
    return long or sorted(means, key=lambda name: -means[name])[:2]
