# SPDX-License-Identifier: Apache-2.0
"""A trace gathers a run's events, and cuts its past back where a worker goes on earlier."""

from __future__ import annotations

import time
from datetime import datetime
from math import isnan

from engine.protocol.codec import Envelope
from engine.protocol.events import (
    FORGOTTEN,
    CheckpointCommitted,
    EvalDone,
    Event,
    LossNotFinite,
    PlanResolved,
    RolledBack,
    SampleMade,
    Warned,
    WorkerStarted,
)
from gui.viewmodels.trace import NEWS_KEPT, STEPS_KEPT, RunTrace
from tests.fakes.api import a_step


def envelope(event: Event, t: str = "2026-11-03T14:00:00.000Z") -> Envelope:
    return Envelope(v=1, seq=1, t=t, kind="any", event=event)


def traced(*events: Event) -> RunTrace:
    trace = RunTrace()
    trace.take([envelope(one) for one in events])
    return trace


def check(step: int, loss: float) -> EvalDone:
    return EvalDone(step=step, loss=loss, supervised_tokens=1, examples=1, is_best=True, eval_s=1.0)


def saved(step: int) -> CheckpointCommitted:
    return CheckpointCommitted(step=step, name=f"ck-{step:06d}", size_bytes=10, is_best=False)


def test_steps_become_columns() -> None:
    trace = traced(a_step(1, loss=2.5), a_step(2, loss=None))
    assert list(trace.steps) == [1, 2]
    assert trace.columns["loss"][0] == 2.5
    assert isnan(trace.columns["loss"][1])
    assert trace.columns["memory_gb"][0] == 11.0


def test_samples_of_a_forgotten_dataset_are_not_shown() -> None:
    kept = SampleMade(step=2, prompt="p", answer="")
    gone = (SampleMade(step=1, prompt=one, answer="") for one in (FORGOTTEN, ""))
    assert traced(*gone, kept).samples == [kept]


def test_resume_from_a_checkpoint_cuts_the_past_back() -> None:
    trace = traced(
        *(a_step(step) for step in range(1, 8)),
        check(4, 2.0),
        check(6, 1.5),
        SampleMade(step=6, prompt="p", answer="a"),
        WorkerStarted(attempt=2, pid=2),
        a_step(5, loss=9.0),
    )
    assert list(trace.steps) == [1, 2, 3, 4, 5]
    assert trace.columns["loss"][-1] == 9.0
    assert trace.held_out == [(4, 2.0)]
    assert trace.samples == []


def test_best_is_the_lowest_check() -> None:
    trace = traced(check(0, 2.3), check(50, 1.4), check(100, 1.5))
    assert trace.best == (50, 1.4)
    assert trace.held_out_at(100) == 1.5
    assert trace.held_out_at(99) is None


def test_checkpoint_of_a_step_seen_before_replaces_it() -> None:
    trace = traced(saved(10), saved(20), saved(10))
    assert [one.step for one in trace.checkpoints] == [10]


def test_worked_time_leaves_out_the_pause_between_two_workers() -> None:
    trace = RunTrace()
    trace.take(
        [
            envelope(WorkerStarted(attempt=1, pid=1), "2026-11-03T14:00:00.000Z"),
            envelope(a_step(1), "2026-11-03T14:01:00.000Z"),
            envelope(WorkerStarted(attempt=2, pid=2), "2026-11-03T18:00:00.000Z"),
            envelope(a_step(2), "2026-11-03T18:00:30.000Z"),
        ]
    )
    assert trace.worked_s(None) == 90.0
    now = datetime.fromisoformat("2026-11-03T18:02:00+00:00")
    assert trace.worked_s(now) == 180.0


def test_news_tell_what_is_notable_in_order() -> None:
    plan = PlanResolved(
        decisions={},
        total_steps=46,
        train_examples=360,
        eval_examples=40,
        trained_tokens=1,
        read_tokens=1,
        truncated_rows=2,
        skipped_rows=0,
    )
    trace = traced(
        WorkerStarted(attempt=1, pid=1),
        plan,
        check(0, 2.31),
        LossNotFinite(step=3, consecutive=1),
        saved(10),
    )
    texts = [one.text for one in trace.news]
    assert texts == [
        "A worker started",
        "46 steps over 360 examples, 2 rows are cut",
        "Held-out loss before the first step: 2.31",
        "Step 3 gave no finite loss and was left out",
        "Checkpoint ck-000010 was saved and verified, 10 bytes",
    ]
    assert trace.news[3].kind == "warning"


def test_unknown_event_of_a_newer_worker_is_passed_over() -> None:
    trace = RunTrace()
    trace.take([Envelope(v=1, seq=1, t="", kind="new", event=None)])
    assert trace.news == []


def test_hundred_thousand_steps_are_taken_in_quickly() -> None:
    envelopes = [envelope(a_step(step, total=100_000)) for step in range(1, 100_001)]
    began = time.process_time()
    trace = RunTrace()
    for start in range(0, len(envelopes), 2_000):
        trace.take(envelopes[start : start + 2_000])
    assert time.process_time() - began < 2.0
    assert len(trace.steps) == 100_000


def back_to(step: int, *, count: int = 1) -> RolledBack:
    return RolledBack(step=9, to_step=step, count=count, rate_factor=0.5, tokens_seen=0)


def test_rollback_cuts_the_past_and_marks_where_it_went_back_to() -> None:
    trace = traced(
        *(a_step(step) for step in range(1, 7)), check(3, 2.0), saved(4), check(6, 9.0), saved(6)
    )
    trace.take([envelope(back_to(4)), envelope(Warned(code="rolled_back", message="It fell."))])
    assert list(trace.steps) == [1, 2, 3, 4]
    assert trace.held_out == [(3, 2.0)]
    assert [one.step for one in trace.checkpoints] == [4]
    assert (trace.rollbacks, trace.warned) == ([4], {"rolled_back"})
    assert [(one.text, one.kind) for one in trace.news[-1:]] == [("It fell.", "warning")]
    assert len(trace.columns["grad_norm"]) == 4


def test_rollback_further_back_takes_the_mark_before_away() -> None:
    trace = traced(*(a_step(step) for step in range(1, 7)), back_to(4), a_step(5))
    trace.take([envelope(back_to(2, count=2))])
    assert (list(trace.steps), trace.rollbacks) == ([1, 2], [2])


def test_take_tells_the_first_step_that_is_new_or_gone() -> None:
    trace = RunTrace()
    steps = [envelope(a_step(step)) for step in range(1, 9)]
    assert trace.take(steps[:4]) == 1
    assert trace.take(steps[4:]) == 5
    assert trace.take([envelope(check(8, 1.0))]) is None
    assert trace.take([envelope(back_to(3))]) == 4
    assert trace.take([envelope(a_step(4)), envelope(back_to(2)), envelope(a_step(3))]) == 3
    assert list(trace.steps) == [1, 2, 3]


def test_very_long_run_keeps_its_newest_steps_news_and_some_answers() -> None:
    trace, count = RunTrace(), 2 * STEPS_KEPT + 5
    for step in range(1, count + 1):
        trace.take([envelope(a_step(step, total=count))])
        if step % 100 == 0:
            trace.take([envelope(saved(step))])
            trace.take([envelope(SampleMade(step=step, prompt="p", answer=str(step)))])
    assert (trace.steps[0], trace.steps[-1]) == (trace.dropped + 1, count)
    assert STEPS_KEPT <= len(trace.steps) <= 2 * STEPS_KEPT
    assert {len(one) for one in trace.columns.values()} == {len(trace.steps)}
    assert len(trace.news) <= 2 * NEWS_KEPT < trace.told * 4
    assert trace.samples[0].step == 100
    assert trace.samples[-1].step == count // 100 * 100
    assert len(trace.samples) <= 400
    trace.take([envelope(back_to(10))])
    assert (list(trace.steps), trace.dropped) == ([], 10)
