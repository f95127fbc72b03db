# SPDX-License-Identifier: Apache-2.0
"""The one-minute run: sample data, starter model, the quickest preset, then the live view."""

from __future__ import annotations

from collections.abc import Callable
from gettext import gettext as _
from typing import TYPE_CHECKING

from engine.api.starter import SAMPLE_NAME, SAMPLE_PRESET, sample_file
from engine.domain.dataset import DatasetInfo
from engine.domain.run import JobState
from engine.errors import EngineError, WorkerDied, error_from
from gui.bridge.services import Services
from gui.bridge.tasks import Outcome

if TYPE_CHECKING:
    from engine.api.jobs import JobView

Told = Callable[[str], None]
Done = Callable[[EngineError | None], None]


def start_sample_run(services: Services, *, tell: Told, done: Done) -> None:
    """Import the sample unless it is there, add the starter model, start, and show the run.

    Args:
        services: The services of the window.
        tell: Told in a few words what is being done.
        done: Told the error, or None once the run is shown.
    """
    services.notices.clear()
    sample = sample_dataset(services.library.datasets)
    if sample is not None:
        _train(services, sample.id, tell, done)
        return
    tell(_("Importing the sample…"))

    def imported(job: JobView) -> None:
        _after_import(services, job, tell, done)

    def failed(error: EngineError) -> None:
        _fail(services, error, done)

    def started(outcome: Outcome[str]) -> None:
        if outcome.error is not None:
            _fail(services, outcome.error, done)
            return
        feed = services.feeds.follow(outcome.value, services.library)
        feed.over.connect(imported)
        feed.failed.connect(failed)

    services.tasks.run(
        lambda: services.api.datasets.start_import([sample_file()], name=SAMPLE_NAME),
        started,
        owner=services.library,
    )


def sample_dataset(datasets: tuple[DatasetInfo, ...]) -> DatasetInfo | None:
    """Return the dataset that was imported from the bundled sample, if there is one."""
    source = str(sample_file())
    return next((one for one in datasets if [s.path for s in one.sources] == [source]), None)


def _after_import(services: Services, job: JobView, tell: Told, done: Done) -> None:
    if job.state is JobState.FINISHED:
        _train(services, job.snapshot.result["dataset_id"], tell, done)
        return
    failure = job.snapshot.failure
    if failure is not None:
        error = error_from(failure.code, failure.message, failure.remedy, failure.detail)
    else:
        error = WorkerDied(_("The import of the sample ended early. Nothing else has changed."))
    _fail(services, error, done)


def _train(services: Services, dataset_id: str, tell: Told, done: Done) -> None:
    tell(_("Starting the run…"))

    def work() -> str:
        model = services.api.models.add_starter()
        recipe = services.api.runs.make_recipe(
            dataset=dataset_id, model=model.id, preset=SAMPLE_PRESET
        )
        return services.api.runs.start(recipe)

    def started(outcome: Outcome[str]) -> None:
        if outcome.error is not None:
            _fail(services, outcome.error, done)
            return
        done(None)
        services.library.refresh(lambda: services.navigator.go("runs", outcome.value))

    services.tasks.run(work, started, owner=services.library)


def _fail(services: Services, error: EngineError, done: Done) -> None:
    done(error)
    services.library.refresh()
    services.notices.show_error(error, title=_("The one-minute run did not start"))
