# SPDX-License-Identifier: Apache-2.0
"""Refused tries in words: of this window, and of jobs that were not over when it was opened."""

from __future__ import annotations

from typing import Any

from engine.api.jobs import JobView
from engine.api.privacy import PrivacyState
from engine.domain.run import JobInfo, JobKind, JobSnapshot, JobState
from gui.viewmodels.refused import refusals

EARLY, LATE = "2026-01-01T00:00:00.000Z", "2026-01-02T00:00:00.000Z"


def state(attempts: int) -> PrivacyState:
    return PrivacyState(
        is_verified=not attempts,
        kernel_filter_active=True,
        attempts=attempts,
        title="",
        sentence="",
        tried_by="library.dial",
    )


def job(said: str, *, updated_at: str = LATE, is_over: bool = True) -> JobView:
    snapshot: dict[str, Any] = {"network_refused": said, "updated_at": updated_at, "attempt": 1}
    where = JobState.FINISHED if is_over else JobState.RUNNING
    return JobView(
        info=JobInfo(id="j1", kind=JobKind.TRAIN, name="Night", entry="a:b", created_at=EARLY),
        snapshot=JobSnapshot(state=where, **snapshot),
        state=where,
    )


def test_nothing_refused_says_nothing() -> None:
    assert refusals(state(0), [job("")], seen_at="") == ()


def test_window_comes_first_and_names_who_tried() -> None:
    first, second = refusals(state(2), [job("2 attempts.")], seen_at=EARLY)
    assert "2 attempts were refused, the last one by library.dial." in first.consequence
    assert second.cause == "Night tried to reach the network."
    assert second.consequence == "2 attempts. Nothing was sent."


def test_job_that_was_over_before_is_not_told_again_and_a_live_one_is() -> None:
    assert refusals(state(0), [job("1.", updated_at=EARLY)], seen_at=LATE) == ()
    live = job("1.", updated_at=EARLY, is_over=False)
    assert len(refusals(state(0), [live], seen_at=LATE)) == 1


def test_further_tries_are_another_refusal() -> None:
    keys = {refusals(state(n), [], seen_at="")[0].key for n in (1, 2)}
    assert len(keys) == 2
