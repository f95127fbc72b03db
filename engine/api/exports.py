# SPDX-License-Identifier: Apache-2.0
"""Exports: taking trained weights out of the workspace, checked."""

from __future__ import annotations

from gettext import gettext as _
from pathlib import Path

import msgspec

from engine.api.datasets import Datasets
from engine.api.ids import new_id
from engine.api.jobs import Jobs, JobView
from engine.api.runs import Runs, RunView
from engine.api.space import export_folder
from engine.api.trash import Trash
from engine.domain.dataset import ChatRow, Role, Row
from engine.domain.model import ModelInfo
from engine.domain.provenance import Provenance
from engine.domain.run import JobKind
from engine.domain.trash import TrashKind
from engine.errors import EngineError, NothingToExport, TargetExists
from engine.exporters.registry import TARGETS
from engine.exporters.registry import target as target_of
from engine.exporters.target import Target
from engine.store.known_model import find_model
from engine.store.layout import Layout

_PROMPTS = 4
_PROMPT_CHARACTERS = 2_000


class Exports:
    """Starts and lists exports of one workspace."""

    def __init__(self, layout: Layout, *, jobs: Jobs, runs: Runs, datasets: Datasets) -> None:
        """Work on one workspace with its other services."""
        self._layout = layout
        self._jobs = jobs
        self._runs = runs
        self._datasets = datasets

    def start(self, run: str, target: str, out: Path | None = None) -> str:
        """Start an export and return its job's id.

        Args:
            run: Id, unique beginning of an id, or name of the run.
            target: Id of the export target.
            out: A missing or empty folder; None makes one in the workspace.

        Raises:
            RunNotFound: No such run.
            WrongUsage: No such target.
            NothingToExport: The run has left no adapter yet.
            TargetExists: `out` holds something.
            ModelNotFound: The base model was removed from the workspace.
            ModelChanged: The base model's files are not those that were trained on.
        """
        view = self._runs.get(run)
        kind = target_of(target)
        if not view.has_adapter:
            raise NothingToExport(
                _("The run {name} has no adapter yet.").format(name=view.job.info.name)
            )
        place = (out or self._new_place(view, kind.id)).expanduser().absolute()
        if place.exists() and (not place.is_dir() or any(place.iterdir())):
            raise TargetExists(_("{path} exists already and was not changed.").format(path=place))
        options = {
            "run_id": view.id,
            "target": kind.id,
            "out": str(place),
            "source": str(self._layout.job(view.id).adapter),
            "model_path": _base_of(self._layout, view).path,
            "prompts": self._prompts(view),
            "data": msgspec.to_builtins(self._data(view)),
            "descent": msgspec.to_builtins(view.descent),
            "adapter_step": view.job.snapshot.adapter_step,
            "adapter_is_best": view.job.snapshot.adapter_is_best,
        }
        job_id = self._jobs.create(JobKind.EXPORT, view.job.info.name, kind.entry, options)
        self._jobs.start(job_id)
        return job_id

    def targets(self) -> tuple[Target, ...]:
        """Return every export target, in the order in which they are offered."""
        return TARGETS

    def list(self) -> list[JobView]:
        """Return all exports, newest first."""
        return self._jobs.list(JobKind.EXPORT)

    def remove(self, job_id: str) -> str:
        """Move an export into the trash; files outside of the workspace stay where they are.

        Returns:
            The id of the entry in the trash, which can put it back.

        Raises:
            RunNotFound: There is none of this id.
            AlreadyRunning: It is going on.
        """
        job = self._jobs.get(job_id)
        folders = [self._jobs.release(job_id).root]
        if (files := export_folder(self._layout, job)) is not None:
            folders.append(files)
        return Trash(self._layout).throw_away(TrashKind.EXPORT, job.info.name, folders)

    def _new_place(self, run: RunView, target: str) -> Path:
        return self._layout.exports / f"{run.id}-{target}-{new_id()[:6]}"

    def _data(self, run: RunView) -> tuple[Provenance, ...]:
        """Return what is told of the rows: as it is stated now, else as the run knew it."""
        try:
            return self._runs.provenance(run.recipe)
        except EngineError:
            return run.data

    def _prompts(self, run: RunView) -> list[str]:
        """Return some held-out prompts of the run's dataset, to compare weights on."""
        try:
            rows = self._datasets.open_rows(
                run.recipe.dataset_id, "eval", version=run.recipe.dataset_version
            )
        except EngineError:
            # The dataset is gone: the exporter falls back on prompts of its own.
            return []
        found = (prompt_of(rows.row(index)) for index in range(min(len(rows), _PROMPTS)))
        return [one[:_PROMPT_CHARACTERS] for one in found if one]


def _base_of(layout: Layout, run: RunView) -> ModelInfo:
    return find_model(layout, run.recipe.model_id, fingerprint=run.model_fingerprint)


def prompt_of(row: Row) -> str:
    """Return the first user turn of a conversation, or an empty text."""
    if not isinstance(row, ChatRow):
        return ""
    return next((one.content for one in row.messages if one.role is Role.USER), "")
