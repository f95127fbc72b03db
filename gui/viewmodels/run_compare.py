# SPDX-License-Identifier: Apache-2.0
"""Runs side by side as values: their curves, what came of each, and what differs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from gettext import gettext as _
from gettext import ngettext
from math import nan
from typing import TYPE_CHECKING, Any

import msgspec

from engine.api.run_compare import Difference, compare_runs
from engine.domain.run import JobKind
from gui.viewmodels import numbers
from gui.viewmodels.job import ChipView, state_chip
from gui.viewmodels.settings_form import setting_views, unit_words, value_words

if TYPE_CHECKING:
    from engine.api.run_curves import Curves
    from engine.api.runs import RunView

_LONGEST_NAME = 28


class ResultRow(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one run."""

    key: str
    name: str
    state: ChipView
    steps: str
    training: str
    before: str
    best: str
    change: str
    tags: str


class DifferenceRow(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that differs: its plain name, then its value in each run."""

    title: str
    values: tuple[str, ...]


class CurveView(msgspec.Struct, frozen=True, kw_only=True):
    """The curves of a run as a chart takes them."""

    name: str
    steps: tuple[int, ...]
    losses: tuple[float, ...]
    checks: tuple[int, ...]
    held_out: tuple[float, ...]


def title_words(count: int) -> str:
    """Return the title of the page."""
    words = ngettext("{count} run side by side", "{count} runs side by side", count)
    return words.format(count=numbers.count(count))


def short_name(name: str) -> str:
    """Return a name that has room in a legend; one that is cut ends in an ellipsis."""
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1].rstrip()}…"


def curve_view(name: str, curves: Curves) -> CurveView:
    """Return the curves of a run."""
    return CurveView(
        name=short_name(name),
        steps=tuple(one.step for one in curves.points),
        losses=tuple(nan if one.loss is None else one.loss for one in curves.points),
        checks=tuple(step for step, _loss in curves.held_out),
        held_out=tuple(loss for _step, loss in curves.held_out),
    )


def result_rows(runs: Sequence[RunView]) -> tuple[ResultRow, ...]:
    """Return what came of each run, in the given order."""
    return tuple(_result_row(one) for one in runs)


def _result_row(run: RunView) -> ResultRow:
    snapshot = run.job.snapshot
    return ResultRow(
        key=run.id,
        name=run.job.info.name,
        state=state_chip(JobKind.TRAIN, snapshot, run.state),
        steps=numbers.count(snapshot.step),
        training=numbers.loss(snapshot.loss),
        before=numbers.loss(snapshot.eval_before),
        best=numbers.loss(snapshot.eval_best),
        change=_change_words(snapshot.eval_before, snapshot.eval_best),
        tags=", ".join(run.note.tags),
    )


def _change_words(before: float | None, best: float | None) -> str:
    if not before or best is None:
        return "–"
    change = round(100 * (best / before - 1))
    sign = "+" if change > 0 else "−" if change < 0 else ""
    return _("{sign}{percent} %").format(sign=sign, percent=numbers.count(abs(change)))


def difference_rows(
    runs: Sequence[RunView], name_of: Callable[[str], str]
) -> tuple[DifferenceRow, ...]:
    """Return what differs between the recipes of two or more runs, with plain names."""
    found = compare_runs(runs, name_of=name_of).differences
    return tuple(
        DifferenceRow(title=one.title, values=tuple(_words(one, value) for value in one.values))
        for one in found
    )


def _words(difference: Difference, value: Any) -> str:
    setting = next((one for one in setting_views() if one.key == difference.name), None)
    if setting is None:
        return str(value) or _("none")
    words = value_words(setting, value)
    return f"{words} {unit_words(setting, value)}".strip()
