# SPDX-License-Identifier: Apache-2.0
"""Work off the window's thread comes back into it; feeds and the library tell what changed."""

from __future__ import annotations

import threading
import time
import weakref

import pytest
from PySide6.QtCore import QObject
from pytestqt.qtbot import QtBot

from engine.domain.run import JobState
from engine.errors import DiskFull, Unforeseen
from engine.protocol.codec import Envelope
from engine.protocol.events import PhaseChanged, WorkerStarted
from gui.bridge.job_feed import JobFeedSignal
from gui.bridge.services import Services
from gui.bridge.tasks import Outcome
from tests.fakes.api import FakeApi, a_dataset, a_step, a_stop

pytestmark = pytest.mark.gui
START = WorkerStarted(attempt=1, pid=1)


def run(services: Services, qtbot: QtBot, work: object, owner: QObject) -> list[Outcome[object]]:
    outcomes: list[Outcome[object]] = []
    services.tasks.run(work, outcomes.append, owner=owner)  # type: ignore[arg-type]  # any work
    qtbot.wait_until(lambda: services.tasks.is_idle)
    return outcomes


def test_task_runs_elsewhere_and_comes_back(window_services: Services, qtbot: QtBot) -> None:
    threads: list[str] = []

    def work() -> int:
        threads.append(threading.current_thread().name)
        return 7

    def done(outcome: Outcome[int]) -> None:
        threads.append(threading.current_thread().name)
        assert outcome.value == 7

    window_services.tasks.run(work, done, owner=window_services.library)
    qtbot.wait_until(lambda: window_services.tasks.is_idle)
    assert threads == ["burnish-workspace", threading.main_thread().name]


def test_task_that_fails_brings_the_engines_error(window_services: Services, qtbot: QtBot) -> None:
    def work() -> None:
        raise DiskFull("It is full.")

    (outcome,) = run(window_services, qtbot, work, window_services.library)
    assert isinstance(outcome.error, DiskFull)
    with pytest.raises(DiskFull):
        _ = outcome.value


def test_task_that_breaks_brings_an_error_without_values(
    window_services: Services, qtbot: QtBot
) -> None:
    def work() -> None:
        raise KeyError("secret")

    (outcome,) = run(window_services, qtbot, work, window_services.library)
    assert isinstance(outcome.error, Unforeseen)
    assert "secret" not in outcome.error.message + outcome.error.detail
    assert "test_bridge.py" in outcome.error.detail


def test_task_of_an_owner_that_is_gone_is_not_delivered(
    window_services: Services, qtbot: QtBot
) -> None:
    owner = QObject()
    ready = threading.Event()
    outcomes: list[object] = []
    window_services.tasks.run(ready.wait, outcomes.append, owner=owner)
    owner.deleteLater()
    del owner
    qtbot.wait(10)
    ready.set()
    qtbot.wait_until(lambda: window_services.tasks.is_idle)
    assert outcomes == []


def mourned(threads: list[str]) -> QObject:
    """Return an object whose end writes down in which thread it came."""
    made = QObject()
    weakref.finalize(made, lambda: threads.append(threading.current_thread().name))
    return made


def test_object_that_only_a_task_still_held_dies_in_the_windows_thread(
    window_services: Services, qtbot: QtBot
) -> None:
    threads: list[str] = []
    for _round in range(20):
        owner = mourned(threads)
        window_services.tasks.run(owner.objectName, lambda _outcome: None, owner=owner)
        del owner
    qtbot.wait_until(lambda: window_services.tasks.is_idle)
    window_services.tasks.run(time.time, lambda _outcome: None, owner=window_services.library)
    qtbot.wait_until(lambda: window_services.tasks.is_idle)
    assert threads == [threading.main_thread().name] * 20


def listen(feed: JobFeedSignal) -> tuple[list[Envelope], list[JobState], list[object]]:
    events: list[Envelope] = []
    states: list[JobState] = []
    over: list[object] = []
    feed.events.connect(events.extend)
    feed.changed.connect(lambda _snapshot, state: states.append(state))
    feed.over.connect(over.append)
    return events, states, over


def test_feed_tells_the_past_then_what_is_new_then_the_end(
    api: FakeApi, window_services: Services, qtbot: QtBot
) -> None:
    job = api.runs.make("one", "r1")
    job.emit(START, a_step(1))
    feed = window_services.feeds.follow("r1", window_services.library)
    events, states, over = listen(feed)
    qtbot.wait_until(lambda: len(events) == 2)
    job.emit(a_step(2), a_stop(2))
    qtbot.wait_until(lambda: bool(over))
    assert [one.seq for one in events] == [1, 2, 3, 4]
    assert states[-1] is JobState.STOPPED
    assert feed.is_over


def test_feed_of_a_long_log_comes_in_parts(
    api: FakeApi, window_services: Services, qtbot: QtBot
) -> None:
    job = api.runs.make("long", "r1")
    job.emit(START, *(a_step(step, total=9_000) for step in range(1, 9_001)), a_stop(9_000))
    feed = window_services.feeds.follow("r1", window_services.library)
    parts: list[int] = []
    feed.events.connect(lambda envelopes: parts.append(len(envelopes)))
    with qtbot.wait_signal(feed.over, timeout=10_000):
        pass
    assert sum(parts) == 9_002
    assert max(parts) <= 2_000


def test_feed_of_a_dead_worker_is_interrupted(
    api: FakeApi, window_services: Services, qtbot: QtBot
) -> None:
    job = api.runs.make("dead", "r1")
    job.emit(START, a_step(1))
    job.is_dead = True
    feed = window_services.feeds.follow("r1", window_services.library)
    with qtbot.wait_signal(feed.over):
        pass
    assert feed.state is JobState.INTERRUPTED


def test_feed_of_a_job_that_is_not_there_fails(window_services: Services, qtbot: QtBot) -> None:
    feed = window_services.feeds.follow("none", window_services.library)
    with qtbot.wait_signal(feed.failed):
        pass


def test_stopped_feed_is_silent(api: FakeApi, window_services: Services, qtbot: QtBot) -> None:
    job = api.runs.make("one", "r1")
    job.emit(START)
    feed = window_services.feeds.follow("r1", window_services.library)
    events, _states, _over = listen(feed)
    qtbot.wait_until(lambda: len(events) == 1)
    feed.stop()
    job.emit(a_step(1))
    qtbot.wait(300)
    assert len(events) == 1


def test_feeds_that_nobody_follows_any_more_are_not_kept(
    api: FakeApi, window_services: Services, qtbot: QtBot
) -> None:
    api.runs.make("one", "r1").emit(START)
    ended: list[str] = []
    for _visit in range(5):
        page = QObject()
        feed = window_services.feeds.follow("r1", page)
        weakref.finalize(feed, lambda: ended.append("feed"))
        with qtbot.wait_signal(feed.events):
            pass
        del feed
        page.deleteLater()
        with qtbot.wait_signal(page.destroyed):
            pass
    assert len(ended) == 4


def test_library_tells_only_what_changed(
    api: FakeApi, window_services: Services, qtbot: QtBot
) -> None:
    library = window_services.library
    with qtbot.wait_signal(library.loaded):
        library.refresh()
    told: list[str] = []
    library.datasets_changed.connect(lambda: told.append("datasets"))
    library.models_changed.connect(lambda: told.append("models"))
    api.datasets.all = [a_dataset()]
    called: list[bool] = []
    library.refresh(lambda: called.append(True))
    qtbot.wait_until(lambda: bool(called))
    assert told == ["datasets"]
    assert library.dataset("d1") is not None
    assert library.dataset("d9") is None


def test_library_reads_again_while_a_job_lives(
    api: FakeApi, window_services: Services, qtbot: QtBot
) -> None:
    library = window_services.library
    job = api.runs.make("live", "r1")
    job.emit(START, PhaseChanged(phase="training"))
    library.refresh()
    qtbot.wait_until(lambda: len(library.live_jobs) == 1)
    job.emit(a_step(5), a_stop(5))
    qtbot.wait_until(lambda: not library.live_jobs, timeout=5_000)
    run_view = library.run("r1")
    assert run_view is not None
    assert run_view.state is JobState.STOPPED


def test_settings_are_told_and_kept(window_services: Services, qtbot: QtBot) -> None:
    with qtbot.wait_signal(window_services.settings.changed):
        window_services.settings.set(text_scale=1.5)
    assert window_services.settings.values.text_scale == 1.5
    with qtbot.assert_not_emitted(window_services.settings.changed):
        window_services.settings.set(text_scale=1.5)
