# SPDX-License-Identifier: Apache-2.0
"""The page Runs: the list, one run, several side by side, or the queue."""

from __future__ import annotations

from typing import cast

from PySide6.QtWidgets import QStackedWidget

from gui.bridge.services import Services
from gui.pages.runs.compare import CompareView
from gui.pages.runs.queue import QueuePage
from gui.pages.runs.run_list import RunList
from gui.pages.runs.run_view import RunView
from gui.viewmodels.queue import QUEUE


class RunsPage(QStackedWidget):
    """Runs. Opened with a run's id it shows that run, with several of them all, else the list.

    Opened with `QUEUE` it shows the queue.
    """

    def __init__(self, services: Services) -> None:
        super().__init__()
        self._services = services
        self._list = RunList(services)
        self._run = RunView(services)
        self._comparison = CompareView(services)
        self.addWidget(self._list)
        self.addWidget(self._run)
        self._queue = QueuePage(services)
        self.addWidget(self._comparison)
        self.addWidget(self._queue)
        self._list.run_chosen.connect(self.show_argument)
        self._list.comparison_chosen.connect(self.show_argument)
        self._comparison.run_chosen.connect(self.show_argument)
        self._queue.run_chosen.connect(self.show_argument)
        self._list.queue_chosen.connect(lambda: self.show_argument(QUEUE))
        for one in (self._run, self._comparison, self._queue):
            one.back_requested.connect(lambda: self.show_argument(None))

    def show_argument(self, argument: object) -> None:
        """Show a run by its id, several by a tuple of ids, the queue, or the list."""
        if argument == QUEUE:
            self._run.set_watched(False)
            self.setCurrentWidget(self._queue)
            return
        if isinstance(argument, str) and argument:
            self._run.show_run(argument)
            self.setCurrentWidget(self._run)
            self._run.set_watched(True)
            return
        self._run.set_watched(False)
        if isinstance(argument, tuple) and argument:
            self._comparison.show_runs(cast("tuple[str, ...]", argument))
            self.setCurrentWidget(self._comparison)
        else:
            self.setCurrentWidget(self._list)

    def page_entered(self) -> None:
        """Draw the live run again."""
        self._run.set_watched(self.currentWidget() is self._run)

    def page_left(self) -> None:
        """Take the events in without drawing them."""
        self._run.set_watched(False)
