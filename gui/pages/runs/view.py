# SPDX-License-Identifier: Apache-2.0
"""The page Runs: the list, one run, several side by side, or the queue."""

from __future__ import annotations

from functools import cached_property
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
        self.addWidget(self._list)
        self.addWidget(self._run)
        self._list.run_chosen.connect(self.show_argument)
        self._list.comparison_chosen.connect(self.show_argument)
        self._list.queue_chosen.connect(lambda: self.show_argument(QUEUE))
        self._run.back_requested.connect(self._go_back)

    @cached_property
    def _comparison(self) -> CompareView:
        made = CompareView(self._services)
        self._add(made)
        return made

    @cached_property
    def _queue(self) -> QueuePage:
        made = QueuePage(self._services)
        self._add(made)
        return made

    def _add(self, made: CompareView | QueuePage) -> None:
        self.addWidget(made)
        made.run_chosen.connect(self.show_argument)
        made.back_requested.connect(self._go_back)

    def _go_back(self) -> None:
        self.show_argument(None)

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
