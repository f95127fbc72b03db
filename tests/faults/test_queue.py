# SPDX-License-Identifier: Apache-2.0
"""The queue: its keepers are killed, several of them come at once, and clients meet."""

from __future__ import annotations

import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from filelock import FileLock

from engine.api.facade import Api, open_api
from engine.api.queue import QueueDesk
from engine.domain import queue as rules
from engine.domain.queue import EntryState
from engine.domain.run import JobKind, JobState
from engine.launcher.deaths import EXIT_TAKEN
from tests.faults.extent import IS_FULL
from tests.faults.nursery import Nursery
from tests.faults.programs import environment
from tests.unit.train.runs import Desk, make_desk

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(sys.platform == "win32", reason="processes that fork"),
]

KILLS = 500 if IS_FULL else 50
RUNS = 60 if IS_FULL else 10
KEEPERS = 4
LIMIT_S = 120.0


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return make_desk(tmp_path, vocabulary=300, layers=1)


@pytest.fixture
def api(desk: Desk) -> Iterator[Api]:
    """Return a workspace; its keepers and workers are ended behind the test."""
    made = open_api(desk.layout.root)
    yield made
    for one in processes_of(made):
        one.kill()


def processes_of(api: Api, role: str = "") -> list[psutil.Process]:
    """Return the processes of this workspace, of one role or of all."""
    found: list[psutil.Process] = []
    for one in psutil.process_iter(["cmdline"]):
        words: list[str] = one.info["cmdline"] or []
        if any(str(api.layout.root) in word for word in words) and (not role or role in words):
            found.append(one)
    return found


def add_run(api: Api, desk: Desk, what: str = "quick") -> str:
    """Put a run into the queue whose worker ends at once."""
    entry = f"tests.fakes.entries:{what}"
    run_id = api.jobs.create(JobKind.TRAIN, "run", entry, {}, desk.recipe())
    QueueDesk(api.layout).change(lambda queue: rules.added(queue, run_id))
    return run_id


@pytest.fixture
def nursery(api: Api, base_model: Path) -> Iterator[Nursery]:
    """Return what makes keepers; they are waited for behind the test."""
    made = Nursery(api.layout.root, environment(base_model))
    yield made
    made.close()


def wait_until_done(api: Api) -> None:
    deadline = time.monotonic() + LIMIT_S
    while QueueDesk(api.layout).read().entries:
        assert time.monotonic() < deadline, QueueDesk(api.layout).read()
        time.sleep(0.05)


def check_all_ran_once(api: Api, runs: list[str]) -> None:
    views = {one: api.jobs.get(one) for one in runs}
    assert {one.state for one in views.values()} <= {JobState.FINISHED, JobState.FAILED}
    assert {one.snapshot.attempt for one in views.values()} == {1}


def test_keeper_killed_at_any_moment_loses_no_run_and_starts_none_twice(
    api: Api, desk: Desk, nursery: Nursery, tell: Callable[[str], None]
) -> None:
    """A worker that ends wakes a keeper too: those are killed as well."""
    chance, kills, runs = random.Random(11), 0, list[str]()
    while kills < KILLS:
        if len(QueueDesk(api.layout).read().entries) < 2 and len(runs) < RUNS:
            runs += [add_run(api, desk), add_run(api, desk, "full_disk")]
        pid = nursery.make()
        time.sleep(chance.uniform(0.0, 0.4))
        os.kill(pid, signal.SIGKILL)
        for one in processes_of(api, "--keeper"):
            one.kill()
        kills += 1
    assert all(one.state is not EntryState.REFUSED for one in QueueDesk(api.layout).read().entries)
    api.queue.wake()
    wait_until_done(api)
    check_all_ran_once(api, runs)
    tell(f"{kills} keepers killed over {len(runs)} runs: none lost, none started twice")


def keepers(api: Api, base_model: Path) -> list[int]:
    """Make several keepers at once and return how each ended."""
    nursery = Nursery(api.layout.root, environment(base_model))
    for _ in range(KEEPERS):
        nursery.make()
    return nursery.close()


def test_keeper_beside_another_one_leaves_the_queue_to_it(
    api: Api, desk: Desk, base_model: Path
) -> None:
    run = add_run(api, desk)
    with FileLock(api.layout.queue.keeper_lock, mode=0o600):
        assert keepers(api, base_model) == [EXIT_TAKEN] * KEEPERS
        assert api.jobs.get(run).snapshot.attempt == 0


def test_of_several_keepers_at_once_none_starts_a_run_again(
    api: Api, desk: Desk, base_model: Path
) -> None:
    runs = [add_run(api, desk) for _ in range(3)]
    assert set(keepers(api, base_model)) <= {0, EXIT_TAKEN}
    wait_until_done(api)
    check_all_ran_once(api, runs)


def test_clients_that_meet_lose_no_change(api: Api) -> None:
    """Each has its own lock on the same file, as two windows have."""
    runs = [api.jobs.create(JobKind.TRAIN, "r", "x:y", {}) for _ in range(16)]

    def add(some: list[str]) -> None:
        desk = QueueDesk(api.layout)
        for one in some:
            desk.change(lambda queue, one=one: rules.added(queue, one))
            desk.change(lambda queue, one=one: rules.moved(queue, one, 0))

    clients = [threading.Thread(target=add, args=(runs[k::4],)) for k in range(4)]
    for one in clients:
        one.start()
    for one in clients:
        one.join()
    assert sorted(one.run_id for one in QueueDesk(api.layout).read().entries) == sorted(runs)
