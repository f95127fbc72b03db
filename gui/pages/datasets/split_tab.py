# SPDX-License-Identifier: Apache-2.0
"""How the rows are split into those that are trained and those that are held out."""

from __future__ import annotations

from gettext import gettext as _

from engine.domain.dataset import DatasetInfo
from gui.pages.datasets.columns import Columns
from gui.viewmodels.dataset import split_findings, split_shares, split_words
from gui.widgets.box import Column, Gap, Panel, Stretch, clear_layout
from gui.widgets.page import SideColumn
from gui.widgets.rows import BarRow, FindingRow, SectionTitle
from gui.widgets.text import TextLabel


class SplitTab(Panel):
    """The parts of a dataset, how large they are, and why they are sound."""

    def __init__(self) -> None:
        self._findings = Column(gap=0)
        self._side = SideColumn()
        middle = Column(
            SectionTitle(_("Which rows are for what")),
            self._findings,
            Stretch(),
            gap=0,
            margins=(32, 20, 24, 20),
        )
        super().__init__(
            Column(Columns(Panel(middle), right=self._side, right_width=304, least=440), gap=0)
        )

    def show_dataset(self, dataset: DatasetInfo) -> None:
        """Show the split of a dataset."""
        clear_layout(self._findings)
        for one in split_findings(dataset):
            self._findings.add(
                FindingRow(
                    icon_kind=one.kind,
                    title=one.title,
                    text=one.text,
                    number=one.number,
                    unit=one.unit,
                )
            )
        self._side.clear()
        self._side.add_title(_("Shares"))
        for share in split_shares(dataset):
            self._side.add(Gap(4), BarRow(share.name, share.value, share.share))
        self._side.add_rule()
        self._side.add_title(_("How it is made"))
        for sentence in split_words(dataset):
            self._side.add(TextLabel(sentence, colour="text2", wrap=True))

    def close_dataset(self) -> None:
        """Forget the dataset."""
        clear_layout(self._findings)
        self._side.clear()
