# SPDX-License-Identifier: Apache-2.0
"""Asking for the tokens of rows in the background: the shown row first, then those of the list."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal

from engine.domain.recipe import recipe_fields
from gui.bridge.services import Services
from gui.bridge.tasks import Lane, Outcome
from gui.viewmodels.tokens import RowFacts, row_facts

if TYPE_CHECKING:
    from engine.api.preview import RowTokens

MAX_LENGTH = int(next(one.default for one in recipe_fields() if one.name == "max_length"))
"""Where rows are cut if the recipe says nothing else, tokens."""
_CHUNK_ROWS = 16
_MOST_WAITING = 4
"""Chunks that were scrolled past are not worth the time any more."""
_MOST_KEPT = 512
_WHOLE_CHUNKS = 6
"""Chunks of which all tokens are kept: a step to a row beside the shown one then takes no time."""
_PAUSE_MS = 60


class TokenReader(QObject):
    """Reads tokens of one dataset for one model, one piece at a time.

    Signals:
        came: Number of a row, and its RowTokens.
        facts_came: `facts` knows more rows now.
        failed: The EngineError that forbids to show a row.
    """

    came = Signal(int, object)
    facts_came = Signal()
    failed = Signal(object)

    def __init__(self, services: Services, parent: QObject) -> None:
        super().__init__(parent)
        self._services = services
        self._pair = ("", "")
        self._row: int | None = None
        self._chunks: list[int] = []
        self._facts: dict[int, tuple[RowFacts, ...]] = {}
        self._whole: dict[int, list[RowTokens]] = {}
        self._is_busy = False
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(_PAUSE_MS)
        self._pause.timeout.connect(self._next)

    def set_pair(self, dataset_id: str, model_id: str) -> None:
        """Read this dataset with this model from now on; an empty id reads nothing."""
        if (dataset_id, model_id) != self._pair:
            self._pair = (dataset_id, model_id)
            self._row, self._chunks, self._facts, self._whole = None, [], {}, {}

    def ask(self, index: int) -> None:
        """Read a row as soon as can be; a newer wish takes its place."""
        chunk, place = divmod(index, _CHUNK_ROWS)
        known = self._whole.get(chunk, [])
        if place < len(known):
            self._row = None
            self.came.emit(index, known[place])
            return
        self._row = index
        self._next()

    def facts(self, index: int) -> RowFacts | None:
        """Return what the list says of a row; None if it is not known yet, and is read soon."""
        chunk, place = divmod(index, _CHUNK_ROWS)
        known = self._facts.get(chunk)
        if known is not None:
            return known[place] if place < len(known) else None
        if all(self._pair) and chunk not in self._chunks:
            self._chunks = [*self._chunks, chunk][-_MOST_WAITING:]
            self._pause.start()
        return None

    def _next(self) -> None:
        if self._is_busy or not all(self._pair):
            return
        if self._row is not None:
            index, self._row = self._row, None
            self._read(index, 1, lambda outcome: self._take_row(index, outcome))
        elif self._chunks:
            chunk = self._chunks.pop()
            self._read(
                chunk * _CHUNK_ROWS, _CHUNK_ROWS, lambda outcome: self._take_chunk(chunk, outcome)
            )

    def _read(
        self, start: int, rows: int, take: Callable[[Outcome[list[RowTokens]]], None]
    ) -> None:
        pair, api = self._pair, self._services.api
        self._is_busy = True

        def done(outcome: Outcome[list[RowTokens]]) -> None:
            self._is_busy = False
            if pair == self._pair:
                take(outcome)
            self._next()

        self._services.tasks.run(
            lambda: api.models.preview(*pair, start=start, rows=rows, max_length=MAX_LENGTH),
            done,
            owner=self,
            lane=Lane.READING,
        )

    def _take_row(self, index: int, outcome: Outcome[list[RowTokens]]) -> None:
        if self._row is not None:
            # Another row is wanted by now.
            return
        if outcome.error is not None:
            self.failed.emit(outcome.error)
        elif outcome.value:
            self.came.emit(index, outcome.value[0])

    def _take_chunk(self, chunk: int, outcome: Outcome[list[RowTokens]]) -> None:
        if len(self._facts) >= _MOST_KEPT:
            self._facts.clear()
        # What cannot be read is told with the shown row; the list then says nothing of it.
        rows = outcome.value if outcome.error is None else []
        if len(self._whole) >= _WHOLE_CHUNKS:
            del self._whole[next(iter(self._whole))]
        self._whole[chunk] = rows
        self._facts[chunk] = tuple(row_facts(one) for one in rows)
        self.facts_came.emit()
