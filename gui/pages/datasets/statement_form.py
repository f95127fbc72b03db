# SPDX-License-Identifier: Apache-2.0
"""What the person says of the data; each statement is kept when its field is left."""

from __future__ import annotations

from gettext import gettext as _

from PySide6.QtCore import Signal

from engine.domain.dataset import DatasetInfo
from gui.widgets.box import Column, Panel, Reflow
from gui.widgets.fields import Field, TextField
from gui.widgets.rows import SectionTitle

_LONGEST = 2_000


class StatementForm(Panel):
    """Three lines of text.

    Signals:
        said: Name of the statement (`licence`, `origin`, `consent`), and the new text.
    """

    said = Signal(str, str)

    def __init__(self) -> None:
        self._dataset: DatasetInfo | None = None
        titles = {
            "licence": (_("Licence"), _("Such as CC-BY-4.0, or internal use only")),
            "origin": (_("Origin"), _("Where the rows come from")),
            "consent": (_("Consent"), _("Who agreed to this use, and when")),
        }
        self._edits = {name: TextField(name=title) for name, (title, _hint) in titles.items()}
        fields = [Field(title, self._edits[name]) for name, (title, _hint) in titles.items()]
        for name, (_title, hint) in titles.items():
            self._edits[name].setPlaceholderText(hint)
            self._edits[name].setMaxLength(_LONGEST)
        line = Reflow(*fields, gap=12, line_gap=10, stack_below=620, stretches=(1, 1, 1))
        title = SectionTitle(_("Your statement"))
        title.set_meta(_("goes with every export and every model card"))
        super().__init__(Column(title, line, gap=10, margins=(12, 12, 12, 12)))
        for name, edit in self._edits.items():
            edit.editingFinished.connect(lambda name=name: self._tell(name))

    def show_dataset(self, dataset: DatasetInfo) -> None:
        """Show the statements on a dataset; a field that is being typed in stays as it is."""
        is_other = self._dataset is None or self._dataset.id != dataset.id
        self._dataset = dataset
        for name, edit in self._edits.items():
            if is_other or not edit.hasFocus():
                edit.setText(str(getattr(dataset, name)))

    def _tell(self, name: str) -> None:
        text = self._edits[name].text().strip()
        if self._dataset is not None and text != getattr(self._dataset, name):
            self.said.emit(name, text)
