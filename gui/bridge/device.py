# SPDX-License-Identifier: Apache-2.0
"""The facts of this computer, read again and again off the window's thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal

from gui.bridge.tasks import Lane, Outcome, Tasks

if TYPE_CHECKING:
    from engine.api.facade import Api
    from engine.api.machine import MachineFacts

LOOK_EVERY_MS = 2_000


class DeviceWatch(QObject):
    """What this computer has, and how full it is.

    Signals:
        changed: New facts are there.
    """

    changed = Signal()

    def __init__(self, api: Api, tasks: Tasks) -> None:
        super().__init__()
        self._api = api
        self._tasks = tasks
        self._facts: MachineFacts | None = None
        self._is_reading = False
        self._timer = QTimer(self)
        self._timer.setInterval(LOOK_EVERY_MS)
        self._timer.timeout.connect(self.refresh)

    @property
    def facts(self) -> MachineFacts | None:
        """Return the newest facts, or None before the first reading."""
        return self._facts

    def start(self) -> None:
        """Read now and then again and again."""
        self._timer.start()
        self.refresh()

    def close(self) -> None:
        """Read no more by itself."""
        self._timer.stop()

    def refresh(self) -> None:
        """Read once."""
        if not self._is_reading:
            self._is_reading = True
            self._tasks.run(self._read, self._take, owner=self, lane=Lane.READING)

    def _read(self) -> MachineFacts:
        return self._api.machine.facts()

    def _take(self, outcome: Outcome[MachineFacts]) -> None:
        self._is_reading = False
        if outcome.error is not None:
            # A reading that fails once says nothing about the next; the last facts stay shown.
            return
        if outcome.value != self._facts:
            self._facts = outcome.value
            self.changed.emit()
