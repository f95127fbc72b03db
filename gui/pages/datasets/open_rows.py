# SPDX-License-Identifier: Apache-2.0
"""The open rows of one dataset: each part is opened once, and all are closed together."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from engine.domain.dataset import DatasetInfo
from engine.errors import EngineError
from gui.bridge.services import Services
from gui.bridge.tasks import Lane, Outcome
from gui.viewmodels.row_filter import ALL_PARTS, LEFT_OUT

if TYPE_CHECKING:
    from engine.api.datasets import RowTable

Opened = Callable[["RowTable"], None]
Failed = Callable[[EngineError], None]


class OpenRows(QObject):
    """Opens the rows of a dataset in the background and keeps them open until it is closed.

    A row is then read in the window's thread: the file is mapped into memory, so that takes a few
    microseconds.

    Signals:
        closing: The tables are about to be closed; no row of them can be read from then on.
    """

    closing = Signal()

    def __init__(self, services: Services, parent: QObject) -> None:
        super().__init__(parent)
        self._services = services
        self._dataset: DatasetInfo | None = None
        self._tables: dict[str, RowTable] = {}
        self._waiting: dict[str, list[tuple[Opened, Failed]]] = {}

    def set_dataset(self, dataset: DatasetInfo) -> None:
        """Serve this version of this dataset from now on."""
        if not _is_same(self._dataset, dataset):
            self.close()
        self._dataset = dataset

    def open(self, split: str, opened: Opened, failed: Failed) -> None:
        """Give the rows of a part to `opened`, now or soon; or tell `failed` why not."""
        dataset = self._dataset
        if dataset is None:
            return
        if split in self._tables:
            opened(self._tables[split])
            return
        waiting = self._waiting.setdefault(split, [])
        waiting.append((opened, failed))
        if len(waiting) == 1:
            api = self._services.api
            self._services.tasks.run(
                lambda: (
                    api.versions.open_left_out(dataset.id)
                    if split == LEFT_OUT
                    else api.datasets.open_rows(dataset.id, None if split == ALL_PARTS else split)
                ),
                lambda outcome: self._take(dataset, split, outcome),
                owner=self,
                lane=Lane.READING,
            )

    def close(self) -> None:
        """Close every table, so that the files can be deleted."""
        self.closing.emit()
        for table in self._tables.values():
            table.close()
        self._tables = {}
        self._waiting = {}
        self._dataset = None

    def _take(self, dataset: DatasetInfo, split: str, outcome: Outcome[RowTable]) -> None:
        if not _is_same(self._dataset, dataset):
            # Another dataset was opened meanwhile, or this one was changed.
            if outcome.error is None:
                outcome.value.close()
            return
        waiting = self._waiting.pop(split, [])
        if outcome.error is None:
            self._tables[split] = outcome.value
        for opened, failed in waiting:
            if outcome.error is not None:
                failed(outcome.error)
            else:
                opened(outcome.value)


def _is_same(one: DatasetInfo | None, other: DatasetInfo) -> bool:
    """Return whether both are the same version of the same dataset."""
    return one is not None and (one.id, one.version) == (other.id, other.version)
