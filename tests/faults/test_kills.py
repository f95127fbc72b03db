# SPDX-License-Identifier: Apache-2.0
"""R1: workers killed at random moments of training and saving, each resumed: nothing is lost."""

from __future__ import annotations

import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.api.jobs import Jobs, JobView
from engine.domain.run import JobKind, JobState
from engine.errors import WorkerDied
from engine.launcher.watch import JobFeed
from engine.protocol.codec import Envelope
from engine.protocol.events import (
    AdapterCommitted,
    CheckpointCommitted,
    Event,
    StepDone,
    WorkerStarted,
)
from engine.store import atomicfs
from engine.store.workspace import open_workspace
from engine.train.checkpoint import checkpoint_folders, read_checkpoint
from tests.faults.extent import IS_FULL
from tests.faults.warm import WarmProcess
from tests.unit.train.runs import MOMENT, Desk, chat_rows, make_desk

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="workers are forked from a warm parent"),
]

KILLS = 1000 if IS_FULL else 20
KEPT = 2
STEPS = 40
ENDS = ("killed_by_system", "worker_died")
"""The latter where a worker did not come so far as to take its job."""

EARLY = 0.1
"""Of the kills: before the first step."""
LATEST_S = 0.4
LIMIT_S = 300.0
SEED = 11


@pytest.fixture
def desk(memory_folder: Path) -> Desk:
    return make_desk(memory_folder, rows=chat_rows(12), vocabulary=300, layers=1)


def new_run(desk: Desk, jobs: Jobs) -> str:
    recipe = desk.recipe(
        epochs=100.0,
        max_steps=STEPS,
        effective_batch_size=2,
        lora_dropout=0.2,
        eval_every_steps=5,
        checkpoint_every_steps=1,
        keep_checkpoints=KEPT,
    )
    return jobs.create(JobKind.TRAIN, "run", "engine.train.sft_lora:train", {}, recipe)


def ended(jobs: Jobs, job_id: str) -> JobView:
    deadline = time.monotonic() + LIMIT_S
    while not (view := jobs.get(job_id)).state.is_over:
        assert time.monotonic() < deadline, jobs.log_tail(job_id)
        time.sleep(0.01)
    return view


def strike(feed: JobFeed, born: list[WarmProcess], chance: random.Random) -> None:
    """Kill the worker that is about to be started: mostly after its first step, else earlier."""
    count, is_early = len(born), chance.random() < EARLY
    feed.poll()
    deadline = time.monotonic() + LIMIT_S
    while len(born) == count and time.monotonic() < deadline:
        time.sleep(0.001)
    while not (is_early or is_stepping(feed.poll()) or born[-1].over.is_set()):
        time.sleep(0.002)
    time.sleep(chance.uniform(0.0, LATEST_S))
    born[-1].kill()


def start_and_kill(
    jobs: Jobs, job_id: str, born: list[WarmProcess], chance: random.Random
) -> str | None:
    """Start a worker and kill it at a random moment; return what its end is called, or None."""
    killer = threading.Thread(target=strike, args=(jobs.feed(job_id), born, chance))
    killer.start()
    try:
        jobs.start(job_id)
    except WorkerDied as error:
        return named(error.code, error.remedy)
    finally:
        killer.join()
        born[-1].wait()
    view = ended(jobs, job_id)
    if view.state is JobState.FINISHED:
        return None
    assert view.state is JobState.INTERRUPTED, view.snapshot.failure
    assert view.cause is not None
    return named(view.cause.code, view.cause.remedy)


def named(code: str, remedy: str) -> str:
    assert code in ENDS
    assert remedy
    return code


def is_stepping(found: list[Envelope]) -> bool:
    return any(isinstance(one.event, StepDone) for one in found)


def told_of(jobs: Jobs, job_id: str) -> list[Event]:
    return [one.event for one in jobs.feed(job_id).poll() if one.event is not None]


def check_nothing_is_lost(desk: Desk, job_id: str) -> int:
    """Check a workspace after a kill; return the step that the run goes on from."""
    layout = open_workspace(desk.layout.root, now=MOMENT)
    jobs = Jobs(layout)
    assert job_id in [one.info.id for one in jobs.list()]
    folder = layout.job(job_id)
    told = told_of(jobs, job_id)
    promised = [one.step for one in told if isinstance(one, CheckpointCommitted)]
    there = {read_checkpoint(one).state.step for one in checkpoint_folders(folder.checkpoints)}
    assert set(promised[-KEPT:]) <= there
    assert not promised or max(there) >= promised[-1]
    if any(isinstance(one, AdapterCommitted) for one in told):
        atomicfs.verify_folder(folder.adapter)
    return max(there, default=0)


def first_step(told: list[Event]) -> int | None:
    """Return the first step of the newest attempt, if it did one."""
    begun = max(at for at, one in enumerate(told) if isinstance(one, WorkerStarted))
    return next((one.step for one in told[begun:] if isinstance(one, StepDone)), None)


def adapter_of(jobs: Jobs, job_id: str) -> str:
    return next(one.sha256 for one in told_of(jobs, job_id) if isinstance(one, AdapterCommitted))


@pytest.mark.timeout(7200)
def test_worker_killed_at_any_moment_loses_nothing_and_resumes(
    desk: Desk, trainers: list[WarmProcess], tell: Callable[[str], None]
) -> None:
    jobs, chance = Jobs(desk.layout), random.Random(SEED)
    whole = new_run(desk, jobs)
    jobs.start(whole)
    assert ended(jobs, whole).state is JobState.FINISHED
    expected = adapter_of(jobs, whole)
    ends, resumed, within_a_save, runs = Counter[str](), 0, 0, 0
    job_id, safe = new_run(desk, jobs), 0
    while ends.total() < KILLS:
        end = start_and_kill(jobs, job_id, trainers, chance)
        first = first_step(told_of(jobs, job_id)) if end != "worker_died" else None
        assert first in (None, safe + 1)
        resumed += first is not None and safe > 0
        if end is not None:
            ends[end] += 1
            within_a_save += any(desk.layout.job(job_id).checkpoints.glob(".tmp-*"))
            safe = check_nothing_is_lost(desk, job_id)
            continue
        assert adapter_of(jobs, job_id) == expected
        runs += 1
        job_id, safe = new_run(desk, jobs), 0
    tell(
        f"{dict(ends)}: {within_a_save} within a save, {resumed} resumed, "
        f"{runs} runs ended with the adapter of the uninterrupted one"
    )
