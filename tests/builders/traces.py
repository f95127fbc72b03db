# SPDX-License-Identifier: Apache-2.0
"""Datasets, jobs and runs on the disk with a secret in them, as what forgetting has to find."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from engine.api.jobs import Jobs
from engine.domain.recipe import Recipe
from engine.domain.run import JobKind
from engine.domain.start import AdapterStart
from engine.protocol.events import PhaseChanged, SampleMade
from engine.store import atomicfs
from engine.store.eventlog import EventWriter
from engine.store.layout import Layout

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SECRET = "c0ffee42" * 4
SAMPLE = SampleMade(step=3, prompt=f"What of {SECRET}?", answer=f"{SECRET} ü", expected=SECRET)


def files_with_secret(root: Path) -> list[str]:
    """Return the files that hold the secret."""
    return sorted(
        one.relative_to(root).as_posix()
        for one in root.rglob("*")
        if one.is_file() and SECRET.encode() in one.read_bytes()
    )


def add_dataset(layout: Layout, dataset_id: str) -> Path:
    """Make a dataset that does not say what it is, and return its folder."""
    with atomicfs.new_folder(layout.dataset(dataset_id).root) as building:
        atomicfs.write_file(building / "rows.arrow", SECRET.encode())
    return layout.dataset(dataset_id).root


def add_job(layout: Layout, job_id: str, kind: JobKind, **options: object) -> str:
    """Make a job of these options."""
    jobs = Jobs(layout, make_id=lambda: job_id)
    return jobs.create(kind, job_id, "x:y", options)


def add_run(
    layout: Layout,
    run_id: str,
    dataset_id: str,
    start: AdapterStart | None = None,
    **options: object,
) -> str:
    """Make a run that showed a sample with the secret."""
    recipe = Recipe(dataset_id=dataset_id, model_id="m1", start=start)
    Jobs(layout, make_id=lambda: run_id).create(JobKind.TRAIN, run_id, "x:y", options, recipe)
    writer = EventWriter(layout.job(run_id).events, now=lambda: NOW)
    for event in (PhaseChanged(phase="training"), SAMPLE, PhaseChanged(phase="saving")):
        writer.append(event)
    writer.close()
    return run_id
