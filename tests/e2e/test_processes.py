# SPDX-License-Identifier: Apache-2.0
"""Real workers with real peers: the same result as alone, and an honest end when one dies."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import Any

import psutil
import pytest

from engine.api.jobs import Jobs
from engine.domain.run import JobInfo, JobKind
from engine.launcher.deaths import log_tail
from engine.launcher.identity import read_identity
from engine.launcher.spawn import MAIN, spawn
from engine.launcher.watch import JobFeed, wait_until_free
from engine.protocol.events import (
    Event,
    Failed,
    Finished,
    PlanResolved,
    StepDone,
    Stopped,
    WorkerStarted,
)
from engine.store.documents import write_document
from engine.store.layout import JobFolder
from engine.train import sft_lora
from engine.train.adapter import WEIGHTS, read_tensors
from tests.unit.train.runs import CREATED, Desk, make_desk

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
LIMIT_S = 120.0


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return make_desk(tmp_path_factory.mktemp("desk"))


def add(desk: Desk, run_id: str, **values: Any) -> JobFolder:
    """Add a run whose dropout must not depend on the number of processes."""
    desk.add_run(run_id, desk.recipe(lora_dropout=0.1, max_length=48, **values))
    folder = desk.layout.job(run_id)
    info = JobInfo(
        id=run_id,
        kind=JobKind.TRAIN,
        name="run",
        entry="engine.train.sft_lora:train",
        created_at=CREATED,
        options={},
    )
    write_document(folder.info, info)
    return folder


def wait(folder: JobFolder, until: type[Event] | None = None) -> list[Event]:
    """Return the events of a run that is over, or that has told of something."""
    feed, found = JobFeed(folder), list[Event]()
    deadline = time.monotonic() + LIMIT_S
    while not feed.state().is_over:
        found += news(feed)
        if until is not None and any(isinstance(one, until) for one in found):
            return found
        assert time.monotonic() < deadline, log_tail(folder)
        time.sleep(0.02)
    wait_until_free(folder)
    return found + news(feed)


def news(feed: JobFeed) -> list[Event]:
    return [one.event for one in feed.poll() if one.event is not None]


def losses(events: list[Event]) -> list[float | None]:
    return [one.loss for one in events if isinstance(one, StepDone)]


def peers_of(folder: JobFolder) -> list[psutil.Process]:
    identity = read_identity(folder)
    assert identity is not None
    return psutil.Process(identity.pid).children()


def is_gone(process: psutil.Process) -> bool:
    return not psutil.wait_procs([process], timeout=20)[1]


def test_two_real_processes_train_as_one(desk: Desk) -> None:
    alone, together = add(desk, "alone", max_steps=4), add(desk, "both", max_steps=4, processes=2)
    sft_lora.train(desk.context("alone"))
    expected = losses(desk.events)
    spawn(together)
    events = wait(together, PlanResolved)
    (peer,) = peers_of(together)
    sockets = peer.net_connections(kind="inet")
    events = wait(together)
    assert losses(events) == pytest.approx(expected, rel=2e-6)
    assert len(expected) == 4
    assert sockets == []
    started = next(one for one in events if isinstance(one, WorkerStarted))
    if sys.platform == "linux":
        assert started.versions["network"] == "refused by the kernel"
    found = read_tensors(together.adapter / WEIGHTS)
    for name, values in read_tensors(alone.adapter / WEIGHTS).items():
        assert (found[name] - values).norm() <= 1e-4 * values.norm()
    assert is_gone(peer)
    assert not list(together.root.glob("*ranks*"))


def test_killed_peer_ends_the_run_by_name_and_the_next_start_obeys_a_stop(desk: Desk) -> None:
    folder = add(desk, "killed", epochs=40.0, processes=2, checkpoint_every_steps=1)
    spawn(folder)
    wait(folder, StepDone)
    (peer,) = peers_of(folder)
    peer.kill()
    (failed,) = [one for one in wait(folder) if isinstance(one, Failed)]
    assert failed.code == "process_lost"
    spawn(folder)
    Jobs(desk.layout).stop(folder.root.name)
    assert isinstance(wait(folder)[-1], Stopped)


def test_killed_worker_takes_its_peers_with_it(desk: Desk) -> None:
    folder = add(desk, "orphans", epochs=40.0, processes=2)
    spawn(folder)
    wait(folder, StepDone)
    (peer,) = peers_of(folder)
    psutil.Process(peer.ppid()).kill()
    assert is_gone(peer)


@pytest.mark.skipif(sys.platform == "win32", reason="torchrun is refused there")
def test_torchrun_starts_the_same_worker(desk: Desk) -> None:
    folder = add(desk, "torchrun", max_steps=2)
    words = ["-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", "0"]
    done = subprocess.run(
        [sys.executable, *words, str(MAIN), "--worker", str(folder.root)],
        check=False,
        capture_output=True,
        timeout=LIMIT_S,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    events = wait(folder)
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    plan = next(one for one in events if isinstance(one, PlanResolved))
    assert plan.decisions["processes"].value == 2
    assert len(losses(events)) == 2
    assert isinstance(events[-1], Finished)
