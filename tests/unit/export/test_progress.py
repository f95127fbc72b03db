# SPDX-License-Identifier: Apache-2.0
"""Progress is told often enough to be seen, not more, and a stop is obeyed."""

from __future__ import annotations

import pytest

from engine.errors import Cancelled
from engine.export.progress import Progress
from engine.protocol.events import PhaseChanged, ProgressMade
from tests.unit.export.exporting import MakeJob, Trained


def test_phase_and_progress_are_told(make_job: MakeJob, trained: Trained) -> None:
    job = make_job(trained.base, trained.adapter)
    progress = Progress(job.context(), "merging", total=3, unit="tensors")
    for _number in range(3):
        progress.add(1)
    assert job.events[0] == PhaseChanged(phase="merging")
    assert job.events[1:] == [ProgressMade(done=n, total=3, unit="tensors") for n in (1, 2, 3)]


def test_small_steps_are_told_together(make_job: MakeJob, trained: Trained) -> None:
    job = make_job(trained.base, trained.adapter)
    progress = Progress(job.context(), "merging", total=100_000, unit="bytes")
    for _number in range(100_000):
        progress.add(1)
    assert len(job.events) == 201
    assert job.events[-1] == ProgressMade(done=100_000, total=100_000, unit="bytes")


def test_stop_is_obeyed_at_the_next_unit(make_job: MakeJob, trained: Trained) -> None:
    job = make_job(trained.base, trained.adapter)
    progress = Progress(job.context(), "merging", total=3, unit="tensors")
    job.stop_after = 0
    with pytest.raises(Cancelled):
        progress.add(1)
