# SPDX-License-Identifier: Apache-2.0
"""A mapping applied to the records of a file: each becomes a row, or is refused with a reason."""

from __future__ import annotations

from collections.abc import Mapping as Fields
from gettext import gettext as _text
from typing import cast

import msgspec

from engine.domain.dataset import ChatRow, LabelRow, Role, Row, RowKind, TextRow, Turn
from engine.domain.expression import ColumnPath, Expression, parse
from engine.domain.mapping import Mapping, problems_of_mapping
from engine.domain.problem import errors_of
from engine.errors import WrongUsage
from engine.formats.classes import image_of, label_of, liked_of
from engine.formats.format import RECORD_CAP_BYTES
from engine.formats.json_value import decode_value
from engine.formats.plain_chat import PlainChat
from engine.formats.refusal import (
    RefusedRecord,
    empty_text,
    nul_character,
    too_long,
    wrong_type,
)
from engine.formats.shapes import turns_of_pairs
from engine.formats.sides import Turns, preference_of, rated_of, side_of, told
from engine.formats.turns import (
    check_conversation,
    conversation_of,
    filled_text,
    json_list,
    list_of,
)
from engine.formats.wording import translated as _

SHAPE = "mapping"
_ROLES = {"user": Role.USER, "assistant": Role.ASSISTANT}


class Mapper:
    """Makes rows of records by one mapping."""

    def __init__(self, mapping: Mapping) -> None:
        """Read the expressions once.

        Raises:
            WrongUsage: The mapping cannot be used; the message names every problem.
        """
        problems = errors_of(problems_of_mapping(mapping))
        if problems:
            raise WrongUsage(
                _text("The mapping cannot be used. {problems}").format(
                    problems=" ".join(one.message for one in problems)
                ),
                remedy=next((one.remedy for one in problems if one.remedy), None),
            )
        self.mapping = mapping
        self._parts = [(one.target, parse(one.value)) for one in mapping.parts]
        self._by_target = dict(self._parts)
        self._used = {
            name
            for _target, one in self._parts
            for path in one.columns
            for name in (path.text.lower(), *(_only_name(path)))
        }
        self._make = {
            RowKind.CHAT: self._chat,
            RowKind.TEXT: self._plain_text,
            RowKind.PREFERENCE: self._preference,
            RowKind.RATED: self._rated,
            RowKind.LABEL: self._labelled,
        }[mapping.kind]

    def make(self, value: object) -> tuple[str, Row]:
        """Return the row that a record becomes, with the name `mapping` for its shape.

        Raises:
            RefusedRecord: A column is missing, holds nothing, or something that does not fit.
        """
        return SHAPE, self._make(record_of(value))

    def others(self, value: object) -> str | None:
        """Return the columns that the mapping does not take, as a JSON object."""
        record = record_of(value)
        rest = {
            name: one
            for name, one in record.items()
            if one is not None and str(name).lower() not in self._used
        }
        return msgspec.json.encode(rest, enc_hook=str).decode() if rest else None

    # --- kinds ----------------------------------------------------------------------------------

    def _chat(self, record: Fields[str, object]) -> Row:
        system, tools = self._optional("system", record), None
        if "tools" in self._by_target:
            tools = json_list(_value(self._by_target["tools"], record), "tools")
        if "messages" in self._by_target:
            items = list_of(_value(self._by_target["messages"], record))
            if items is None:
                raise wrong_type("messages", _("a list of messages"))
            return ChatRow(messages=conversation_of(items, system), tools=tools)
        turns: list[Turn] = []
        for target, expression in self._parts:
            if target == "history":
                turns += turns_of_pairs(_value(expression, record))
            elif target in _ROLES:
                turns += _side(expression, record, target, _ROLES[target])
        told_turns = told(system, tuple(turns))
        check_conversation(told_turns)
        return ChatRow(messages=told_turns, tools=tools)

    def _plain_text(self, record: Fields[str, object]) -> Row:
        return TextRow(text=_filled(self._by_target["text"], record, "text"))

    def _preference(self, record: Fields[str, object]) -> Row:
        good, bad = (_value(self._by_target[one], record) for one in ("chosen", "rejected"))
        return preference_of(self._prompt(record), ("chosen", good), ("rejected", bad))

    def _rated(self, record: Fields[str, object]) -> Row:
        completion = _side(self._by_target["completion"], record, "completion", Role.ASSISTANT)
        is_liked = liked_of(_value(self._by_target["liked"], record), "liked")
        return rated_of(self._prompt(record), completion, is_liked=is_liked)

    def _labelled(self, record: Fields[str, object]) -> Row:
        label = label_of(_value(self._by_target["label"], record), "label")
        if "text" in self._by_target:
            return LabelRow(label=label, text=_filled(self._by_target["text"], record, "text"))
        return LabelRow(
            label=label, image=image_of(_value(self._by_target["image"], record), "image")
        )

    def _prompt(self, record: Fields[str, object]) -> Turns:
        expression = self._by_target.get("prompt")
        if expression is None:
            return ()
        prompt = _side(expression, record, "prompt", Role.USER)
        return told(self._optional("system", record), prompt)

    def _optional(self, target: str, record: Fields[str, object]) -> str:
        expression = self._by_target.get(target)
        return "" if expression is None else _rendered(expression, record)


def _only_name(path: ColumnPath) -> tuple[str, ...]:
    """Return the name of a column that is taken as a whole."""
    return (str(path.steps[0]).lower(),) if len(path.steps) == 1 else ()


def record_of(value: object) -> Fields[str, object]:
    """Return a record with its fields by name; a bare list is one of messages.

    Raises:
        RefusedRecord: It has no named fields.
    """
    if isinstance(value, PlainChat | TextRow):
        plain: dict[str, object] = msgspec.to_builtins(value)
        return {name: one for name, one in plain.items() if name != "type"}
    if isinstance(value, list):
        return {"messages": cast("object", value)}
    if not isinstance(value, dict):
        raise RefusedRecord("not_an_object", _("This is not an object with named fields."))
    return cast("dict[str, object]", value)


def _side(expression: Expression, record: Fields[str, object], name: str, role: Role) -> Turns:
    value = _value(expression, record)
    if isinstance(value, list | dict):
        return side_of(cast("object", value), name, role)
    text = _as_text(value, name)
    return side_of(text, name, role) if text.strip() else _nothing(name)


def _nothing(name: str) -> Turns:
    raise empty_text(name)


def _filled(expression: Expression, record: Fields[str, object], name: str) -> str:
    return filled_text(_rendered(expression, record), name)


def _value(expression: Expression, record: Fields[str, object]) -> object:
    """Return the value of a column as it is, or the text of any other expression."""
    path = expression.column
    return _rendered(expression, record) if path is None else value_at(record, path)


def _rendered(expression: Expression, record: Fields[str, object]) -> str:
    """Return the text of an expression; columns put among texts lose blanks at both ends."""
    path = expression.column
    if path is not None:
        return _as_text(value_at(record, path), path.text)
    parts: list[str] = []
    length = 0
    for piece in expression.pieces:
        text = piece if isinstance(piece, str) else _as_text(value_at(record, piece), piece.text)
        length += len(text)
        if length > RECORD_CAP_BYTES:
            raise too_long()
        parts.append(text)
    return "".join(parts).strip() if expression.columns else "".join(parts)


def _as_text(value: object, name: str) -> str:
    """Return a value as text: an empty one as nothing, numbers and dates as they are written."""
    if value is None:
        return ""
    if isinstance(value, str):
        if "\0" in value:
            raise nul_character()
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | dict | bytes):
        raise wrong_type(name, _("text or a number"))
    return str(value)


def value_at(record: Fields[str, object], path: ColumnPath) -> object:
    """Return what stands at a path; None where a value on the way is null.

    Raises:
        RefusedRecord: A name or a position is not there (`missing_column`).
    """
    if len(path.steps) > 1:
        for name in (path.text, path.text.lower()):
            if name in record:
                return record[name]
    value: object = record
    for step in path.steps:
        if value is None:
            return None
        value = _inner(value, step, path)
    return value


def _inner(value: object, step: str | int, path: ColumnPath) -> object:
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        # Tables hold objects and lists as JSON text.
        value = decode_value(value.encode("utf-8", errors="replace"))
    if isinstance(step, int):
        items = cast("list[object]", value) if isinstance(value, list) else []
        if step < len(items):
            return items[step]
        raise _missing(path)
    if not isinstance(value, dict):
        raise _missing(path)
    fields = cast("dict[str, object]", value)
    if step in fields:
        return fields[step]
    lower = step.lower()
    for name, one in fields.items():
        if str(name).lower() == lower:
            return one
    raise _missing(path)


def _missing(path: ColumnPath) -> RefusedRecord:
    return RefusedRecord(
        "missing_column", _("This has no column {name}.").format(name=path.text[:80])
    )
