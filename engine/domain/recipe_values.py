# SPDX-License-Identifier: Apache-2.0
"""Values that somebody wants to give a recipe: from text, and whether they are possible."""

from __future__ import annotations

from gettext import gettext as _
from typing import Any

import msgspec

from engine.domain.problem import Problem, Severity
from engine.domain.recipe import Recipe, recipe_fields


def problems_of(values: dict[str, Any]) -> list[Problem]:
    """Check values by name against the recipe's fields; return every problem at once.

    Unknown names, wrong types and values out of limits are errors. The result is empty when
    `msgspec.convert(values, Recipe)` would succeed for these names.
    """
    known = {field.name: field for field in msgspec.structs.fields(Recipe)}
    problems: list[Problem] = []
    for name, value in values.items():
        field = known.get(name)
        if field is None:
            problems.append(_unknown(name, tuple(known)))
            continue
        try:
            msgspec.convert(value, field.type)
        except msgspec.ValidationError as error:
            is_form = "matching regex" in str(error)
            why = _("write it as q_proj=8, down_proj=32") if is_form else str(error)
            problems.append(_impossible(name, value, why))
    return problems


def _unknown(name: str, known: tuple[str, ...]) -> Problem:
    from difflib import get_close_matches

    near = get_close_matches(name, known, n=1)
    return Problem(
        field=name,
        severity=Severity.ERROR,
        code="field_unknown",
        message=_("There is no setting named {name}.").format(name=name),
        remedy=_("Did you mean {near}?").format(near=near[0]) if near else "",
    )


def _impossible(name: str, value: object, why: str) -> Problem:
    return Problem(
        field=name,
        severity=Severity.ERROR,
        code="value_impossible",
        message=_("{name} cannot be {value}: {why}.").format(name=name, value=value, why=why),
        remedy=_("Give a value within the limits."),
    )


def from_text(name: str, text: str) -> Any:
    """Read a `--set name=text` value into the type of its field.

    Raises:
        ValueError: The text is not of that type.
    """
    field = next((one for one in recipe_fields() if one.name == name), None)
    if field is None or field.type in ("choice", "str"):
        return text
    if field.type == "bool":
        return {"true": True, "false": False, "1": True, "0": False, "on": True, "off": False}[
            text.strip().lower()
        ]
    return int(text) if field.type == "int" else float(text)
