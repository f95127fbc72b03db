# SPDX-License-Identifier: Apache-2.0
"""Memorised text: a job asks a run's model for text of its rows, and what came stays with the run.

Nothing is promised by it. It is offered before weights leave the workspace.
"""

from __future__ import annotations

from contextlib import suppress
from gettext import gettext as _
from pathlib import Path

import msgspec

from engine.api.datasets import Datasets
from engine.api.jobs import Jobs, JobView
from engine.api.models import Models
from engine.api.runs import Runs
from engine.domain.memorisation import (
    Asked,
    Memorisation,
    Verdict,
    sentences_of,
    title_of,
    verdict_of,
)
from engine.domain.run import JobKind, JobState
from engine.errors import (
    DiskFailed,
    DiskFull,
    DocumentDamaged,
    NothingToExport,
    NotWritable,
    RunNotFound,
)
from engine.store import atomicfs
from engine.store.documents import read_document, write_document
from engine.store.layout import Layout

__all__ = [
    "Asked",
    "Checked",
    "Memorisation",
    "MemorisationChecks",
    "Verdict",
    "sentences_of",
    "title_of",
]

ENTRY = "engine.train.memorisation:run"


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """What was found of a run.

    Attributes:
        found: What came.
        is_current: It was asked of the very adapter that the run has now.
    """

    found: Memorisation
    is_current: bool

    @property
    def verdict(self) -> Verdict:
        """Return what it tells in a word."""
        return verdict_of(self.found)

    @property
    def lines(self) -> tuple[tuple[str, Asked], ...]:
        """Return what was asked for and what came of it, by its name for people."""
        # Its expressions are not needed before something was found.
        from engine.quality.personal_data.finding import ALL_CLASSES

        titles = {one.name: one.title for one in ALL_CLASSES}
        values = [
            (titles[kind]() if kind in titles else kind, one)
            for kind, one in self.found.values.items()
        ]
        passages = (
            (_("Passages of answers"), self.found.passages),
            (_("The same of held-out rows"), self.found.held_out),
        )
        return (*values, *(one for one in passages if one[1].count))


class MemorisationChecks:
    """Checks the runs of one workspace for memorised text."""

    def __init__(
        self, layout: Layout, *, jobs: Jobs, runs: Runs, models: Models, datasets: Datasets
    ) -> None:
        """Work on one workspace."""
        self._layout = layout
        self._jobs = jobs
        self._runs = runs
        self._models = models
        self._datasets = datasets

    def start(self, run: str) -> str:
        """Start a job that asks a run's model for text of its rows, and return the job's id.

        Where one is busy with this run already, its id is returned, and none is started.

        Args:
            run: Id, unique beginning of an id, or name of the run.

        Raises:
            RunNotFound: No such run.
            NothingToExport: It has left no adapter yet.
            DatasetNotFound: Its rows are gone.
            ModelNotFound: Its base model was removed from the workspace.
            WorkerDied: The worker ended before it began.
            DiskFull: No room for the job, or to keep what an earlier one found.
        """
        view = self._runs.get(run)
        if not view.has_adapter:
            raise NothingToExport(
                _("The run {name} has no adapter yet.").format(name=view.job.info.name)
            )
        if (busy := self.busy(view.id)) is not None:
            return busy.info.id
        for one in view.recipe.read_datasets:
            self._datasets.get(one.dataset_id)
        self._models.get(view.recipe.model_id)
        for old in self._jobs.list(JobKind.MEMORISATION):
            if old.state.is_over:
                self._take_in(old)
        step = view.job.snapshot.adapter_step
        options = {
            "run_id": view.id,
            "model_fingerprint": view.model_fingerprint,
            "adapter_step": "" if step is None else str(step),
        }
        name = view.job.info.name
        job_id = self._jobs.create(JobKind.MEMORISATION, name, ENTRY, options, view.recipe)
        self._jobs.start(job_id)
        return job_id

    def busy(self, run_id: str) -> JobView | None:
        """Return the job that is busy with a run, or None."""
        return next(
            (
                one
                for one in self._jobs.list(JobKind.MEMORISATION)
                if one.info.text_option("run_id") == run_id and not one.state.is_over
            ),
            None,
        )

    def checked(self, run: str) -> Checked | None:
        """Return what was found of a run, or None where nothing was; a finished job is taken in.

        Args:
            run: Id, unique beginning of an id, or name of the run.

        Raises:
            RunNotFound: No such run.
        """
        run_id = self._runs.get(run).id
        folder = self._layout.job(run_id)
        places = [folder.memorisation]
        for job in self._jobs.list(JobKind.MEMORISATION):
            if job.state is JobState.FINISHED:
                try:
                    self._take_in(job)
                except (DiskFull, DiskFailed, NotWritable):
                    # It is no less known for that, and stays where the job wrote it.
                    if job.info.text_option("run_id") == run_id:
                        places.append(self._layout.job(job.info.id).memorisation)
        results = [one for place in places if (one := _read(place)) is not None]
        try:
            adapter = atomicfs.sha256_of(folder.adapter / atomicfs.MANIFEST)
        except FileNotFoundError:
            return None
        if not results:
            return None
        found = max(results, key=lambda one: one.checked_at)
        return Checked(found=found, is_current=found.adapter_sha256 == adapter)

    def _take_in(self, job: JobView) -> None:
        """Keep what a job found with its run, if both are there, and remove the job.

        Raises:
            DiskFull: No room; the job stays. The same goes for the other errors of disks.
        """
        run = self._layout.job(job.info.text_option("run_id"))
        if job.state is JobState.FINISHED and run.info.is_file():
            found = _read(self._layout.job(job.info.id).memorisation)
            if found is not None:
                write_document(run.memorisation, found)
        with suppress(RunNotFound):  # another window was faster
            self._jobs.remove(job.info.id)


def _read(path: Path) -> Memorisation | None:
    """Return a result; None for none, or none that can be believed: it is merely not checked."""
    try:
        return read_document(path, Memorisation)
    except DocumentDamaged:
        return None
