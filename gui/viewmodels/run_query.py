# SPDX-License-Identifier: Apache-2.0
"""Which runs a table shows and in what order: words, state and sort."""

from __future__ import annotations

from collections.abc import Sequence
from gettext import gettext as _
from gettext import ngettext
from math import inf
from typing import TYPE_CHECKING

import msgspec

from engine.domain.run import JobState
from gui.viewmodels import numbers

if TYPE_CHECKING:
    from engine.api.runs import RunView

ALL, LIVE, IDLE, FINISHED, ENDED = "all", "live", "idle", "finished", "ended"
NEWEST, NAME, BEST, GAIN, LONGEST = "newest", "name", "best", "gain", "longest"

MOST_COMPARED = 5
"""Curves that everybody can tell apart in one chart."""
LEAST_COMPARED = 2


class RunQuery(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be seen.

    Attributes:
        text: Words that all must be found in the name, model, dataset, tags or note of a run.
        state: Key of `state_choices`.
        sort: Key of `sort_choices`.
    """

    text: str = ""
    state: str = ALL
    sort: str = NEWEST


def state_choices() -> tuple[tuple[str, str], ...]:
    """Return the choices of state."""
    return (
        (ALL, _("All states")),
        (LIVE, _("Running")),
        (IDLE, _("Waiting or paused")),
        (FINISHED, _("Finished")),
        (ENDED, _("Stopped, failed or interrupted")),
    )


def sort_choices() -> tuple[tuple[str, str], ...]:
    """Return the orders."""
    return (
        (NEWEST, _("Newest first")),
        (NAME, _("By name")),
        (BEST, _("Lowest held-out loss first")),
        (GAIN, _("Greatest gain first")),
        (LONGEST, _("Most steps first")),
    )


def find_runs(runs: Sequence[RunView], query: RunQuery) -> tuple[RunView, ...]:
    """Return the runs of a query in its order; `runs` are given newest first."""
    words = query.text.casefold().split()
    found = [one for one in runs if _is_in(one, query.state) and _has(one, words)]
    match query.sort:
        case "name":
            found.sort(key=lambda one: one.job.info.name.casefold())
        case "best":
            found.sort(key=lambda one: _or_last(one.job.snapshot.eval_best))
        case "gain":
            found.sort(key=_change)
        case "longest":
            found.sort(key=lambda one: -one.job.snapshot.step)
        case _:
            found.sort(key=lambda one: one.state.is_over)
    return tuple(found)


def _is_in(run: RunView, state: str) -> bool:
    if state == LIVE:
        return not run.state.is_over
    if state == IDLE:
        return run.state in (JobState.WAITING, JobState.PAUSED)
    if state == FINISHED:
        return run.state is JobState.FINISHED
    return state != ENDED or run.state in (
        JobState.STOPPED,
        JobState.FAILED,
        JobState.INTERRUPTED,
    )


def _has(run: RunView, words: Sequence[str]) -> bool:
    parts = (run.job.info.name, run.model_name, run.dataset_name, *run.note.tags, run.note.text)
    text = "\n".join(parts).casefold()
    return all(one in text for one in words)


def _or_last(value: float | None) -> float:
    return inf if value is None else value


def _change(run: RunView) -> float:
    """Return the held-out loss of the best check over that before the first step."""
    snapshot = run.job.snapshot
    if snapshot.eval_best is None or not snapshot.eval_before:
        return inf
    return snapshot.eval_best / snapshot.eval_before


def found_words(found: int, total: int) -> str:
    """Return how many runs are shown, or nothing where all are."""
    if found == total:
        return ""
    if not found:
        return _("No run is like this")
    words = ngettext("{count} of {total} run", "{count} of {total} runs", total)
    return words.format(count=numbers.count(found), total=numbers.count(total))


def compare_words(marked: int) -> str:
    """Return the word of the button that compares."""
    if marked < LEAST_COMPARED:
        return _("Compare")
    words = ngettext("Compare {count} run", "Compare {count} runs", marked)
    return words.format(count=numbers.count(marked))


def compare_reason(marked: int) -> str:
    """Return why nothing can be compared now, or nothing."""
    if marked >= LEAST_COMPARED:
        return ""
    return _("Mark two or more runs: the plus before a run, or Space.")


def too_many_words() -> str:
    """Return what is said when one run more is marked than can be told apart."""
    return _("At most {count} runs can be compared at once.").format(count=MOST_COMPARED)
