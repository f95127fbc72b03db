# SPDX-License-Identifier: Apache-2.0
"""Searching rows in the background, a little at a time: the newest question alone is answered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from engine.domain.row_query import RowQuery
from gui.bridge.services import Services
from gui.bridge.tasks import Lane, Outcome

if TYPE_CHECKING:
    from engine.api.datasets import RowTable
    from engine.api.row_views import Hits, RowSearch

_Found = tuple["RowSearch", "Hits | None"]

CHUNK_S = 0.1


class RowFinder(QObject):
    """Answers one question at a time.

    Signals:
        found: The Hits so far, and whether that is all; None for every row.
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

        def begin() -> _Found:
            """Begin the search, and look at the first rows."""
            return _look_on(api.row_views.search(dataset_id, table, query))

        self._services.tasks.run(
            begin,
            lambda outcome: self._take(question, outcome),
            owner=self,
            lane=Lane.READING,
        )

    def give_up(self) -> None:
        """Answer no question that was asked before."""
        self._question += 1

    def _take(self, question: int, outcome: Outcome[_Found]) -> None:
        if question != self._question:
            return
        if outcome.error is not None:
            self.failed.emit(outcome.error)
            return
        search, hits = outcome.value
        if hits is not None:
            self.found.emit(hits, search.is_over)
        if not search.is_over:
            self._services.tasks.run(
                lambda: _look_on(search),
                lambda outcome: self._take(question, outcome),
                owner=self,
                lane=Lane.READING,
            )


def _look_on(search: RowSearch) -> _Found:
    """Search on; return what is found as far as it can be shown already."""
    search.go_on(CHUNK_S)
    return search, search.found() if search.is_over or search.grows_at_end else None
