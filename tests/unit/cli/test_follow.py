# SPDX-License-Identifier: Apache-2.0
"""Following a job on the terminal."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from engine.api.jobs import Jobs
from engine.cli.follow import follow
from engine.cli.session import Session
from engine.domain.recipe import Recipe
from engine.domain.run import JobKind, JobState
from engine.launcher.watch import JobFeed
from engine.protocol.codec import Envelope, encode
from engine.protocol.events import Event, Finished
from engine.store.workspace import open_workspace
from tests.fakes.api import a_step

MOMENT = "2026-11-04T14:00:00.000Z"
STEPS = 24_000


def a_long_run(root: Path) -> None:
    layout = open_workspace(root, now=datetime.now(UTC))
    recipe = Recipe(dataset_id="d1", model_id="m1")
    Jobs(layout, make_id=lambda: "run1").create(JobKind.TRAIN, "Mine", "a:b", {}, recipe)
    told: list[Event] = [a_step(step, total=STEPS) for step in range(1, STEPS + 1)]
    lines = [encode(one, seq=i, t=MOMENT) for i, one in enumerate([*told, Finished(result={})], 1)]
    layout.job("run1").events.write_bytes(b"".join(lines))


def test_long_run_is_followed_whole_with_a_part_of_its_events_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_long_run(tmp_path / "w")
    parts: list[int] = []
    heard: list[Event] = []
    poll = JobFeed.poll

    def counted(feed: JobFeed, limit: int | None = None) -> list[Envelope]:
        found = poll(feed, limit)
        parts.append(len(found))
        return found

    monkeypatch.setattr(JobFeed, "poll", counted)
    session = Session(root=tmp_path / "w", json=True)
    view = follow(session, "run1", title="Run", on_event=heard.append)
    assert view.state is JobState.FINISHED
    assert len(heard) == STEPS + 1
    assert max(parts) <= 10_000
