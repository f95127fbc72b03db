# SPDX-License-Identifier: Apache-2.0
"""The rows of a dataset in a table of any length: searched, filtered, changed; one beside it."""

from __future__ import annotations

from functools import partial
from gettext import gettext as _
from typing import TYPE_CHECKING

import msgspec
from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QKeySequence, QShortcut

from engine.domain.dataset import DatasetInfo, Row, RowKind
from engine.domain.row_query import RowQuery
from engine.domain.split import TRAIN
from engine.domain.version import VersionInfo
from engine.errors import EngineError
from gui.actions.rows import (
    add_row,
    edit_row,
    redo_change,
    remove_rows,
    restore_rows,
    tag_rows,
    undo_change,
)
from gui.bridge.services import Services
from gui.bridge.tasks import Lane, Outcome
from gui.pages.datasets.columns import Columns
from gui.pages.datasets.open_rows import OpenRows
from gui.pages.datasets.row_editor import RowEditor
from gui.pages.datasets.row_finder import RowFinder
from gui.pages.datasets.row_reader import RowReader
from gui.pages.datasets.rows_table import RowsTable
from gui.pages.datasets.rows_toolbar import RowsToolbar
from gui.viewmodels.dataset import part_sizes, split_parts
from gui.viewmodels.dataset_rows import CellSource, ShownRows, row_columns, row_title
from gui.viewmodels.history import redo_reason, redo_words, undo_reason, undo_words
from gui.viewmodels.row_draft import draft_of, new_draft
from gui.viewmodels.row_filter import (
    ALL_PARTS,
    LEFT_OUT,
    filter_choices,
    filter_key,
    found_words,
    nothing_words,
)
from gui.widgets.box import Column, Panel, Stretch
from gui.widgets.empty import Skeleton
from gui.widgets.error_panel import ErrorPanel, ErrorText
from gui.widgets.page import Stack
from gui.widgets.table import Column as TableColumn

if TYPE_CHECKING:
    from engine.api.datasets import RowTable
    from engine.api.row_views import Hits

_PAUSE_MS = 50
"""While the keyboard runs through the table no row is laid out to read."""
_Known = tuple[tuple[tuple[str, str], ...], list[VersionInfo]]


class _Place(msgspec.Struct, frozen=True):
    """Where a person was in the table, to be there again when its rows have changed."""

    ids: tuple[int, ...]
    row_id: int
    row: int
    scroll: int


class RowsTab(Panel):
    """The table of rows."""

    def __init__(self, services: Services, rows: OpenRows) -> None:
        self._services = services
        self._rows = rows
        self._dataset: DatasetInfo | None = None
        self._open: RowTable | None = None
        self._shown: ShownRows | None = None
        self._cells: CellSource | None = None
        self._place: _Place | None = None
        self._edited = -1
        self._tools = RowsToolbar()
        self.table = RowsTable(name=_("Rows"))
        self._error = ErrorPanel()
        self._skeleton = Skeleton(rows=8)
        self._reader = RowReader()
        self._editor = RowEditor()
        self._side = Stack()
        self._side.addWidget(self._reader)
        self._side.addWidget(self._editor)
        self._stack = Stack()
        self._columns = Columns(self._middle(), right=self._side, right_width=340, least=440)
        super().__init__(Column(self._columns, gap=0))
        self._finder = RowFinder(services, self)
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(_PAUSE_MS)
        self._connect()
        self._reader.set_alone(self._columns.is_folded)

    def _middle(self) -> Panel:
        error = Column(self._error, Stretch(), gap=0, margins=(32, 20, 32, 20))
        self._stack.addWidget(Panel(Column(self.table, gap=0, margins=(20, 0, 8, 0))))
        self._stack.addWidget(Panel(error))
        waiting = Column(self._skeleton, Stretch(), gap=0, margins=(32, 4, 32, 8))
        self._stack.addWidget(Panel(waiting))
        column = Column(self._tools, gap=0)
        column.addWidget(self._stack, 1)
        return Panel(column)

    def _connect(self) -> None:
        self._pause.timeout.connect(lambda: self._read(self.table.current_row()))
        self._rows.closing.connect(self._let_go)
        self._tools.part_chosen.connect(self._show_part)
        self._tools.query_changed.connect(self._search)
        self._tools.asked.connect(self._act)
        self._tools.tagged.connect(self._tag)
        self._finder.found.connect(self._on_found)
        self._finder.failed.connect(self._on_not_found)
        self.table.row_chosen.connect(self._read_soon)
        self.table.row_activated.connect(self._open_row)
        self.table.chosen_changed.connect(self._show_chosen)
        self.table.remove_requested.connect(self._leave_out_or_restore)
        self._reader.back_clicked.connect(lambda: self._columns.show_right(alone=False))
        self._columns.folded.connect(self._reader.set_alone)
        self._editor.kept.connect(self._keep)
        self._editor.given_up.connect(self._end_editing)
        keys = (
            ("Ctrl+F", self._tools.search.setFocus),
            ("F2", partial(self._act, "edit")),
            ("Ctrl+Z", partial(self._act, "undo")),
            ("Ctrl+Shift+Z", partial(self._act, "redo")),
            ("Ctrl+Y", partial(self._act, "redo")),
        )
        for key, act in keys:
            shortcut = QShortcut(QKeySequence(key), self)
            # While the tab is seen, wherever the keyboard is: a page is entered at its way back.
            shortcut.setContext(Qt.ShortcutContext.WindowShortcut)
            shortcut.activated.connect(act)

    # ------------------------------------------------------------------ what is shown

    def show_dataset(self, dataset: DatasetInfo) -> None:
        """Show the rows of a dataset from the first on; a new version of it from where one was."""
        before, self._dataset = self._dataset, dataset
        if before is not None and before.id == dataset.id:
            if before.version != dataset.version:
                self._end_editing()
                self._set_parts(dataset, self._tools.parts.value())
                self._show_part(self._tools.parts.value())
                self._learn(dataset)
            return
        self._place = None
        self._tools.reset()
        self._end_editing()
        self._set_parts(dataset, "")
        self._show_part(self._tools.parts.value())
        self._learn(dataset)

    def show_finding(self, check: str) -> None:
        """Show the rows that a check found, those of all parts together."""
        self._tools.reset()
        self._tools.set_filter(filter_key(check=check))
        if self._dataset is not None:
            self._place = None
            self._set_parts(self._dataset, ALL_PARTS)
            self._show_part(self._tools.parts.value())
            self._learn(self._dataset)

    def close_dataset(self) -> None:
        """Forget the rows before their files are closed."""
        self._finder.give_up()
        self._dataset = self._open = self._shown = None
        self.table.set_rows(())
        self._reader.clear()

    def _set_parts(self, dataset: DatasetInfo, chosen: str) -> None:
        parts = split_parts(dataset)
        self._tools.parts.set_parts([*parts, (LEFT_OUT, _("Left out"))])
        known = [key for key, _words in parts]
        first = TRAIN if TRAIN in known or not known else known[0]
        self._tools.parts.set_value(chosen if chosen in (*known, LEFT_OUT) else first)

    def _learn(self, dataset: DatasetInfo) -> None:
        """Read what the filter can choose, and what can be undone."""
        api = self._services.api

        def read() -> _Known:
            """Read report, tags and history."""
            report, tags = api.reports.latest(dataset.id), api.versions.tags(dataset.id)
            choices = filter_choices(report, api.reports.checks(), tags)
            return choices, api.versions.history(dataset.id)

        self._services.tasks.run(
            read, lambda outcome: self._take_known(dataset, outcome), owner=self, lane=Lane.READING
        )

    def _take_known(self, dataset: DatasetInfo, outcome: Outcome[_Known]) -> None:
        if self._dataset != dataset:
            return
        if outcome.error is not None:
            self._services.notices.show_error(outcome.error)
            return
        choices, history = outcome.value
        is_gone = self._tools.set_filters(choices)
        self._tools.undo.set_icon("undo", undo_words(history, dataset.version))
        self._tools.redo.set_icon("redo", redo_words(history, dataset.version))
        self._tools.undo.set_reason(undo_reason(history, dataset.version))
        self._tools.redo.set_reason(redo_reason(history, dataset.version))
        if is_gone:
            self._search()

    def _show_part(self, split: str) -> None:
        self._columns.show_right(alone=False)
        self._finder.give_up()
        if self._place is None:
            self._stack.setCurrentIndex(2)
            self._skeleton.start()
        self._rows.open(split, partial(self._take, split), self._fail)

    def _take(self, split: str, rows: RowTable) -> None:
        dataset = self._dataset
        if dataset is None or split != self._tools.parts.value():
            return
        self._open = rows
        self._search()

    def _search(self, _query: RowQuery | None = None) -> None:
        if self._dataset is not None and self._open is not None:
            self._shown = None
            self._tools.show_error("")
            self._finder.ask(self._dataset.id, self._open, self._tools.query())

    def _on_found(self, hits: Hits | None, is_over: bool) -> None:
        dataset = self._dataset
        if self._open is None or dataset is None:
            return
        query = self._tools.query()
        if self._shown is None:
            if self._place is not None and not is_over:
                # The place where one was may be behind what is found so far.
                return
            parts = part_sizes(dataset) if self._tools.parts.value() == ALL_PARTS else ()
            self._shown = ShownRows(self._open, hits, parts=parts)
            self._show_rows(self._shown, dataset.kind)
            self._arrive()
        elif hits is not None:
            self._shown.grow(hits)
            self.table.refresh(len(self._shown))
        self.table.set_empty_text(nothing_words(query) if is_over else "")
        count, groups = len(self._shown), self._shown.group_count
        words = found_words(count, len(self._open), query, is_over=is_over, groups=groups)
        self._tools.show_count(words)

    def _show_rows(self, shown: ShownRows, kind: RowKind) -> None:
        self._cells = CellSource(shown, shown.lead)
        columns = row_columns(kind, groups=shown.group_count, has_parts=shown.has_parts)
        self.table.set_columns(
            [
                TableColumn(
                    key=one.key,
                    title=one.title,
                    width=one.width,
                    stretch=one.stretch,
                    right=one.right,
                    muted=one.muted,
                    spoken=one.spoken,
                )
                for one in columns
            ]
        )
        self.table.set_groups(shown.ends_group if shown.group_count else None)
        self.table.set_source(len(shown), self._cells)

    def _arrive(self) -> None:
        """Show the table, at the place where one was, or at its first row."""
        self._skeleton.stop()
        self._stack.setCurrentIndex(0)
        place, self._place = self._place, None
        if place is not None:
            self._choose_again(place)
            self.table.verticalScrollBar().setValue(place.scroll)
        elif self._shown is not None and len(self._shown):
            self.table.scrollToTop()
            self.table.set_current(0)
        self._show_chosen()
        if self.table.current_row() >= 0:
            self._read(self.table.current_row())
        else:
            self._reader.clear()

    def _present_place(self) -> _Place | None:
        if self._shown is None:
            return None
        row = self.table.current_row()
        return _Place(
            ids=tuple(self._chosen_ids()),
            row_id=self._shown.row_id(row) if 0 <= row < len(self._shown) else -1,
            row=row,
            scroll=self.table.verticalScrollBar().value(),
        )

    def _let_go(self) -> None:
        """Remember where one is, and read no row any more: the files are about to be closed."""
        self._place = self._present_place() or self._place
        self._finder.give_up()
        self._pause.stop()
        self._open = self._shown = None
        if self._cells is not None:
            self._cells.freeze()

    def _choose_again(self, place: _Place) -> None:
        if self._shown is None or not len(self._shown):
            return
        near = min(max(place.row, 0), len(self._shown) - 1)
        row = next(iter(self._shown.places([place.row_id])), near)
        self.table.set_current(row)
        chosen = self._shown.places(place.ids)
        if row in chosen:
            self.table.choose_also(chosen)

    def _fail(self, error: EngineError) -> None:
        self._skeleton.stop()
        self._stack.setCurrentIndex(1)
        self._reader.clear()
        self._error.set_error(
            ErrorText(
                title=_("The rows cannot be shown"),
                cause=error.message,
                remedy=error.remedy,
                code=error.code,
                details=error.detail,
            )
        )

    def _on_not_found(self, error: EngineError) -> None:
        self._tools.show_error(f"{error.message} {error.remedy}")
        self._arrive()

    def _read_soon(self, _index: int) -> None:
        self._pause.start()

    def _read(self, index: int) -> None:
        if self._shown is not None and 0 <= index < len(self._shown):
            self._reader.show_row(self._shown, index)

    def _open_row(self, index: int) -> None:
        """Edit a row that is read already; where there is no room beside the table, read it."""
        if not self._columns.is_folded:
            self._edit()
            return
        self._read(index)
        self._columns.show_right(alone=True)
        self._reader.focus_back()

    # ------------------------------------------------------------------ what can be done

    @property
    def _is_left_out(self) -> bool:
        return self._tools.parts.value() == LEFT_OUT

    def _show_chosen(self) -> None:
        count = self.table.chosen_count()
        self._tools.show_chosen(count, is_left_out=self._is_left_out)

    def _chosen_ids(self) -> list[int]:
        shown = self._shown
        if shown is None:
            return []
        return [shown.row_id(row) for row in self.table.chosen_rows() if row < len(shown)]

    def _act(self, key: str) -> None:
        dataset = self._dataset
        if dataset is None:
            return
        if key in ("leave_out", "restore"):
            self._leave_out_or_restore()
        elif key == "edit":
            self._edit()
        elif key == "add" and not self._is_editing():
            self._begin_editing(-1)
            self._editor.start(_("A new row"), new_draft(dataset.kind))
        elif key == "undo" and self._tools.undo.isEnabled():
            undo_change(self._services, dataset_id=dataset.id)
        elif key == "redo" and self._tools.redo.isEnabled():
            redo_change(self._services, dataset_id=dataset.id)

    def _leave_out_or_restore(self, _row: int = -1) -> None:
        ids = self._chosen_ids()
        if self._dataset is not None and ids:
            change = restore_rows if self._is_left_out else remove_rows
            change(self._services, dataset_id=self._dataset.id, ids=ids)

    def _tag(self, tag: str, on: bool) -> None:
        ids = self._chosen_ids()
        if self._dataset is not None and ids:
            tag_rows(self._services, dataset_id=self._dataset.id, ids=ids, tag=tag, on=on)

    def _edit(self) -> None:
        row = self.table.current_row()
        if self._shown is None or self._is_left_out or not 0 <= row < len(self._shown):
            return
        if self._is_editing():
            return
        self._begin_editing(self._shown.row_id(row))
        self._editor.start(row_title(self._shown, row), draft_of(self._shown.row(row)))

    def _is_editing(self) -> bool:
        return self._side.currentWidget() is self._editor and self._editor.keeps_hold()

    def _begin_editing(self, row_id: int) -> None:
        self._edited = row_id
        self._side.setCurrentWidget(self._editor)
        if self._columns.is_folded:
            self._columns.show_right(alone=True)

    def _end_editing(self) -> None:
        if self._side.currentWidget() is self._editor:
            self._side.setCurrentWidget(self._reader)
            self._columns.show_right(alone=False)
            self.table.setFocus()

    def _keep(self, row: Row) -> None:
        dataset = self._dataset
        if dataset is None:
            return
        if self._edited >= 0:
            edit_row(
                self._services,
                dataset_id=dataset.id,
                row_id=self._edited,
                row=row,
                refused=self._refuse,
            )
        else:
            part = self._tools.parts.value()
            add_row(
                self._services,
                dataset_id=dataset.id,
                row=row,
                split=TRAIN if part == ALL_PARTS else part,
                refused=self._refuse,
            )

    def _refuse(self, error: EngineError) -> None:
        self._editor.show_error(f"{error.message} {error.remedy}")
