# SPDX-License-Identifier: Apache-2.0
"""What can be made of a dataset: files for other programs, a sample, one dataset of several."""

from __future__ import annotations

from collections.abc import Sequence
from gettext import gettext as _
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent

from engine.domain.dataset import DatasetInfo
from gui.viewmodels.derive import form_choices, merge_choices, sample_limits
from gui.widgets.box import Column, Flow, Panel, Reflow
from gui.widgets.buttons import Button
from gui.widgets.fields import Field, PathField, SelectField, TextField
from gui.widgets.number_field import NumberField


class _Asking(Panel):
    """A row of fields with a button that begins, and one that does not.

    Signals:
        closed: Nothing is to be made.
    """

    closed = Signal()

    def __init__(self, words: str, *fields: Field) -> None:
        self.begin = Button(words)
        self._leave = Button(_("Cancel"), kind="ghost")
        line = Reflow(*fields, gap=12, line_gap=10, stack_below=520, stretches=(1, 2))
        super().__init__(Column(line, Flow(self.begin, self._leave), gap=10))
        self._leave.clicked.connect(self.closed)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Close on Escape."""
        if event.key() == Qt.Key.Key_Escape:
            self.closed.emit()
        else:
            super().keyPressEvent(event)


class ExportRow(_Asking):
    """Asks for the form of the files and the folder.

    Signals:
        asked: Form and folder.
    """

    asked = Signal(str, object)

    def __init__(self) -> None:
        self._form = SelectField(name=_("Form of the files"))
        self._folder = PathField(name=_("New folder"), mode="folder")
        super().__init__(
            _("Export"),
            Field(_("Form of the files"), self._form),
            Field(_("New or empty folder"), self._folder),
        )
        self._form.set_options(form_choices())
        self._folder.path_changed.connect(self._check)
        self.begin.clicked.connect(self._tell)

    def start(self, _dataset: DatasetInfo) -> None:
        """Ask anew."""
        self._folder.set_path(None)
        self._check()
        self._form.setFocus()

    def _check(self, _path: Path | None = None) -> None:
        missing = self._folder.path() is None
        self.begin.set_reason(_("Choose a folder.") if missing else "")

    def _tell(self) -> None:
        folder = self._folder.path()
        if folder is not None:
            self.asked.emit(self._form.value(), folder)


class SampleRow(_Asking):
    """Asks how many rows are taken.

    Signals:
        asked: Number of rows, and the seed.
    """

    asked = Signal(int, int)

    def __init__(self) -> None:
        self._rows = NumberField(name=_("Rows of the sample"), minimum=1, maximum=1, step=100)
        self._seed = NumberField(name=_("Seed"), minimum=0, maximum=2**31 - 1)
        super().__init__(
            _("Make the sample"),
            Field(_("Rows of the sample"), self._rows),
            Field(_("Seed"), self._seed, hint=_("The same seed takes the same rows.")),
        )
        self.begin.clicked.connect(self._tell)

    def start(self, dataset: DatasetInfo) -> None:
        """Ask anew."""
        most, usual = sample_limits(dataset)
        self._rows.setRange(1, most)
        self._rows.set_value(usual)
        self._rows.setFocus()

    def _tell(self) -> None:
        self.asked.emit(int(self._rows.value()), int(self._seed.value()))


class MergeRow(_Asking):
    """Asks for the other dataset and the new name.

    Signals:
        asked: Id of the other dataset, and the name.
    """

    asked = Signal(str, str)

    def __init__(self) -> None:
        self._other = SelectField(name=_("Merge with"))
        self._name = TextField(name=_("Name of the new dataset"), placeholder=_("Both names"))
        super().__init__(
            _("Merge"),
            Field(_("Merge with"), self._other),
            Field(_("Name of the new dataset"), self._name),
        )
        self.begin.clicked.connect(self._tell)

    def start(self, dataset: DatasetInfo, datasets: Sequence[DatasetInfo]) -> None:
        """Ask anew."""
        choices = merge_choices(dataset, datasets)
        self._other.set_options(choices)
        self._name.clear()
        none = _("There is no other dataset with rows of this kind.")
        self.begin.set_reason("" if choices else none)
        self._other.setFocus()

    def _tell(self) -> None:
        self.asked.emit(self._other.value(), self._name.text().strip())
