# SPDX-License-Identifier: Apache-2.0
"""What the frame tells a person outside of any page: what was done, and what went wrong."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, Signal

from engine.errors import EngineError


class Notices(QObject):
    """Carries words to the frame.

    Signals:
        said: Text, word of the way back or "", and what it does or None.
        failed: An EngineError, and a title or "".
        cleared: The shown error is out of date.
    """

    said = Signal(str, str, object)
    failed = Signal(object, str)
    cleared = Signal()

    def say(
        self, text: str, *, undo_text: str = "", undo: Callable[[], None] | None = None
    ) -> None:
        """Show for some seconds what was done, with a way back where there is one."""
        self.said.emit(text, undo_text, undo)

    def show_error(self, error: EngineError, *, title: str = "") -> None:
        """Show what went wrong above the page until it is dismissed or cleared."""
        self.failed.emit(error, title)

    def clear(self) -> None:
        """Take the shown error away, because what it was about was tried again."""
        self.cleared.emit()
