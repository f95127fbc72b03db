# SPDX-License-Identifier: Apache-2.0
"""Watches for refused tries to reach the network, of this window and of every job."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal

from gui.bridge.services import Services
from gui.viewmodels.refused import Refusal, refusals


class NetworkAlarm(QObject):
    """Tells of each refused try until a person has dismissed it.

    Signals:
        raised: A refusal that is to be shown.
    """

    raised = Signal(object)

    def __init__(self, services: Services, parent: QObject) -> None:
        super().__init__(parent)
        self._services = services
        self._seen_at = services.settings.values.seen_at
        self._dismissed: set[str] = set()
        self._standing: Refusal | None = None
        services.library.jobs_changed.connect(self.look)

    def look(self) -> None:
        """Raise what was refused since the last look."""
        found = refusals(
            self._services.privacy.state(), self._services.library.jobs, seen_at=self._seen_at
        )
        waiting = [one for one in found if one.key not in self._dismissed]
        if waiting and waiting[0] != self._standing:
            self._standing = waiting[0]
            self.raised.emit(self._standing)

    def say_again(self) -> None:
        """Raise again what another notice took the place of, unless it was dismissed."""
        if self._standing is not None:
            self.raised.emit(self._standing)

    def dismiss(self) -> None:
        """Say no more of what stands; further tries are told again."""
        if self._standing is not None:
            self._dismissed.add(self._standing.key)
            self._standing = None
            self.look()
