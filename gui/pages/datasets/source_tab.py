# SPDX-License-Identifier: Apache-2.0
"""Where the rows came from: files with their hashes, and what the person said about them."""

from __future__ import annotations

from gettext import gettext as _

from PySide6.QtGui import QGuiApplication

from engine.domain.dataset import DatasetInfo
from gui.actions.datasets import describe_dataset
from gui.bridge.services import Services
from gui.pages.datasets.columns import Columns
from gui.pages.datasets.statement_form import StatementForm
from gui.viewmodels.dataset import source_lines, source_view
from gui.widgets.box import Column, Panel, Row, Stretch
from gui.widgets.buttons import Button
from gui.widgets.fitting_table import FittingTable
from gui.widgets.page import SideColumn
from gui.widgets.table import Cell
from gui.widgets.table import Column as TableColumn
from gui.widgets.text import TextLabel, breakable


class SourceTab(Panel):
    """The table of source files, and at the right the chosen one in full."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._table = FittingTable(name=_("Files"))
        self._side = SideColumn()
        self._statement = StatementForm()
        self._dataset: DatasetInfo | None = None
        self._table.set_ranked_columns(
            [
                (TableColumn(key="name", title=_("File"), width=150, stretch=True), 0),
                (TableColumn(key="size", title=_("Size"), width=84, right=True), 2),
                (TableColumn(key="format", title=_("Format"), width=84), 3),
                (TableColumn(key="shape", title=_("Read as"), width=176), 4),
                (TableColumn(key="rows", title=_("Rows"), width=88, right=True), 1),
                (TableColumn(key="rejects", title=_("Rejected"), width=88, right=True), 1),
            ]
        )
        middle = Column(gap=0, margins=(20, 10, 8, 8))
        middle.addWidget(self._table, 1)
        middle.add(self._statement)
        columns = Columns(Panel(middle), right=self._side, right_width=304, least=480)
        super().__init__(Column(columns, gap=0))
        self._table.row_chosen.connect(self._show_file)
        self._statement.said.connect(self._on_said)

    def show_dataset(self, dataset: DatasetInfo) -> None:
        """Show the files of a dataset, the first one in full."""
        if dataset == self._dataset:
            return
        self._dataset = dataset
        self._statement.show_dataset(dataset)
        self._table.set_rows(
            [
                (Cell(text=one.name, icon="file"), one.size, one.format, one.shape, one.rows,
                 Cell(text=one.rejects, colour="warning" if one.rejects != "0" else ""))
                for one in source_lines(dataset)
            ]
        )  # fmt: skip
        self._table.set_current(0)
        self._show_file(0)

    def close_dataset(self) -> None:
        """Forget the dataset."""
        self._dataset = None

    def _show_file(self, index: int) -> None:
        dataset = self._dataset
        if dataset is None:
            return
        shown = source_view(dataset.sources[index])
        self._side.clear()
        self._side.add_title(shown.name)
        for name, value in ((_("Path at the import"), shown.path), (_("SHA-256"), shown.hash)):
            self._side.add(
                TextLabel(name, role="small", colour="text2"),
                TextLabel(breakable(value), role="code", wrap=True),
            )
        told = (
            (_("How it was read"), shown.recognised),
            (_("How it was cut"), shown.cutting),
            (_("Mapping"), "\n".join(shown.mapping)),
        )
        for name, value in told:
            if value:
                self._side.add(
                    TextLabel(name, role="small", colour="text2"), TextLabel(value, wrap=True)
                )
        copy = Button(_("Copy path and hash"), icon="copy", size="small")
        copy.clicked.connect(lambda: self._copy(f"{shown.path}\n{shown.hash}"))
        self._side.add(Row(copy, Stretch(), gap=0))

    def _on_said(self, name: str, text: str) -> None:
        if self._dataset is not None:
            describe_dataset(self._services, dataset_id=self._dataset.id, name=name, text=text)

    def _copy(self, text: str) -> None:
        QGuiApplication.clipboard().setText(text)
        self._services.notices.say(_("Path and hash were copied."))
