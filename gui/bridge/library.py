# SPDX-License-Identifier: Apache-2.0
"""What the workspace holds, kept at hand so that no page reads the disk while it paints."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec
from PySide6.QtCore import QObject, QTimer, Signal

from engine.api.queue_view import QueueView
from engine.errors import EngineError
from gui.bridge.tasks import Outcome, Tasks

if TYPE_CHECKING:
    from engine.api.facade import Api
    from engine.api.jobs import JobView
    from engine.api.runs import RunView
    from engine.domain.dataset import DatasetInfo
    from engine.domain.model import ModelInfo

LIVE_EVERY_MS = 1_000


class Shelf(msgspec.Struct, frozen=True, kw_only=True):
    """Everything in the workspace at one moment, newest first."""

    datasets: tuple[DatasetInfo, ...] = ()
    models: tuple[ModelInfo, ...] = ()
    jobs: tuple[JobView, ...] = ()
    runs: tuple[RunView, ...] = ()
    queue: QueueView = msgspec.field(default_factory=QueueView)


def _read(api: Api) -> Shelf:
    queue = api.queue.view()
    if queue.needs_keeper and not queue.is_kept:
        # It was killed, or the computer was restarted: whoever is here sees to it.
        api.queue.wake()
    return Shelf(
        datasets=tuple(api.datasets.list()),
        models=tuple(api.models.list()),
        jobs=tuple(api.jobs.list()),
        runs=tuple(api.runs.list()),
        queue=queue,
    )


class Library(QObject):
    """Datasets, models, jobs, runs and their queue, with signals where they changed.

    It reads again after every action, when the window is looked at again, and once a second while
    a job lives or the queue has work.

    Signals:
        datasets_changed, models_changed, jobs_changed, runs_changed, queue_changed: Look again.
        loaded: The first reading is done.
        failed: The EngineError of a reading.
    """

    datasets_changed = Signal()
    models_changed = Signal()
    jobs_changed = Signal()
    runs_changed = Signal()
    queue_changed = Signal()
    loaded = Signal()
    failed = Signal(object)

    def __init__(self, api: Api, tasks: Tasks) -> None:
        super().__init__()
        self._api = api
        self._tasks = tasks
        self._shelf = Shelf()
        self._is_loaded = False
        self._waiting: list[Callable[[], None]] = []
        self._is_reading = False
        self._is_stale = False
        self._timer = QTimer(self)
        self._timer.setInterval(LIVE_EVERY_MS)
        self._timer.timeout.connect(self._look)

    @property
    def is_loaded(self) -> bool:
        """Return whether the workspace has been read once."""
        return self._is_loaded

    @property
    def datasets(self) -> tuple[DatasetInfo, ...]:
        """Return all datasets, newest first."""
        return self._shelf.datasets

    @property
    def models(self) -> tuple[ModelInfo, ...]:
        """Return all models."""
        return self._shelf.models

    @property
    def jobs(self) -> tuple[JobView, ...]:
        """Return all jobs of every kind, newest first."""
        return self._shelf.jobs

    @property
    def runs(self) -> tuple[RunView, ...]:
        """Return all runs, newest first."""
        return self._shelf.runs

    @property
    def queue(self) -> QueueView:
        """Return the queue of runs."""
        return self._shelf.queue

    @property
    def live_jobs(self) -> tuple[JobView, ...]:
        """Return the jobs that a worker is busy with, newest first."""
        return tuple(one for one in self._shelf.jobs if not one.state.is_over)

    def dataset(self, dataset_id: str) -> DatasetInfo | None:
        """Return the dataset of an id, or None."""
        return next((one for one in self.datasets if one.id == dataset_id), None)

    def model(self, model_id: str) -> ModelInfo | None:
        """Return the model of an id, or None."""
        return next((one for one in self.models if one.id == model_id), None)

    def run(self, run_id: str) -> RunView | None:
        """Return the run of an id, or None."""
        return next((one for one in self.runs if one.id == run_id), None)

    def refresh(self, then: Callable[[], None] | None = None) -> None:
        """Read the workspace again in the background, then call `then`."""
        if then is not None:
            self._waiting.append(then)
        if self._is_reading:
            self._is_stale = True
            return
        self._is_reading = True
        self._tasks.run(lambda: _read(self._api), self._take, owner=self)

    def close(self) -> None:
        """Read no more by itself."""
        self._timer.stop()

    def _take(self, outcome: Outcome[Shelf]) -> None:
        self._is_reading = False
        if outcome.error is not None:
            self._fail(outcome.error)
            return
        old, self._shelf = self._shelf, outcome.value
        is_first, self._is_loaded = not self._is_loaded, True
        self._watch_live_jobs()
        self._tell(old, self._shelf)
        if is_first:
            self.loaded.emit()
        if self._is_stale:
            # Someone asked while this was read: what they did may not be in it.
            self._is_stale = False
            self.refresh()
        else:
            self._call_waiting()

    def _look(self) -> None:
        """Read again for the live jobs, unless a slow reading is still under way."""
        if not self._is_reading:
            self.refresh()

    def _fail(self, error: EngineError) -> None:
        self._is_stale = False
        self.failed.emit(error)
        self._call_waiting()

    def _call_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            one()

    def _watch_live_jobs(self) -> None:
        if self.live_jobs or self.queue.needs_keeper:
            if not self._timer.isActive():
                self._timer.start()
        else:
            self._timer.stop()

    def _tell(self, old: Shelf, new: Shelf) -> None:
        if old.datasets != new.datasets:
            self.datasets_changed.emit()
        if old.models != new.models:
            self.models_changed.emit()
        if old.jobs != new.jobs:
            self.jobs_changed.emit()
        if old.runs != new.runs:
            self.runs_changed.emit()
        if old.queue != new.queue:
            self.queue_changed.emit()
