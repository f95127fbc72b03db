# SPDX-License-Identifier: Apache-2.0
"""The form that says which column is which part of a row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from gettext import gettext as _

from msgspec.structs import replace
from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QKeyEvent

from engine.domain.mapping import ColumnInfo
from gui.viewmodels.mapping import (
    Draft,
    FieldView,
    can_add_turns,
    can_remove_turns,
    can_show_rare,
    fields_of,
    form_choices,
    with_fewer_turns,
    with_more_turns,
)
from gui.widgets.box import Column, Flow, Panel, Row, clear_layout
from gui.widgets.buttons import Button, IconButton
from gui.widgets.fields import Field, SelectField, TextField
from gui.widgets.menu import MenuItem

_LONGEST = 20_000
_NEW_LINE = "\u21b5"
"""Stands for a new line, which a field of one line cannot show."""


class _Line(TextField):
    """A line in which Shift+Enter puts the sign of a new one."""

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Put the sign, or do what a line does."""
        is_enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if is_enter and event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            self.insert(_NEW_LINE)
        else:
            super().keyPressEvent(event)


class ExpressionField(Panel):
    """A text with columns in it; a button puts a column where the cursor is.

    Signals:
        changed: The text.
    """

    changed = Signal(str)

    def __init__(self, *, name: str) -> None:
        self.edit = _Line(name=name, placeholder=_("A column such as {question}, or a text"))
        self._pick = IconButton("plus", _("Insert a column into: {part}").format(part=name))
        row = Row(gap=6)
        row.addWidget(self.edit, 1)
        row.add(self._pick)
        super().__init__(row)
        self.setFocusProxy(self.edit)
        self.edit.setMaxLength(_LONGEST)
        self.edit.textChanged.connect(lambda: self.changed.emit(self.text()))
        self._pick.picked.connect(self.insert)

    def set_columns(self, columns: Sequence[ColumnInfo]) -> None:
        """Offer these columns."""
        found: list[MenuItem | None] = [
            MenuItem(key=one.expression, text=one.expression) for one in columns
        ]
        line = MenuItem(key=_NEW_LINE, text=_("New line {sign}").format(sign=_NEW_LINE))
        self._pick.set_menu([*found, None, line])

    def text(self) -> str:
        """Return what is written."""
        return self.edit.text().replace(_NEW_LINE, "\n")

    def set_text(self, text: str) -> None:
        """Show another text from its start."""
        self.edit.setText(text.replace("\n", _NEW_LINE))
        self.edit.setCursorPosition(0)

    def set_error(self, error: str) -> None:
        """Show that the text is refused; "" takes it back."""
        self.edit.set_error(error)

    def insert(self, expression: str) -> None:
        """Put a column at the cursor, or behind a text that nobody has touched."""
        if not self.edit.isModified():
            self.edit.end(False)
        self.edit.insert(expression)
        self.edit.setFocus()


class MappingForm(Panel):
    """All parts of a row.

    Signals:
        changed: Something was chosen or written.
    """

    changed = Signal()

    def __init__(self) -> None:
        self._draft = Draft()
        self._columns: Sequence[ColumnInfo] = ()
        self._edits: dict[str, ExpressionField] = {}
        self._fields: dict[str, Field] = {}
        self._latest = ""
        self._kind = SelectField(name=_("What a row becomes"))
        self._kind.set_options(form_choices())
        self._parts = Column(gap=12)
        self._more = Button(_("Add a turn"), kind="ghost", icon="plus", size="small")
        self._fewer = Button(_("Remove the last turn"), kind="ghost", size="small")
        self._rare = Button(_("Earlier turns and tools"), kind="ghost", icon="plus", size="small")
        super().__init__(
            Column(
                Field(_("What a row becomes"), self._kind),
                self._parts,
                Flow(self._more, self._fewer, self._rare),
                gap=14,
            )
        )
        self._kind.chosen.connect(self._choose)
        self._more.clicked.connect(lambda: self._turn(with_more_turns(self._draft)))
        self._fewer.clicked.connect(lambda: self._turn(with_fewer_turns(self._draft)))
        self._rare.clicked.connect(lambda: self._turn(replace(self._draft, shows_rare=True)))

    def draft(self) -> Draft:
        """Return what is in the form."""
        return self._draft

    def set_columns(self, columns: Sequence[ColumnInfo]) -> None:
        """Offer these columns in every field."""
        self._columns = columns
        for edit in self._edits.values():
            edit.set_columns(columns)

    def set_draft(self, draft: Draft) -> None:
        """Fill the form."""
        self._draft = draft
        self._kind.set_value(draft.form)
        self._build(fields_of(draft))
        self._more.setHidden(not can_add_turns(draft))
        self._fewer.setHidden(not can_remove_turns(draft))
        self._rare.setHidden(not can_show_rare(draft))

    def set_errors(self, errors: Mapping[str, str]) -> None:
        """Show what is wrong at each field."""
        for key, one in self._fields.items():
            one.set_error(errors.get(key, ""))

    def insert(self, expression: str) -> None:
        """Put a column into the field that was written in last, or the first empty one."""
        edit = self._edits.get(self._latest) or next(
            (one for one in self._edits.values() if not one.text()),
            next(iter(self._edits.values())),
        )
        edit.insert(expression)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Remember the field that was written in last."""
        if event.type() == QEvent.Type.FocusIn:
            self._latest = next(
                (key for key, one in self._edits.items() if one.edit is watched), self._latest
            )
        return False

    def _build(self, fields: Sequence[FieldView]) -> None:
        if tuple(self._fields) != tuple(one.key for one in fields):
            self._rebuild(fields)
        for key, edit in self._edits.items():
            value = self._draft.values.get(key, "")
            if edit.text() != value:
                edit.set_text(value)

    def _rebuild(self, fields: Sequence[FieldView]) -> None:
        clear_layout(self._parts)
        self._edits, self._fields, self._latest = {}, {}, ""
        for one in fields:
            edit = ExpressionField(name=one.label)
            edit.set_columns(self._columns)
            edit.changed.connect(partial(self._write, one.key))
            edit.edit.installEventFilter(self)
            self._edits[one.key] = edit
            self._fields[one.key] = Field(one.label, edit, hint=one.hint)
            self._parts.add(self._fields[one.key])

    def _write(self, key: str, text: str) -> None:
        if self._draft.values.get(key, "") != text:
            self._draft = replace(self._draft, values={**self._draft.values, key: text})
            self._latest = key
            self.changed.emit()

    def _choose(self, form: str) -> None:
        self._turn(replace(self._draft, form=form))

    def _turn(self, draft: Draft) -> None:
        self.set_draft(draft)
        self.changed.emit()
