# SPDX-License-Identifier: Apache-2.0
"""The queue: runs that wait, in their order, when they may go, and what follows the last."""

from __future__ import annotations

from functools import partial
from gettext import gettext as _

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeySequence, QShortcut

from engine.api.queue_view import QueueView
from engine.domain.queue import Hours, WhenDone
from gui.actions.queue import (
    choose_hours,
    choose_when_done,
    hold_queue,
    move_in_queue,
    unqueue_run,
)
from gui.bridge.services import Services
from gui.pages.runs.run_table import state_cell
from gui.viewmodels.queue import (
    ALWAYS,
    BETWEEN,
    USUAL_HOURS,
    QueueRow,
    clock_choices,
    hours_hint,
    hours_parts,
    queue_meta,
    queue_rows,
    when_done_hint,
    when_done_parts,
)
from gui.widgets.banner import Banner
from gui.widgets.box import Column, Flow, Panel, Reflow, Row
from gui.widgets.buttons import Action, Button
from gui.widgets.choices import SegmentedControl
from gui.widgets.empty import EmptyState
from gui.widgets.fields import SelectField
from gui.widgets.fitting_table import FittingTable
from gui.widgets.page import Page
from gui.widgets.table import Cell
from gui.widgets.table import Column as TableColumn
from gui.widgets.text import TextLabel


class QueuePage(Page):
    """The queue. Enter opens a run, Alt with an arrow moves it, Delete takes it out.

    Signals:
        back_requested: A person wants the list of runs.
        run_chosen: Id of the run to open.
    """

    back_requested = Signal()
    run_chosen = Signal(str)

    def __init__(self, services: Services) -> None:
        super().__init__(_("Queue"), scroll=False)
        self._services = services
        self._rows: tuple[QueueRow, ...] = ()
        self._chosen = ""
        self._hold = Button(_("Hold"), icon="pause")
        self._new = Button(_("New run…"), kind="primary", icon="plus")
        self._up = Button(_("Up"), kind="ghost", key_hint="Alt ↑", accessible=_("Move up"))
        self._down = Button(_("Down"), kind="ghost", key_hint="Alt ↓", accessible=_("Move down"))
        self._out = Button(_("Take out"), kind="ghost", key_hint="Del")
        self._table = FittingTable(name=_("Queue"))
        self._empty = EmptyState(icon="clock")
        self._choices = _Choices(services)
        self._problem = Banner(kind="warning")
        self._arrange()
        self._connect()
        self._show()

    def _arrange(self) -> None:
        self.header.set_back(_("Runs"))
        self.header.set_actions(self._hold, self._new)
        self._table.set_ranked_columns(
            (
                (TableColumn(key="place", title=_("Place"), width=64, right=True), 2),
                (TableColumn(key="name", title=_("Run"), width=200, stretch=True), 0),
                (TableColumn(key="state", title=_("In the queue"), width=200), 0),
                (TableColumn(key="progress", title=_("Progress"), width=180), 1),
            )
        )
        self._empty.set_content(
            _("No run waits"),
            _("“Add to queue” on the page Train puts one in. The queue goes on by itself."),
            Action(key="new", text=_("New run…"), icon="plus"),
        )
        self._tools = Panel(Flow(self._up, self._down, self._out))
        self.add(self._problem, self._choices, self._tools, self._empty)
        self.body.addWidget(self._table, 1)

    def _connect(self) -> None:
        services = self._services
        self.header.back_clicked.connect(self.back_requested)
        self._new.clicked.connect(lambda: services.navigator.go("train"))
        self._empty.action_triggered.connect(self._on_empty_action)
        self._hold.clicked.connect(self._on_hold)
        self._up.clicked.connect(lambda: self._move(-1))
        self._down.clicked.connect(lambda: self._move(1))
        self._out.clicked.connect(self._take_out)
        self._table.row_activated.connect(self._open)
        self._table.row_chosen.connect(self._choose)
        self._table.remove_requested.connect(self._on_remove)
        for keys, way in (("Alt+Up", -1), ("Alt+Down", 1)):
            shortcut = QShortcut(QKeySequence(keys), self._table)
            shortcut.setContext(Qt.ShortcutContext.WidgetShortcut)
            shortcut.activated.connect(partial(self._move, way))
        for signal in (services.library.queue_changed, services.library.runs_changed):
            signal.connect(self._show)
        services.library.loaded.connect(self._show)

    def _show(self) -> None:
        library = self._services.library
        view = library.queue
        self._rows = queue_rows(view, library.runs)
        self.header.set_meta(queue_meta(view))
        self._hold.set_text(_("Go on") if view.is_held else _("Hold"))
        self._hold.set_icon_name("play" if view.is_held else "pause")
        for one in (self._hold, self._new):
            one.setHidden(not self._rows)
        self._choices.show_view(view)
        self._problem.setHidden(not view.problem)
        self._problem.set_content(view.problem, view.remedy, dismissable=False)
        self._empty.setHidden(bool(self._rows))
        self._table.setHidden(not self._rows)
        self._tools.setHidden(not self._rows)
        chosen = self._chosen
        self._table.set_rows([_cells(one) for one in self._rows])
        keys = [one.key for one in self._rows]
        self._table.set_current(keys.index(chosen) if chosen in keys else 0)
        self._show_tools()

    def _show_tools(self) -> None:
        at, last = self._table.current_row(), len(self._rows) - 1
        none = "" if 0 <= at <= last else _("Choose a run first.")
        self._up.set_reason(none or (_("It is the first.") if at == 0 else ""))
        self._down.set_reason(none or (_("It is the last.") if at == last else ""))
        self._out.set_reason(none)

    def _choose(self, row: int) -> None:
        self._chosen = self._rows[row].key if 0 <= row < len(self._rows) else ""
        self._show_tools()

    def _move(self, way: int) -> None:
        at = self._table.current_row()
        if 0 <= at < len(self._rows) and 0 <= at + way < len(self._rows):
            self._chosen = self._rows[at].key
            move_in_queue(self._services, run_id=self._chosen, place=at + way)

    def _take_out(self) -> None:
        at = self._table.current_row()
        if 0 <= at < len(self._rows):
            unqueue_run(self._services, run_id=self._rows[at].key)

    def _on_remove(self, _row: int) -> None:
        self._take_out()

    def _on_empty_action(self, _key: str) -> None:
        self._services.navigator.go("train")

    def _open(self, row: int) -> None:
        self.run_chosen.emit(self._rows[row].key)

    def _on_hold(self) -> None:
        hold_queue(self._services, is_held=not self._services.library.queue.is_held)


class _Choices(Panel):
    """When runs may go, and what follows the last."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._hours = SegmentedControl(name=_("When runs may go"))
        self._hours.set_parts(hours_parts())
        self._begin = SelectField(name=_("From"))
        self._end = SelectField(name=_("Until"))
        self._between = Panel(
            Row(self._begin, TextLabel(_("and"), colour="text2"), self._end, gap=8)
        )
        self._then = SegmentedControl(name=_("When the queue is done"))
        self._then.set_parts(when_done_parts())
        self._hours_hint = TextLabel("", role="small", colour="text2", wrap=True)
        self._then_hint = TextLabel("", role="small", colour="text2", wrap=True)
        when = Column(
            TextLabel(_("When runs may go"), role="label"),
            Panel(Flow(self._hours, self._between)),
            self._hours_hint,
            gap=6,
        )
        then = Column(
            TextLabel(_("When the queue is done"), role="label"),
            Panel(Flow(self._then)),
            self._then_hint,
            gap=6,
        )
        super().__init__(Reflow(when, then, gap=32, line_gap=16, stack_below=760, stretches=(1, 1)))
        self._hours.chosen.connect(self._on_hours)
        self._begin.chosen.connect(self._choose)
        self._end.chosen.connect(self._choose)
        self._then.chosen.connect(self._on_then)

    def show_view(self, view: QueueView) -> None:
        """Show what is chosen."""
        hours = view.hours or USUAL_HOURS
        self._hours.set_value(BETWEEN if view.hours is not None else ALWAYS)
        self._begin.set_options(clock_choices(hours.begin))
        self._begin.set_value(str(hours.begin))
        self._end.set_options(clock_choices(hours.end))
        self._end.set_value(str(hours.end))
        self._between.setHidden(view.hours is None)
        self._hours_hint.set_text(hours_hint(view))
        self._then.set_value(view.when_done.value)
        self._then_hint.set_text(when_done_hint(view.when_done))

    def _on_hours(self, key: str) -> None:
        choose_hours(self._services, hours=USUAL_HOURS if key == BETWEEN else None)

    def _choose(self, _key: str) -> None:
        hours = Hours(begin=int(self._begin.value()), end=int(self._end.value()))
        choose_hours(self._services, hours=hours)

    def _on_then(self, key: str) -> None:
        choose_when_done(self._services, when_done=WhenDone(key))


def _cells(row: QueueRow) -> tuple[Cell, ...]:
    return (
        Cell(text=row.place),
        Cell(text=row.name, sub=row.sub, strong=True, tooltip=f"{row.name}: {row.sub}"),
        state_cell(row.state),
        Cell(text=row.progress),
    )
