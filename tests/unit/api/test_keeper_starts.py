# SPDX-License-Identifier: Apache-2.0
"""A keeper that dies is started again ever later, and said to a person; one that lives is not."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from engine.api.facade import open_api
from engine.api.jobs import Jobs
from engine.api.keeper_starts import FIRST_PAUSE_S, LONGEST_PAUSE_S, KeeperStarts
from engine.api.queue import QueueDesk, RunQueue
from engine.domain import queue as rules
from engine.domain.run import JobKind
from engine.store import atomicfs
from engine.store.layout import Layout
from engine.store.workspace import open_workspace


class Keepers:
    """Keepers that end at once with a status, and a clock."""

    def __init__(self, status: int = 1) -> None:
        self.status = status
        self.now_s = 100.0
        self.made: list[float] = []

    def wake(self, _layout: Layout) -> subprocess.Popen[bytes] | None:
        self.made.append(self.now_s)
        words = [sys.executable, "-S", "-c", f"raise SystemExit({self.status})"]
        process = subprocess.Popen(words)
        process.wait()
        return process


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = open_workspace(tmp_path / "w", now=datetime.now(UTC))
    atomicfs.make_folder(made.queue.root)
    return made


def look(starts: KeeperStarts, keepers: Keepers, seconds: int) -> None:
    """Look once a second, as a window does."""
    for _ in range(seconds):
        starts.wake()
        keepers.now_s += 1.0


def test_keeper_that_dies_is_started_again_ever_later_and_never_given_up(layout: Layout) -> None:
    keepers = Keepers()
    starts = KeeperStarts(layout, wake=keepers.wake, clock=lambda: keepers.now_s)
    look(starts, keepers, 1200)
    waits = [after - before for before, after in zip(keepers.made, keepers.made[1:], strict=False)]
    assert waits[:4] == [pytest.approx(FIRST_PAUSE_S * 2**n, abs=1.5) for n in range(4)]
    assert waits == sorted(waits)
    assert waits[-1] == pytest.approx(LONGEST_PAUSE_S, abs=1.5)
    assert len(keepers.made) < 12


def test_person_who_changes_the_queue_does_not_wait(layout: Layout) -> None:
    keepers = Keepers()
    starts = KeeperStarts(layout, wake=keepers.wake, clock=lambda: keepers.now_s)
    look(starts, keepers, 30)
    before = len(keepers.made)
    starts.wake(at_once=True)
    assert len(keepers.made) == before + 1


@pytest.mark.parametrize("status", [0, 4])
def test_keeper_that_leaves_in_order_is_followed_at_once(layout: Layout, status: int) -> None:
    keepers = Keepers(status)
    starts = KeeperStarts(layout, wake=keepers.wake, clock=lambda: keepers.now_s)
    look(starts, keepers, 5)
    assert len(keepers.made) == 5
    assert starts.failure is None


def test_system_that_starts_no_process_is_asked_ever_later_too(layout: Layout) -> None:
    keepers = Keepers()

    def refuse(_layout: Layout) -> None:
        keepers.made.append(keepers.now_s)
        raise OSError(11, "Resource temporarily unavailable")

    starts = KeeperStarts(layout, wake=refuse, clock=lambda: keepers.now_s)
    look(starts, keepers, 60)
    assert len(keepers.made) < 7
    assert starts.failure is not None
    assert "temporarily unavailable" in starts.failure.remedy


def test_queue_says_that_its_keeper_dies_with_its_last_words(layout: Layout) -> None:
    keepers = Keepers()
    run_id = Jobs(layout).create(JobKind.TRAIN, "r", "x:y", {})
    QueueDesk(layout).change(lambda queue: rules.added(queue, run_id))
    queue = RunQueue(layout, runs=open_api(layout.root).runs, wake=keepers.wake)
    assert queue.view().problem == ""
    queue.wake()
    atomicfs.write_file(layout.queue.keeper_log, b"Traceback\nOSError: no such library\n")
    view = queue.view()
    assert view.needs_keeper
    assert not view.is_kept
    assert view.problem
    assert view.remedy.endswith("OSError: no such library")
    queue.remove(run_id)
    assert queue.view().problem == ""
