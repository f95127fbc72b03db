# SPDX-License-Identifier: Apache-2.0
"""What the first rows of a file look like: their shape, how surely, and why.

Most shapes show in each row. Classes and verdicts show only over many: a field is one of classes
where its values are short and repeat, and one of verdicts where each of them is one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import islice

import msgspec

from engine.domain.dataset import Reject, RowKind
from engine.domain.shape import ShapeGuess
from engine.formats import field_names, shapes
from engine.formats.classes import (
    IMAGE_SUFFIXES,
    LABEL_CHARACTERS,
    ClassField,
    path_of,
    subject_of,
    verdict_of,
)
from engine.formats.format import Record
from engine.formats.mapping import SHAPE as MAPPED
from engine.formats.mapping import Mapper
from engine.formats.refusal import RefusedRecord
from engine.formats.turns import Fields, first_of, lower_names
from engine.formats.wording import translated as _

SURVEYED_ROWS = 64
"""Usable rows of a file that settle its shape."""

CLASSED_ROWS = 1000
"""Rows that settle whether a field is one of classes: enough to meet each of some hundred twice."""

FEW_ROWS = 10
"""In fewer rows a class need not come twice; one value must come again at least."""


class Survey(msgspec.Struct, frozen=True, kw_only=True):
    """What the first rows of a file show.

    Attributes:
        guess: Their shape.
        classed: The field of classes or verdicts by which they are read, if they have one.
        possible: A field that could be such a one, were there more rows.
    """

    guess: ShapeGuess
    classed: ClassField | None
    possible: ClassField | None


class _Sample:
    """The first rows, counted as each shape would have them."""

    def __init__(self) -> None:
        self.rows = 0
        self.usable = 0
        self.kinds: Counter[RowKind] = Counter()
        self.found: Counter[str] = Counter()
        self.reasons: dict[str, str] = {}
        self.refused: Counter[str] = Counter()
        self.values: dict[ClassField, list[str | None]] = {}
        self.classed: dict[ClassField, Counter[str]] = {}

    def add(self, item: Record | Reject) -> None:
        """Look at one more row."""
        self.rows += 1
        if isinstance(item, Reject):
            self.refused[item.message] += 1
            return
        fields = lower_names(item.value) or {}
        field = class_field(fields)
        if field is not None:
            self._add_class(field, fields, item.value)
        try:
            shape, row = shapes.normalise(item.value)
        except RefusedRecord as refused:
            self.refused[refused.message] += 1
        else:
            self.usable += 1
            self.found[shape] += 1
            self.kinds[shapes.kind_of(row)] += 1
            self.reasons.setdefault(shape, reason_of(shape, fields))

    def _add_class(self, field: ClassField, fields: Fields, value: object) -> None:
        self.values.setdefault(field, []).append(_short(fields[field.name]))
        shaped = self.classed.setdefault(field, Counter())
        try:
            shaped[shapes.normalise(value, field)[0]] += 1
        except RefusedRecord as refused:
            self.refused[refused.message] += 1

    @property
    def is_enough(self) -> bool:
        """Return whether more rows would change nothing."""
        if self.values:
            return self.rows >= CLASSED_ROWS
        return self.usable >= SURVEYED_ROWS


def survey(items: Iterable[Record | Reject], mapper: Mapper | None = None) -> Survey:
    """Look at the first rows of a file.

    Args:
        items: Its records, and rejects for rows that are broken.
        mapper: What a person said of the columns; None where the shape says it.
    """
    if mapper is not None:
        return Survey(guess=_mapped(items, mapper), classed=None, possible=None)
    sample = _Sample()
    for item in items:
        sample.add(item)
        if sample.is_enough:
            break
    possible = max(sample.values, key=lambda one: len(sample.values[one]), default=None)
    if possible is None or not _are_classes(possible, sample.values[possible], sample.rows):
        return Survey(guess=_plain(sample), classed=None, possible=possible)
    return Survey(guess=_classed(sample, possible), classed=possible, possible=possible)


def _mapped(items: Iterable[Record | Reject], mapper: Mapper) -> ShapeGuess:
    """Return how many of the first rows a mapping can use."""
    sampled = fitting = 0
    for item in islice(items, SURVEYED_ROWS):
        sampled += 1
        if isinstance(item, Record):
            try:
                mapper.make(item.value)
            except RefusedRecord:
                continue
            fitting += 1
    reason = _("A person chose which columns are which part of a row.")
    if not sampled:
        return ShapeGuess(shape=MAPPED, kind=mapper.mapping.kind, confidence=0.0, reason=reason,
                          sampled=0, fitting=0)  # fmt: skip
    return _guess(MAPPED, mapper.mapping.kind, reason, sampled, fitting)


def class_field(fields: Fields) -> ClassField | None:
    """Return which field of a row may say a verdict on an answer, or else a class of a subject."""
    has_answer = first_of(fields, field_names.ANSWERS) and first_of(fields, field_names.QUESTIONS)
    has_talk = first_of(fields, field_names.CONVERSATIONS)
    if first_of(fields, field_names.CHOSEN):
        return None
    if has_answer or has_talk:
        liked = (name for name in field_names.LIKED if fields.get(name) is not None)
        # Beside whole conversations numbers are too often something else.
        found = next((one for one in liked if has_answer or not _is_number(fields[one])), None)
        is_one = found is not None and verdict_of(fields[found]) is not None
        return ClassField(RowKind.RATED, found) if found and is_one else None
    if first_of(fields, field_names.QUESTIONS) or first_of(fields, field_names.ANSWERS):
        return None
    label, subject = first_of(fields, field_names.LABELS), subject_of(fields)
    if not label or not subject:
        return None
    if subject in field_names.IMAGES and not _is_picture(fields[subject]):
        return None
    return ClassField(RowKind.LABEL, label)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_picture(value: object) -> bool:
    return path_of(value).strip().lower().endswith(IMAGE_SUFFIXES)


def _are_classes(field: ClassField, values: list[str | None], rows: int) -> bool:
    """Return whether a field says classes or verdicts, by all its values that were seen."""
    if 2 * len(values) < rows:
        return False
    if field.kind is RowKind.RATED:
        return True
    if None in values:
        return False
    distinct = len(set(values))
    return distinct < len(values) if len(values) < FEW_ROWS else 2 * distinct <= len(values)


def _short(value: object) -> str | None:
    """Return a value as the name of a class; None where it is none."""
    if not isinstance(value, str | bool | int | float):
        return None
    name = str(value).strip()
    return name if len(name) <= LABEL_CHARACTERS and "\n" not in name else None


def _plain(sample: _Sample) -> ShapeGuess:
    """Return the shape that most rows show by themselves."""
    if not sample.usable:
        often = sample.refused.most_common(1)
        reason = often[0][0] if often else _("It holds no rows.")
        return ShapeGuess(shape="", kind=None, confidence=0.0, reason=reason,
                          sampled=sample.rows, fitting=0)  # fmt: skip
    kind = sample.kinds.most_common(1)[0][0]
    shape = sample.found.most_common(1)[0][0]
    return _guess(shape, kind, sample.reasons[shape], sample.rows, sample.kinds[kind])


def _classed(sample: _Sample, field: ClassField) -> ShapeGuess:
    found, values = sample.classed[field], sample.values[field]
    if not found:
        return _plain(sample)
    if field.kind is RowKind.RATED:
        reason = _("The field {name} says of each answer whether it was liked.").format(
            name=field.name
        )
    else:
        reason = _(
            "The field {name} has {distinct} different values in {rows} rows, as classes have."
        ).format(name=field.name, distinct=len(set(values)), rows=len(values))
    shape = found.most_common(1)[0][0]
    return _guess(shape, field.kind, reason, sample.rows, found.total())


def _guess(shape: str, kind: RowKind, reason: str, sampled: int, fitting: int) -> ShapeGuess:
    return ShapeGuess(
        shape=shape,
        kind=kind,
        confidence=round(fitting / sampled, 4),
        reason=reason,
        sampled=sampled,
        fitting=fitting,
    )


def reason_of(shape: str, fields: Fields) -> str:
    """Return the sentence on why a row was recognised, naming its fields."""
    messages = first_of(fields, field_names.CONVERSATIONS)
    question = first_of(fields, (*field_names.INSTRUCTIONS, *field_names.QUESTIONS))
    answer = first_of(fields, field_names.ANSWERS)
    sentences = {
        shapes.OPENAI: _("The field {messages} holds messages with a role and a content."),
        shapes.SHAREGPT: _("The field {messages} holds messages that say who they are from."),
        shapes.ALPACA: _("The field {question} holds an instruction, {answer} what came of it."),
        shapes.PREFERENCE: _("The field {good} holds a better answer, {bad} a worse one."),
        shapes.TEXT: _("The field {text} holds text."),
    }
    found = sentences.get(shape, _("The field {question} holds a question, {answer} its answer."))
    return found.format(
        messages=messages or "messages",
        question=question,
        answer=answer,
        good=first_of(fields, field_names.CHOSEN),
        bad=first_of(fields, field_names.REJECTED),
        text=first_of(fields, field_names.TEXTS) or "text",
    )
