# SPDX-License-Identifier: Apache-2.0
"""The form of all settings, made from the recipe's fields alone."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from gettext import gettext as _
from gettext import ngettext
from typing import Any

import msgspec

from engine.domain.plan import Plan
from engine.domain.recipe_choices import Device
from engine.domain.recipe_field import Group, RecipeField
from engine.domain.recipe_values import problems_of
from gui.viewmodels import numbers
from gui.viewmodels.train import Draft, form_fields

ALL, CHANGED = "all", "changed"
_PROCESSES, _CARDS = "processes", "cards"
_NO_LIMIT = 10.0**12
_LONGEST_UNIT = 8
"""Letters that fit beside a number in its field; a longer unit is named by the title anyway."""


class SettingView(msgspec.Struct, frozen=True, kw_only=True):
    """One setting.

    Attributes:
        key: Name of the recipe field.
        title: Plain name.
        why: What it is, what it does to quality or speed, and what it does to memory.
        group: Key of its section.
        editor: `number`, `choice`, `switch` or `text`.
        unit: Word behind a number.
        low, high: Limits of a number.
        decimals: Places behind the point of a number; 0 takes whole numbers only.
        step: What one press of an arrow key adds.
        scale: What a value is multiplied with to be shown: 100 for a share in percent.
        choices: Keys and words of a choice.
        is_rare: Few people need it, so that it is folded away at first.
    """

    key: str
    title: str
    why: str
    group: str
    editor: str
    unit: str = ""
    low: float = -_NO_LIMIT
    high: float = _NO_LIMIT
    decimals: int = 0
    step: float = 1
    scale: float = 1
    choices: tuple[tuple[str, str], ...] = ()
    is_rare: bool = False


@cache
def setting_views() -> tuple[SettingView, ...]:
    """Return every setting in the order of the form."""
    return tuple(_view(one) for one in form_fields())


def _view(field: RecipeField) -> SettingView:
    editors = {"bool": "switch", "choice": "choice", "str": "text"}
    editor = editors.get(field.type, "number")
    is_share = field.name.endswith("_ratio")
    scale = 100.0 if is_share else 1.0
    smallest = 1e-8 if field.low_excluded and field.type == "float" else 0.0
    low = field.low if field.low is not None else -_NO_LIMIT
    high = field.high if field.high is not None else _NO_LIMIT
    return SettingView(
        key=field.name,
        title=field.title,
        why=field.explanation,
        group=field.group.value,
        editor=editor,
        unit="%" if is_share else field.unit if len(field.unit) <= _LONGEST_UNIT else "",
        low=scale * low + smallest,
        high=scale * high,
        decimals=8 if field.type == "float" else 0,
        step=scale * _step(field),
        scale=scale,
        choices=tuple((one, choice_words(one)) for one in field.choices),
        is_rare=field.is_rare,
    )


def _step(field: RecipeField) -> float:
    """Return a step that suits the usual size of the value."""
    if field.type != "float":
        return 1
    return {"learning_rate": 1e-5, "checkpoint_every_s": 60.0}.get(
        field.name, 0.01 if field.high is not None and field.high <= 1 else 1.0
    )


def choice_words(value: str) -> str:
    """Return the word for a value of a choice."""
    words = {
        "auto": _("Automatic"),
        "cosine": _("Cosine"),
        "linear": _("Straight"),
        "constant": _("Constant"),
        "stable_decay": _("Level, then fall"),
        "bf16": _("bf16"),
        "fp32": _("fp32"),
        "adamw": _("AdamW, 32 bits"),
        "adamw_8bit": _("AdamW, 8 bits"),
        "paged_adamw_8bit": _("AdamW, 8 bits, paged"),
        "all": _("All"),
        "attention": _("Attention"),
        "mlp": _("MLP"),
        "cpu": _("Processor"),
        "cuda": _("Graphics card"),
    }
    return words.get(value, value)


def value_words(setting: SettingView, value: Any) -> str:
    """Return a value as text, without its unit."""
    if _is_unlimited(setting, value):
        return _("none")
    if setting.editor == "switch":
        return _("on") if value else _("off")
    if setting.editor == "choice":
        return choice_words(str(value))
    if setting.editor == "text":
        return str(value) or _("none")
    if not setting.decimals:
        return numbers.count(int(value))
    return numbers.plain(round(float(value) * setting.scale, 10))


def unit_words(setting: SettingView, value: Any) -> str:
    """Return the unit behind such a value; "none" has no unit."""
    return "" if _is_unlimited(setting, value) else setting.unit


def _is_unlimited(setting: SettingView, value: Any) -> bool:
    return setting.key == "max_steps" and value == 0


def shown_number(setting: SettingView, value: float) -> float:
    """Return a value of the recipe as its field shows it."""
    return round(value * setting.scale, 10)


def meant_number(setting: SettingView, shown: float) -> int | float:
    """Return the value of the recipe that a shown number means."""
    return round(shown / setting.scale, 12) if setting.decimals else round(shown)


def group_titles() -> dict[str, str]:
    """Return the titles of the sections, in order."""
    titles = {
        Group.LEARNING: _("Learning"),
        Group.ADAPTER: _("Adapter"),
        Group.ROWS: _("Rows and length"),
        Group.MEMORY: _("Memory and speed"),
        Group.CHECKS: _("Checks"),
        Group.CHECKPOINTS: _("Checkpoints"),
        Group.REPEATABILITY: _("Repeatability"),
    }
    return {one.value: titles[one] for one in Group}


def hidden_keys(draft: Draft, plan: Plan | None) -> frozenset[str]:
    """Return the settings that are of no use here: those of several cards, where there is one.

    They are shown where the plan speaks of them, and once changed; several processes also on a
    processor that was chosen.
    """
    offered = set(plan.decisions) if plan is not None else set[str]()
    chosen = {_PROCESSES} if draft.effective["device"] == Device.CPU.value else set[str]()
    return frozenset({_PROCESSES, _CARDS} - offered - chosen - draft.changed)


def categories(
    changed: frozenset[str], hidden: frozenset[str] = frozenset()
) -> tuple[tuple[str, str, int], ...]:
    """Return the list beside the form: key, word and count; a key "" is a gap."""
    settings = [one for one in setting_views() if one.key not in hidden]
    groups = [
        (key, title, sum(one.group == key for one in settings))
        for key, title in group_titles().items()
    ]
    return (
        (ALL, _("All"), len(settings)),
        (CHANGED, _("Changed"), len(changed)),
        ("", "", 0),
        *groups,
    )


def shown_keys(
    category: str, changed: frozenset[str], hidden: frozenset[str] = frozenset()
) -> frozenset[str]:
    """Return the settings that belong to a category."""
    found = frozenset(
        one.key
        for one in setting_views()
        if category in (ALL, one.group) or (category == CHANGED and one.key in changed)
    )
    return found - hidden


def folded_keys(
    category: str, changed: frozenset[str], hidden: frozenset[str] = frozenset()
) -> frozenset[str]:
    """Return those of them that are folded away at first: rare ones that nobody changed."""
    return frozenset(
        one.key
        for one in setting_views()
        if one.is_rare and one.key in shown_keys(category, changed, hidden) - changed
    )


def fold_words(count: int, *, is_open: bool) -> str:
    """Return the word on what shows or hides so many rare settings."""
    if is_open:
        return _("Fewer settings")
    return ngettext("{count} more setting", "{count} more settings", count).format(count=count)


def count_words(changed: int, hidden: frozenset[str] = frozenset()) -> str:
    """Return how many settings there are, and how many were changed."""
    total = len(setting_views()) - len(hidden)
    return ngettext(
        "{total} settings, {count} changed by you",
        "{total} settings, {count} changed by you",
        changed,
    ).format(total=total, count=changed)


def summary(values: Mapping[str, Any]) -> str:
    """Return the settings that experts look at first, in one line."""
    return _("Rank {rank} · learning rate {rate} · {rows} rows per step · length {length}").format(
        rank=values["lora_rank"],
        rate=numbers.plain(values["learning_rate"]),
        rows=values["effective_batch_size"],
        length=numbers.count(values["max_length"]),
    )


def value_errors(draft: Draft) -> dict[str, str]:
    """Return what is wrong with the values that a person set, by field."""
    return {one.field: one.message for one in problems_of(dict(draft.values))}


def effect_words(plan: Plan, without: Plan) -> str:
    """Return what a changed setting changes in the plan, against its suggested value."""
    steps = plan.total_steps - without.total_steps
    memory = plan.memory.high_bytes - without.memory.high_bytes
    parts: list[str] = []
    if steps:
        parts.append(
            ngettext("{sign}{count} step", "{sign}{count} steps", abs(steps)).format(
                sign="+ " if steps > 0 else "− ", count=numbers.count(abs(steps))
            )
        )
    if abs(memory) >= 2**20:
        parts.append(("+ " if memory > 0 else "− ") + numbers.memory(abs(memory)))
    return ", ".join(parts) if parts else _("none")
