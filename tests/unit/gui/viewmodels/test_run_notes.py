# SPDX-License-Identifier: Apache-2.0
"""The note of a run: what a guard found first, else that the best check lies behind."""

from __future__ import annotations

from typing import Any

import pytest

from engine.domain.run import JobState
from engine.protocol.events import EvalDone, Event, Finished, RolledBack, Warned, WorkerStarted
from gui.viewmodels.run_notes import note_view
from gui.viewmodels.trace import RunTrace
from tests.fakes.api import FakeApi, a_step


def check(step: int, loss: float) -> EvalDone:
    return EvalDone(step=step, loss=loss, supervised_tokens=1, examples=1, is_best=True, eval_s=1.0)


def run_of(*events: Event) -> tuple[Any, RunTrace]:
    api = FakeApi()
    job = api.runs.make("support-v3", "r1")
    job.emit(WorkerStarted(attempt=1, pid=1), *events)
    trace = RunTrace()
    trace.take(job.envelopes)
    return api.runs.get("r1"), trace


def test_note_comes_after_two_checks_past_the_best() -> None:
    run, trace = run_of(check(0, 2.0), check(50, 1.3), check(100, 1.4))
    assert note_view(trace, run.state) is None
    run, trace = run_of(check(0, 2.0), check(50, 1.3), check(100, 1.4), check(150, 1.5))
    note = note_view(trace, run.state)
    assert note is not None
    assert note.can_stop
    assert "step 50" in note.strong


def test_note_warns_where_the_loss_never_fell() -> None:
    run, trace = run_of(check(0, 1.0), check(50, 1.3), check(100, 1.4))
    note = note_view(trace, run.state)
    assert note is not None
    assert note.kind == "warning"


def test_worker_without_a_sign_of_life_is_called_slow_and_never_dead() -> None:
    run, trace = run_of(check(0, 2.0), warned("overfitting"))
    note = note_view(trace, run.state, is_silent=True)
    assert note is not None
    assert note.kind == "warning"
    assert "does not respond" in note.strong
    assert "not gone" in note.text
    assert note.can_end
    over = note_view(trace, JobState.STOPPED, is_silent=True)
    assert over is None or "respond" not in over.strong


def warned(code: str) -> Warned:
    return Warned(code=code, message="m")


def test_note_of_overfitting_says_what_is_kept_and_offers_to_stop() -> None:
    run, trace = run_of(check(0, 2.0), check(50, 1.3), check(100, 1.4), warned("overfitting"))
    note = note_view(trace, run.state)
    assert note is not None
    assert (note.kind, note.can_stop) == ("warning", True)
    assert "by heart" in note.strong
    assert "step 50 is the best" in note.text


def test_note_of_an_early_end_names_the_step_of_the_adapter() -> None:
    told = (check(0, 2.0), check(50, 1.3), check(100, 1.4), warned("early_stopped"))
    run, trace = run_of(*told, Finished())
    note = note_view(trace, run.state)
    assert note is not None
    assert "ended early" in note.strong
    assert "50" in note.text
    assert not note.can_stop


@pytest.mark.parametrize(("step", "words"), [(40, "back to step 40"), (0, "back to its start")])
def test_note_of_a_rollback_says_where_to(step: int, words: str) -> None:
    back = RolledBack(step=49, to_step=step, count=1, rate_factor=0.5, tokens_seen=0)
    run, trace = run_of(*(a_step(one) for one in range(1, 50)), back)
    note = note_view(trace, run.state)
    assert note is not None
    assert words in note.strong
    assert "halved" in note.text
