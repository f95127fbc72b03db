# SPDX-License-Identifier: Apache-2.0
"""The list of all runs: found by words and state, sorted, and marked for comparing."""

from __future__ import annotations

from datetime import datetime
from gettext import gettext as _

from PySide6.QtCore import QTimer, Signal

from gui.actions.run_files import ask_to_import_run
from gui.actions.runs import remove_run
from gui.bridge.services import Services
from gui.pages.runs.run_table import RunTable
from gui.viewmodels.queue import button_words
from gui.viewmodels.run_query import (
    MOST_COMPARED,
    RunQuery,
    compare_reason,
    compare_words,
    find_runs,
    found_words,
    sort_choices,
    state_choices,
    too_many_words,
)
from gui.viewmodels.runs import RunRow, run_rows
from gui.widgets.box import Flow, Panel
from gui.widgets.buttons import Action, Button
from gui.widgets.empty import EmptyState, Skeleton
from gui.widgets.fields import SearchField, SelectField
from gui.widgets.page import Page
from gui.widgets.text import TextLabel
from gui.widgets.theme.theme import follow_theme, theme

SEARCH_AFTER_MS = 120
_SEARCH_WIDTH = 240


class RunList(Page):
    """All runs as a table; Enter or a click opens one, Space marks it.

    Signals:
        run_chosen: Id of the run to open.
        comparison_chosen: Ids of the runs to compare, as a tuple.
        queue_chosen: A person wants the queue.
    """

    run_chosen = Signal(str)
    comparison_chosen = Signal(object)
    queue_chosen = Signal()

    def __init__(self, services: Services) -> None:
        super().__init__(_("Runs"), scroll=False)
        self._services = services
        self._rows: tuple[RunRow, ...] = ()
        self._marked: tuple[str, ...] = ()
        self._new = Button(_("New run…"), kind="primary", icon="plus")
        self._compare = Button(_("Compare"))
        self._queue = Button(_("Queue"), kind="ghost", icon="clock")
        self._import = Button(_("Import a run…"), kind="ghost")
        self._search = SearchField(placeholder=_("Search runs, tags and notes"))
        self._state = SelectField(name=_("State"))
        self._sort = SelectField(name=_("Order"))
        self._found = TextLabel("", role="small", colour="text2")
        self._tools = Panel(Flow(self._search, self._state, self._sort, self._found))
        self._skeleton = Skeleton(rows=3)
        self._table = RunTable()
        self._empty = EmptyState(icon="runs")
        self._delay = QTimer(self)
        self._set_up()
        self._connect()
        follow_theme(self, self._follow)
        self._show()

    def _set_up(self) -> None:
        self.header.set_actions(self._import, self._queue, self._compare, self._new)
        self._state.set_options(state_choices())
        self._sort.set_options(sort_choices())
        self._table.set_empty_text(_("No run is like this"))
        self._delay.setSingleShot(True)
        self._delay.setInterval(SEARCH_AFTER_MS)
        self._empty.set_content(
            _("No run yet"),
            _("A run trains a model on a dataset. It goes on when you close the window."),
            Action(key="new", text=_("New run…"), icon="plus"),
            Action(key="home", text=_("Try it in a minute")),
        )
        self.add(self._skeleton, self._empty, self._tools)
        self.body.addWidget(self._table, 1)
        self._skeleton.start()

    def _connect(self) -> None:
        library = self._services.library
        self._new.clicked.connect(lambda: self._services.navigator.go("train"))
        self._import.clicked.connect(lambda: ask_to_import_run(self._services, parent=self))
        self._compare.clicked.connect(lambda: self.comparison_chosen.emit(self._marked))
        self._queue.clicked.connect(self.queue_chosen)
        self._empty.action_triggered.connect(self._on_empty_action)
        self._search.textChanged.connect(self._on_words)
        self._delay.timeout.connect(self._show)
        self._state.chosen.connect(self._on_query)
        self._sort.chosen.connect(self._on_query)
        self._table.row_opened.connect(self._open)
        self._table.row_marked.connect(self._mark)
        self._table.remove_requested.connect(self._remove)
        library.runs_changed.connect(self._show)
        library.queue_changed.connect(self._show)
        library.loaded.connect(self._show)

    def _follow(self) -> None:
        self._search.setFixedWidth(theme().px(_SEARCH_WIDTH))

    def _show(self) -> None:
        library = self._services.library
        is_loaded, has_runs = library.is_loaded, bool(library.runs)
        self._skeleton.setHidden(is_loaded)
        self._empty.setHidden(not is_loaded or has_runs)
        for one in (self._tools, self._table, self._new, self._compare, self._queue):
            one.setHidden(not has_runs)
        self._queue.set_text(button_words(library.queue))
        known = {one.id for one in library.runs}
        self._marked = tuple(one for one in self._marked if one in known)
        query = RunQuery(
            text=self._search.text(), state=self._state.value(), sort=self._sort.value()
        )
        found = find_runs(library.runs, query)
        self._rows = run_rows(found, now=datetime.now().astimezone())
        self._found.set_text(found_words(len(found), len(library.runs)))
        self._show_rows()

    def _show_rows(self) -> None:
        self._table.show_runs(self._rows, self._marked)
        self._compare.set_text(compare_words(len(self._marked)))
        self._compare.set_reason(compare_reason(len(self._marked)))

    def _on_words(self, _text: str) -> None:
        self._delay.start()

    def _on_query(self, _key: str) -> None:
        self._show()

    def _open(self, row: int) -> None:
        self.run_chosen.emit(self._rows[row].key)

    def _mark(self, row: int) -> None:
        key = self._rows[row].key
        if key in self._marked:
            self._marked = tuple(one for one in self._marked if one != key)
        elif len(self._marked) < MOST_COMPARED:
            self._marked = (*self._marked, key)
        else:
            self._services.notices.say(too_many_words())
        self._show_rows()

    def _remove(self, row: int) -> None:
        remove_run(self._services, run_id=self._rows[row].key)

    def _on_empty_action(self, key: str) -> None:
        self._services.navigator.go("home" if key == "home" else "train")
