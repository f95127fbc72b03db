# SPDX-License-Identifier: Apache-2.0
"""Runs the import job in this process, with a context made by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from engine.api import importing
from engine.domain.chunking import Chunking
from engine.domain.dataset import Mapping
from engine.domain.run import JobInfo, JobKind
from engine.protocol.events import Event
from engine.protocol.job import JobContext
from engine.store.layout import Layout
from engine.store.workspace import open_workspace

START = datetime(2026, 1, 1, tzinfo=UTC)


def new_workspace(root: Path) -> Layout:
    """Make an empty workspace."""
    return open_workspace(root, now=START)


class ImportRun:
    """One run of the import job; keeps its events."""

    def __init__(
        self,
        layout: Layout,
        paths: Sequence[Path],
        *,
        dataset_id: str = "d1",
        name: str = "",
        eval_ratio: float = 0.1,
        mapping: Mapping | None = None,
        chunking: Chunking | None = None,
        further_ids: Sequence[str] = (),
        stop_requested: Callable[[], bool] = lambda: False,
    ) -> None:
        self.events: list[Event] = []
        self.folder = layout.dataset(dataset_id)
        self._seconds = 0
        options: dict[str, Any] = {
            "further_ids": list(further_ids),
            "paths": [str(path) for path in paths],
            "dataset_id": dataset_id,
            "name": name,
            "eval_ratio": eval_ratio,
            "licence": "CC0",
            "origin": "made up",
        }
        if chunking is not None:
            options["chunking"] = msgspec.to_builtins(chunking)
        if mapping is not None:
            options["mapping"] = msgspec.to_builtins(mapping)
        info = JobInfo(
            id="j1",
            kind=JobKind.IMPORT,
            name=name,
            entry="engine.api.importing:run",
            created_at="",
            options={key: msgspec.Raw(msgspec.json.encode(one)) for key, one in options.items()},
        )
        self.context = JobContext(
            workspace=layout.root,
            folder=layout.job("j1").root,
            info=info,
            attempt=1,
            emit=self.events.append,
            stop_requested=stop_requested,
            now=self._now,
        )

    def _now(self) -> datetime:
        """Return a clock that goes on by a second with every look."""
        self._seconds += 1
        return START + timedelta(seconds=self._seconds)

    def run(self) -> ImportRun:
        """Run to the end."""
        importing.run(self.context)
        return self
