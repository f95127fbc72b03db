# SPDX-License-Identifier: Apache-2.0
"""The Split tab as values: where the split comes from, and which other ones are possible."""

from __future__ import annotations

import pytest

from engine.domain.split import SplitBy, SplitRule
from engine.domain.version import Action, VersionInfo
from gui.viewmodels.split import (
    current_rule,
    field_choices,
    freeze_view,
    rule_choices,
    rule_words,
    split_reason,
    split_sentences,
)
from tests.fakes.api import MOMENT, a_dataset


def version(number: int, parent: int, action: Action, detail: str = "") -> VersionInfo:
    return VersionInfo(
        number=number, parent=parent, action=action, detail=detail, changed=1, splits={},
        made_at=MOMENT,
    )  # fmt: skip


HISTORY = [
    version(1, 0, Action.IMPORTED),
    version(2, 1, Action.SPLIT, "10 % by content"),
    version(3, 2, Action.EDITED),
    version(4, 1, Action.EDITED),
]


@pytest.mark.parametrize(
    ("number", "rule"), [(1, ""), (2, "10 % by content"), (3, "10 % by content"), (4, "")]
)
def test_current_rule_is_that_of_the_last_split_on_the_way(number: int, rule: str) -> None:
    assert current_rule(HISTORY, number) == rule


def test_sentences_tell_the_import_or_the_rule() -> None:
    assert split_sentences(a_dataset(), "")[0] == "About 10 % of the rows were to be held out."
    assert "asked for" in split_sentences(a_dataset(eval_ratio=0.0), "")[0]
    assert split_sentences(a_dataset(), "fold 1 of 5")[0] == "Split again: fold 1 of 5."


def test_every_rule_has_a_name_and_a_reason() -> None:
    assert [key for key, _name in rule_choices()] == [one.value for one in SplitBy]
    assert len({rule_words(one) for one in SplitBy}) == len(SplitBy)


def test_tags_decide_only_strata() -> None:
    assert field_choices(SplitBy.GROUP, ["customer"], ["odd"]) == (("customer", "customer"),)
    assert field_choices(SplitBy.STRATUM, [], ["odd"]) == (("tag", "Tag"),)
    assert field_choices(SplitBy.STRATUM, [], []) == ()


def test_impossible_split_says_why() -> None:
    group = SplitRule(by=SplitBy.GROUP)
    assert "nothing beside" in split_reason(group, (), a_dataset())
    fold = SplitRule(by=SplitBy.FOLD, folds=3, fold=4)
    assert "one of the folds" in split_reason(fold, (), a_dataset())
    assert "frozen" in split_reason(SplitRule(), (), a_dataset(is_eval_frozen=True))
    assert split_reason(SplitRule(), (), a_dataset()) == ""


def test_nothing_held_out_cannot_be_frozen() -> None:
    assert freeze_view(a_dataset()).reason == ""
    assert freeze_view(a_dataset(splits={"train": 9, "eval": 0})).reason == "No row is held out."
