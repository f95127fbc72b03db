# SPDX-License-Identifier: Apache-2.0
"""The form that splits a dataset again: by which rule, by which field, how much."""

from __future__ import annotations

from collections.abc import Sequence
from gettext import gettext as _

from PySide6.QtCore import Signal

from engine.domain.dataset import DatasetInfo
from engine.domain.split import SplitBy, SplitRule
from gui.viewmodels.split import NAMED, field_choices, rule_choices, rule_words, split_reason
from gui.widgets.box import Column, Flow, Panel
from gui.widgets.buttons import Button
from gui.widgets.choices import Switch
from gui.widgets.fields import Field, SelectField
from gui.widgets.number_field import NumberField
from gui.widgets.rows import SectionTitle
from gui.widgets.text import TextLabel


class SplitForm(Panel):
    """Asks how to split.

    Signals:
        split_requested: The SplitRule.
    """

    split_requested = Signal(object)

    def __init__(self) -> None:
        self._dataset: DatasetInfo | None = None
        self._names: Sequence[str] = ()
        self._tags: Sequence[str] = ()
        self._by = SelectField(name=_("Rule"))
        self._words = TextLabel("", role="small", colour="text2", wrap=True)
        self._column = SelectField(name=_("Field that decides"))
        self._share = NumberField(name=_("Held out"), minimum=0, maximum=90, step=5, unit="%")
        self._folds = NumberField(name=_("Number of parts"), minimum=2, maximum=100)
        self._fold = NumberField(name=_("Part that is held out"), minimum=1, maximum=100)
        self._near = Switch(
            name=_("Near copies"), on=_("Near copies stay together"), off=_("May be parted")
        )
        self._split = Button(_("Split again"))
        self._column_field = Field(_("Field that decides"), self._column)
        self._share_field = Field(_("Held out"), self._share)
        self._folds_field = Field(_("Number of parts"), self._folds)
        self._fold_field = Field(_("Part that is held out"), self._fold)
        numbers = Flow(self._share_field, self._folds_field, self._fold_field)
        super().__init__(
            Column(
                SectionTitle(_("Split again")),
                Field(_("Rule"), self._by),
                self._words,
                self._column_field,
                numbers,
                Flow(self._near),
                Flow(self._split),
                gap=12,
            )
        )
        self._by.set_options(rule_choices())
        self._share.set_value(10)
        self._folds.set_value(5)
        self._fold.set_value(1)
        self._near.setChecked(True)
        for signal in (self._by.chosen, self._column.chosen):
            signal.connect(self._follow)
        for number in (self._share, self._folds, self._fold):
            number.value_changed.connect(self._follow)
        self._split.clicked.connect(lambda: self.split_requested.emit(self.rule()))

    def show_dataset(
        self, dataset: DatasetInfo, *, names: Sequence[str], tags: Sequence[str]
    ) -> None:
        """Ask for a dataset whose rows have these fields and tags."""
        self._dataset, self._names, self._tags = dataset, names, tags
        self._follow()

    def rule(self) -> SplitRule:
        """Return what was chosen."""
        by = SplitBy(self._by.value())
        return SplitRule(
            by=by,
            eval_ratio=self._share.value() / 100,
            column=self._column.value() if by in NAMED else "",
            folds=int(self._folds.value()),
            fold=int(self._fold.value()),
            is_near_together=self._near.isChecked(),
        )

    def _follow(self, _value: object = None) -> None:
        if self._dataset is None:
            return
        by = SplitBy(self._by.value())
        choices = field_choices(by, self._names, self._tags)
        self._column.set_options(choices)
        self._words.set_text(rule_words(by))
        self._column_field.setHidden(by not in NAMED)
        self._column_field.setEnabled(bool(choices))
        is_fold = by is SplitBy.FOLD
        self._share_field.setHidden(is_fold)
        self._folds_field.setHidden(not is_fold)
        self._fold_field.setHidden(not is_fold)
        self._split.set_reason(split_reason(self.rule(), choices, self._dataset))
