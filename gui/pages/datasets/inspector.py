# SPDX-License-Identifier: Apache-2.0
"""The column beside the tokens: what is trained of the row, and with which model it is cut."""

from __future__ import annotations

from collections.abc import Sequence
from gettext import gettext as _

from PySide6.QtCore import Signal

from gui.pages.datasets.all_rows import AllRows
from gui.viewmodels.tokens import ModelOption, RowInspection
from gui.widgets.box import Column, Gap, Hairline, Panel, Row, Stretch, clear_layout
from gui.widgets.card import SoftBlock
from gui.widgets.page import SideColumn
from gui.widgets.picker import ObjectPicker, PickerOption
from gui.widgets.progress import Progress
from gui.widgets.rows import NameValue
from gui.widgets.text import BigNumber, IconLabel, LinkLabel, TextLabel

ADD = "add"


class Inspector(Panel):
    """What there is to know of the shown row.

    Signals:
        model_chosen: Id of a model.
        add_model_requested: The wanted model is not in the list.
        back_clicked: Go back to the tokens, where this stands in their place.
    """

    model_chosen = Signal(str)
    add_model_requested = Signal()
    back_clicked = Signal()

    def __init__(self, all_rows: AllRows) -> None:
        self._all_rows = all_rows
        self._back = LinkLabel(_("Tokens"), back=True)
        self._back_row = Panel(Row(self._back, Stretch(), gap=0, margins=(20, 12, 20, 0)))
        self._number = BigNumber()
        self._share = Progress(name=_("Share trained"))
        self._facts = Column(gap=0)
        self._problem_text = TextLabel("", role="small", wrap=True)
        self._problem = self._problem_block()
        self._row_part = self._row_column()
        self._picker = ObjectPicker(name=_("Model"), icon="models", placeholder=_("Choose a model"))
        self._picker.set_footer(ADD, _("Add a model folder…"), "folder")
        super().__init__(Column(self._back_row, self._side(), gap=0))
        self._back_row.hide()
        self._picker.chosen.connect(self.model_chosen)
        self._picker.footer_chosen.connect(self._on_footer)
        self._back.clicked.connect(self.back_clicked)
        self.show_row(None)

    def _row_column(self) -> Panel:
        return Panel(
            Column(
                TextLabel(_("Trained in this row"), role="label"),
                self._number,
                self._share,
                Gap(2),
                self._facts,
                self._problem,
                Gap(6),
                Hairline(),
                Gap(6),
                gap=6,
            )
        )

    def _side(self) -> SideColumn:
        words = _("The trainer uses these same tokens. What you see is what is trained.")
        side = SideColumn().add(self._row_part, self._all_rows, Gap(6), Hairline(), Gap(6))
        side.add_title(_("As this model reads it"))
        said = TextLabel(words, role="small", colour="text2", wrap=True)
        return side.add(Gap(2), self._picker, Gap(2), said)

    def _on_footer(self, _key: str) -> None:
        self.add_model_requested.emit()

    def _problem_block(self) -> SoftBlock:
        block = SoftBlock(kind="warning", padding=10)
        row = Row(IconLabel("status-warning", role="warning", size=18), gap=10)
        row.addWidget(self._problem_text, 1)
        block.add(row)
        return block

    def set_alone(self, alone: bool) -> None:
        """Offer a way back, where the tokens are not beside it."""
        self._back_row.setHidden(not alone)

    def focus_back(self) -> None:
        """Put the keyboard on the way back."""
        self._back.setFocus()

    def set_models(self, options: Sequence[ModelOption], chosen: str) -> None:
        """Offer these models."""
        self._picker.set_options(
            [
                PickerOption(
                    key=one.key,
                    name=one.name,
                    facts=one.facts,
                    enabled=not one.reason,
                    reason=one.reason,
                )
                for one in options
            ]
        )
        self._picker.set_value(chosen)

    def show_row(self, row: RowInspection | None) -> None:
        """Show what there is to know of a row; None while there is none."""
        self._row_part.setHidden(row is None)
        if row is None:
            return
        self._number.set_values(row.trained, row.of_total)
        self._share.set_share(row.share)
        clear_layout(self._facts)
        for fact in row.facts:
            self._facts.add(NameValue(fact.name, fact.value, fact.unit, colour=fact.colour))
        self._problem_text.set_text(row.problem)
        self._problem.setHidden(not row.problem)
