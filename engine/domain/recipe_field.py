# SPDX-License-Identifier: Apache-2.0
"""What is said of a recipe's field: the one place that the form, `--set` and the docs read."""

from __future__ import annotations

from enum import StrEnum
from gettext import gettext as _
from typing import Any, TypedDict, Unpack

import msgspec
from msgspec import Meta

NO_MEMORY = "No effect on memory."
"""The second sentence of a field that changes nothing about memory."""


class Group(StrEnum):
    """Sections of the settings form, in order."""

    LEARNING = "learning"
    ADAPTER = "adapter"
    ROWS = "rows"
    MEMORY = "memory"
    CHECKS = "checks"
    CHECKPOINTS = "checkpoints"
    REPEATABILITY = "repeatability"


class Limits(TypedDict, total=False):
    """What the values of a field may be: from `ge` or above `gt`, up to `le`."""

    ge: float
    gt: float
    le: float


class Form(TypedDict, total=False):
    """What a text must look like: a regular expression, and its greatest length."""

    pattern: str
    max_length: int


def about_text(title: str, why: str, group: Group, *, memory: str, **form: Unpack[Form]) -> Meta:
    """Describe a field of the recipe that is a text; few people need it.

    Args:
        title: Plain name.
        why: One short sentence: what it is, and what it does to quality or speed.
        group: Section of the form.
        memory: One short sentence on its effect on memory.
        form: What the text must look like.
    """
    extra = {"group": group.value, "unit": "", "memory": memory, "rare": True}
    return Meta(title=title, description=why, extra=extra, **form)


def about(
    title: str,
    why: str,
    group: Group,
    unit: str = "",
    *,
    memory: str = "",
    rare: bool = False,
    **limits: Unpack[Limits],
) -> Meta:
    """Describe a field of the recipe; a contract test asks both sentences of every field.

    Args:
        title: Plain name.
        why: One short sentence: what it is, and what it does to quality or speed.
        group: Section of the form.
        unit: Word behind the value, may be empty.
        memory: One short sentence on its effect on memory; `NO_MEMORY` where it has none.
        rare: Few people need it; the form shows it under "More settings".
        limits: What its values may be.
    """
    extra = {"group": group.value, "unit": unit, "memory": memory, "rare": rare}
    low, above, high = limits.get("ge"), limits.get("gt"), limits.get("le")
    if above is not None:
        return Meta(title=title, description=why, extra=extra, gt=above, le=high)
    return Meta(title=title, description=why, extra=extra, ge=low, le=high)


class RecipeField(msgspec.Struct, frozen=True, kw_only=True):
    """What a form or a command line needs to know of one recipe field.

    Attributes:
        name: Key in the recipe and for `--set`.
        title: Plain name.
        why: One sentence: what it is, and what it does to quality or speed.
        memory: One sentence: what it does to memory.
        group: Section of the form.
        is_rare: Few people need it.
        unit: Word behind the value, may be empty.
        type: `int`, `float`, `bool`, `choice` or `str`.
        choices: Values of a choice, else empty.
        low: Lowest value, or None.
        high: Highest value, or None.
        low_excluded: `low` itself is not allowed.
        default: Value when nothing is said.
    """

    name: str
    title: str
    why: str
    memory: str
    group: Group
    is_rare: bool
    unit: str
    type: str
    choices: tuple[str, ...]
    low: float | None
    high: float | None
    low_excluded: bool
    default: Any

    @property
    def explanation(self) -> str:
        """Return both sentences."""
        return f"{self.why} {self.memory}".strip()


def describe(name: str, kind: type[Any], meta: Meta, default: Any) -> RecipeField:
    """Return what `about` said of a field, translated.

    Args:
        name: Key in the recipe.
        kind: Type of its values without their limits.
        meta: What `about` returned.
        default: Value when nothing is said.
    """
    is_choice = issubclass(kind, StrEnum)
    extra = meta.extra or {}
    return RecipeField(
        name=name,
        title=_(meta.title or name),
        why=_(meta.description or ""),
        memory=_(extra["memory"]) if extra["memory"] else "",
        group=Group(extra["group"]),
        is_rare=extra["rare"],
        unit=_(extra["unit"]) if extra["unit"] else "",
        type="choice" if is_choice else kind.__name__,
        choices=tuple(one.value for one in kind) if is_choice else (),
        low=meta.gt if meta.gt is not None else meta.ge,
        high=meta.le,
        low_excluded=meta.gt is not None,
        default=default.value if is_choice else default,
    )
