# SPDX-License-Identifier: Apache-2.0
"""Going from page to page without one page knowing another."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal


class Navigator(QObject):
    """Asks the frame for a page.

    Signals:
        requested: Id of the page, and what to show on it or None.
    """

    requested = Signal(str, object)

    def go(self, page_id: str, argument: object = None) -> None:
        """Open a page, on one thing where an argument is given (such as a run's id)."""
        self.requested.emit(page_id, argument)
