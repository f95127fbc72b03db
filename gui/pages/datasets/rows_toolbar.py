# SPDX-License-Identifier: Apache-2.0
"""What stands above the table of rows: which part, what is searched, and what can be done."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from gettext import gettext as _

from PySide6.QtCore import QTimer, Signal
from PySide6.QtGui import QResizeEvent

from engine.domain.row_query import RowQuery, RowSort
from gui.viewmodels.row_filter import filter_words, marks_of, sort_choices
from gui.widgets.box import Column, Flow, Panel, Reflow, Row, Stretch
from gui.widgets.buttons import Button, IconButton
from gui.widgets.choices import SegmentedControl, Switch
from gui.widgets.fields import SearchField, SelectField, TextField
from gui.widgets.multi_select import MultiSelectField
from gui.widgets.text import TextLabel

PAUSE_MS = 200


class RowsToolbar(Panel):
    """Parts, search, filter and order in one line; what can be done below.

    Signals:
        part_chosen: Key of the part.
        query_changed: The RowQuery, a short while after it was typed.
        asked: Key of what is to be done: `edit`, `leave_out`, `restore`, `add`, `undo`, `redo`.
        tagged: A tag, and whether the chosen rows get it or lose it.
    """

    part_chosen = Signal(str)
    query_changed = Signal(object)
    asked = Signal(str)
    tagged = Signal(str, bool)

    def __init__(self) -> None:
        self.parts = SegmentedControl(name=_("Part of the rows"))
        self.search = SearchField(placeholder=_("Find in the rows"))
        self._pattern = Switch(name=_("Search by pattern"), on=_("Pattern"), off=_("Text"))
        self._filter = MultiSelectField(
            name=_("Which rows"), none=_("Every row"), words=filter_words
        )
        self._sort = SelectField(name=_("Order of the rows"))
        self._count = TextLabel("", role="small", colour="text2", figures=True)
        self._error = TextLabel("", role="small", colour="danger", wrap=True)
        self._pause = QTimer()
        self._pause.setSingleShot(True)
        self._pause.setInterval(PAUSE_MS)
        self.edit = IconButton("edit", _("Edit the row (Enter, F2)"))
        self.leave_out = IconButton("close", _("Leave the chosen rows out (Delete)"))
        self.restore = IconButton("check", _("Take the chosen rows back (Delete)"))
        self.tag = IconButton("flag", _("Tag the chosen rows"))
        self.add_row = IconButton("plus", _("Add a row"))
        self.undo = IconButton("undo", _("Undo the last change (Ctrl+Z)"))
        self.redo = IconButton("redo", _("Do it again (Ctrl+Shift+Z)"))
        self._tag_name = TextField(name=_("Tag"), placeholder=_("Name of the tag"))
        self._tag_on = Button(_("Give the tag"), size="small")
        self._tag_off = Button(_("Take it off"), size="small", kind="ghost")
        self._tag_row = Panel(Row(self._tag_name, self._tag_on, self._tag_off, gap=8))
        super().__init__(self._arrange())
        self._pattern.setToolTip(
            _("A regular expression, such as \\bORD-\\d{5}\\b. Upper and lower case differ.")
        )
        self._sort.set_options(sort_choices())
        self._tag_row.hide()
        self._error.hide()
        self._connect()

    def _arrange(self) -> Column:
        finding = Row(gap=8)
        finding.addWidget(self.search, 1)
        finding.add(self._pattern, self._count)
        doing = Row(
            self.edit, self.leave_out, self.restore, self.tag, self.add_row, self.undo, self.redo,
            Stretch(), gap=2,
        )  # fmt: skip
        line = Reflow(finding, doing, gap=12, stack_below=560, stretches=(1, 0))
        choosing = Flow(self.parts, self._filter, self._sort)
        return Column(
            choosing,
            line,
            self._error,
            self._tag_row,
            gap=8,
            margins=(32, 12, 20, 8),
        )

    def _connect(self) -> None:
        self.parts.chosen.connect(self.part_chosen)
        self.search.textChanged.connect(self._pause_then_tell)
        self._pause.timeout.connect(self._tell)
        for signal in (self._pattern.toggled, self._filter.changed, self._sort.chosen):
            signal.connect(self._tell)
        for key, button in self._buttons().items():
            button.clicked.connect(partial(self._ask, key))
        self.tag.clicked.connect(self._ask_tag)
        self._tag_on.clicked.connect(lambda: self._tag(on=True))
        self._tag_off.clicked.connect(lambda: self._tag(on=False))
        self._tag_name.returnPressed.connect(lambda: self._tag(on=True))

    def _buttons(self) -> dict[str, IconButton]:
        return {
            "edit": self.edit,
            "leave_out": self.leave_out,
            "restore": self.restore,
            "add": self.add_row,
            "undo": self.undo,
            "redo": self.redo,
        }

    # ------------------------------------------------------------------ what is shown

    def query(self) -> RowQuery:
        """Return what is asked for."""
        return RowQuery(
            text=self.search.text(),
            is_pattern=self._pattern.isChecked(),
            marks=marks_of(self._filter.values()),
            sort=RowSort(self._sort.value() or RowSort.STORED),
        )

    def reset(self) -> None:
        """Ask for every row, without a signal."""
        self._pause.stop()
        for widget in (self.search, self._pattern):
            widget.blockSignals(True)
        self.search.clear()
        self._pattern.setChecked(False)
        for widget in (self.search, self._pattern):
            widget.blockSignals(False)
        self._filter.set_values(())
        self._sort.set_value(RowSort.STORED.value)
        self.show_error("")

    def set_filters(self, choices: Sequence[tuple[str, str]]) -> bool:
        """Offer these filters; return whether a chosen one is gone."""
        return self._filter.set_options(choices)

    def set_filter(self, key: str) -> None:
        """Choose one filter alone, without a signal, though it may be offered only soon."""
        self._filter.set_values((key,))

    def show_count(self, words: str) -> None:
        """Say how many rows are shown."""
        self._count.set_text(words)

    def show_error(self, message: str) -> None:
        """Say what is wrong with the search; "" takes it back."""
        self._error.set_text(message)
        self._error.setHidden(not message)
        self.search.set_error(message)

    def show_chosen(self, count: int, *, is_left_out: bool) -> None:
        """Offer what can be done with so many chosen rows."""
        none = "" if count else _("Choose rows in the table first.")
        self.leave_out.setHidden(is_left_out)
        self.tag.setHidden(is_left_out)
        self.edit.setHidden(is_left_out)
        self.add_row.setHidden(is_left_out)
        self.restore.setHidden(not is_left_out)
        for button in (self.leave_out, self.tag, self.restore):
            button.set_reason(none)
        self.edit.set_reason(none or ("" if count == 1 else _("Choose one row to edit it.")))
        if is_left_out or not count:
            self._tag_row.hide()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep the height that all lines take at this width; the tab scrolls where it is scarce."""
        super().resizeEvent(event)
        layout = self.layout()
        if layout is not None:
            self.setMinimumHeight(layout.heightForWidth(event.size().width()))

    # ------------------------------------------------------------------ what is asked

    def _ask(self, key: str, _checked: bool = False) -> None:
        self.asked.emit(key)

    def _pause_then_tell(self, _text: str) -> None:
        self._pause.start()

    def _tell(self, _value: object = None) -> None:
        self._pause.stop()
        self.query_changed.emit(self.query())

    def _ask_tag(self) -> None:
        self._tag_row.show()
        self._tag_name.setFocus()

    def _tag(self, *, on: bool) -> None:
        name = self._tag_name.text().strip()
        if name:
            self._tag_row.hide()
            self.tagged.emit(name, on)
