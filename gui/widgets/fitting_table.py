# SPDX-License-Identifier: Apache-2.0
"""A table that leaves columns out where it is narrow, the least important first."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtGui import QResizeEvent

from gui.widgets.table import Cell, Column, DataTable
from gui.widgets.theme.theme import follow_theme, theme


class FittingTable(DataTable):
    """A table whose columns have ranks: what does not fit at its width is left out by rank."""

    def __init__(self, *, name: str) -> None:
        self._ranked: tuple[tuple[Column, int], ...] = ()
        self._fitting: tuple[int, ...] = ()
        super().__init__(name=name)
        follow_theme(self, self._fit)

    def set_ranked_columns(self, columns: Sequence[tuple[Column, int]]) -> None:
        """Show these columns while there is room, each with its rank.

        Args:
            columns: Columns from the left. Those of rank 0 always stay; the one with the highest
                rank is left out first. Rows are given for all of them.
        """
        self._ranked = tuple(columns)
        self._fitting = ()
        self._fit()

    def set_source(self, count: int, cell_at: Callable[[int, int], str | Cell]) -> None:
        """Show `count` rows; `cell_at` is asked for the cells that are seen."""
        super().set_source(count, lambda row, column: cell_at(row, self._fitting[column]))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Leave columns out, or take them back."""
        self._fit()
        super().resizeEvent(event)

    def _fit(self) -> None:
        px, room = theme().px, self.viewport().width()
        kept = list(range(len(self._ranked)))
        while kept and sum(px(self._ranked[i][0].width) for i in kept) > room:
            last = max(kept, key=lambda i: self._ranked[i][1])
            if not self._ranked[last][1]:
                break
            kept.remove(last)
        if tuple(kept) != self._fitting:
            before = self.current_row()
            self._fitting = tuple(kept)
            self.set_columns([self._ranked[i][0] for i in kept])
            self.set_current(before)
