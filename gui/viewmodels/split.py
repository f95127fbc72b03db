# SPDX-License-Identifier: Apache-2.0
"""How a dataset is split, and the draft of another split."""

from __future__ import annotations

from collections.abc import Sequence
from gettext import gettext as _

import msgspec

from engine.domain.dataset import DatasetInfo
from engine.domain.split import SplitBy, SplitRule, problems_of_rule
from engine.domain.version import Action, VersionInfo
from gui.viewmodels import numbers

TAG = "tag"
NAMED = (SplitBy.GROUP, SplitBy.STRATUM, SplitBy.TIME)
"""Rules that need a field of the rows."""


def rule_choices() -> tuple[tuple[str, str], ...]:
    """Return the rules, each with its name."""
    return (
        (SplitBy.CONTENT.value, _("By content")),
        (SplitBy.GROUP.value, _("Keep groups together")),
        (SplitBy.STRATUM.value, _("The same share of each class")),
        (SplitBy.TIME.value, _("Hold out the newest")),
        (SplitBy.FOLD.value, _("One of several equal parts")),
    )


def rule_words(by: SplitBy) -> str:
    """Return when a rule is the right one."""
    return {
        SplitBy.CONTENT: _("Right where rows have nothing to do with one another."),
        SplitBy.GROUP: _(
            "Right where several rows are of one customer, patient or document: all of them go to "
            "the same side, so that the check shows how new ones are answered."
        ),
        SplitBy.STRATUM: _("Right where some classes are rare: each is held out in proportion."),
        SplitBy.TIME: _("Right where the model will be asked about what comes later."),
        SplitBy.FOLD: _("Right for few rows: train once per part, and average the results."),
    }[by]


def field_choices(
    by: SplitBy, names: Sequence[str], tags: Sequence[str]
) -> tuple[tuple[str, str], ...]:
    """Return the fields that a rule can go by, each with its name."""
    found = [(name, name) for name in names]
    if by is SplitBy.STRATUM and tags:
        found.append((TAG, _("Tag")))
    return tuple(found)


def split_reason(rule: SplitRule, choices: Sequence[tuple[str, str]], dataset: DatasetInfo) -> str:
    """Return why a dataset cannot be split by a rule now, or "" where it can."""
    if dataset.is_eval_frozen:
        return _("The held-out rows are frozen. Unfreeze them first.")
    if rule.by in NAMED and not choices:
        return _("The rows say nothing beside their content that could decide.")
    return " ".join(problems_of_rule(rule))


def current_rule(history: Sequence[VersionInfo], number: int) -> str:
    """Return the rule of the split that a version has, or "" for that of the import."""
    by_number = {one.number: one for one in history}
    version = by_number.get(number)
    while version is not None and version.action is not Action.SPLIT:
        version = by_number.get(version.parent)
    return version.detail if version is not None else ""


def split_sentences(dataset: DatasetInfo, rule: str) -> tuple[str, ...]:
    """Return how the split was made, in sentences."""
    if rule:
        return (
            _("Split again: {rule}.").format(rule=rule),
            _("Equal rows stand on one side. Nothing was lost: the versions before are kept."),
        )
    if not dataset.eval_ratio:
        asked = _("All rows are for training, as was asked for at the import.")
    else:
        asked = _("About {share} of the rows were to be held out.").format(
            share=numbers.percent(dataset.eval_ratio)
        )
    return (
        asked,
        _("Which part a row belongs to follows from its content alone."),
        _("So copies of a row never stand in both parts, and a new import gives the same parts."),
    )


class FreezeView(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the held-out rows are frozen, and what that means."""

    is_on: bool
    words: str
    reason: str


def freeze_view(dataset: DatasetInfo) -> FreezeView:
    """Return what is said of frozen held-out rows."""
    held = dataset.splits.get("eval", 0)
    return FreezeView(
        is_on=dataset.is_eval_frozen,
        words=_(
            "They stay held out, here and in every dataset that is merged from this one; later "
            "rows that are equal or near to them are not trained."
        ),
        reason="" if held or dataset.is_eval_frozen else _("No row is held out."),
    )
