# SPDX-License-Identifier: Apache-2.0
"""The values of a chart as a table: what those read who cannot see the line."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QLocale, Qt, Signal
from PySide6.QtGui import QKeyEvent

from gui.widgets.table import Column, DataTable

Row = tuple[float | None, ...]
"""A step, then the value of each line at it."""


class ValuesTable(DataTable):
    """Steps and values; T or Escape goes back to the chart."""

    closed = Signal()

    def __init__(self, title: str, names: Sequence[str]) -> None:
        super().__init__(name=title)
        self.set_columns(
            [
                Column(key=str(i), title=name, width=110, stretch=True, right=True)
                for i, name in enumerate(names)
            ]
        )

    def show_values(self, rows: Sequence[Row], write_value: Callable[[float], str]) -> None:
        """Show these rows."""
        kept = tuple(rows)

        def cell(row: int, column: int) -> str:
            value = kept[row][column]
            if value is None:
                return ""
            return QLocale().toString(int(value)) if column == 0 else write_value(value)

        self.set_source(len(kept), cell)
        self.set_current(len(kept) - 1)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Go back to the chart, or walk over the rows."""
        if event.key() in (Qt.Key.Key_T, Qt.Key.Key_Escape):
            self.closed.emit()
        else:
            super().keyPressEvent(event)
