# SPDX-License-Identifier: Apache-2.0
"""Opening a workspace with everything that can be done in it."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from engine.api.clock import utc_now
from engine.store.layout import Layout
from engine.store.workspace import default_root, open_workspace

if TYPE_CHECKING:
    from engine.api.continuing import Continuing
    from engine.api.coverage import Coverages
    from engine.api.datasets import Datasets
    from engine.api.diagnosis import Diagnosis
    from engine.api.documents import Documents
    from engine.api.exports import Exports
    from engine.api.forgetting import Forgetting
    from engine.api.jobs import Jobs
    from engine.api.machine import Machine
    from engine.api.mappings import Mappings
    from engine.api.memorisation import MemorisationChecks
    from engine.api.models import Models
    from engine.api.preparation import Preparation
    from engine.api.presets import Presets
    from engine.api.proofs import Proofs
    from engine.api.queue import RunQueue
    from engine.api.rates import LearningRates
    from engine.api.recipes import Recipes
    from engine.api.reports import Reports
    from engine.api.row_views import RowViews
    from engine.api.run_curves import RunCurves
    from engine.api.run_files import RunFiles
    from engine.api.run_notes import RunNotes
    from engine.api.runs import Runs
    from engine.api.runtimes import Runtimes
    from engine.api.space import Space
    from engine.api.trash import Trash
    from engine.api.versions import Versions

WORKSPACE_VARIABLE = "BURNISH_WORKSPACE"
Part = TypeVar("Part")


class _Part(Generic[Part]):
    """A part of the facade, made by the first who asks for it, in whatever thread."""

    def __init__(self, make: Callable[[Api], Part]) -> None:
        self._make = make
        self._name = make.__name__
        self.__doc__ = make.__doc__

    def __get__(self, api: Api, _kind: type[Api]) -> Part:
        # Once it is there, Python finds it in the instance and asks here no more.
        with api.locks.setdefault(self._name, threading.RLock()):
            if self._name not in vars(api):
                vars(api)[self._name] = self._make(api)
            return vars(api)[self._name]


class Api:
    """The facade of one workspace.

    The modules of a part are imported when it is first asked for: a window is there before most
    of them, and a command needs few.

    Attributes:
        layout: Where everything lies.
        locks: One for each part by its name, held while it is made.
    """

    def __init__(self, layout: Layout) -> None:
        """Make a facade without any of its parts."""
        self.layout = layout
        self.locks: dict[str, threading.RLock] = {}

    @_Part
    def jobs(self) -> Jobs:
        """Jobs: made, started, stopped and followed."""
        from engine.api.jobs import Jobs

        return Jobs(self.layout)

    @_Part
    def datasets(self) -> Datasets:
        """All datasets."""
        from engine.api.datasets import Datasets

        return Datasets(self.layout, self.jobs)

    @_Part
    def documents(self) -> Documents:
        """A look into documents that are not imported yet."""
        from engine.api.documents import Documents

        return Documents(self.layout)

    @_Part
    def versions(self) -> Versions:
        """The versions of all datasets."""
        from engine.api.versions import Versions

        return Versions(self.layout, self.datasets)

    @_Part
    def preparation(self) -> Preparation:
        """What takes long with datasets that exist already."""
        from engine.api.preparation import Preparation

        return Preparation(jobs=self.jobs, datasets=self.datasets)

    @_Part
    def reports(self) -> Reports:
        """The reports of all datasets."""
        from engine.api.reports import Reports

        return Reports(self.layout, self.datasets)

    @_Part
    def row_views(self) -> RowViews:
        """A look at rows."""
        from engine.api.row_views import RowViews

        return RowViews(self.datasets, self.reports, self.versions)

    @_Part
    def coverages(self) -> Coverages:
        """What would be trained of the datasets."""
        from engine.api.coverage import Coverages

        return Coverages(self.layout, jobs=self.jobs, datasets=self.datasets, models=self.models)

    @_Part
    def mappings(self) -> Mappings:
        """Mappings of columns, tried on files and saved."""
        from engine.api.mappings import Mappings

        return Mappings(self.layout)

    @_Part
    def models(self) -> Models:
        """All base models."""
        from engine.api.models import Models

        return Models(self.layout, self.jobs)

    @_Part
    def presets(self) -> Presets:
        """All presets that ship with Burnish."""
        from engine.api.presets import Presets

        return Presets()

    @_Part
    def machine(self) -> Machine:
        """Questions about this computer."""
        from engine.api.machine import Machine

        return Machine(self.layout)

    @_Part
    def runs(self) -> Runs:
        """Runs: planned, started, listed, stopped and resumed."""
        from engine.api.runs import Runs

        return Runs(
            self.layout,
            jobs=self.jobs,
            datasets=self.datasets,
            versions=self.versions,
            models=self.models,
            presets=self.presets,
            machine=self.machine,
        )

    @_Part
    def continuing(self) -> Continuing:
        """Adapters to go on with."""
        from engine.api.continuing import Continuing

        return Continuing(self.layout, runs=self.runs, models=self.models)

    @_Part
    def notes(self) -> RunNotes:
        """What a person says about the runs."""
        from engine.api.run_notes import RunNotes

        return RunNotes(self.layout, self.runs)

    @_Part
    def curves(self) -> RunCurves:
        """The curves of the runs."""
        from engine.api.run_curves import RunCurves

        return RunCurves(self.runs)

    @_Part
    def run_files(self) -> RunFiles:
        """Runs as files."""
        from engine.api.run_files import RunFiles

        return RunFiles(self.layout, self.runs)

    @_Part
    def queue(self) -> RunQueue:
        """The queue of runs."""
        from engine.api.queue import RunQueue

        return RunQueue(self.layout, runs=self.runs)

    @_Part
    def rates(self) -> LearningRates:
        """Learning rates, found by trial."""
        from engine.api.rates import LearningRates

        return LearningRates(self.layout, jobs=self.jobs, runs=self.runs, models=self.models)

    @_Part
    def memorisation(self) -> MemorisationChecks:
        """Checks of runs for memorised text."""
        from engine.api.memorisation import MemorisationChecks

        return MemorisationChecks(
            self.layout, jobs=self.jobs, runs=self.runs, models=self.models, datasets=self.datasets
        )

    @_Part
    def recipes(self) -> Recipes:
        """Recipe files: saved, opened and matched."""
        from engine.api.recipes import Recipes

        return Recipes(self.layout, runs=self.runs, datasets=self.datasets, models=self.models)

    @_Part
    def exports(self) -> Exports:
        """Exports: started and listed."""
        from engine.api.exports import Exports

        return Exports(self.layout, jobs=self.jobs, runs=self.runs, datasets=self.datasets)

    @_Part
    def runtimes(self) -> Runtimes:
        """The training runtime of this program."""
        from engine.api.runtimes import Runtimes

        return Runtimes()

    @_Part
    def trash(self) -> Trash:
        """The trash."""
        from engine.api.trash import Trash

        return Trash(self.layout)

    @_Part
    def space(self) -> Space:
        """The disk use."""
        from engine.api.space import Space

        return Space(self.layout, datasets=self.datasets, models=self.models, trash=self.trash)

    @_Part
    def forgetting(self) -> Forgetting:
        """Datasets that are to be forgotten."""
        from engine.api.forgetting import Forgetting

        return Forgetting(self.layout)

    @_Part
    def proofs(self) -> Proofs:
        """What leaves this computer."""
        from engine.api.proofs import Proofs

        return Proofs(self.layout)

    @_Part
    def diagnosis(self) -> Diagnosis:
        """The report for help."""
        from engine.api.diagnosis import Diagnosis

        return Diagnosis(self.layout, machine=self.machine, runs=self.runs)


def open_api(root: Path | None = None) -> Api:
    """Open a workspace: the given one, that of $BURNISH_WORKSPACE, or the user's own.

    Raises:
        WorkspaceInvalid: The folder is not one.
        WorkspaceTooNew: A newer Burnish wrote it.
        NotWritable: The place refuses to be written.
    """
    named = os.environ.get(WORKSPACE_VARIABLE)
    place = root or (Path(named) if named else default_root())
    return Api(open_workspace(place, now=utc_now()))
