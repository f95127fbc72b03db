# SPDX-License-Identifier: Apache-2.0
"""Which columns of a file become which parts of a row, as a person says it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from gettext import gettext as _

import msgspec

from engine.domain.dataset import Mapping, Part, RowKind
from engine.domain.expression import ColumnPath, Expression, ExpressionFault, parse
from engine.domain.problem import Problem, Severity

__all__ = ["ColumnInfo", "Mapping", "Part", "SavedMapping", "Target"]

SCHEMA_VERSION = 1
MOST_PARTS = 64
NAMED_COLUMNS = 12


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a row that a mapping can fill.

    Attributes:
        name: Stable name.
        is_required: There is no row without it.
        may_repeat: It may come more than once, in the order of the conversation.
        is_column: Only a column can hold it, for it is no text.
    """

    name: str
    is_required: bool = False
    may_repeat: bool = False
    is_column: bool = False


SYSTEM = Target(name="system")
TARGETS: dict[RowKind, tuple[Target, ...]] = {
    RowKind.CHAT: (
        SYSTEM,
        Target(name="history", is_column=True),
        Target(name="user", may_repeat=True),
        Target(name="assistant", may_repeat=True),
        Target(name="messages", is_column=True),
        Target(name="tools", is_column=True),
    ),
    RowKind.TEXT: (Target(name="text", is_required=True),),
    RowKind.PREFERENCE: (
        SYSTEM,
        Target(name="prompt"),
        Target(name="chosen", is_required=True),
        Target(name="rejected", is_required=True),
    ),
    RowKind.RATED: (
        SYSTEM,
        Target(name="prompt"),
        Target(name="completion", is_required=True),
        Target(name="liked", is_required=True),
    ),
    RowKind.LABEL: (
        Target(name="text"),
        Target(name="image"),
        Target(name="label", is_required=True),
    ),
}
"""What a row of each kind is made of, in the order in which it is shown."""


class SavedMapping(msgspec.Struct, frozen=True, kw_only=True):
    """A mapping that a person gave a name, to use it again.

    Attributes:
        schema_version: Version of this document.
        name: Name for people.
        columns: Names of the columns of the file it was made for, in lower case, sorted.
        mapping: What it says.
        saved_at: UTC, ISO 8601.
    """

    schema_version: int = SCHEMA_VERSION
    name: str
    columns: tuple[str, ...]
    mapping: Mapping
    saved_at: str


def kind_of_targets(names: Sequence[str]) -> RowKind | None:
    """Return the first kind that has all of these targets, or None."""
    for kind, targets in TARGETS.items():
        known = {one.name for one in targets}
        required = {one.name for one in targets if one.is_required}
        if required <= set(names) <= known:
            return kind
    return None


def problems_of_mapping(mapping: Mapping, columns: Collection[str] = ()) -> list[Problem]:
    """Return everything that is wrong with a mapping.

    The `field` of a problem is the number of its part, from 0, or empty for the whole.

    Args:
        mapping: The mapping.
        columns: Names of the columns of the file; where given, there is a warning of others.
    """
    names = [one.target for one in mapping.parts]
    found = _problems_of_targets(mapping.kind, names)
    known = {one.name: one for one in TARGETS[mapping.kind]}
    lower = {one.lower() for one in columns}
    taken: list[ColumnPath] = []
    for number, part in enumerate(mapping.parts[:MOST_PARTS]):
        target = known.get(part.target)
        if target is None:
            continue
        try:
            expression = parse(part.value)
        except ExpressionFault as fault:
            found.append(_error(str(number), "bad_expression", str(fault)))
            continue
        taken += expression.columns
        found += _problems_of_part(str(number), target, expression, lower)
    if not taken and not found:
        found.append(
            _error("", "no_column", _("No column is taken, so that all rows would be the same."))
        )
    return found


def _error(field: str, code: str, message: str, remedy: str = "") -> Problem:
    return Problem(field=field, severity=Severity.ERROR, code=code, message=message, remedy=remedy)


def _problems_of_targets(kind: RowKind, names: list[str]) -> list[Problem]:
    """Return what is wrong with the choice of targets."""
    found: list[Problem] = []
    targets = {one.name: one for one in TARGETS[kind]}
    if len(names) > MOST_PARTS:
        message = _("A mapping has at most {count} parts.").format(count=MOST_PARTS)
        found.append(_error("", "too_many_parts", message))
    for number, name in enumerate(names[:MOST_PARTS]):
        if name not in targets:
            message = _("Rows of this kind have no part {name}.").format(name=name)
            remedy = _("They have: {names}.").format(names=", ".join(targets))
            found.append(_error(str(number), "unknown_target", message, remedy))
        elif name in names[:number] and not targets[name].may_repeat:
            message = _("The part {name} is there twice.").format(name=name)
            found.append(_error(str(number), "repeated_target", message))
    found += [
        _error("", "missing_target", _("The part {name} is missing.").format(name=one.name))
        for one in TARGETS[kind]
        if one.is_required and one.name not in names
    ]
    return found + _problems_of_choice(kind, set(names))


def _problems_of_choice(kind: RowKind, names: set[str]) -> list[Problem]:
    """Return where one of several parts is needed, or two exclude each other."""
    if kind is RowKind.CHAT:
        turns = names & {"user", "assistant", "history"}
        if "messages" in names and turns:
            return [
                _error(
                    "",
                    "conflicting_targets",
                    _("Messages are whole conversations, so no turns can stand beside them."),
                )
            ]
        if "messages" not in names and "assistant" not in names:
            message = _("No part is what the assistant says, so nothing could be learnt.")
            return [_error("", "missing_target", message)]
    if kind is RowKind.LABEL and len(names & {"text", "image"}) != 1:
        message = _("Either a text or the path of a picture is needed, and not both.")
        return [_error("", "conflicting_targets", message)]
    return []


def _problems_of_part(
    number: str, target: Target, expression: Expression, columns: set[str]
) -> list[Problem]:
    constant = expression.constant
    if constant is not None and not constant.strip():
        return [_error(number, "empty_value", _("Nothing is said of {name}.").format(
            name=target.name))]  # fmt: skip
    if constant is not None and constant.strip().lower() in columns:
        message = _("“{name}” is the name of a column.").format(name=constant.strip())
        remedy = _("Write {column} to take its values.").format(column="{" + constant.strip() + "}")
        return [_error(number, "column_meant", message, remedy)]
    if target.is_column and expression.column is None:
        message = _("The part {name} can only be a column.").format(name=target.name)
        return [_error(number, "column_needed", message)]
    if not columns:
        return []
    return [
        Problem(
            field=number,
            severity=Severity.WARNING,
            code="unknown_column",
            message=_("None of the first rows has a column {name}.").format(name=one.steps[0]),
            remedy=_("The columns are: {names}.").format(
                names=", ".join(sorted(columns)[:NAMED_COLUMNS])
            ),
        )
        for one in expression.columns
        if str(one.steps[0]).lower() not in columns and one.text.lower() not in columns
    ]


class ColumnInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A column of a file, or a place in its values, as the first rows show it.

    Attributes:
        expression: How a mapping takes it, e.g. `{user.name}`.
        depth: 0 for a column, more for a place in one.
        types: What its values are: `text`, `number`, `boolean`, `list`, `object`; sorted.
        examples: Starts of its first different values, on one line each.
        filled: How many of the rows that were looked at hold something there.
    """

    expression: str
    depth: int
    types: tuple[str, ...]
    examples: tuple[str, ...]
    filled: int
