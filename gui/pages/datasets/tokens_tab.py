# SPDX-License-Identifier: Apache-2.0
"""What will be trained: rows at the left, the tokens of one in the middle, facts at the right."""

from __future__ import annotations

from gettext import gettext as _
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence, QShortcut

from engine.domain.dataset import DatasetInfo, RowKind
from engine.domain.split import TRAIN
from engine.errors import EngineError
from gui.actions.add_model import ask_for_model
from gui.actions.models import add_starter
from gui.bridge.services import Services
from gui.pages.datasets.all_rows import AllRows
from gui.pages.datasets.columns import Columns
from gui.pages.datasets.inspector import Inspector
from gui.pages.datasets.open_rows import OpenRows
from gui.pages.datasets.token_reader import MAX_LENGTH, TokenReader
from gui.viewmodels import numbers
from gui.viewmodels.dataset_rows import Recent
from gui.viewmodels.tokens import (
    first_model,
    inspect_row,
    model_options,
    no_position_words,
    position_of,
    position_words,
    token_parts,
)
from gui.widgets.banner import Banner
from gui.widgets.box import Column, Gap, Panel, Row, Stretch
from gui.widgets.buttons import Action, IconButton
from gui.widgets.empty import EmptyState, Skeleton
from gui.widgets.error_panel import ErrorPanel, ErrorText
from gui.widgets.fields import SearchField
from gui.widgets.lists import RowData, RowList
from gui.widgets.page import Stack
from gui.widgets.text import TextLabel
from gui.widgets.token_view import Token, TokenLegend, TokenSection, TokenView

if TYPE_CHECKING:
    from engine.api.datasets import RowTable
    from engine.api.preview import RowTokens


class TokensTab(Panel):
    """The tokens of the rows that will be trained, as a chosen model reads them."""

    def __init__(self, services: Services, rows: OpenRows) -> None:
        self._list = RowList(name=_("Rows"))
        self._go_to = SearchField(placeholder=_("Go to row number"))
        self._position = (TextLabel("", role="section"), TextLabel("", colour="text2"))
        self._previous = IconButton("chevron-left", _("Previous row (Alt+Up)"))
        self._following = IconButton("chevron-right", _("Next row (Alt+Down)"))
        self._more = IconButton("eye", _("Facts and model"))
        self._tokens = TokenView()
        self._error = ErrorPanel()
        self._empty = EmptyState(icon="models")
        self._left_out = Banner(kind="warning")
        self._skeleton = Skeleton(rows=6)
        self._stack = Stack()
        self._all_rows = AllRows(services)
        self._inspector = Inspector(self._all_rows)
        self._columns = Columns(self._middle(), left=self._left(), right=self._inspector)
        super().__init__(Column(self._columns, gap=0))
        self._services = services
        self._rows = rows
        self._reader = TokenReader(services, self)
        self._dataset: DatasetInfo | None = None
        self._open: RowTable | None = None
        self._title_of = Recent(self._title_at)
        self._model_id = ""
        self._index = 0
        self._connect()

    # ------------------------------------------------------------------ arranging

    def _left(self) -> Panel:
        go_to = Column(self._go_to, gap=0, margins=(12, 0, 0, 0))
        column = Column(go_to, gap=10, margins=(20, 16, 12, 8))
        column.addWidget(self._list, 1)
        return Panel(column)

    def _middle(self) -> Panel:
        head = Row(
            *self._position,
            Gap(6),
            self._previous,
            self._following,
            Stretch(),
            TokenLegend(),
            self._more,
            gap=8,
            margins=(0, 0, 0, 6),
        )
        self._empty.set_content(
            _("Add a model to see tokens"),
            _("Each model cuts a text into tokens of its own, and marks the turns its own way."),
            Action(key="add", text=_("Add a model folder…"), icon="folder"),
            Action(key="starter", text=_("Use the bundled starter model")),
        )
        waiting = Panel(Column(self._skeleton, Stretch(), gap=0))
        error = Panel(Column(self._error, Stretch(), gap=0, margins=(0, 12, 0, 0)))
        self._left_out_page = Panel(Column(self._left_out, Stretch(), gap=0, margins=(0, 8, 0, 0)))
        for page in (waiting, self._tokens, error, self._empty, self._left_out_page):
            self._stack.addWidget(page)
        self._head = Panel(head)
        column = Column(self._head, gap=0, margins=(24, 12, 16, 4))
        column.addWidget(self._stack, 1)
        return Panel(column)

    def _connect(self) -> None:
        self._list.chosen.connect(self._on_chosen)
        self._go_to.returnPressed.connect(self._on_go_to)
        self._go_to.textChanged.connect(self._on_typed)
        self._previous.clicked.connect(lambda: self._show(self._index - 1))
        self._following.clicked.connect(lambda: self._show(self._index + 1))
        for keys, button in (("Alt+Up", self._previous), ("Alt+Down", self._following)):
            shortcut = QShortcut(QKeySequence(keys), self)
            shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.activated.connect(button.click)
        self._reader.came.connect(self._take)
        self._reader.failed.connect(self._fail)
        self._reader.facts_came.connect(self._list.viewport().update)
        self._columns.folded.connect(self._on_folded)
        self._on_folded(self._columns.is_folded)
        self._more.clicked.connect(self._show_inspector)
        self._inspector.back_clicked.connect(lambda: self._columns.show_right(alone=False))
        self._inspector.model_chosen.connect(self._choose_model)
        self._inspector.add_model_requested.connect(lambda: self._add_model("add"))
        self._empty.action_triggered.connect(self._add_model)
        self._services.library.models_changed.connect(self._show_models)

    def _on_chosen(self, index: int, _key: str) -> None:
        self._show(index)

    def _on_go_to(self) -> None:
        index = position_of(self._go_to.text(), self._total)
        if index is None:
            self._go_to.set_error(no_position_words(self._total))
        else:
            self._show(index)
            self._go_to.selectAll()

    def _on_typed(self, _text: str) -> None:
        self._go_to.set_error("")

    @property
    def _total(self) -> int:
        return len(self._open) if self._open is not None else 0

    def _on_folded(self, is_folded: bool) -> None:
        self._more.setHidden(not is_folded)
        self._inspector.set_alone(is_folded)

    def _show_inspector(self) -> None:
        self._columns.show_right(alone=True)
        self._inspector.focus_back()

    # ------------------------------------------------------------------ dataset and model

    def show_dataset(self, dataset: DatasetInfo) -> None:
        """Show the first row of a dataset; the same version of the same one stays as it is."""
        before, self._dataset = self._dataset, dataset
        if before is not None and (before.id, before.version) == (dataset.id, dataset.version):
            return
        self._index = 0
        self._open = None
        self._reader.set_pair("", "")
        self._show_models()
        self._rows.open(TRAIN, self._take_rows, self._fail)

    def close_dataset(self) -> None:
        """Forget the rows before their files are closed."""
        self._dataset = self._open = None
        self._list.set_rows(())
        self._reader.set_pair("", "")
        self._all_rows.set_pair(None, "")

    def _take_rows(self, rows: RowTable) -> None:
        self._open = rows
        self._title_of = Recent(self._title_at)
        self._list.set_source(len(rows), self._row_data)
        self._show(0)

    def _title_at(self, index: int) -> str:
        return self._open.preview(index).title if self._open is not None else ""

    def _row_data(self, index: int) -> RowData:
        facts = self._reader.facts(index)
        return RowData(
            key=str(index),
            title=self._title_of(index),
            left=numbers.count(index + 1),
            right=facts.tokens if facts is not None else "",
            flag=facts.flag if facts is not None else "",
        )

    def _show_models(self) -> None:
        dataset = self._dataset
        if dataset is None:
            return
        options = model_options(self._services.library.models, dataset)
        self._model_id = first_model(options, self._model_id)
        self._inspector.set_models(options, self._model_id)
        self._reader.set_pair(dataset.id, self._model_id)
        self._all_rows.set_pair(dataset, self._model_id)
        self._show(self._index)

    def _choose_model(self, model_id: str) -> None:
        self._model_id = model_id
        self._show_models()

    def _add_model(self, key: str) -> None:
        if key == "starter":
            add_starter(self._services)
        else:
            ask_for_model(self._services, parent=self)

    # ------------------------------------------------------------------ the row

    def _show(self, index: int) -> None:
        rows = self._open
        has_model = bool(self._model_id)
        self._head.setHidden(not has_model)
        if not has_model:
            self._inspector.show_row(None)
            self._stack.setCurrentWidget(self._empty)
            return
        if rows is None or not len(rows):
            return
        self._index = min(max(index, 0), len(rows) - 1)
        for label, text in zip(self._position, position_words(self._index, len(rows)), strict=True):
            label.set_text(text)
        self._previous.setEnabled(self._index > 0)
        self._following.setEnabled(self._index < len(rows) - 1)
        self._list.set_current_index(self._index)
        self._all_rows.set_row(self._index)
        if self._stack.currentWidget() is not self._tokens:
            self._stack.setCurrentIndex(0)
            self._skeleton.start()
        self._reader.ask(self._index)

    def _take(self, index: int, row: RowTokens) -> None:
        dataset, model = self._dataset, self._services.library.model(self._model_id)
        if index != self._index or dataset is None or model is None:
            return
        self._skeleton.stop()
        if not row.tokens:
            self._inspector.show_row(None)
            cause = _("This row is not trained.")
            self._left_out.set_content(cause, row.problem_text, dismissable=False)
            self._stack.setCurrentWidget(self._left_out_page)
            return
        self._tokens.set_sections(
            [
                TokenSection(
                    role=part.role,
                    title=part.title,
                    tokens=tuple(
                        Token(text=one.text, id=one.id, trained=one.trained, special=one.special)
                        for one in part.tokens
                    ),
                )
                for part in token_parts(row, end_of_turn=model.end_of_turn)
            ]
        )
        self._inspector.show_row(
            inspect_row(row, is_chat=dataset.kind is RowKind.CHAT, max_length=MAX_LENGTH)
        )
        self._stack.setCurrentWidget(self._tokens)

    def _fail(self, error: EngineError) -> None:
        self._skeleton.stop()
        self._inspector.show_row(None)
        self._error.set_error(
            ErrorText(
                title=_("The tokens cannot be shown"),
                cause=error.message,
                remedy=error.remedy,
                code=error.code,
                details=error.detail,
            )
        )
        self._stack.setCurrentIndex(2)
