# SPDX-License-Identifier: Apache-2.0
"""The wire: every event survives the trip, strangers are skipped, and the fold tells the state."""

from __future__ import annotations

import math
import random

import msgspec
import pytest
from msgspec.structs import replace

from engine.domain.decision import Decision
from engine.domain.run import JobSnapshot, JobState
from engine.protocol import events
from engine.protocol.codec import Envelope, decode, decode_command, encode, encode_command
from engine.protocol.commands import COMMANDS, Pause, Stop
from engine.protocol.events import EVENTS, Event
from engine.protocol.fold import fold, fold_all

STEP = events.StepDone(
    step=3, total_steps=9, epoch=0.5, loss=1.5, learning_rate=1e-4, grad_norm=0.7,
    supervised_tokens=10, tokens=30, tokens_seen=90, tokens_per_s=100.0, memory_bytes=5,
    step_s=0.3, eta_s=1.8,
)  # fmt: skip
SAMPLES: tuple[Event, ...] = (
    events.WorkerStarted(attempt=1, pid=7, versions={"python": "3"}),
    events.PhaseChanged(phase="training"),
    events.ProgressMade(done=1, total=2, unit="rows"),
    events.PlanResolved(
        decisions={}, total_steps=9, train_examples=1, eval_examples=1, trained_tokens=1,
        read_tokens=1, truncated_rows=0, skipped_rows=0,
    ),
    events.PlanChanged(decisions={"a": Decision(value=1, reason="r", source="hardware")}),
    STEP,
    events.EvalDone(
        step=0, loss=2.0, supervised_tokens=5, examples=1, is_best=True, eval_s=0.1
    ),
    events.SampleMade(step=0, prompt="p", answer="ä\u2028", expected="e"),
    events.CheckpointCommitted(step=3, name="ck-000003", size_bytes=1, is_best=False),
    events.LossNotFinite(step=4, consecutive=1),
    events.RolledBack(step=4, to_step=2, count=1, rate_factor=0.5, tokens_seen=60),
    events.Warned(code="x", message="y"),
    events.DatasetCommitted(dataset_id="d", kind="chat", rows=1, rejects=0, splits={"train": 1}),
    events.AdapterCommitted(path="adapter", sha256="0"),
    events.ExportVerified(
        path="p", files=("a",), prompts=1, max_logit_difference=0.0, top1_agreement_ratio=1.0,
        mean_kl=0.0,
    ),
    events.AnswerMade(prompt="p", answer="a", tokens=1, ended=True),
    events.Stopped(step=3, checkpoint="ck-000003"),
    events.Paused(step=3, checkpoint="ck-000003"),
    events.Finished(result={"a": "b"}),
    events.Failed(code="c", message="m", remedy="r"),
)  # fmt: skip


def state_after(*happened: Event) -> JobSnapshot:
    snapshot = JobSnapshot()
    for seq, event in enumerate(happened, start=1):
        snapshot = fold(snapshot, decode(encode(event, seq=seq, t=f"t{seq}")))
    return snapshot


def test_samples_cover_every_event() -> None:
    assert {type(one) for one in SAMPLES} == {one for _kind, one in EVENTS}
    assert len({kind for kind, _one in EVENTS}) == len(EVENTS) == 20


@pytest.mark.parametrize("event", SAMPLES, ids=lambda one: type(one).__name__)
def test_event_survives_the_trip(event: Event) -> None:
    line = encode(event, seq=5, t="2026-11-20T00:00:00.000Z")
    assert line.count(b"\n") == 1
    envelope = decode(line[:-1])
    assert (envelope.seq, envelope.event) == (5, event)


def test_numbers_that_are_none_become_null() -> None:
    broken = msgspec.structs.replace(STEP, loss=math.nan, grad_norm=math.inf)
    assert b"NaN" not in encode(broken, seq=1, t="")
    decoded = decode(encode(broken, seq=1, t="")).event
    assert decoded == msgspec.structs.replace(STEP, loss=None, grad_norm=None)


def test_unknown_kind_and_unknown_keys_are_skipped() -> None:
    envelope = decode(b'{"v":1,"seq":1,"t":"","kind":"new_thing","data":{"x":1},"more":2}')
    assert envelope.event is None
    known = decode(b'{"v":1,"seq":1,"t":"","kind":"phase_changed","data":{"phase":"a","b":1}}')
    assert known.event == events.PhaseChanged(phase="a")


def test_commands_survive_the_trip() -> None:
    for _kind, command in COMMANDS:
        assert decode_command(encode_command(command())) == command()
    assert decode_command(b'{"v":1,"kind":"fly"}') is None
    assert encode_command(Stop()) == b'{"v":1,"kind":"stop"}'
    assert encode_command(Pause()) == b'{"v":1,"kind":"pause"}'


def test_fold_of_a_whole_run() -> None:
    snapshot = state_after(*SAMPLES[:9])
    assert snapshot.state is JobState.RUNNING
    assert (snapshot.step, snapshot.total_steps, snapshot.loss) == (3, 9, 1.5)
    assert (snapshot.eval_before, snapshot.eval_best, snapshot.eval_best_step) == (2.0, 2.0, 0)
    assert snapshot.checkpoint == "ck-000003"
    assert (snapshot.started_at, snapshot.updated_at) == ("t1", "t9")


def test_fold_keeps_the_best_check() -> None:
    check = events.EvalDone(
        step=0, loss=2.0, supervised_tokens=5, examples=1, is_best=True, eval_s=0.1
    )
    later = [msgspec.structs.replace(check, step=step, loss=loss)
             for step, loss in ((5, 1.0), (9, 1.2))]  # fmt: skip
    snapshot = state_after(check, *later)
    assert (snapshot.eval_best, snapshot.eval_best_step, snapshot.eval_last) == (1.0, 5, 1.2)


@pytest.mark.parametrize(
    ("last", "state"),
    [
        (events.Stopped(step=1, checkpoint=""), JobState.STOPPED),
        (events.Paused(step=1, checkpoint="ck-000001"), JobState.PAUSED),
        (events.Finished(), JobState.FINISHED),
        (events.Failed(code="c", message="m", remedy="r"), JobState.FAILED),
    ],
)
def test_fold_of_an_end(last: Event, state: JobState) -> None:
    snapshot = state_after(SAMPLES[0], STEP, last)
    assert snapshot.state is state
    assert snapshot.eta_s is None


def test_fold_of_a_resume_runs_again() -> None:
    failed = events.Failed(code="c", message="m", remedy="r")
    again = events.WorkerStarted(attempt=2, pid=8)
    snapshot = state_after(SAMPLES[0], STEP, failed, again)
    assert snapshot.state is JobState.RUNNING
    assert snapshot.failure is None
    assert snapshot.step == 3


def test_fold_of_many_is_that_of_one_after_the_other() -> None:
    chance = random.Random(5)
    for _round in range(200):
        told = [
            Envelope(v=1, seq=i + 1, t=f"2026-01-01T00:00:{i:02d}.000Z", kind="any", event=event)
            for i, event in enumerate(
                replace(STEP, step=i) if chance.random() < 0.6 else chance.choice(SAMPLES)
                for i in range(30)
            )
        ]
        expected = JobSnapshot()
        for one in told:
            expected = fold(expected, one)
        cut = chance.randrange(31)
        assert fold_all(fold_all(JobSnapshot(), told[:cut]), told[cut:]) == expected
