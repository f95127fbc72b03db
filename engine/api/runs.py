# SPDX-License-Identifier: Apache-2.0
"""Runs: from a dataset, a model and few choices to a training that can be followed and resumed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from gettext import gettext as _
from pathlib import Path
from typing import Any

import msgspec

from engine.api.beginning import Beginning, descent_of, find_start
from engine.api.datasets import Datasets
from engine.api.jobs import Jobs, JobView
from engine.api.lookup import matching
from engine.api.machine import Machine
from engine.api.models import Models
from engine.api.planning import make_plan
from engine.api.presets import Presets
from engine.api.row_lengths import CountedRows
from engine.api.trash import Trash
from engine.api.versions import Versions
from engine.domain.dataset import DatasetInfo
from engine.domain.mix import use_text
from engine.domain.plan import Plan
from engine.domain.problem import Problem, Severity, errors_of
from engine.domain.provenance import Provenance, provenance_of
from engine.domain.recipe import Recipe, recipe_fields
from engine.domain.recipe_values import problems_of
from engine.domain.run import JobKind, JobState
from engine.domain.run_note import RunNote
from engine.domain.start import Ancestor
from engine.domain.trash import TrashKind
from engine.errors import (
    DatasetNotFound,
    DocumentDamaged,
    EngineError,
    ModelNotFound,
    RecipeInvalid,
    RunNotFound,
    RunNotResumable,
)
from engine.hardware.calibration import read_measurements
from engine.launcher.watch import JobFeed
from engine.methods.method import Method
from engine.methods.registry import METHODS, method
from engine.store.documents import read_document
from engine.store.layout import JobFolder, Layout

_USUAL_LENGTH = next(one.default for one in recipe_fields() if one.name == "max_length")


class RunView(msgspec.Struct, frozen=True, kw_only=True):
    """A run as a list shows it.

    Attributes:
        job: The job behind it.
        recipe: Its full recipe.
        dataset_name: Name of its dataset, or its id where the dataset is gone.
        model_name: Name of its model, or its id where the model is gone.
        checkpoints: Names of its checkpoints, oldest first.
        has_adapter: It left an adapter that can be exported.
        note: What a person wrote about it.
    """

    job: JobView
    recipe: Recipe
    dataset_name: str
    model_name: str
    checkpoints: tuple[str, ...]
    has_adapter: bool
    note: RunNote = RunNote()

    @property
    def id(self) -> str:
        """Return the run's id, which is that of its job."""
        return self.job.info.id

    @property
    def name(self) -> str:
        """Return what the person calls it; other runs may be called so too."""
        return self.job.info.name

    @property
    def model_fingerprint(self) -> str:
        """Return what identifies the base model's files that the run began with; may be empty."""
        return self.job.info.text_option("model_fingerprint")

    @property
    def data(self) -> tuple[Provenance, ...]:
        """Return where its rows came from, as it was known when it began."""
        raw = self.job.info.options.get("data")
        return msgspec.json.decode(raw, type=tuple[Provenance, ...]) if raw else ()

    @property
    def descent(self) -> tuple[Ancestor, ...]:
        """Return what the adapter that it began with was made of, oldest first."""
        return descent_of(self.job.info)

    @property
    def state(self) -> JobState:
        """Return where it stands."""
        return self.job.state


class Runs:
    """Plans, starts, lists, stops and resumes runs of one workspace."""

    def __init__(
        self,
        layout: Layout,
        *,
        jobs: Jobs,
        datasets: Datasets,
        versions: Versions,
        models: Models,
        presets: Presets,
        machine: Machine,
    ) -> None:
        """Work on one workspace with its other services."""
        self._layout = layout
        self._jobs = jobs
        self._datasets = datasets
        self._versions = versions
        self._models = models
        self._presets = presets
        self._machine = machine
        self._counted = CountedRows(layout)

    def make_recipe(
        self,
        *,
        dataset: str,
        model: str,
        method_id: str = "sft_qlora",
        preset: str = "",
        values: Mapping[str, Any] | None = None,
        mix: Mapping[str, float] | None = None,
        replay: tuple[str, float] | None = None,
    ) -> Recipe:
        """Return a complete recipe: defaults, then the preset, then the given values.

        Args:
            dataset: Id, unique beginning of an id, or name.
            model: The same for a model.
            method_id: Training method.
            preset: Id of a preset, or empty.
            values: Recipe fields by name.
            mix: Further datasets, each with how often a pass sees each of its rows.
            replay: A general dataset, and its share of the rows of a pass.

        Raises:
            DatasetNotFound: No such dataset.
            ModelNotFound: No such model.
            WrongUsage: No such method or preset.
            RecipeInvalid: Some values are not possible; the message names all of them.
        """
        rows, base = self._datasets.get(dataset), self._models.get(model)
        given = dict(self._presets.get(preset).values) if preset else {}
        # A length that nobody chose follows the model; one that the user gives is checked.
        given["max_length"] = min(given.get("max_length", _USUAL_LENGTH), base.context_tokens)
        given.update(values or {})
        fixed: dict[str, Any] = {
            "method": method(method_id).id,
            "dataset_id": rows.id,
            "dataset_version": rows.version,
            "model_id": base.id,
            "mix": [self._mixed(key, weight=one) for key, one in (mix or {}).items()],
            "replay": self._mixed(replay[0], ratio=replay[1]) if replay else None,
        }
        _refuse(problems_of({**given, "mix": fixed["mix"], "replay": fixed["replay"]}))
        return msgspec.convert({**given, **fixed}, Recipe)

    def _mixed(self, key: str, **amount: float) -> dict[str, Any]:
        """Return the fields of a further dataset at its current version."""
        rows = self._datasets.get(key)
        return {"dataset_id": rows.id, "dataset_version": rows.version, **amount}

    def recipe_again(self, key: str, values: Mapping[str, Any]) -> Recipe:
        """Return the recipe of a run with some values changed: same data in the same versions.

        Args:
            key: Id, beginning of an id, or name of the run.
            values: Recipe fields by name.

        Raises:
            RunNotFound: There is no such run.
            RecipeInvalid: Some values are not possible; the message names all of them.
        """
        whole = {**msgspec.to_builtins(self.get(key).recipe), **values}
        _refuse(problems_of(whole))
        return msgspec.convert(whole, Recipe)

    def methods(self) -> tuple[Method, ...]:
        """Return every training method, in the order in which they are offered."""
        return METHODS

    def plan(self, recipe: Recipe) -> Plan:
        """Return what a run of this recipe would need and do; nothing is started.

        Raises:
            DatasetNotFound: The dataset is gone.
            ModelNotFound: The model is gone.
        """
        model = self._models.get(recipe.model_id)
        for one in recipe.read_datasets:
            self._datasets.get(one.dataset_id)
        return make_plan(
            recipe,
            datasets=[self._datasets.get(one) for one in recipe.dataset_ids],
            model=model,
            method=method(recipe.method),
            facts=self._machine.facts(),
            measured=read_measurements(self._layout.measurements),
            counted=self._counted.find(recipe, fingerprint=model.fingerprint),
        )

    def check_startable(self, recipe: Recipe) -> None:
        """Check that a run of this recipe could begin.

        Raises:
            RecipeInvalid: The plan found errors; the message names all of them.
        """
        _refuse(errors_of(list(self.plan(recipe).problems)))

    def start(self, recipe: Recipe, *, name: str = "", beginning: Beginning | None = None) -> str:
        """Start a run and return its id.

        The other errors and the arguments are those of `prepare`.

        Raises:
            WorkerDied: The worker ended before it began.
        """
        run_id = self.prepare(recipe, name=name, beginning=beginning)
        self._jobs.start(run_id)
        return run_id

    def prepare(self, recipe: Recipe, *, name: str = "", beginning: Beginning | None = None) -> str:
        """Write down a run that is to be started later, and return its id.

        Args:
            recipe: What is asked for.
            name: For people; empty takes a free one.
            beginning: The adapter that the recipe starts with, where it comes from outside; any
                other is found by its hash.

        Raises:
            RecipeInvalid: The plan found errors; the message names all of them.
            StartUnusable: The adapter that the recipe starts with is not here.
        """
        self.check_startable(recipe)
        weights, descent = self.find_start(recipe, beginning)
        dataset = self._datasets.get(recipe.dataset_id)
        return self._jobs.create(
            JobKind.TRAIN,
            name or self._free_name(dataset),
            method(recipe.method).entry,
            {
                "model_fingerprint": self._models.get(recipe.model_id).fingerprint,
                "data": msgspec.to_builtins(self.provenance(recipe)),
                **({"descent": msgspec.to_builtins(descent)} if descent else {}),
            },
            recipe,
            weights,
        )

    def find_start(
        self, recipe: Recipe, beginning: Beginning | None = None
    ) -> tuple[Path | None, tuple[Ancestor, ...]]:
        """Return the weights that a recipe starts with, None for none, and what they come from.

        Raises:
            StartUnusable: They are not here.
        """
        if recipe.start is None:
            return None, ()
        if beginning is not None and beginning.start.sha256 == recipe.start.sha256:
            return beginning.weights, beginning.descent
        return find_start(self._layout, recipe.start)

    def provenance(self, recipe: Recipe) -> tuple[Provenance, ...]:
        """Return where the rows of a recipe come from, its own dataset first.

        Raises:
            DatasetNotFound: A dataset is gone.
            DatasetDamaged: One cannot be read.
        """
        found: list[Provenance] = []
        for one in recipe.trained_datasets:
            info = self._datasets.get(one.dataset_id)
            history = self._versions.history(one.dataset_id)
            told = provenance_of(info, history, one.dataset_version)
            found.append(msgspec.structs.replace(told, use=use_text(one)))
        return tuple(found)

    def list(self) -> list[RunView]:
        """Return all runs, newest first; unreadable ones are left out."""
        views: list[RunView] = []
        for job in self._jobs.list(JobKind.TRAIN):
            try:
                views.append(self._view(job))
            except EngineError:
                continue
        return views

    def get(self, key: str) -> RunView:
        """Return the run of an id, of a name (the newest), or of the unique beginning of an id.

        Raises:
            RunNotFound: There is none, or several begin like this.
        """
        found = matching(self.list(), key)
        if found and (len(found) == 1 or found[0].name == key):
            return found[0]
        raise RunNotFound(_("There is no run {name} in this workspace.").format(name=key))

    def feed(self, run_id: str) -> JobFeed:
        """Return a new reader of the run's events, from the first one on."""
        return self._jobs.feed(run_id)

    def stop(self, key: str) -> None:
        """Ask a run to end at its next step; it writes a checkpoint first.

        Raises:
            RunNotFound: There is none.
        """
        self._jobs.stop(self.get(key).id)

    def end(self, key: str) -> bool:
        """End the worker of a run by force; what came after its newest checkpoint is lost.

        Returns:
            Whether there was one.

        Raises:
            RunNotFound: There is none.
        """
        return self._jobs.end(self.get(key).id)

    def pause(self, key: str) -> None:
        """Ask a run to free the device at its next step; it writes a checkpoint and goes on later.

        Raises:
            RunNotFound: There is none.
        """
        self._jobs.pause(self.get(key).id)

    def resume_blockers(self, run: RunView) -> list[Problem]:
        """Return every reason why a run cannot go on now; empty where it can."""
        problems: list[Problem] = []
        if not run.state.is_over:
            problems.append(_blocker("running", _("It is running."), ""))
        if run.state is JobState.FINISHED:
            problems.append(
                _blocker("finished", _("It is finished."), _("Start a new run with its recipe."))
            )
        for one in dict.fromkeys(one.dataset_id for one in run.recipe.read_datasets):
            try:
                self._datasets.get(one)
            except DatasetNotFound as error:
                problems.append(_blocker("dataset_gone", _("Its dataset is gone."), error.remedy))
        try:
            self._models.get(run.recipe.model_id)
        except ModelNotFound as error:
            problems.append(_blocker("model_gone", _("Its base model is gone."), error.remedy))
        return problems

    def resume(self, key: str) -> str:
        """Start a worker that goes on from the newest verified checkpoint; return the run's id.

        Raises:
            RunNotResumable: It cannot go on; the message names every reason.
        """
        run = self.get(key)
        blockers = self.resume_blockers(run)
        if blockers:
            raise RunNotResumable(
                _("This run cannot be resumed: {reasons}").format(
                    reasons=" ".join(one.message for one in blockers)
                ),
                remedy=" ".join(one.remedy for one in blockers if one.remedy) or None,
            )
        self._jobs.start(run.id)
        return run.id

    def remove(self, key: str) -> str:
        """Move a run with its checkpoints and its adapter into the trash; its exports stay.

        Returns:
            The id of the entry in the trash, which can put it back.

        Raises:
            AlreadyRunning: It is running.
        """
        run = self.get(key)
        folder = self._jobs.release(run.id)
        return Trash(self._layout).throw_away(TrashKind.RUN, run.job.info.name, [folder.root])

    def generate(
        self,
        *,
        model: str,
        run: str | None,
        prompts: Sequence[str],
        max_new_tokens: int = 200,
    ) -> str:
        """Start a job that answers prompts greedily, with or without a run's adapter.

        Returns:
            The job's id; its answers come as `answer_made` events.

        Raises:
            ModelNotFound: No such model.
            RunNotFound: No such run.
        """
        options = {
            "model_id": self._models.get(model).id,
            "run_id": self.get(run).id if run else None,
            "prompts": list(prompts),
            "max_new_tokens": max_new_tokens,
            "device": "auto",
        }
        job_id = self._jobs.create(
            JobKind.GENERATE, _("Answers"), "engine.train.generation:run", options
        )
        self._jobs.start(job_id)
        return job_id

    def _view(self, job: JobView) -> RunView:
        folder = self._layout.job(job.info.id)
        recipe = read_document(folder.recipe, Recipe)
        found = folder.checkpoints.glob("ck-*") if folder.checkpoints.is_dir() else ()
        return RunView(
            job=job,
            recipe=recipe,
            dataset_name=self._datasets.name_of(recipe.dataset_id) or recipe.dataset_id,
            model_name=self._models.name_of(recipe.model_id),
            checkpoints=tuple(sorted(one.name for one in found)),
            has_adapter=folder.adapter.is_dir(),
            note=read_note(folder),
        )

    def _free_name(self, dataset: DatasetInfo) -> str:
        """Return `<dataset> 1`, `<dataset> 2` ...: the first that no run has."""
        taken = {one.info.name for one in self._jobs.list(JobKind.TRAIN)}
        number = 1
        while (name := f"{dataset.name} {number}") in taken:
            number += 1
        return name


def _refuse(problems: Sequence[Problem]) -> None:
    """Raise one error that names all problems, if there are any."""
    if problems:
        raise RecipeInvalid(
            " ".join(one.message for one in problems),
            remedy=" ".join(one.remedy for one in problems if one.remedy),
        )


def read_note(folder: JobFolder) -> RunNote:
    """Return what a person wrote about a run; a damaged note says so, and hides no run."""
    if not folder.note.is_file():
        return RunNote()
    try:
        return read_document(folder.note, RunNote)
    except DocumentDamaged as error:
        return RunNote(text=_("The note of this run was damaged: {why}").format(why=error.message))


def _blocker(code: str, message: str, remedy: str) -> Problem:
    return Problem(field="", severity=Severity.ERROR, code=code, message=message, remedy=remedy)
