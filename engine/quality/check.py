# SPDX-License-Identifier: Apache-2.0
"""What a check of rows is: what it looks for, why that matters, how it goes through them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import msgspec

from engine.domain.dataset import RowKind
from engine.domain.problem import Severity
from engine.quality.batch import TurnBatch
from engine.quality.found import Found

ALL_KINDS = tuple(RowKind)
KEEP_FIRST, LEAVE_OUT_OF_TRAIN = "keep_first", "leave_out_of_train"
"""Fixes of groups: only the first row stays; those in `train` go where some are held out."""


class CheckSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What a person may choose about the checks.

    Attributes:
        near_similarity: From which similarity on rows are near copies, see `near_copies`.
        eval_margin: Half width of the interval that a share measured on `eval` should have.
    """

    near_similarity: float = 0.8
    eval_margin: float = 0.05


class Pass(Protocol):
    """One way through the rows."""

    def see(self, batch: TurnBatch) -> object:
        """Return what is to be kept of one batch; called from several threads, so pure."""
        ...

    def end(self, seen: list[object]) -> Found:
        """Return the findings, given what was kept of each batch, in order."""
        ...


def _in_words(label: str) -> str:
    return label.replace("_", " ")


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One check.

    Attributes:
        id: Stable name.
        title: Returns its name for people.
        why: Returns a sentence on why it matters.
        severity: How bad a finding is.
        kinds: Kinds of rows that it can judge.
        begin: Starts a pass; checks with the same one share it.
        label: Takes only findings of this label; empty takes all.
        fix: Id of the fix for what it finds; empty where only a person can decide.
        is_safe: "Fix all safe ones" includes it.
        name_label: Returns the word for people of a label, or of a kind that rows are sorted by.
    """

    id: str
    title: Callable[[], str]
    why: Callable[[], str]
    severity: Severity
    kinds: tuple[RowKind, ...] = ALL_KINDS
    begin: Callable[[CheckSettings], Pass]
    label: str = ""
    fix: str = ""
    is_safe: bool = False
    name_label: Callable[[str], str] = _in_words
