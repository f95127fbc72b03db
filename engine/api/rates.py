# SPDX-License-Identifier: Apache-2.0
"""Learning rates: a short job tries them for a recipe, and its result is read once."""

from __future__ import annotations

from gettext import gettext as _

from engine.api.beginning import Beginning
from engine.api.jobs import Jobs
from engine.api.models import Models
from engine.api.runs import Runs
from engine.domain.rate_sweep import RateSweep, Sureness, SweepPoint
from engine.domain.recipe import Recipe
from engine.domain.run import JobKind
from engine.store.documents import read_document
from engine.store.layout import Layout

__all__ = ["LearningRates", "RateSweep", "Sureness", "SweepPoint"]

ENTRY = "engine.train.rate_finder:run"


class LearningRates:
    """Finds a learning rate for a recipe, apart from all runs of the workspace."""

    def __init__(self, layout: Layout, *, jobs: Jobs, runs: Runs, models: Models) -> None:
        """Work on one workspace."""
        self._layout = layout
        self._jobs = jobs
        self._runs = runs
        self._models = models

    def start(self, recipe: Recipe, *, beginning: Beginning | None = None) -> str:
        """Start a job that tries rates, and return the job's id; the recipe's own rate is not used.

        Args:
            recipe: Of the run that it is for.
            beginning: The adapter that the recipe starts with, where it comes from outside.

        Raises:
            RecipeInvalid: A run of this recipe could not begin; the message says why.
            StartUnusable: The adapter that the recipe starts with is not here.
            WorkerDied: The worker ended before it began.
        """
        self._runs.check_startable(recipe)
        fingerprint = self._models.get(recipe.model_id).fingerprint
        options = {"model_fingerprint": fingerprint}
        weights, _descent = self._runs.find_start(recipe, beginning)
        name = _("Learning rate")
        job_id = self._jobs.create(JobKind.RATE, name, ENTRY, options, recipe, weights)
        self._jobs.start(job_id)
        return job_id

    def take(self, job_id: str) -> RateSweep:
        """Return what a finished job found, and remove the job: nothing of it is kept.

        Raises:
            RunNotFound: There is no such job.
            DocumentDamaged: It has not finished, or is another kind of job.
            AlreadyRunning: Its worker is still there.
        """
        job = self._jobs.get(job_id)
        found = read_document(self._layout.job(job.info.id).rate_sweep, RateSweep)
        self._jobs.remove(job_id)
        return found
