# SPDX-License-Identifier: Apache-2.0
"""Trials of learning rates whose steps and results a test says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.domain.rate_sweep import RateSweep, SweepPoint, judge, sweep_rate
from engine.domain.recipe import Recipe
from engine.domain.run import JobKind
from engine.errors import EngineError

if TYPE_CHECKING:
    from engine.api.beginning import Beginning
    from tests.fakes.api import FakeJobs


def a_sweep(*, learns: bool = True) -> RateSweep:
    """Return a trial in which the loss falls up to a rate and explodes behind, or hardly moves."""
    points: list[SweepPoint] = []
    for step in range(1, 46):
        rate = sweep_rate(step)
        fall = min(rate / 2e-3, 1.0) - max(0.0, (rate - 4e-3) * 60)
        loss = 2.0 - (0.6 * fall if learns else 0.0) + 0.01 * (step % 3)
        points.append(SweepPoint(rate=rate, loss=loss, untouched=2.0))
    return judge(points)


class FakeRates:
    """Starts jobs that do nothing by themselves."""

    def __init__(self, jobs: FakeJobs) -> None:
        self._jobs = jobs
        self.found = a_sweep()
        self.error: EngineError | None = None
        self.recipes: list[Recipe] = []

    def start(self, recipe: Recipe, *, beginning: Beginning | None = None) -> str:
        del beginning
        if self.error is not None:
            raise self.error
        self.recipes.append(recipe)
        return self._jobs.make(JobKind.RATE, "Learning rate").info.id

    def take(self, job_id: str) -> RateSweep:
        self._jobs.remove(job_id)
        return self.found
