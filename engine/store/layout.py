# SPDX-License-Identifier: Apache-2.0
"""Where everything stands in a workspace; the only place that knows folder and file names."""

from __future__ import annotations

from pathlib import Path

import msgspec


class JobFolder(msgspec.Struct, frozen=True):
    """Paths of one job."""

    root: Path

    @property
    def info(self) -> Path:
        """Return job.json."""
        return self.root / "job.json"

    @property
    def recipe(self) -> Path:
        """Return recipe.json (runs only)."""
        return self.root / "recipe.json"

    @property
    def start(self) -> Path:
        """Return the weights of the adapter that a run begins with, if it is no fresh one."""
        return self.root / "start.safetensors"

    @property
    def events(self) -> Path:
        """Return the event log."""
        return self.root / "events.jsonl"

    @property
    def fold(self) -> Path:
        """Return the kept fold over the event log, which may be deleted at any time."""
        return self.root / "fold.json"

    @property
    def log(self) -> Path:
        """Return the worker's standard output and error."""
        return self.root / "worker.log"

    @property
    def older_log(self) -> Path:
        """Return what was in the log before it became too long."""
        return self.root / "worker-1.log"

    @property
    def note(self) -> Path:
        """Return what a person wrote about the job (runs only)."""
        return self.root / "note.json"

    @property
    def coverage(self) -> Path:
        """Return what a job counted of the tokens of a dataset."""
        return self.root / "coverage.json"

    @property
    def example_lengths(self) -> Path:
        """Return the tokens of each row that it counted, int32 in little endian [rows]."""
        return self.root / "example-lengths.i32"

    @property
    def rate_sweep(self) -> Path:
        """Return what a job found out about learning rates."""
        return self.root / "rate-sweep.json"

    @property
    def memorisation(self) -> Path:
        """Return what is known of text of the rows that the adapter of this run writes."""
        return self.root / "memorisation.json"

    @property
    def identity(self) -> Path:
        """Return who the worker is."""
        return self.root / "identity.json"

    @property
    def heartbeat(self) -> Path:
        """Return the worker's sign of life."""
        return self.root / "heartbeat.json"

    @property
    def lock(self) -> Path:
        """Return the file that the worker holds locked."""
        return self.root / "worker.lock"

    @property
    def starting_lock(self) -> Path:
        """Return the file that a client holds locked from starting a worker until it has begun."""
        return self.root / "starting.lock"

    @property
    def exit(self) -> Path:
        """Return how a worker ended that left no result."""
        return self.root / "exit.json"

    @property
    def commands(self) -> Path:
        """Return the folder of commands."""
        return self.root / "commands"

    @property
    def checkpoints(self) -> Path:
        """Return the folder of checkpoints."""
        return self.root / "checkpoints"

    @property
    def adapter(self) -> Path:
        """Return the deliverable adapter of a finished run."""
        return self.root / "adapter"

    @property
    def result(self) -> Path:
        """Return result.json."""
        return self.root / "result.json"


class VersionFolder(msgspec.Struct, frozen=True):
    """Paths of one version of a dataset."""

    root: Path

    @property
    def info(self) -> Path:
        """Return version.json."""
        return self.root / "version.json"

    @property
    def order(self) -> Path:
        """Return which rows it has."""
        return self.root / "order.arrow"

    @property
    def tags(self) -> Path:
        """Return which rows are tagged."""
        return self.root / "tags.arrow"

    @property
    def rows(self) -> Path:
        """Return the rows that it wrote."""
        return self.root / "rows.arrow"

    @property
    def report(self) -> Path:
        """Return the folder of what the checks found in it."""
        return self.root.with_name(f"{self.root.name}-report")


class DatasetFolder(msgspec.Struct, frozen=True):
    """Paths of one dataset."""

    root: Path

    @property
    def info(self) -> Path:
        """Return dataset.json."""
        return self.root / "dataset.json"

    @property
    def rows(self) -> Path:
        """Return the folder that `datasets.load_from_disk` opens."""
        return self.root / "rows"

    @property
    def rejects(self) -> Path:
        """Return the rejected rows with reasons."""
        return self.root / "rejects.jsonl"

    @property
    def head(self) -> Path:
        """Return head.json."""
        return self.root / "head.json"

    @property
    def lock(self) -> Path:
        """Return the file that is held locked while a version is made."""
        return self.root / "edit.lock"

    @property
    def versions(self) -> Path:
        """Return the folder of versions behind the first."""
        return self.root / "versions"

    @property
    def tokens(self) -> Path:
        """Return the folder of rows as tokens, which may be deleted at any time."""
        return self.root / "tokens"

    def version(self, number: int) -> VersionFolder:
        """Return the paths of one version."""
        return VersionFolder(self.versions / f"{number:06d}")


class QueueFolder(msgspec.Struct, frozen=True):
    """Paths of the queue of runs."""

    root: Path

    @property
    def document(self) -> Path:
        """Return queue.json."""
        return self.root / "queue.json"

    @property
    def lock(self) -> Path:
        """Return the file that is held locked while the document is changed."""
        return self.root / "queue.lock"

    @property
    def keeper_lock(self) -> Path:
        """Return the file that the keeper holds locked for as long as it lives."""
        return self.root / "keeper.lock"

    @property
    def keeper(self) -> Path:
        """Return who the keeper is."""
        return self.root / "keeper.json"

    @property
    def keeper_log(self) -> Path:
        """Return the keeper's standard output and error."""
        return self.root / "keeper.log"

    @property
    def older_keeper_log(self) -> Path:
        """Return what was in that log before it became too long."""
        return self.root / "keeper-1.log"


class Layout(msgspec.Struct, frozen=True):
    """Paths of one workspace."""

    root: Path

    @property
    def marker(self) -> Path:
        """Return workspace.json."""
        return self.root / "workspace.json"

    @property
    def datasets(self) -> Path:
        """Return the folder of datasets."""
        return self.root / "datasets"

    @property
    def models(self) -> Path:
        """Return the folder of models."""
        return self.root / "models"

    @property
    def jobs(self) -> Path:
        """Return the folder of jobs."""
        return self.root / "jobs"

    @property
    def mappings(self) -> Path:
        """Return the folder of saved mappings."""
        return self.root / "mappings"

    @property
    def measurements(self) -> Path:
        """Return what runs measured of this computer."""
        return self.root / "measurements.json"

    @property
    def exports(self) -> Path:
        """Return the folder of exports without a place of their own."""
        return self.root / "exports"

    @property
    def queue(self) -> QueueFolder:
        """Return the paths of the queue of runs."""
        return QueueFolder(self.root / "queue")

    @property
    def trash(self) -> Path:
        """Return the folder of what was removed and can be put back."""
        return self.root / "trash"

    @property
    def backups(self) -> Path:
        """Return the folder of what older versions of the workspace held."""
        return self.root / "backups"

    @property
    def migration(self) -> Path:
        """Return the folder of a step to a newer version that is going on."""
        return self.root / "migration"

    @property
    def forgetting(self) -> Path:
        """Return which datasets are being forgotten; it is there until that is done."""
        return self.root / "forgetting.json"

    def dataset(self, dataset_id: str) -> DatasetFolder:
        """Return the paths of one dataset."""
        return DatasetFolder(self.datasets / dataset_id)

    def model(self, model_id: str) -> Path:
        """Return model.json of one model."""
        return self.models / model_id / "model.json"

    def nf4_cache(self, model_id: str) -> Path:
        """Return the folder of a model's kept 4-bit weights."""
        return self.models / model_id / "nf4-cache"

    def job(self, job_id: str) -> JobFolder:
        """Return the paths of one job."""
        return JobFolder(self.jobs / job_id)
