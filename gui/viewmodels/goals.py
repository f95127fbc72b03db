# SPDX-License-Identifier: Apache-2.0
"""Goals and advice of the page Train: what each would change, before it is taken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from gettext import gettext as _
from typing import TYPE_CHECKING, Any

import msgspec

from engine.domain.plan import LearningAdvice
from gui.viewmodels import numbers
from gui.viewmodels.settings_form import setting_views, value_words
from gui.viewmodels.train import Draft, passes_words

if TYPE_CHECKING:
    from engine.api.presets import Preset


def offered_goals(presets: Sequence[Preset], *, is_starter: bool) -> tuple[Preset, ...]:
    """Return the presets that suit the chosen model: some are made for the starter model alone."""
    return tuple(one for one in presets if is_starter or not one.starter_only)


def changes_of(before: Draft, after: Draft) -> tuple[str, ...]:
    """Return what differs between the settings of two drafts: `Rank 16 → 64`."""
    old, new = before.effective, after.effective
    return tuple(
        # The hard spaces keep both values on one line.
        _("{name} {before}\u00a0→\u00a0{after}").format(
            name=_short_names().get(one.key, one.title),
            before=value_words(one, old[one.key]),
            after=value_words(one, new[one.key]),
        )
        for one in setting_views()
        if old[one.key] != new[one.key]
    )


def _short_names() -> dict[str, str]:
    """Return short names of fields whose plain name is long for a card."""
    return {"epochs": _("Passes"), "max_length": _("Length"), "eval_rows": _("Held-out rows")}


def goal_notes(draft: Draft, presets: Sequence[Preset]) -> dict[str, str]:
    """Return what each goal would change of the present settings, by its key."""
    return {one.id: _goal_note(draft, one) for one in presets}


def _goal_note(draft: Draft, preset: Preset) -> str:
    changes = changes_of(draft, draft.with_preset(preset))
    if changes:
        return ", ".join(changes)
    return "" if draft.preset == preset.id else _("Changes nothing")


def taken_words(title: str, changes: Sequence[str]) -> str:
    """Return what was done, for the note that offers the way back."""
    if not changes:
        return _("{goal}: nothing changed").format(goal=title)
    return _("{goal}: {changes}").format(goal=title, changes=", ".join(changes))


class AdviceView(msgspec.Struct, frozen=True, kw_only=True):
    """Advice that differs from the present values.

    Attributes:
        text: What is usual, and for what.
        reason: Why.
        values: Fields to set.
        button: Word on what sets them.
    """

    text: str
    reason: str
    values: Mapping[str, Any]
    button: str


def advice_view(draft: Draft, advice: LearningAdvice | None) -> AdviceView | None:
    """Return the advice on passes and rate in one sentence, or None where the draft follows it."""
    if advice is None:
        return None
    values = _advised(draft, advice)
    if not values:
        return None
    words = {"epochs": passes_words(advice.epochs), "learning_rate": _rate_words(advice)}
    return AdviceView(
        text=_("Usual for {rows} rows: {values}").format(
            rows=numbers.count(advice.rows), values=", ".join(words[name] for name in values)
        ),
        reason=f"{advice.epochs_reason} {advice.rate_reason}",
        values=values,
        button=_("Take it"),
    )


def field_advice(draft: Draft, advice: LearningAdvice | None) -> dict[str, AdviceView]:
    """Return the advice beside each field whose value differs from it."""
    if advice is None:
        return {}
    rows = numbers.count(advice.rows)
    shown = {
        "epochs": (passes_words(advice.epochs), advice.epochs_reason),
        "learning_rate": (numbers.learning_rate(advice.learning_rate), advice.rate_reason),
    }
    return {
        name: AdviceView(
            text=_("For {rows} rows: {value}").format(rows=rows, value=shown[name][0]),
            reason=shown[name][1],
            values={name: value},
            button=_("Take it"),
        )
        for name, value in _advised(draft, advice).items()
    }


def _advised(draft: Draft, advice: LearningAdvice) -> dict[str, float]:
    """Return the advised values that differ from those of the draft."""
    usual = {"epochs": advice.epochs, "learning_rate": advice.learning_rate}
    values = draft.effective
    if values["max_steps"]:
        # The step limit ends the run, so that the passes decide nothing.
        del usual["epochs"]
    return {name: value for name, value in usual.items() if values[name] != value}


def _rate_words(advice: LearningAdvice) -> str:
    return _("learning rate {rate}").format(rate=numbers.learning_rate(advice.learning_rate))
