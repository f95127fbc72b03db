# SPDX-License-Identifier: Apache-2.0
"""Reports how far a phase of an export is, and ends it when the user asks."""

from __future__ import annotations

from gettext import gettext as _

from engine.errors import Cancelled
from engine.protocol.events import PhaseChanged, ProgressMade
from engine.protocol.job import JobContext

_SHARES = 200
"""At most this many progress events in a phase: more cannot be seen on a bar."""


class Progress:
    """Counts the units of one phase. Every call is a safe point to stop at."""

    def __init__(self, context: JobContext, phase: str, *, total: int, unit: str) -> None:
        """Announce the phase."""
        self._context = context
        self._total = total
        self._unit = unit
        self._done = 0
        self._told = 0
        context.emit(PhaseChanged(phase=phase))

    def poll(self) -> None:
        """Give way to a stop.

        Raises:
            Cancelled: The user asked for it.
        """
        if self._context.stop_requested():
            raise Cancelled(_("The export was stopped. Nothing of it was kept."))

    def add(self, units: int) -> None:
        """Count units that are done.

        Raises:
            Cancelled: The user asked to stop.
        """
        self.poll()
        self._done += units
        if self._done - self._told >= max(1, self._total // _SHARES) or self._done >= self._total:
            self._told = self._done
            self._context.emit(ProgressMade(done=self._done, total=self._total, unit=self._unit))
