# SPDX-License-Identifier: Apache-2.0
"""Runs that tell of steps as a training does but compute nothing, to be watched and killed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from engine.api.jobs import Jobs
from engine.domain.recipe import Recipe
from engine.domain.run import JobKind
from engine.store.workspace import open_workspace


def jobs_of(workspace: Path) -> Jobs:
    """Open the jobs of a workspace, which is made where there is none."""
    return Jobs(open_workspace(workspace, now=datetime.now(UTC)))


def make_run(jobs: Jobs, entry: str, options: Mapping[str, Any] | None = None) -> str:
    """Write down a run of an entry of `tests.fakes.entries` and return its id."""
    recipe = Recipe(method="sft_lora", dataset_id="d", dataset_version=1, model_id="m")
    return jobs.create(
        JobKind.TRAIN, "watched", f"tests.fakes.entries:{entry}", options or {}, recipe=recipe
    )


def telling(steps: int, *, burst: int, pause_s: float) -> dict[str, Any]:
    """Return the options of a run that tells of steps, so many at once, then waits."""
    return {"steps": steps, "burst": burst, "pause_s": pause_s}
