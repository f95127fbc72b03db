# SPDX-License-Identifier: Apache-2.0
"""The other tabs of a run: every step as a table, what happened, the setup, the files."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from gettext import gettext as _
from pathlib import Path

from PySide6.QtCore import QUrl, Signal
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QPlainTextEdit

from gui.viewmodels import numbers
from gui.viewmodels.run_setup import SetupPart
from gui.viewmodels.runs import FileRow, dropped_words, step_cells
from gui.viewmodels.trace import RunTrace
from gui.widgets.box import Column, Gap, Panel, Reflow, Row, Stretch, clear_layout
from gui.widgets.buttons import Button
from gui.widgets.card import Disclosure
from gui.widgets.fitting_table import FittingTable
from gui.widgets.page import Page
from gui.widgets.rows import NameValue, SectionTitle
from gui.widgets.table import Cell, DataTable
from gui.widgets.table import Column as TableColumn
from gui.widgets.text import TextLabel
from gui.widgets.theme.theme import follow_theme, theme


class Plain(Page):
    """A tab without a header of its own."""

    def __init__(self, *, scroll: bool) -> None:
        super().__init__("", scroll=scroll)
        self.header.hide()
        self.set_body_margins(32, 12, 32, 16)


class StepTable(Plain):
    """Every step, newest first; only the rows that are seen are made."""

    def __init__(self) -> None:
        super().__init__(scroll=False)
        self._table = FittingTable(name=_("Steps"))
        columns = (
            ("step", _("Step"), 90, 0),
            ("loss", _("Training loss"), 130, 0),
            ("held_out", _("Held-out loss"), 130, 0),
            ("rate", _("Learning rate"), 130, 2),
            ("norm", _("Gradient"), 110, 4),
            ("speed", _("Tokens/s"), 110, 1),
            ("memory", _("Memory, GB"), 120, 3),
        )
        self._table.set_ranked_columns(
            [
                (
                    TableColumn(
                        key=key,
                        title=title,
                        width=width,
                        right=True,
                        stretch=True,
                        tip=numbers.loss_words() if key in ("loss", "held_out") else "",
                    ),
                    rank,
                )
                for key, title, width, rank in columns
            ]
        )
        self._table.set_empty_text(_("The first row comes after the first step"))
        self._before = TextLabel("", role="small", colour="text2", wrap=True)
        self._before.hide()
        self.add(self._before)
        self.body.addWidget(self._table, 1)

    def show_trace(self, trace: RunTrace) -> None:
        """Show the steps of a trace."""
        self._before.set_text(dropped_words(trace))
        self._before.setHidden(not trace.dropped)
        self._table.set_source(len(trace.steps), lambda row, at: step_cells(trace, row)[at])


class LogTab(Plain):
    """What happened, sentence by sentence, and the worker's own output below."""

    def __init__(self, read_output: Callable[[], None]) -> None:
        super().__init__(scroll=False)
        self._count = -1
        self._table = DataTable(name=_("What happened"))
        self._table.set_columns(
            (
                TableColumn(key="time", title=_("Time"), width=110, muted=True),
                TableColumn(key="what", title=_("What happened"), width=300, stretch=True),
            )
        )
        self._table.set_empty_text(_("Nothing has happened yet"))
        self._output = QPlainTextEdit()
        self._output.setReadOnly(True)
        self._output.setTabChangesFocus(True)
        self._output.setAccessibleName(_("The worker's own output"))
        self._fold = Disclosure(_("The worker's own output"))
        self._fold.set_facts(_("technical, in English"))
        self._fold.add(self._output)
        self._fold.toggled.connect(self._on_fold)
        self._read_output = read_output
        self.body.addWidget(self._table, 1)
        self.add(self._fold)
        follow_theme(self, self._follow)

    def _on_fold(self, is_open: bool) -> None:
        if is_open:
            self._read_output()

    def _follow(self) -> None:
        self._output.setFont(theme().font("code", weight=400))
        self._output.setFixedHeight(theme().px(180))

    def show_trace(self, trace: RunTrace) -> None:
        """Show the news of a trace, newest first."""
        if trace.told == self._count:
            return
        self._count = trace.told
        news = list(reversed(trace.news))
        self._table.set_rows([(_time(one.at), _what(one.text, one.kind)) for one in news])

    def show_output(self, text: str) -> None:
        """Show the end of the worker's own output."""
        self._output.setPlainText(text or _("It has written nothing."))
        bar = self._output.verticalScrollBar()
        bar.setValue(bar.maximum())


def _time(at: str) -> str:
    moment = numbers.local_moment(at)
    return moment.strftime("%H:%M:%S") if moment else ""


def _what(text: str, kind: str) -> Cell:
    icons = {"warning": "status-warning", "danger": "status-danger", "success": "check"}
    if kind not in icons:
        return Cell(text=text, tooltip=text)
    return Cell(text=text, icon=icons[kind], icon_role=kind, tooltip=text)


class SetupTab(Plain):
    """The whole recipe, what Burnish chose and why, what computed it."""

    def __init__(self) -> None:
        super().__init__(scroll=True)
        self._shown: tuple[SetupPart, ...] = ()
        self._left, self._right = Column(gap=0), Column(gap=0)
        columns = Reflow(self._left, self._right, gap=40, stack_below=640, stretches=(1, 1))
        self.add(columns, Stretch())

    def show_parts(self, parts: tuple[SetupPart, ...]) -> None:
        """Show these parts in two columns of about the same length."""
        if parts == self._shown:
            return
        self._shown = parts
        lengths = [0, 0]
        for column in (self._left, self._right):
            clear_layout(column)
        for part in parts:
            side = 0 if lengths[0] <= lengths[1] else 1
            lengths[side] += 2 + len(part.lines)
            column = self._right if side else self._left
            column.add(SectionTitle(part.title))
            for line in part.lines:
                column.add(NameValue(line.name, line.value, line.unit))
                if line.reason:
                    column.add(TextLabel(line.reason, role="small", colour="text2", wrap=True))
            column.add(Gap(20))
        self._left.addStretch(1)
        self._right.addStretch(1)


class FilesTab(Plain):
    """What the run left on disk.

    Signals:
        continue_requested: Training is to go on in a new run with a checkpoint; its name, "" for
            the adapter.
    """

    continue_requested = Signal(str)

    def __init__(self) -> None:
        super().__init__(scroll=False)
        self._folder: Path | None = None
        self._shown: tuple[FileRow, ...] | None = None
        self._table = FittingTable(name=_("Files"))
        self._table.set_ranked_columns(
            (
                (TableColumn(key="name", title=_("Name"), width=130, code=True), 0),
                (TableColumn(key="what", title=_("What it is"), width=240, stretch=True), 0),
                (TableColumn(key="size", title=_("Size"), width=110, right=True), 1),
                (TableColumn(key="time", title=_("Saved"), width=150, right=True, muted=True), 2),
            )
        )
        self._table.set_empty_text(_("No checkpoint has been saved yet"))
        self._path = TextLabel("", role="small", colour="text2", elide=True, selectable=True)
        self._open = Button(_("Open the folder"), icon="folder", size="small")
        self._open.clicked.connect(self._on_open)
        self._continue = Button(_("Continue training…"), icon="play", size="small")
        self._continue.clicked.connect(self._on_continue)
        self._table.row_chosen.connect(self._show_continue)
        self.body.addWidget(self._table, 1)
        line = Row(gap=12)
        line.addWidget(self._path, 1)
        line.addWidget(self._continue)
        line.addWidget(self._open)
        self.add(Panel(line))

    def show_files(self, rows: tuple[FileRow, ...], folder: Path) -> None:
        """Show what there is, and where."""
        self._folder = folder
        self._path.set_text(str(folder))
        if rows != self._shown:
            # Only then, so that what a person chose stays chosen.
            self._shown = rows
            self._table.set_rows([(one.name, one.what, one.size, one.time) for one in rows])
        self._show_continue()

    def _show_continue(self, _row: int = -1) -> None:
        """Offer to go on with what is chosen, if it can be gone on with."""
        row = self._chosen()
        reason = _("Choose the adapter or a checkpoint above.")
        self._continue.set_reason(reason if row is None else row.reason)

    def _chosen(self) -> FileRow | None:
        at, rows = self._table.current_row(), self._shown or ()
        return rows[at] if 0 <= at < len(rows) else None

    def _on_continue(self) -> None:
        row = self._chosen()
        if row is not None:
            self.continue_requested.emit(row.checkpoint)

    def _on_open(self) -> None:
        if self._folder is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._folder)))


def local_now() -> datetime:
    """Return the present moment in local time."""
    return datetime.now().astimezone()
