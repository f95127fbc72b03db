# SPDX-License-Identifier: Apache-2.0
"""Runs in every state, for tests and pictures of the window: a plausible past, event by event."""

from __future__ import annotations

import math
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from engine.domain.decision import Decision
from engine.domain.queue import EntryState, Hours, Queue, QueueEntry, WhenDone
from engine.domain.recipe import Recipe
from engine.domain.run import Failure
from engine.domain.run_note import RunNote
from engine.domain.trash import TrashKind
from engine.protocol.events import (
    AdapterCommitted,
    CheckpointCommitted,
    EvalDone,
    Failed,
    Finished,
    PhaseChanged,
    PlanResolved,
    RolledBack,
    SampleMade,
    Warned,
    WorkerStarted,
)
from tests.fakes.api import GB, FakeApi, FakeJob, a_dataset, a_model, a_step, a_stop
from tests.fakes.trash import some_items

PROMPT = "Label printer on line 2 prints half a label since this morning."
EXPECTED = "Cause: Sensor reads the gap late. Check first: Menu, Media, Calibrate. Priority: High."
ANSWERS = {
    0: "I’m sorry to hear that. Have you tried turning the printer off and on again? There could "
    "be many reasons.",
    300: "Cause: The label size may be wrong. Check first: Please look at the settings.",
    600: EXPECTED,
}
LONG_NAME = "Orders of the last year with a very long name that fits nowhere, not even in a window"
_STEP_S = 2.14


def fill_library(api: FakeApi) -> None:
    """Add two datasets and a model."""
    api.datasets.all = [a_dataset(), a_dataset(id="d2", name=LONG_NAME)]
    api.models.all = [a_model()]
    api.space.items = some_items()
    api.trash.put(TrashKind.DATASET, "Tickets of last year", lambda: None)


def a_queue() -> Queue:
    """Return a queue with runs in every state, at night only."""
    return Queue(
        entries=(
            QueueEntry(run_id="r7", state=EntryState.RUNNING),
            QueueEntry(run_id="r5"),
            QueueEntry(
                run_id="r8",
                state=EntryState.REFUSED,
                problem="Its base model is gone.",
                remedy="Add the model again.",
            ),
            QueueEntry(run_id="r9"),
        ),
        hours=Hours(begin=22 * 60, end=6 * 60),
        when_done=WhenDone.SHUT_DOWN,
    )


def add_run(
    api: FakeApi, name: str, run_id: str, *, upto: int = 620, total: int = 1000, **facts: Any
) -> FakeJob:
    """Add a run that has done so many steps; a check each 50, a checkpoint each 200."""
    facts.setdefault("checkpoints", tuple(f"ck-{step:06d}" for step in range(200, upto + 1, 200)))
    recipe = Recipe(dataset_id="d1", model_id="m1", eval_every_steps=50)
    job = api.runs.make(name, run_id, recipe=recipe, **facts)
    began = datetime.now(UTC) - timedelta(seconds=30 + upto * _STEP_S)
    job.emit(*_opening(total), at=_stamp(began))
    dice = random.Random(1)
    for step in range(1, upto + 1):
        at = _stamp(began + timedelta(seconds=30 + step * _STEP_S))
        job.emit(_step(step, total, dice), at=at)
        if step % 50 == 0:
            job.emit(_check(step), at=at)
        if step in ANSWERS:
            job.emit(_sample(step), at=at)
        if step % 200 == 0:
            job.emit(_saved(step), at=at)
    return job


def add_finished(api: FakeApi) -> None:
    """Add a run that is done and left an adapter, with a note and tags."""
    note = RunNote(
        text="Twice the rank of v1.\nAnswers are shorter, which support liked.",
        tags=("baseline", "keep"),
    )
    job = add_run(api, "support-v2", "r6", upto=300, total=300, has_adapter=True, note=note)
    api.runs.recipes["r6"] = msgspec.structs.replace(
        api.runs.recipes["r6"], lora_rank=32, epochs=2.0
    )
    job.emit(AdapterCommitted(path="adapter", sha256="0"), Finished(result={"adapter": "adapter"}))


def add_stopped(api: FakeApi) -> None:
    """Add a run that was asked to stop."""
    add_run(api, "support-v1", "r5", upto=212, total=300, has_adapter=True).emit(a_stop(212))


def add_early_stopped(api: FakeApi) -> None:
    """Add a run that ended early and left the adapter of its best step."""
    job = add_run(api, "support-early", "r10", upto=700, has_adapter=True)
    job.emit(
        Warned(code="early_stopped", message="The run ended early after step 700."),
        Warned(code="best_delivered", message="The adapter is that of step 550."),
        AdapterCommitted(path="adapter", sha256="0", step=550, is_best=True),
        Finished(result={"adapter": "adapter", "checkpoint": "ck-000550", "step": "550"}),
    )


def add_overfitting(api: FakeApi) -> None:
    """Add a live run that begins to learn the rows by heart."""
    job = add_run(api, "support-heart", "r11", upto=700)
    job.emit(Warned(code="overfitting", message="Training loss still falls, held-out loss rose."))


def add_rolled_back(api: FakeApi) -> None:
    """Add a live run that diverged at step 412 and went back to step 375."""
    job = add_run(api, "support-back", "r12", upto=412)
    dice, now = random.Random(2), _stamp(datetime.now(UTC))
    job.emit(*(a_step(step, total=1000, loss=9 + dice.gauss(0, 0.3)) for step in range(413, 418)))
    job.emit(
        RolledBack(
            step=417, to_step=375, count=1, rate_factor=0.5, tokens_seen=375_000,
            eval_last=_check(350).loss, eval_best=_check(350).loss, eval_best_step=350,
        ),
        Warned(code="rolled_back", message="The loss leapt up and stayed there until step 417."),
        CheckpointCommitted(step=375, name="ck-000375", size_bytes=130_000_000, is_best=False),
        at=now,
    )  # fmt: skip
    for step in range(376, 521):
        done = _step(step, 1000, dice)
        job.emit(msgspec.structs.replace(done, learning_rate=done.learning_rate / 2), at=now)
        if step % 50 == 0:
            job.emit(_check(step), at=now)


def add_failed(api: FakeApi) -> None:
    """Add a run that ran out of memory."""
    add_run(api, "support-v4", "r8", upto=212).emit(
        Failed(
            code="not_enough_memory",
            message="A batch of long rows needed about 1.8 GB more than the card has.",
            remedy="Lower max_length or micro_batch_size, then resume from the last checkpoint.",
            detail="CUDA out of memory",
        )
    )


def add_interrupted(api: FakeApi) -> None:
    """Add a run whose worker is gone."""
    add_run(api, "support-v5", "r9", upto=100).is_dead = True


def add_killed(api: FakeApi) -> None:
    """Add a run that the system ended for lack of memory."""
    run = add_run(api, "support-v6", "r13", upto=212)
    run.is_dead = True
    run.cause = Failure(
        code="killed_by_system",
        message="The system ended the worker because memory ran out. Checkpoints are safe.",
        remedy="Close other programs, then resume the run.",
        detail="exit status: -9\nended for lack of memory since: 1\nnewest peak: 21.3 GiB",
    )


def add_silent(api: FakeApi) -> None:
    """Add a run whose worker gives no sign of life."""
    add_run(api, "support-still", "r14", upto=150).is_silent = True


def _opening(total: int) -> tuple[Any, ...]:
    choices = {
        "device": Decision(value="cuda", reason="This computer has a card.", source="hardware"),
        "dtype": Decision(value="bf16", reason="The card computes in bf16.", source="hardware"),
    }
    plan = PlanResolved(
        decisions=choices,
        total_steps=total,
        train_examples=10_686,
        eval_examples=512,
        trained_tokens=2_100_000,
        read_tokens=900_000,
        truncated_rows=212,
        skipped_rows=0,
    )
    return (
        WorkerStarted(attempt=1, pid=1, versions={"python": "3.11.9", "torch": "2.13.0"}),
        PhaseChanged(phase="loading_model"),
        plan,
        _check(0),
        _sample(0),
        PhaseChanged(phase="training"),
    )


def _step(step: int, total: int, dice: random.Random) -> Any:
    rise = 50
    cosine = 0.5 * (1 + math.cos(math.pi * (step - rise) / (total - rise)))
    return a_step(
        step,
        total=total,
        loss=1.2 + 1.2 * math.exp(-step / 130) + dice.gauss(0, 0.09),
        learning_rate=2e-4 * (step / rise if step < rise else cosine),
        tokens_per_s=5100 + dice.gauss(0, 60),
        grad_norm=0.35 + 0.4 * math.exp(-step / 90) + abs(dice.gauss(0, 0.05)),
        memory_bytes=round((11.2 + dice.gauss(0, 0.05)) * GB),
        eta_s=(total - step) * _STEP_S,
    )


def _check(step: int) -> EvalDone:
    loss = 1.34 + 0.97 * math.exp(-step / 120) + 0.012 * max(0, step - 550) / 50
    return EvalDone(
        step=step, loss=loss, supervised_tokens=10, examples=512, is_best=step <= 550, eval_s=3
    )


def _sample(step: int) -> SampleMade:
    return SampleMade(step=step, prompt=PROMPT, answer=ANSWERS[step], expected=EXPECTED)


def _saved(step: int) -> CheckpointCommitted:
    return CheckpointCommitted(
        step=step, name=f"ck-{step:06d}", size_bytes=130_000_000, is_best=step == 400
    )


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")
