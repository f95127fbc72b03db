# SPDX-License-Identifier: Apache-2.0
"""Every setting of a recipe: sections, search, what was changed, and the way back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from gettext import gettext as _
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QWidget

from gui.viewmodels.continuing import taken_reasons
from gui.viewmodels.goals import AdviceView
from gui.viewmodels.settings_form import (
    ALL,
    SettingView,
    categories,
    fold_words,
    folded_keys,
    group_titles,
    meant_number,
    setting_views,
    shown_keys,
    shown_number,
    value_words,
)
from gui.viewmodels.train import Draft
from gui.widgets.box import Column, Gap, Panel, Reflow, Row, Stretch
from gui.widgets.buttons import Button
from gui.widgets.choices import Switch
from gui.widgets.fields import SelectField, TextField
from gui.widgets.lists import CategoryList
from gui.widgets.number_field import NumberField
from gui.widgets.setting_row import SettingHeader, SettingRow
from gui.widgets.text import TextLabel
from gui.widgets.theme.theme import theme

_BESIDE = 760
Setter = Callable[[Any], None]


class SettingsPanel(Panel):
    """The form; it shows a draft and tells what a person changes in it.

    Args:
        below: What stands below the row of a setting, by its name.

    Signals:
        value_changed: Field and new value.
        put_back_requested: Field to put back.
        advice_taken: Values by field that were advised.
    """

    value_changed = Signal(str, object)
    put_back_requested = Signal(str)
    advice_taken = Signal(object)

    def __init__(self, below: Mapping[str, QWidget] | None = None) -> None:
        super().__init__()
        self._below = dict(below or {})
        self._categories = CategoryList(name=_("Groups of settings"))
        self._group = SelectField(name=_("Group of settings"))
        self._none = TextLabel(_("No setting has these words."), colour="text2")
        self._more = Button("", kind="ghost", icon="chevron-right")
        self._is_unfolded = False
        self._rows: dict[str, SettingRow] = {}
        self._setters: dict[str, Setter] = {}
        self._headers: dict[str, tuple[QWidget, SettingHeader]] = {}
        self._advice: dict[str, AdviceView] = {}
        self._taken: dict[str, str] = {}
        self._category = ALL
        self._query = ""
        self._changed: frozenset[str] = frozenset()
        self._hidden: frozenset[str] = frozenset()
        self._views = {one.key: one for one in setting_views()}
        form = self._form()
        side = Panel(Column(self._categories, self._group, Stretch(), gap=0))
        self.setLayout(
            Reflow(side, form, gap=24, line_gap=16, stack_below=_BESIDE, stretches=(0, 1))
        )
        self._categories.chosen.connect(self._on_category)
        self._group.chosen.connect(self._on_category)
        self._more.clicked.connect(self._on_more)
        self._filter()

    def _form(self) -> Column:
        form = Column(gap=0)
        for group, title in group_titles().items():
            room = Panel(Column(Gap(20)))
            header = SettingHeader(title)
            self._headers[group] = (room, header)
            form.add(room, header)
            for view in self._views.values():
                if view.group == group:
                    form.add(self._row(view), *self._tools(view.key))
        form.add(self._none, Row(self._more, Stretch(), margins=(0, 12, 0, 0)), Stretch())
        return form

    def _tools(self, key: str) -> tuple[QWidget, ...]:
        return (self._below[key],) if key in self._below else ()

    def _row(self, view: SettingView) -> SettingRow:
        editor, setter = self._editor(view)
        row = SettingRow(
            key=view.key, title=view.title, technical=view.key, text=view.why, editor=editor
        )
        row.put_back.connect(self.put_back_requested)
        row.advice_taken.connect(self._on_advice)
        self._rows[view.key] = row
        self._setters[view.key] = setter
        return row

    def _editor(self, view: SettingView) -> tuple[QWidget, Setter]:
        if view.editor == "switch":
            switch = Switch(name=view.title)
            switch.toggled.connect(partial(self._tell, view))
            return switch, lambda value: _quietly(switch, switch.setChecked, bool(value))
        if view.editor == "choice":
            select = SelectField(name=view.title)
            select.set_options(view.choices)
            select.chosen.connect(partial(self._tell, view))
            return select, select.set_value
        if view.editor == "text":
            text = TextField(name=view.title)
            text.editingFinished.connect(lambda: self._tell(view, text.text().strip()))
            return text, text.set_text
        number = NumberField(
            name=view.title,
            minimum=view.low,
            maximum=view.high,
            step=view.step,
            decimals=view.decimals,
            unit=view.unit,
        )
        number.value_changed.connect(partial(self._tell_number, view))
        return number, lambda value: number.set_value(shown_number(view, value))

    def _tell_number(self, view: SettingView, value: float) -> None:
        self._tell(view, meant_number(view, value))

    def _tell(self, view: SettingView, value: Any) -> None:
        self.value_changed.emit(view.key, value)

    # ------------------------------------------------------------------ what is shown

    def show_draft(
        self, draft: Draft, errors: Mapping[str, str], hidden: frozenset[str] = frozenset()
    ) -> None:
        """Show the values of a draft, what is suggested, what is wrong, and not what is hidden."""
        values, suggested = draft.effective, draft.suggested
        taken = taken_reasons(draft)
        for key, row in self._rows.items():
            view = self._views[key]
            self._setters[key](values[key])
            row.set_changed(key in draft.changed)
            row.set_suggested(value_words(view, suggested[key]))
            row.set_error(errors.get(key, ""))
            if key in taken or key in self._taken:
                # Behind the error, which stands in the same line.
                row.set_reason(taken.get(key, ""))
            if key not in draft.changed:
                row.set_effect("")
        self._taken = taken
        is_same = (draft.changed, hidden) == (self._changed, self._hidden)
        if not is_same or not self._categories.value():
            self._changed, self._hidden = draft.changed, hidden
            self._show_categories()
            self._filter()

    def show_effects(self, effects: Mapping[str, str]) -> None:
        """Show what the changed settings change; of others nothing."""
        for key, row in self._rows.items():
            row.set_effect(effects.get(key, ""))

    def show_advice(self, advice: Mapping[str, AdviceView]) -> None:
        """Show what is usual beside the fields that differ from it."""
        self._advice = dict(advice)
        for key, row in self._rows.items():
            view = self._advice.get(key)
            if view is None:
                row.set_advice("")
            else:
                row.set_advice(view.text, button=view.button, reason=view.reason)

    def _on_advice(self, key: str) -> None:
        self.advice_taken.emit(self._advice[key].values)

    def set_query(self, query: str) -> None:
        """Show only settings with these words, of all sections."""
        self._query = query
        self._filter()

    def show_setting(self, key: str) -> None:
        """Open the section of a setting and put the keyboard into it."""
        self._query = ""
        self._is_unfolded = self._is_unfolded or self._views[key].is_rare
        self._on_category(self._views[key].group)
        self._rows[key].editor.setFocus()

    def _on_category(self, key: str) -> None:
        self._category = key
        self._categories.set_value(key)
        self._group.set_value(key)
        self._filter()

    def unfold(self) -> None:
        """Show rare settings too."""
        self._is_unfolded = True
        self._filter()

    def _on_more(self) -> None:
        self._is_unfolded = not self._is_unfolded
        self._filter()

    def _show_categories(self) -> None:
        found = categories(self._changed, self._hidden)
        self._categories.set_items(found)
        self._group.set_options(
            [
                (key, _("{group} ({count})").format(group=text, count=count))
                for key, text, count in found
                if key
            ]
        )
        self._categories.set_value(self._category)
        self._group.set_value(self._category)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Take a list of groups beside the form, or a field above it where there is no room."""
        super().resizeEvent(event)
        is_narrow = self.width() < theme().px(_BESIDE)
        self._categories.setHidden(is_narrow)
        self._group.setHidden(not is_narrow)

    def _filter(self) -> None:
        category, changed, hidden = self._category, self._changed, self._hidden
        shown = shown_keys(ALL if self._query else category, changed, hidden)
        visible = {key for key in shown if not self._query or self._rows[key].matches(self._query)}
        folded = frozenset[str]() if self._query else folded_keys(category, changed, hidden)
        if not self._is_unfolded:
            visible -= folded
        self._more.setHidden(not folded)
        self._more.set_text(fold_words(len(folded), is_open=self._is_unfolded))
        self._more.set_icon_name("chevron-down" if self._is_unfolded else "chevron-right")
        for key, row in self._rows.items():
            row.setVisible(key in visible)
            for tool in self._tools(key):
                tool.setVisible(key in visible)
        groups = {self._views[key].group for key in visible}
        is_first = True
        for group, (room, header) in self._headers.items():
            room.setVisible(group in groups and not is_first)
            header.setVisible(group in groups)
            is_first = is_first and group not in groups
        self._none.setVisible(not visible)


def _quietly(widget: QWidget, act: Callable[[bool], None], value: bool) -> None:
    """Set a value that a person did not set, so that no signal tells of it."""
    widget.blockSignals(True)
    act(value)
    widget.blockSignals(False)
    widget.update()
