# SPDX-License-Identifier: Apache-2.0
"""Which split a row belongs to, by rules under which equal rows never straddle."""

from __future__ import annotations

import math
from enum import StrEnum
from gettext import gettext as _

import msgspec

TRAIN, EVAL = "train", "eval"


def split_of(digest: bytes, eval_ratio: float) -> str:
    """Return `eval` for about `eval_ratio` (0..1) of all hashes, else `train`.

    The first 8 bytes of the hash are read as a number and compared with the ratio, so that the
    answer never depends on the order, the number or the source of the rows.
    """
    return EVAL if int.from_bytes(digest[:8], "big") < first_mark_of_train(eval_ratio) else TRAIN


def first_mark_of_train(eval_ratio: float) -> int:
    """Return the lowest number, of the first 8 bytes of a hash, of rows that go to `train`."""
    return math.ceil(eval_ratio * 2**64)


class SplitBy(StrEnum):
    """What decides where a row goes; stable on disk."""

    CONTENT = "content"
    GROUP = "group"
    STRATUM = "stratum"
    TIME = "time"
    FOLD = "fold"


class SplitRule(msgspec.Struct, frozen=True, kw_only=True):
    """How a dataset is split into `train` and `eval`.

    Under every rule equal rows stay together; near copies too, unless that is switched off.

    Attributes:
        by: What decides.
        eval_ratio: Share of the rows that is held out, 0 to 0.9; unused by `fold`.
        column: Field of the source rows for `group`, `stratum` and `time`; for `stratum` also
            `label`, or `tag`.
        folds: Number of equal parts, for `fold`.
        fold: Which of them is held out, from 1.
        is_near_together: Near copies stay together.
    """

    by: SplitBy = SplitBy.CONTENT
    eval_ratio: float = 0.1
    column: str = ""
    folds: int = 5
    fold: int = 1
    is_near_together: bool = True


def problems_of_rule(rule: SplitRule) -> list[str]:
    """Return every fault of a rule as a sentence."""
    problems: list[str] = []
    if not 0 <= rule.eval_ratio <= 0.9:
        problems.append(_("The share of held-out rows must be between 0 and 0.9."))
    if rule.by in (SplitBy.GROUP, SplitBy.STRATUM, SplitBy.TIME) and not rule.column:
        problems.append(_("Name the field of the rows that decides."))
    if rule.by is SplitBy.FOLD and not 2 <= rule.folds <= 100:
        problems.append(_("There must be 2 to 100 folds."))
    if rule.by is SplitBy.FOLD and not 1 <= rule.fold <= rule.folds:
        problems.append(_("The fold must be one of the folds, from 1."))
    return problems


def rule_text(rule: SplitRule) -> str:
    """Return a rule in a few words."""
    percent = f"{rule.eval_ratio * 100:g}"
    texts = {
        SplitBy.CONTENT: _("{percent} % by content"),
        SplitBy.GROUP: _("{percent} %, rows of one {column} together"),
        SplitBy.STRATUM: _("{percent} % of each {column}"),
        SplitBy.TIME: _("the newest {percent} % by {column}"),
        SplitBy.FOLD: _("fold {fold} of {folds}"),
    }
    return texts[rule.by].format(
        percent=percent, column=rule.column, fold=rule.fold, folds=rule.folds
    )
