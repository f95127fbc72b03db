# SPDX-License-Identifier: Apache-2.0
"""The list of datasets: search, imports that go on or went wrong, and the way to more."""

from __future__ import annotations

from datetime import datetime
from gettext import gettext as _
from pathlib import Path

from PySide6.QtCore import QModelIndex, Signal

from gui.actions.datasets import import_sample
from gui.actions.import_files import ask_for_files
from gui.actions.mapping import ask_for_mapped_files
from gui.actions.open_paths import open_paths
from gui.bridge.services import Services
from gui.pages.datasets.imports import FailedImports, LiveImports
from gui.viewmodels.datasets import (
    DatasetLine,
    dataset_lines,
    failed_imports,
    list_meta,
    live_imports,
)
from gui.viewmodels.dropped import describe_drop
from gui.widgets.box import Column, Panel, Row, Stretch
from gui.widgets.buttons import Action, Button
from gui.widgets.drop_zone import DropZone
from gui.widgets.empty import EmptyState, Skeleton
from gui.widgets.fields import SearchField
from gui.widgets.fitting_table import FittingTable
from gui.widgets.page import Page, Stack
from gui.widgets.table import Cell
from gui.widgets.table import Column as TableColumn


class DatasetListPage(Page):
    """All datasets.

    Signals:
        dataset_requested: Id of a dataset to show.
        imported: Id of the dataset that an import has just made.
    """

    dataset_requested = Signal(str)
    imported = Signal(str)

    def __init__(self, services: Services) -> None:
        super().__init__(_("Datasets"))
        self._services = services
        self._lines: tuple[DatasetLine, ...] = ()
        self._search = SearchField(placeholder=_("Search datasets"))
        self._browse = Button(_("Browse for data…"), kind="primary", icon="plus")
        self._map = Button(_("Map columns…"), kind="ghost")
        self._map.setToolTip(_("Import files, and say yourself what their columns mean"))
        self._live = LiveImports(services)
        self._failed = FailedImports(services)
        self._table = FittingTable(name=_("Datasets"))
        self._drop_zone = DropZone(
            title=_("Drop files or a folder here"),
            text=_("JSONL, JSON, CSV, Excel, Parquet, text, or a zip. Several become one dataset."),
        )
        self._empty = EmptyState(icon="datasets")
        self._skeleton = Skeleton(rows=4)
        self._stack = Stack()
        self._fill()
        self._connect()
        self._skeleton.start()
        self.show_library()

    def _fill(self) -> None:
        self.header.set_actions(self._map, self._browse)
        self._drop_zone.set_describe(describe_drop)
        self._table.set_ranked_columns(
            [
                (TableColumn(key="name", title=_("Name"), width=180, stretch=True), 0),
                (TableColumn(key="rows", title=_("Rows"), width=96, right=True), 1),
                (TableColumn(key="kind", title=_("Kind"), width=136), 3),
                (TableColumn(key="when", title=_("Imported"), width=140), 2),
                (TableColumn(key="source", title=_("Source"), width=200, muted=True), 4),
            ]
        )
        self._empty.set_content(
            _("No dataset yet"),
            _(
                "A dataset is what a model learns from: questions with answers, conversations or "
                "plain text. Your files are copied, never changed."
            ),
            Action(key="browse", text=_("Browse for data…"), icon="file"),
            Action(key="sample", text=_("Import the sample")),
        )
        search = Row(gap=0)
        search.addWidget(self._search, 2)
        search.add(Stretch(3))
        listed = Column(search, gap=12)
        listed.addWidget(self._table, 1)
        self._listed = Panel(listed)
        self._nothing = Panel()
        self._loading = Panel(Column(self._skeleton, Stretch(), gap=0))
        for page in (self._loading, self._empty, self._listed, self._nothing):
            self._stack.addWidget(page)
        self.add(self._failed, self._live)
        self.body.addWidget(self._stack, 1)
        self.add(self._drop_zone)

    def _connect(self) -> None:
        services = self._services
        self._search.textChanged.connect(self._show_lines)
        self._browse.clicked.connect(lambda: ask_for_files(services, parent=self))
        self._map.clicked.connect(lambda: ask_for_mapped_files(services, parent=self))
        self._drop_zone.browse_requested.connect(lambda: ask_for_files(services, parent=self))
        self._drop_zone.paths_dropped.connect(self._open)
        self._empty.action_triggered.connect(self._start)
        self._table.row_activated.connect(self._request)
        self._table.clicked.connect(self._on_clicked)
        self._live.imported.connect(self.imported)
        for signal in (
            services.library.datasets_changed,
            services.library.jobs_changed,
            services.library.loaded,
        ):
            signal.connect(self.show_library)

    def show_library(self) -> None:
        """Show what the workspace holds now."""
        library = self._services.library
        self._failed.set_jobs(failed_imports(library.jobs))
        self._live.set_jobs(live_imports(library.jobs))
        self.header.set_meta(list_meta(library.datasets))
        self._show_lines()
        if library.is_loaded:
            self._skeleton.stop()
        self._stack.setCurrentWidget(self._shown_part())
        for button in (self._browse, self._map):
            button.setHidden(self._stack.currentWidget() is self._empty)
        # The list comes before the drop zone where an error takes its room; the whole window
        # takes drops anyway.
        self._drop_zone.setHidden(bool(library.datasets) and not self._failed.isHidden())

    def _shown_part(self) -> Panel | EmptyState:
        library = self._services.library
        if not library.is_loaded:
            return self._loading
        if library.datasets:
            return self._listed
        return self._empty if self._live.isHidden() and self._failed.isHidden() else self._nothing

    def is_at_rest(self) -> bool:
        """Return whether a person waits here for one import alone, and does nothing else."""
        return self.isVisible() and not self._live.count and not self._search.text()

    def _show_lines(self) -> None:
        lines = dataset_lines(
            self._services.library.datasets,
            query=self._search.text(),
            now=datetime.now().astimezone(),
        )
        if lines == self._lines:
            return
        self._lines = lines
        self._table.set_empty_text(_("No dataset has these words."))
        self._table.set_rows(
            [
                (Cell(text=one.name, icon="datasets", strong=True), one.rows, one.kind, one.when,
                 one.source)
                for one in lines
            ]
        )  # fmt: skip

    def _on_clicked(self, index: QModelIndex) -> None:
        self._request(index.row())

    def _request(self, row: int) -> None:
        self.dataset_requested.emit(self._lines[row].id)

    def _start(self, key: str) -> None:
        if key == "sample":
            import_sample(self._services)
        else:
            ask_for_files(self._services, parent=self)

    def _open(self, paths: list[Path]) -> None:
        open_paths(self._services, paths=paths)
