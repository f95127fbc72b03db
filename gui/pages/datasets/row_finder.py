# SPDX-License-Identifier: Apache-2.0
"""Searching rows in the background, a little at a time: the newest question alone is answered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from engine.domain.row_query import RowQuery, RowSort
from gui.bridge.services import Services
from gui.bridge.tasks import Lane, Outcome

if TYPE_CHECKING:
    from engine.api.datasets import RowTable
    from engine.api.row_views import RowSearch

CHUNK_S = 0.1


class RowFinder(QObject):
    """Answers one question at a time.

    Signals:
        found: Positions in the table so far, in order, and whether that is all; None for every row.
        failed: The EngineError that forbids the search.
    """

    found = Signal(object, bool)
    failed = Signal(object)

    def __init__(self, services: Services, parent: QObject) -> None:
        super().__init__(parent)
        self._services = services
        self._question = 0

    def ask(self, dataset_id: str, table: RowTable, query: RowQuery) -> None:
        """Search a table; an earlier search is given up."""
        self.give_up()
        if query.takes_all:
            self.found.emit(None, True)
            return
        question, api = self._question, self._services.api

        def begin() -> RowSearch:
            """Begin the search, and look at the first rows."""
            search = api.row_views.search(dataset_id, table, query)
            search.go_on(CHUNK_S)
            return search

        self._services.tasks.run(
            begin,
            lambda outcome: self._take(question, query, outcome),
            owner=self,
            lane=Lane.READING,
        )

    def give_up(self) -> None:
        """Answer no question that was asked before."""
        self._question += 1

    def _take(self, question: int, query: RowQuery, outcome: Outcome[RowSearch]) -> None:
        if question != self._question:
            return
        if outcome.error is not None:
            self.failed.emit(outcome.error)
            return
        search = outcome.value
        if search.is_over or query.sort is RowSort.STORED:
            self.found.emit(search.found(), search.is_over)
        if not search.is_over:
            self._services.tasks.run(
                lambda: _look_on(search),
                lambda outcome: self._take(question, query, outcome),
                owner=self,
                lane=Lane.READING,
            )


def _look_on(search: RowSearch) -> RowSearch:
    search.go_on(CHUNK_S)
    return search
