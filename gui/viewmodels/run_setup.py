# SPDX-License-Identifier: Apache-2.0
"""The setup of a run as values: its recipe, what Burnish chose and why, what computed it."""

from __future__ import annotations

from gettext import gettext as _
from typing import TYPE_CHECKING, Any

import msgspec

from engine.domain.recipe import Recipe
from gui.viewmodels import numbers
from gui.viewmodels.continuing import descent_words
from gui.viewmodels.settings_form import (
    SettingView,
    choice_words,
    group_titles,
    setting_views,
    unit_words,
    value_words,
)
from gui.viewmodels.trace import RunTrace
from gui.viewmodels.train import values_of

if TYPE_CHECKING:
    from engine.api.runs import RunView


class SetupLine(msgspec.Struct, frozen=True, kw_only=True):
    """A name with its value; a reason where Burnish chose it."""

    name: str
    value: str
    unit: str = ""
    reason: str = ""


class SetupPart(msgspec.Struct, frozen=True, kw_only=True):
    """A titled part of the setup."""

    title: str
    lines: tuple[SetupLine, ...]


def setup_parts(run: RunView, trace: RunTrace) -> tuple[SetupPart, ...]:
    """Return the whole recipe, the automatic choices with their reasons, and the versions."""
    parts = [SetupPart(title=_("What was trained"), lines=_subject_lines(run, trace))]
    if trace.decisions:
        chosen = tuple(
            SetupLine(name=decision_words(name), value=_chosen_words(one.value), reason=one.reason)
            for name, one in trace.decisions.items()
        )
        parts.append(SetupPart(title=_("What Burnish chose"), lines=chosen))
    parts += _recipe_parts(run.recipe)
    if trace.versions:
        lines = tuple(SetupLine(name=name, value=one) for name, one in trace.versions.items())
        parts.append(SetupPart(title=_("What computed it"), lines=lines))
    return tuple(parts)


def _subject_lines(run: RunView, trace: RunTrace) -> tuple[SetupLine, ...]:
    lines = [
        SetupLine(name=_("Base model"), value=run.model_name),
        SetupLine(name=_("Dataset"), value=run.dataset_name),
    ]
    lines += [
        SetupLine(
            name=_("Goes on with"),
            value=words,
            reason=_("It learned from {data}.").format(data=data) if data else "",
        )
        for words, data in descent_words(run.descent)
    ]
    if trace.plan is not None:
        plan = trace.plan
        lines += [
            SetupLine(name=_("Trained examples"), value=numbers.count(plan.train_examples)),
            SetupLine(name=_("Held-out examples"), value=numbers.count(plan.eval_examples)),
            SetupLine(name=_("Trained tokens per pass"), value=numbers.count(plan.trained_tokens)),
            SetupLine(name=_("Rows cut at the length"), value=numbers.count(plan.truncated_rows)),
            SetupLine(name=_("Rows left out"), value=numbers.count(plan.skipped_rows)),
        ]
    return tuple(lines)


def _recipe_parts(recipe: Recipe) -> list[SetupPart]:
    values = values_of(recipe)
    return [
        SetupPart(
            title=title,
            lines=tuple(
                _setting_line(one, values[one.key]) for one in setting_views() if one.group == key
            ),
        )
        for key, title in group_titles().items()
    ]


def _setting_line(setting: SettingView, value: Any) -> SetupLine:
    words, unit = value_words(setting, value), unit_words(setting, value)
    return SetupLine(name=setting.title, value=words, unit=unit)


def _chosen_words(value: object) -> str:
    if isinstance(value, bool):
        return _("on") if value else _("off")
    return choice_words(str(value))


def decision_words(name: str) -> str:
    """Return the plain name of an automatic choice."""
    known = {
        "device": _("Device"),
        "dtype": _("Number format"),
        "compute_dtype": _("Number format"),
        "attention": _("Attention"),
        "optimizer": _("Optimizer"),
        "targets": _("Adapted layers"),
        "threads": _("Processor threads"),
        "micro_batch_size": _("Sequences at once"),
        "gradient_checkpointing": _("Recompute instead of store"),
        "start": _("Goes on with"),
        "adapter_shape": _("Shape of the adapter"),
        "uncheckpointed_layers": _("Layers to store"),
        "activation_offload": _("Keep layer inputs in main memory"),
        "tokens_at_once": _("Tokens at once"),
        "kernels": _("Fast kernels"),
        "compile_layers": _("Compile the layers"),
    }
    return known.get(name, name.replace("_", " ").capitalize())
