# SPDX-License-Identifier: Apache-2.0
"""Runs: the list, what can be done with one, its words, notes, answers, setup and files."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, cast

import pytest
from msgspec.structs import replace

from engine.domain.decision import Decision
from engine.domain.problem import Problem, Severity
from engine.domain.recipe import Recipe
from engine.protocol.events import (
    CheckpointCommitted,
    EvalDone,
    Event,
    Failed,
    Finished,
    PhaseChanged,
    PlanResolved,
    SampleMade,
    WorkerStarted,
)
from gui.viewmodels.run_setup import setup_parts
from gui.viewmodels.runs import (
    file_rows,
    held_out_words,
    next_check,
    progress_view,
    prompt_views,
    run_head,
    run_rows,
    spread,
    step_cells,
)
from gui.viewmodels.trace import RunTrace
from tests.fakes.api import FakeApi, a_step, a_stop

NOW = datetime(2026, 11, 3, 14, 10, tzinfo=UTC).astimezone()
START = WorkerStarted(attempt=1, pid=1)


def check(step: int, loss: float) -> EvalDone:
    return EvalDone(step=step, loss=loss, supervised_tokens=1, examples=1, is_best=True, eval_s=1.0)


def saved(step: int) -> CheckpointCommitted:
    return CheckpointCommitted(step=step, name=f"ck-{step:06d}", size_bytes=10, is_best=True)


def run_of(*events: Event, **facts: Any) -> tuple[Any, RunTrace]:
    api = FakeApi()
    job = api.runs.make("support-v3", "r1", **facts)
    job.emit(START, *events)
    trace = RunTrace()
    trace.take(job.envelopes)
    return api.runs.get("r1"), trace


def head_of(*events: Event, blockers: list[Problem] | None = None, **facts: Any) -> Any:
    run, _trace = run_of(*events, **facts)
    return run_head(run, run.job, blockers)


def test_list_tells_how_far_runs_are() -> None:
    api = FakeApi()
    api.runs.make("old", "r1").emit(START, a_step(100), check(0, 2.0), check(100, 1.0), Finished())
    api.runs.make("live", "r2").emit(START, PhaseChanged(phase="training"), a_step(50, eta_s=60))
    rows = run_rows([cast("Any", api.runs.get(key)) for key in ("r2", "r1")], now=NOW)
    assert [one.name for one in rows] == ["live", "old"]
    assert rows[0].progress == "50 %, 1 min left"
    assert rows[1].progress == "100 steps"
    assert rows[1].held_out == "2.00 → 1.00"


def test_held_out_words_without_a_check_are_a_dash() -> None:
    run, _trace = run_of(a_step(3))
    assert held_out_words(run.job.snapshot) == "–"


def test_live_run_can_be_stopped_and_nothing_else() -> None:
    head = head_of(a_step(3))
    assert head.stop.is_offered
    assert not head.resume.is_offered
    assert not head.export.is_offered
    assert head.remove.reason


def test_stopped_run_can_be_resumed_from_the_head() -> None:
    head = head_of(a_step(12), saved(10), a_stop(12), blockers=[])
    assert head.resume.is_offered
    assert head.resume.reason == ""
    assert head.resume_text == "Resume from step 10"
    assert not head.is_resume_in_panel
    assert head.export.reason


def test_blocked_resume_gives_every_reason() -> None:
    blocker = Problem(
        field="", severity=Severity.ERROR, code="gone", message="It is gone.", remedy="Add it."
    )
    head = head_of(a_stop(1), blockers=[blocker])
    assert head.resume.reason == "It is gone. Add it."
    assert head_of(a_stop(1), blockers=None).resume.reason


def test_failed_run_is_resumed_from_the_error_panel() -> None:
    head = head_of(Failed(code="a", message="b", remedy="c"), blockers=[])
    assert head.is_resume_in_panel
    assert not head.export.is_offered
    assert head.resume_text == "Start it again"


def test_finished_run_with_an_adapter_can_be_exported() -> None:
    head = head_of(Finished(), has_adapter=True)
    assert head.export.is_offered
    assert head.export.reason == ""
    assert not head.resume.is_offered


@pytest.mark.parametrize(
    ("step", "every", "expected"), [(0, 50, 50), (50, 50, 100), (620, 50, 650), (990, 50, 1000)]
)
def test_next_check_is_the_following_multiple_or_the_end(
    step: int, every: int, expected: int
) -> None:
    run, _trace = run_of(a_step(max(1, step), total=1000))
    snapshot = replace(run.job.snapshot, step=step)
    recipe = Recipe(dataset_id="d", model_id="m", eval_every_steps=every)
    assert next_check(snapshot, recipe) == expected


def test_progress_of_a_live_run_says_time_left_and_what_comes() -> None:
    recipe = Recipe(dataset_id="d", model_id="m", eval_every_steps=50)
    run, trace = run_of(
        PhaseChanged(phase="training"), a_step(620, total=1000, eta_s=860), saved(600)
    )
    view = progress_view(run.job.snapshot, run.state, trace, recipe, now=NOW)
    assert (view.step, view.total, view.checkpoints) == (620, 1000, (600,))
    assert view.left.startswith("about 14 min left, done around ")
    assert view.right == "10 min 0 s so far"
    assert view.now == (
        "Training. Next is the held-out check at step 650. "
        "Checkpoint 600 was saved and verified 10 min ago."
    )


def test_progress_of_a_stopped_run_says_that_it_can_go_on() -> None:
    run, trace = run_of(a_step(212), saved(200), a_stop(212))
    view = progress_view(run.job.snapshot, run.state, trace, run.recipe, now=NOW)
    assert view.left == ""
    assert view.now == "The newest checkpoint is step 200; it can go on from there."


def test_prompts_show_first_middle_and_newest_answers() -> None:
    samples = [
        SampleMade(step=step, prompt="p", answer=f"answer {step}", expected="answer 40")
        for step in (0, 10, 20, 30, 40)
    ]
    _run, trace = run_of(*samples, SampleMade(step=40, prompt="q", answer="  "))
    first, second = prompt_views(trace)
    assert [one.title for one in first.answers] == ["Step 0", "Step 20", "Step 40"]
    assert [one.is_expected for one in first.answers] == [False, False, True]
    assert second.answers[0].text == "(an empty answer)"


@pytest.mark.parametrize(
    ("count", "expected"), [(0, []), (2, [0, 1]), (3, [0, 1, 2]), (10, [0, 4, 9])]
)
def test_spread_keeps_first_and_last(count: int, expected: list[int]) -> None:
    assert spread(count, 3) == expected


def test_setup_shows_choices_with_reasons_and_the_whole_recipe() -> None:
    plan = PlanResolved(
        decisions={"device": Decision(value="cpu", reason="No card.", source="hardware")},
        total_steps=10,
        train_examples=360,
        eval_examples=40,
        trained_tokens=5,
        read_tokens=5,
        truncated_rows=0,
        skipped_rows=0,
    )
    run, trace = run_of(plan)
    parts = {one.title: one for one in setup_parts(run, trace)}
    (device,) = parts["What Burnish chose"].lines
    assert (device.name, device.value, device.reason) == ("Device", "Processor", "No card.")
    limit = next(one for one in parts["Learning"].lines if one.name == "Step limit")
    assert (limit.value, limit.unit) == ("none", "")
    rank = next(one for one in parts["Adapter"].lines if one.name == "Rank")
    assert rank.value == "16"


def test_files_name_adapter_and_checkpoints_newest_first() -> None:
    run, trace = run_of(
        saved(10), saved(20), checkpoints=("ck-000010", "ck-000020"), has_adapter=True
    )
    rows = file_rows(run, trace, now=NOW)
    assert [one.name for one in rows] == ["adapter", "ck-000020", "ck-000010"]
    assert rows[1].size == "10 bytes"


def test_step_cells_are_newest_first_with_gaps_as_dashes() -> None:
    _run, trace = run_of(a_step(1, loss=2.0), check(1, 1.5), a_step(2, loss=None))
    assert step_cells(trace, 0)[:3] == ("2", "–", "")
    assert step_cells(trace, 1)[:3] == ("1", "2.0000", "1.5000")
    assert [step_cells(trace, row)[3] for row in (0, 1)] == ["0.00020", "0.00020"]
