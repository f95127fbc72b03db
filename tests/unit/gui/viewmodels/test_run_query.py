# SPDX-License-Identifier: Apache-2.0
"""Runs are found by words and state, and put in order."""

from __future__ import annotations

import dataclasses
from typing import Any, cast

import pytest
from msgspec.structs import replace

from engine.domain.run import JobState
from engine.domain.run_note import RunNote
from engine.protocol.events import EvalDone, Event, Finished, PhaseChanged, WorkerStarted
from gui.viewmodels.run_query import (
    BEST,
    ENDED,
    FINISHED,
    GAIN,
    IDLE,
    LIVE,
    LONGEST,
    NAME,
    RunQuery,
    compare_reason,
    compare_words,
    find_runs,
    found_words,
    state_choices,
)
from tests.fakes.api import FakeApi, a_step, a_stop

START = WorkerStarted(attempt=1, pid=1)


def check(step: int, loss: float) -> Event:
    return EvalDone(step=step, loss=loss, supervised_tokens=1, examples=1, is_best=True, eval_s=0.1)


@pytest.fixture
def runs() -> list[Any]:
    """Return four runs, newest first: stopped, finished, live, and one that did nothing."""
    api = FakeApi()
    note = RunNote(text="Rank was too low.", tags=("Baseline",))
    api.runs.make("beta", "r1", note=note).emit(
        START, check(0, 4.0), a_step(90), check(90, 2.0), a_stop(90)
    )
    api.runs.make("alpha", "r2").emit(START, check(0, 2.0), a_step(50), check(50, 1.8), Finished())
    api.runs.make("Gamma", "r3", model_name="Other").emit(START, PhaseChanged(phase="training"))
    by_name = {one.job.info.name: one for one in api.runs.list()}
    return [by_name[name] for name in ("beta", "alpha", "Gamma")]


def names(runs: list[Any], **query: str) -> list[str]:
    return [one.job.info.name for one in find_runs(cast("Any", runs), RunQuery(**query))]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("alp", ["alpha"]),
        ("BASELINE", ["beta"]),
        ("too low", ["beta"]),
        ("low beta", ["beta"]),
        ("low alpha", []),
        ("other", ["Gamma"]),
    ],
)
def test_words_are_looked_for_in_name_model_tags_and_note(
    runs: list[Any], text: str, found: list[str]
) -> None:
    assert names(runs, text=text) == found


@pytest.mark.parametrize(
    ("state", "found"),
    [
        ("all", ["Gamma", "beta", "alpha"]),
        (LIVE, ["Gamma"]),
        (FINISHED, ["alpha"]),
        (ENDED, ["beta"]),
    ],
)
def test_state_chooses_and_live_runs_come_first(
    runs: list[Any], state: str, found: list[str]
) -> None:
    assert names(runs, state=state) == found


def test_runs_that_wait_or_are_paused_have_neither_failed_nor_stopped(runs: list[Any]) -> None:
    stood = {JobState.WAITING: IDLE, JobState.PAUSED: IDLE, JobState.INTERRUPTED: ENDED}
    (one,) = [run for run in runs if run.state is JobState.STOPPED]
    for state, key in stood.items():
        given = [dataclasses.replace(one, job=replace(one.job, state=state))]
        found = [choice for choice in (LIVE, IDLE, FINISHED, ENDED) if names(given, state=choice)]
        assert found == [key]
    assert [key for key, _words in state_choices()] == ["all", LIVE, IDLE, FINISHED, ENDED]


@pytest.mark.parametrize(
    ("sort", "found"),
    [
        (NAME, ["alpha", "beta", "Gamma"]),
        (BEST, ["alpha", "beta", "Gamma"]),
        (GAIN, ["beta", "alpha", "Gamma"]),
        (LONGEST, ["beta", "alpha", "Gamma"]),
    ],
)
def test_runs_without_a_value_come_last(runs: list[Any], sort: str, found: list[str]) -> None:
    assert names(runs, sort=sort) == found


def test_comparing_needs_two_marks_and_says_so() -> None:
    assert compare_reason(1)
    assert not compare_reason(2)
    assert compare_words(0) == "Compare"
    assert compare_words(3) == "Compare 3 runs"


def test_count_is_said_only_where_runs_are_left_out() -> None:
    assert found_words(3, 3) == ""
    assert found_words(1, 3) == "1 of 3 runs"
    assert found_words(0, 3) == "No run is like this"
