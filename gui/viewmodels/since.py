# SPDX-License-Identifier: Apache-2.0
"""What became of runs while no window was open, in a sentence or two."""

from __future__ import annotations

from collections.abc import Sequence
from gettext import ngettext
from typing import TYPE_CHECKING

import msgspec

from engine.domain.run import JobKind, JobState
from gui.viewmodels import numbers

if TYPE_CHECKING:
    from engine.api.jobs import JobView


class SinceView(msgspec.Struct, frozen=True, kw_only=True):
    """What a banner says at the start of a window.

    Attributes:
        kind: Of the banner.
        strong: What matters most.
        text: The rest, or empty.
        run_id: The one run that it is about, or empty where there are more.
    """

    kind: str
    strong: str
    text: str
    run_id: str


def since_view(jobs: Sequence[JobView], seen_at: str) -> SinceView | None:
    """Return what to say of the runs that went on after a moment, or None.

    Args:
        jobs: All jobs.
        seen_at: When a window was last looked at, UTC; empty where none ever was.
    """
    if not seen_at:
        return None
    runs = [one for one in jobs if one.info.kind is JobKind.TRAIN]
    news = [one for one in runs if not one.state.is_over or one.snapshot.updated_at > seen_at]
    said = _sentences(news)
    if not said:
        return None
    is_bad = any(one.state in (JobState.INTERRUPTED, JobState.FAILED) for one in news)
    told = [one for one in news if _group(one.state) is not None]
    return SinceView(
        kind="warning" if is_bad else "accent",
        strong=said[0],
        text=" ".join(said[1:]),
        run_id=told[0].info.id if len(told) == 1 else "",
    )


def _group(state: JobState) -> JobState | None:
    if state in (JobState.STARTING, JobState.RUNNING):
        return JobState.RUNNING
    known = (JobState.INTERRUPTED, JobState.FAILED, JobState.FINISHED)
    return state if state in known else None


def _sentences(news: Sequence[JobView]) -> list[str]:
    """Return a sentence for each state that there is, the gravest first."""
    found: list[str] = []
    for state in (JobState.INTERRUPTED, JobState.FAILED, JobState.FINISHED, JobState.RUNNING):
        names = [one.info.name for one in news if _group(one.state) is state]
        if names:
            words = _words(state, len(names))
            found.append(words.format(name=names[0], count=numbers.count(len(names))))
    return found


def _words(state: JobState, count: int) -> str:
    match state:
        case JobState.INTERRUPTED:
            return ngettext(
                "{name} was interrupted while no window was open.",
                "{count} runs were interrupted while no window was open.",
                count,
            )
        case JobState.FAILED:
            return ngettext("{name} ended with an error.", "{count} runs ended with errors.", count)
        case JobState.FINISHED:
            return ngettext("{name} is finished.", "{count} runs are finished.", count)
        case _:
            return ngettext("{name} goes on.", "{count} runs go on.", count)
