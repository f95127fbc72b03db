# SPDX-License-Identifier: Apache-2.0
"""The list of base models, why a folder was refused, and the way to more."""

from __future__ import annotations

from gettext import gettext as _
from pathlib import Path

from msgspec.structs import asdict
from PySide6.QtCore import QModelIndex, Signal

from engine.errors import EngineError
from gui.actions.add_model import add_model, ask_for_model
from gui.actions.models import add_starter
from gui.bridge.services import Services
from gui.viewmodels.models import ModelLine, describe_folders, list_meta, model_lines, refusal_view
from gui.widgets.box import Column, Panel, Row, Stretch
from gui.widgets.buttons import Action, Button
from gui.widgets.card import Card
from gui.widgets.drop_zone import DropZone
from gui.widgets.empty import EmptyState, Skeleton
from gui.widgets.error_panel import ErrorPanel, ErrorText
from gui.widgets.fields import SearchField
from gui.widgets.fitting_table import FittingTable
from gui.widgets.page import Page, Stack
from gui.widgets.table import Cell
from gui.widgets.table import Column as TableColumn


class ModelListPage(Page):
    """All models.

    Signals:
        model_requested: Id of a model to show.
    """

    model_requested = Signal(str)

    def __init__(self, services: Services) -> None:
        super().__init__(_("Models"))
        self._services = services
        self._lines: tuple[ModelLine, ...] = ()
        self._refused: Path | None = None
        self._search = SearchField(placeholder=_("Search models"))
        self._add = Button(_("Add a model folder…"), kind="primary", icon="plus")
        self._error = ErrorPanel()
        self._table = FittingTable(name=_("Models"))
        self._drop_zone = DropZone(
            title=_("Drop a model folder here"),
            text=_("A folder with config.json, tokenizer.json and safetensors files."),
            icon="folder",
            mode="folder",
        )
        self._empty = EmptyState(icon="models")
        self._skeleton = Skeleton(rows=3)
        self._stack = Stack()
        self._fill()
        self._connect()
        self._skeleton.start()
        self.show_library()

    def _fill(self) -> None:
        self.header.set_actions(self._add)
        self._drop_zone.set_describe(describe_folders)
        self._table.set_ranked_columns(
            [
                (TableColumn(key="name", title=_("Name"), width=170, stretch=True), 0),
                (TableColumn(key="architecture", title=_("Architecture"), width=116), 4),
                (TableColumn(key="parameters", title=_("Parameters"), width=112, right=True), 1),
                (TableColumn(key="size", title=_("Size"), width=88, right=True), 3),
                (TableColumn(key="context", title=_("Longest text"), width=120, right=True), 5),
                (TableColumn(key="licence", title=_("Licence"), width=116, muted=True), 6),
                (TableColumn(key="chat", title=_("Chat template"), width=120), 2),
            ]
        )
        self._empty.set_content(
            _("No model yet"),
            _(
                "A base model is a folder on this computer with safetensors files. It is linked "
                "where it is and never changed."
            ),
            Action(key="add", text=_("Add a model folder…"), icon="folder"),
            Action(key="starter", text=_("Use the bundled starter model")),
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
        self._card = Card(padding=20).add(self._error)
        self._card.hide()
        self.add(self._card)
        self.body.addWidget(self._stack, 1)
        self.add(self._drop_zone)

    def _connect(self) -> None:
        services = self._services
        self._search.textChanged.connect(self._show_lines)
        self._add.clicked.connect(self._ask)
        self._drop_zone.browse_requested.connect(self._ask)
        self._drop_zone.paths_dropped.connect(self._take)
        self._empty.action_triggered.connect(self._start)
        self._error.action_triggered.connect(self._after_refusal)
        self._table.row_activated.connect(self._request)
        self._table.clicked.connect(self._on_clicked)
        services.library.models_changed.connect(self.show_library)
        services.library.loaded.connect(self.show_library)

    def show_library(self) -> None:
        """Show what the workspace holds now."""
        library = self._services.library
        self.header.set_meta(list_meta(library.models))
        self._show_lines()
        if library.is_loaded:
            self._skeleton.stop()
        self._stack.setCurrentWidget(self._shown_part())
        self._add.setHidden(self._stack.currentWidget() is self._empty)
        # The list comes before the drop zone where an error takes its room; the whole window
        # takes drops anyway.
        self._drop_zone.setHidden(bool(library.models) and not self._card.isHidden())

    def clear_refusal(self) -> None:
        """Take the words about a refused folder away."""
        self._refused = None
        self._card.hide()
        self.show_library()

    def _shown_part(self) -> Panel | EmptyState:
        library = self._services.library
        if not library.is_loaded:
            return self._loading
        if library.models:
            return self._listed
        return self._empty if self._card.isHidden() else self._nothing

    def _show_lines(self) -> None:
        lines = model_lines(self._services.library.models, query=self._search.text())
        if lines == self._lines:
            return
        self._lines = lines
        self._table.set_empty_text(_("No model has these words."))
        self._table.set_rows(
            [
                (Cell(text=one.name, icon="models", strong=True), one.architecture,
                 one.parameters, one.size, Cell(text=one.context, sub=_("tokens")), one.licence,
                 Cell(text=one.chat, icon="check" if one.has_chat else "status-warning",
                      icon_role="success" if one.has_chat else "warning"))
                for one in lines
            ]
        )  # fmt: skip

    def _on_clicked(self, index: QModelIndex) -> None:
        self._request(index.row())

    def _request(self, row: int) -> None:
        self.model_requested.emit(self._lines[row].id)

    # ------------------------------------------------------------------ adding

    def _ask(self) -> None:
        ask_for_model(self._services, parent=self, refused=self._refuse)

    def _start(self, key: str) -> None:
        if key == "starter":
            add_starter(self._services)
        else:
            self._ask()

    def _take(self, paths: list[Path]) -> None:
        for path in paths:
            add_model(self._services, path=path, refused=self._refuse)

    def _refuse(self, path: Path, error: EngineError) -> None:
        self._refused = path
        self._error.set_error(
            ErrorText(**asdict(refusal_view(path, error))),
            (
                Action(key="again", text=_("Look again"), icon="undo"),
                Action(key="dismiss", text=_("Dismiss"), kind="ghost"),
            ),
        )
        self._card.show()
        self.show_library()

    def _after_refusal(self, key: str) -> None:
        path = self._refused
        self.clear_refusal()
        if key == "again" and path is not None:
            add_model(self._services, path=path, refused=self._refuse)
