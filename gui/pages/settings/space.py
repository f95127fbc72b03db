# SPDX-License-Identifier: Apache-2.0
"""Disk space: what takes how much of the workspace, what of it can go, and the trash."""

from __future__ import annotations

from gettext import gettext as _

from PySide6.QtCore import QObject, Signal

from engine.domain.space import SpaceReport
from gui.actions.trash import empty_trash, free_space, put_back
from gui.bridge.services import Services
from gui.bridge.tasks import Lane, Outcome
from gui.viewmodels.space import (
    SpaceRow,
    has_trash,
    looked_words,
    space_rows,
    total_words,
    trash_words,
)
from gui.widgets.banner import Banner
from gui.widgets.box import Column as Lines
from gui.widgets.box import Flow, Panel
from gui.widgets.buttons import Action, Button
from gui.widgets.progress import Progress
from gui.widgets.table import Cell, Column, DataTable
from gui.widgets.text import TextLabel
from gui.widgets.theme.theme import follow_theme, theme

_MOST_ROWS_SEEN = 8
_HEADER_PX, _ROW_PX = 34, 40


class _Told(QObject):
    """Carries how far the adding up is from its thread to the window.

    Signals:
        moved: How many objects of how many were looked at.
    """

    moved = Signal(int, int)


class SpacePart(Panel):
    """Disk space.

    Signals:
        looked: What takes room is shown.
    """

    looked = Signal()

    def __init__(self, services: Services) -> None:
        self._total = TextLabel(_("Not added up yet."), wrap=True)
        self._progress = Progress(name=_("Adding up what takes room"))
        self._table = DataTable(name=_("What takes room"))
        self._about = TextLabel(trash_words(), role="small", colour="text2", wrap=True)
        self._question = Banner(kind="warning")
        self._remove = Button(_("Remove"), accessible=_("Remove what can go of the chosen thing"))
        self._back = Button(_("Put back"), icon="undo", accessible=_("Put the chosen thing back"))
        self._empty = Button(_("Empty the trash"))
        self._again = Button(_("Add up again"), kind="ghost")
        buttons = Panel(Flow(self._remove, self._back, self._empty, self._again))
        super().__init__(
            Lines(self._total, self._progress, self._table, self._about, self._question, buttons,
                  gap=10)
        )  # fmt: skip
        self._services = services
        self._told = _Told(self)
        self._rows: tuple[SpaceRow, ...] = ()
        self._asked = ""
        self._is_looking = False
        self._set_up()

    def _set_up(self) -> None:
        self._table.set_columns([
            Column(key="name", title=_("What"), width=180, stretch=True),
            Column(key="size", title=_("Size"), width=84, right=True),
            Column(key="freeable", title=_("Can go"), width=84, right=True),
        ])  # fmt: skip
        self._table.set_empty_text(_("Nothing takes room yet."))
        self._progress.hide()
        self._question.hide()
        self._told.moved.connect(self._on_moved)
        self._table.row_chosen.connect(self._on_chosen)
        self._table.remove_requested.connect(self._ask_to_remove)
        self._remove.clicked.connect(self._on_remove)
        self._back.clicked.connect(self._put_back)
        self._empty.clicked.connect(self._ask_to_empty)
        self._again.clicked.connect(self.look)
        self._question.action_triggered.connect(self._answer)
        follow_theme(self, self._follow)
        self._offer()

    def look(self) -> None:
        """Add up in the background what takes room."""
        if self._is_looking:
            return
        self._is_looking = True
        self._again.set_busy(_("Adding up…"))
        self._progress.set_share(None)
        self._progress.show()
        tell, api = self._told.moved.emit, self._services.api
        self._services.tasks.run(
            lambda: api.space.report(tell), self._take, owner=self, lane=Lane.LONG
        )

    def choose(self, row: int) -> None:
        """Choose a line of the table and say what can be done with it."""
        self._table.set_current(row)
        self._offer()

    def _on_moved(self, done: int, total: int) -> None:
        if self._is_looking:
            self._progress.set_share(done / total)
            self._total.set_text(looked_words(done, total))

    def _take(self, outcome: Outcome[SpaceReport]) -> None:
        self._is_looking = False
        self._again.set_busy("")
        self._progress.hide()
        if outcome.error is not None:
            self._services.notices.show_error(outcome.error)
            return
        self._rows = space_rows(outcome.value)
        self._total.set_text(total_words(outcome.value))
        self._table.set_current(-1)
        self._table.set_rows([_cells(one) for one in self._rows])
        self._follow()
        self._offer()
        self.looked.emit()

    def _follow(self) -> None:
        """Give the table the height of its rows, up to some; more are scrolled."""
        rows = min(max(len(self._rows), 1), _MOST_ROWS_SEEN)
        self._table.setMinimumHeight(theme().px(_HEADER_PX + _ROW_PX * rows) + 4)

    def _chosen(self) -> SpaceRow | None:
        row = self._table.current_row()
        return self._rows[row] if 0 <= row < len(self._rows) else None

    def _on_chosen(self, _row: int) -> None:
        self._question.hide()
        self._offer()

    def _offer(self) -> None:
        """Say what can be done with what is chosen."""
        row = self._chosen()
        nothing = _("Choose a line of the table first.")
        self._about.set_text(row.about if row is not None else trash_words())
        self._remove.set_text(row.remove_text if row is not None else _("Remove"))
        self._remove.set_reason(nothing if row is None else row.remove_reason)
        can_go_back = row is not None and bool(row.entry_id)
        self._back.set_reason("" if can_go_back else _("Choose something that is in the trash."))
        self._empty.set_reason("" if has_trash(self._rows) else _("The trash is empty."))

    # ------------------------------------------------------------------ what a person asks for

    def _on_remove(self) -> None:
        self._ask_to_remove(self._table.current_row())

    def _ask_to_remove(self, _row: int) -> None:
        row = self._chosen()
        if row is not None and not row.remove_reason:
            cause = _("Remove {size} of “{name}”?").format(size=row.freeable, name=row.name)
            self._ask(row.key, cause, row.about, row.remove_text)

    def _ask_to_empty(self) -> None:
        cause = _("Delete everything in the trash?")
        self._ask("", cause, _("It cannot be put back then."), _("Delete for good"))

    def _ask(self, key: str, cause: str, consequence: str, word: str) -> None:
        self._asked = key
        yes = Action(key="yes", text=word, kind="danger")
        no = Action(key="no", text=_("Keep it"), kind="ghost")
        self._question.set_content(cause, consequence, (yes, no), dismissable=False)
        self._question.show()

    def _answer(self, key: str) -> None:
        self._question.hide()
        if key != "yes":
            return
        if self._asked:
            free_space(self._services, key=self._asked, done=self.look)
        else:
            empty_trash(self._services, done=self.look)

    def _put_back(self) -> None:
        row = self._chosen()
        if row is not None and row.entry_id:
            put_back(self._services, entry_id=row.entry_id, done=self.look)


def _cells(row: SpaceRow) -> tuple[str | Cell, ...]:
    return (Cell(text=row.name, tooltip=row.name), row.size, row.freeable)
