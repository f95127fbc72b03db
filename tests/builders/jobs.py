# SPDX-License-Identifier: Apache-2.0
"""Runs the entry of a job in this process, with a context made by hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from engine.domain.run import JobInfo, JobKind
from engine.protocol.events import Event, Finished
from engine.protocol.job import JobContext, JobEntry
from engine.store.layout import Layout

START = datetime(2026, 1, 1, tzinfo=UTC)


class JobRun:
    """One run of a job's entry; keeps its events."""

    def __init__(
        self,
        layout: Layout,
        entry: JobEntry,
        options: Mapping[str, Any],
        *,
        stop_requested: Callable[[], bool] = lambda: False,
    ) -> None:
        self.events: list[Event] = []
        self._seconds = 0
        info = JobInfo(
            id="j1",
            kind=JobKind.DATASET,
            name="",
            entry="",
            created_at="",
            options={key: msgspec.Raw(msgspec.json.encode(one)) for key, one in options.items()},
        )
        context = JobContext(
            workspace=layout.root,
            folder=layout.job("j1").root,
            info=info,
            attempt=1,
            emit=self.events.append,
            stop_requested=stop_requested,
            now=self._now,
        )
        entry(context)

    def _now(self) -> datetime:
        """Return a clock that goes on by a second with every look."""
        self._seconds += 1
        return START + timedelta(seconds=self._seconds)

    @property
    def result(self) -> dict[str, Any]:
        """Return what the job finished with."""
        last = self.events[-1]
        assert isinstance(last, Finished), last
        return dict(last.result)
