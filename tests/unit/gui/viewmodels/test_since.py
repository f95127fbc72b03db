# SPDX-License-Identifier: Apache-2.0
"""A window tells at its start what became of runs while none was open, and nothing else."""

from __future__ import annotations

from engine.api.jobs import JobView
from engine.domain.run import JobInfo, JobKind, JobSnapshot, JobState
from gui.viewmodels.since import since_view

SEEN = "2026-11-20T10:00:00.000Z"
BEFORE, AFTER = "2026-11-20T09:59:59.000Z", "2026-11-20T10:00:01.000Z"


def job(
    state: JobState, at: str = AFTER, *, name: str = "first", kind: JobKind = JobKind.TRAIN
) -> JobView:
    info = JobInfo(id=name, kind=kind, name=name, entry="", created_at=BEFORE)
    return JobView(info=info, snapshot=JobSnapshot(state=state, updated_at=at), state=state)


def test_one_interrupted_run_is_named_and_can_be_shown() -> None:
    view = since_view([job(JobState.INTERRUPTED)], SEEN)
    assert view is not None
    assert (view.kind, view.run_id, view.text) == ("warning", "first", "")
    assert view.strong == "first was interrupted while no window was open."


def test_gravest_comes_first_and_many_are_counted() -> None:
    many = [job(JobState.INTERRUPTED, name=str(i)) for i in range(200)]
    view = since_view([job(JobState.RUNNING), job(JobState.FINISHED, name="b"), *many], SEEN)
    assert view is not None
    assert view.strong == "200 runs were interrupted while no window was open."
    assert (view.text, view.run_id) == ("b is finished. first goes on.", "")


def test_run_that_goes_on_is_told_in_peace() -> None:
    view = since_view([job(JobState.RUNNING, BEFORE)], SEEN)
    assert view is not None
    assert (view.kind, view.strong) == ("accent", "first goes on.")


def test_what_was_seen_before_and_what_is_no_run_is_not_told() -> None:
    old = job(JobState.INTERRUPTED, BEFORE)
    other = job(JobState.FAILED, kind=JobKind.IMPORT)
    assert since_view([old, other, job(JobState.STOPPED)], SEEN) is None
    assert since_view([job(JobState.INTERRUPTED)], "") is None
