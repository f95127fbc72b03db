# SPDX-License-Identifier: Apache-2.0
"""The page Runs: the list, one run, or several side by side."""

from __future__ import annotations

from typing import cast

from PySide6.QtWidgets import QStackedWidget

from gui.bridge.services import Services
from gui.pages.runs.compare import CompareView
from gui.pages.runs.run_list import RunList
from gui.pages.runs.run_view import RunView


class RunsPage(QStackedWidget):
    """Runs. Opened with a run's id it shows that run, with several of them all, else the list."""

    def __init__(self, services: Services) -> None:
        super().__init__()
        self._services = services
        self._list = RunList(services)
        self._run = RunView(services)
        self._comparison = CompareView(services)
        self.addWidget(self._list)
        self.addWidget(self._run)
        self.addWidget(self._comparison)
        self._list.run_chosen.connect(self.show_argument)
        self._list.comparison_chosen.connect(self.show_argument)
        self._comparison.run_chosen.connect(self.show_argument)
        for one in (self._run, self._comparison):
            one.back_requested.connect(lambda: self.show_argument(None))

    def show_argument(self, argument: object) -> None:
        """Show a run by its id, several by a tuple of ids, or the list."""
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
