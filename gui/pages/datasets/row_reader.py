# SPDX-License-Identifier: Apache-2.0
"""One row to read in full, turn by turn."""

from __future__ import annotations

from gettext import gettext as _

from PySide6.QtCore import Signal

from gui.viewmodels.dataset_rows import ShownRows, row_view
from gui.widgets.box import Column, Panel, Row, Stretch
from gui.widgets.page import SideColumn
from gui.widgets.text import LinkLabel, TextLabel


class RowReader(Panel):
    """One row in full, turn by turn.

    Signals:
        back_clicked: Go back to the table, where this stands in its place.
    """

    back_clicked = Signal()

    def __init__(self) -> None:
        self._side = SideColumn()
        self._back = LinkLabel(_("All rows"), back=True)
        self._back_row = Panel(Row(self._back, Stretch(), gap=0, margins=(20, 12, 20, 0)))
        super().__init__(Column(self._back_row, self._side, gap=0))
        self._back.clicked.connect(self.back_clicked)
        self._back_row.hide()

    def set_alone(self, alone: bool) -> None:
        """Offer a way back, where the table is not beside it."""
        self._back_row.setHidden(not alone)

    def focus_back(self) -> None:
        """Put the keyboard on the way back."""
        self._back.setFocus()

    def clear(self) -> None:
        """Show nothing."""
        self._side.clear()

    def show_row(self, rows: ShownRows, index: int) -> None:
        """Show a row from its beginning."""
        shown = row_view(rows, index)
        self._side.clear()
        self._side.add_title(shown.title)
        if shown.place:
            self._side.add(TextLabel(shown.place, role="small", colour="text2"))
        self._side.add(TextLabel(shown.source, role="small", colour="text2", elide=True))
        for turn in shown.turns:
            self._side.add_rule()
            self._side.add_title(turn.title)
            self._side.add(TextLabel(turn.text, wrap=True, selectable=True))
            if turn.more:
                self._side.add(TextLabel(turn.more, role="small", colour="text2", wrap=True))
