# SPDX-License-Identifier: Apache-2.0
"""Further datasets of a run: trained by weight, or replayed for a share of each pass."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from gettext import gettext as _

from PySide6.QtCore import Signal

from gui.viewmodels.extra_data import ExtraData, ExtraView
from gui.widgets.box import Column, Panel, Reflow, Row, Stretch
from gui.widgets.buttons import Button, IconButton
from gui.widgets.number_field import NumberField
from gui.widgets.picker import ObjectPicker, PickerOption
from gui.widgets.text import TextLabel


class ExtraDataList(Panel):
    """A row for each further dataset, and the two ways to add one.

    Signals:
        changed: The datasets as a tuple of ExtraData.
    """

    changed = Signal(object)

    def __init__(self) -> None:
        self._rows: list[_ExtraRow] = []
        self._extra: tuple[ExtraData, ...] = ()
        self._options: tuple[PickerOption, ...] = ()
        self._place = Column(gap=12)
        self._add = Button(_("Train another dataset too"), kind="ghost", icon="plus")
        self._replay = Button(_("Keep general ability"), kind="ghost", icon="book")
        super().__init__(Column(self._place, Row(self._add, self._replay, Stretch(), gap=8), gap=8))
        self._replay.setToolTip(
            _("Mixes rows of a general dataset in, so that less of what the model can do is lost.")
        )
        self._add.clicked.connect(self._on_add)
        self._replay.clicked.connect(self._on_replay)

    def set_options(self, options: Sequence[PickerOption]) -> None:
        """Offer these datasets."""
        self._options = tuple(options)
        for one in self._rows:
            one.picker.set_options(self._options)

    def show_extra(self, views: Sequence[ExtraView], *, reason: str) -> None:
        """Show the further datasets; a reason says why no other can be added now."""
        self._extra = tuple(one.extra for one in views)
        while len(self._rows) > len(views):
            gone = self._rows.pop()
            gone.hide()
            gone.deleteLater()
        while len(self._rows) < len(views):
            self._append()
        for row, view in zip(self._rows, views, strict=True):
            row.show_view(view)
        self._add.set_reason(reason)
        has_replay = any(one.is_replay for one in self._extra)
        self._replay.set_reason(
            _("One dataset is replayed already.") if has_replay and not reason else reason
        )

    def _append(self) -> None:
        number = len(self._rows)
        row = _ExtraRow(number + 1)
        row.picker.set_options(self._options)
        row.picker.chosen.connect(partial(self._choose, number))
        row.amount.value_changed.connect(partial(self._set_amount, number))
        row.removed.connect(partial(self._remove, number))
        self._rows.append(row)
        self._place.addWidget(row)

    def _on_add(self) -> None:
        self._tell((*self._extra, ExtraData()))

    def _on_replay(self) -> None:
        self._tell((*self._extra, ExtraData(is_replay=True)))

    def _choose(self, number: int, key: str) -> None:
        self._put(number, self._extra[number].of(key))

    def _set_amount(self, number: int, value: float) -> None:
        self._put(number, self._extra[number].with_shown(value))

    def _put(self, number: int, extra: ExtraData) -> None:
        self._tell((*self._extra[:number], extra, *self._extra[number + 1 :]))

    def _remove(self, number: int) -> None:
        self._tell((*self._extra[:number], *self._extra[number + 1 :]))

    def _tell(self, extra: tuple[ExtraData, ...]) -> None:
        is_longer = len(extra) > len(self._extra)
        self.changed.emit(extra)
        if is_longer and self._rows:
            self._rows[-1].picker.setFocus()
        elif len(extra) < len(self._rows) + 1 and not extra:
            self._add.setFocus()


class _ExtraRow(Panel):
    """One further dataset: which, how much, and away with it."""

    removed = Signal()

    def __init__(self, number: int) -> None:
        self._title = TextLabel("", role="label")
        self.picker = ObjectPicker(
            name=_("Further data {number}").format(number=number),
            icon="datasets",
            placeholder=_("Choose a dataset"),
        )
        self.amount = NumberField(
            name=_("How much of further data {number}").format(number=number),
            minimum=0.01,
            maximum=100,
            step=0.5,
            decimals=2,
        )
        self._remove = IconButton("close", _("Remove further data {number}").format(number=number))
        amount = Row(self.amount, self._remove, Stretch(), gap=8)
        line = Reflow(self.picker, amount, gap=12, stack_below=520, stretches=(1, 0))
        super().__init__(Column(self._title, line, gap=5))
        self._remove.clicked.connect(self.removed)

    def show_view(self, view: ExtraView) -> None:
        """Show a dataset and how much of it is seen."""
        self._title.set_text(view.title)
        self.picker.set_value(view.extra.dataset_id)
        # New limits may move the old value, which nobody asked for.
        self.amount.blockSignals(True)
        self.amount.setRange(view.low, view.high)
        self.amount.blockSignals(False)
        self.amount.setSingleStep(view.step)
        self.amount.set_unit(view.unit)
        self.amount.set_value(view.shown)
        self.amount.setToolTip(view.why)
