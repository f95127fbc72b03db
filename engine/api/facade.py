# SPDX-License-Identifier: Apache-2.0
"""Opening a workspace with everything that can be done in it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from engine.api.clock import utc_now
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
from engine.store.layout import Layout
from engine.store.workspace import default_root, open_workspace

WORKSPACE_VARIABLE = "BURNISH_WORKSPACE"


@dataclass(frozen=True, kw_only=True)
class Api:
    """The facade of one workspace."""

    layout: Layout
    jobs: Jobs
    datasets: Datasets
    documents: Documents
    versions: Versions
    preparation: Preparation
    reports: Reports
    row_views: RowViews
    coverages: Coverages
    mappings: Mappings
    models: Models
    presets: Presets
    machine: Machine
    runs: Runs
    continuing: Continuing
    notes: RunNotes
    curves: RunCurves
    run_files: RunFiles
    queue: RunQueue
    rates: LearningRates
    memorisation: MemorisationChecks
    recipes: Recipes
    exports: Exports
    runtimes: Runtimes
    trash: Trash
    space: Space
    forgetting: Forgetting
    proofs: Proofs
    diagnosis: Diagnosis


def open_api(root: Path | None = None) -> Api:
    """Open a workspace: the given one, that of $BURNISH_WORKSPACE, or the user's own.

    Raises:
        WorkspaceInvalid: The folder is not one.
        WorkspaceTooNew: A newer Burnish wrote it.
        NotWritable: The place refuses to be written.
    """
    named = os.environ.get(WORKSPACE_VARIABLE)
    place = root or (Path(named) if named else default_root())
    layout = open_workspace(place, now=utc_now())
    jobs = Jobs(layout)
    datasets = Datasets(layout, jobs)
    models = Models(layout, jobs)
    presets = Presets()
    machine = Machine(layout)
    versions = Versions(layout, datasets)
    reports = Reports(layout, datasets)
    runs = Runs(
        layout,
        jobs=jobs,
        datasets=datasets,
        versions=versions,
        models=models,
        presets=presets,
        machine=machine,
    )
    trash = Trash(layout)
    exports = Exports(layout, jobs=jobs, runs=runs, datasets=datasets)
    return Api(
        layout=layout,
        jobs=jobs,
        datasets=datasets,
        documents=Documents(layout),
        versions=versions,
        reports=reports,
        row_views=RowViews(datasets, reports, versions),
        preparation=Preparation(jobs=jobs, datasets=datasets),
        coverages=Coverages(layout, jobs=jobs, datasets=datasets, models=models),
        mappings=Mappings(layout),
        models=models,
        presets=presets,
        machine=machine,
        runs=runs,
        continuing=Continuing(layout, runs=runs, models=models),
        notes=RunNotes(layout, runs),
        curves=RunCurves(runs),
        run_files=RunFiles(layout, runs),
        queue=RunQueue(layout, runs=runs),
        rates=LearningRates(layout, jobs=jobs, runs=runs, models=models),
        memorisation=MemorisationChecks(
            layout, jobs=jobs, runs=runs, models=models, datasets=datasets
        ),
        recipes=Recipes(layout, runs=runs, datasets=datasets, models=models),
        exports=exports,
        runtimes=Runtimes(),
        trash=trash,
        space=Space(layout, datasets=datasets, models=models, trash=trash),
        forgetting=Forgetting(layout),
        proofs=Proofs(layout),
        diagnosis=Diagnosis(layout, machine=machine, runs=runs),
    )
