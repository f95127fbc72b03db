# SPDX-License-Identifier: Apache-2.0
"""A row to type another name in; Enter takes it, Escape leaves the old one."""

from __future__ import annotations

from gettext import gettext as _

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent

from gui.widgets.box import Panel, Row, Stretch
from gui.widgets.buttons import Button
from gui.widgets.fields import TextField
from gui.widgets.text import TextLabel

_LONGEST = 200


class RenameRow(Panel):
    """Asks for a name in place.

    Signals:
        renamed: The new name.
        closed: Nothing is to change.
    """

    renamed = Signal(str)
    closed = Signal()

    def __init__(self) -> None:
        self._field = TextField(name=_("Name of the dataset"))
        self._take = Button(_("Rename"))
        self._leave = Button(_("Cancel"), kind="ghost")
        row = Row(TextLabel(_("Name"), role="label"), gap=10)
        row.addWidget(self._field, 3)
        row.add(self._take, self._leave, Stretch(2))
        super().__init__(row)
        self._before = ""
        self._field.setMaxLength(_LONGEST)
        self._field.textChanged.connect(self._check)
        self._field.returnPressed.connect(self._finish)
        self._take.clicked.connect(self._finish)
        self._leave.clicked.connect(self.closed)

    def start(self, name: str) -> None:
        """Begin with the present name, all of it selected."""
        self._before = name
        self._field.setText(name)
        self._field.selectAll()
        self._field.setFocus()
        self._check()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Leave the old name on Escape."""
        if event.key() == Qt.Key.Key_Escape:
            self.closed.emit()
        else:
            super().keyPressEvent(event)

    def _check(self) -> None:
        blank = not self._field.text().strip()
        self._take.set_reason(_("A dataset needs a name.") if blank else "")

    def _finish(self) -> None:
        name = self._field.text().strip()
        if name == self._before:
            self.closed.emit()
        elif name:
            self.renamed.emit(name)
