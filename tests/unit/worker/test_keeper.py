# SPDX-License-Identifier: Apache-2.0
"""The keeper's process: it says who it is, and keeps the computer awake no longer than needed."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from engine.api.jobs import Jobs
from engine.api.queue import QueueDesk
from engine.domain.queue import Hours, Queue, QueueEntry
from engine.domain.run import JobKind, JobSnapshot, JobState
from engine.launcher import keeper as keeping
from engine.launcher.identity import Identity, launch_token, own_identity
from engine.launcher.keeper import keeper_pid
from engine.launcher.spawn import program_argv
from engine.store import atomicfs
from engine.store.documents import read_document, write_document
from engine.store.layout import Layout
from engine.store.locks import held
from engine.store.output_log import LOG_BYTES
from engine.store.workspace import open_workspace
from engine.worker import finishing
from engine.worker import main as worker
from engine.worker.keeper import EXIT_DONE, Vigil
from engine.worker.wakefulness import Wakefulness
from main import main


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def vigil(told: list[str]) -> Vigil:
    @contextlib.contextmanager
    def hold() -> Generator[Wakefulness, None, None]:
        told.append("held")
        yield Wakefulness.HELD
        told.append("let go")

    return Vigil(hold)


def test_vigil_holds_once_and_lets_go_once(vigil: Vigil, told: list[str]) -> None:
    for needed in (False, True, True, False, False, True):
        vigil.set_needed(needed)
    assert told == ["held", "let go", "held"]


def test_vigil_lets_go_at_its_end(vigil: Vigil, told: list[str]) -> None:
    with contextlib.suppress(OSError), vigil:
        vigil.set_needed(True)
        raise OSError
    assert told == ["held", "let go"]


def test_keeper_writes_down_who_it_is_for_as_long_as_it_lives(tmp_path: Path) -> None:
    layout = open_workspace(tmp_path / "w", now=datetime.now(UTC))
    keeper = subprocess.Popen(program_argv("--keeper", str(layout.root)), stderr=subprocess.DEVNULL)
    assert keeper.wait(timeout=120) == EXIT_DONE
    assert read_document(layout.queue.keeper, Identity).pid == keeper.pid
    assert keeper_pid(layout) is None


@contextlib.contextmanager
def waiting_keeper(root: Path) -> Generator[tuple[Layout, subprocess.Popen[bytes]], None, None]:
    """Yield a keeper with a run that may not begin for hours; it is ended behind the block."""
    layout = open_workspace(root, now=datetime.now(UTC))
    run_id = Jobs(layout).create(JobKind.TRAIN, "r", "x:y", {})
    now = datetime.now().astimezone()
    later = (60 * now.hour + now.minute + 120) % 1440
    hours = Hours(begin=later, end=(later + 60) % 1440)
    entries = (QueueEntry(run_id=run_id),)
    QueueDesk(layout).change(lambda _queue: Queue(entries=entries, hours=hours))
    atomicfs.write_file(layout.queue.keeper_log, b"x" * (LOG_BYTES + 1))
    words = program_argv("--keeper", str(layout.root))
    with subprocess.Popen(words, stderr=subprocess.DEVNULL) as keeper:
        try:
            wait_for(lambda: keeper_pid(layout) is not None)
            yield layout, keeper
        finally:
            keeper.kill()


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120.0
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_keeper_that_waits_keeps_its_log_short_and_leaves_for_who_migrates(tmp_path: Path) -> None:
    with waiting_keeper(tmp_path / "w") as (layout, keeper):
        wait_for(layout.queue.older_keeper_log.exists)
        wait_for(lambda: layout.queue.keeper_log.stat().st_size == 0)
        assert layout.queue.older_keeper_log.stat().st_size == LOG_BYTES
        with held(layout.root / "migration.lock"):
            assert keeper.wait(timeout=120) == EXIT_DONE
        assert QueueDesk(layout).read().has_work


def test_keeper_that_is_started_puts_a_long_log_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout = open_workspace(tmp_path / "w", now=datetime.now(UTC))
    atomicfs.make_folder(layout.queue.root)
    atomicfs.write_file(layout.queue.keeper_log, b"x" * (LOG_BYTES + 1))
    monkeypatch.setattr(keeping, "has_work", lambda _layout: True)
    monkeypatch.setattr(keeping, "program_argv", lambda *_role: [sys.executable, "-c", ""])
    process = keeping.wake_keeper(layout)
    assert process is not None
    assert process.wait() == 0
    assert layout.queue.keeper_log.stat().st_size == 0
    assert layout.queue.older_keeper_log.stat().st_size == LOG_BYTES


@pytest.mark.parametrize(
    ("state", "is_told", "is_woken"),
    [
        (JobState.PAUSED, False, False),
        (JobState.PAUSED, True, True),
        (JobState.FINISHED, False, True),
    ],
)
def test_worker_that_the_system_paused_wakes_no_keeper_at_its_end(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    state: JobState,
    is_told: bool,
    is_woken: bool,
) -> None:
    layout = open_workspace(tmp_path / "w", now=datetime.now(UTC))
    folder = layout.job(Jobs(layout).create(JobKind.TRAIN, "r", "x:y", {}))
    write_document(folder.identity, own_identity(folder, launch_token(1)))
    write_document(folder.result, JobSnapshot(state=state))
    if is_told:
        atomicfs.write_file(folder.commands / "000001-pause-0.json", b"")
    woken: list[Layout] = []
    monkeypatch.setattr(keeping, "wake_keeper", lambda found, _environment: woken.append(found))
    keeping.wake_keeper_of(folder.root, {})
    assert woken == ([layout] if is_woken else [])


def test_keeper_that_a_worker_wakes_sees_no_card_as_hidden(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker with several processes shows itself one card only; the queue has them all."""
    folder = open_workspace(tmp_path / "w", now=datetime.now(UTC)).job("r1")
    folder.root.mkdir()
    seen: list[Mapping[str, str]] = []

    def work(job: Path, launch: str) -> int:
        del job, launch
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
        return 0

    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(worker, "run_worker", work)
    monkeypatch.setattr(finishing, "leave", lambda status, then: then() or status)
    monkeypatch.setattr(keeping, "wake_keeper", lambda _layout, found: seen.append(found))
    assert main(["--worker", str(folder.root)]) == 0
    assert "CUDA_VISIBLE_DEVICES" not in seen[0]
    assert seen[0]["PATH"] == os.environ["PATH"]
