# SPDX-License-Identifier: Apache-2.0
"""Writing a row: a field for each turn and text. Ctrl+Enter keeps it, Escape gives it up."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from gettext import gettext as _

from msgspec.structs import replace
from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QGridLayout

from engine.domain.dataset import Role
from gui.viewmodels.dataset_rows import role_words
from gui.viewmodels.row_draft import LineDraft, PartDraft, RowDraft, TurnDraft, row_of
from gui.widgets.box import Column, Flow, Panel, Row, Stretch, clear_layout
from gui.widgets.buttons import Button, IconButton
from gui.widgets.choices import Switch
from gui.widgets.fields import SelectField, TextArea, TextField
from gui.widgets.page import Scroll
from gui.widgets.text import TextLabel
from gui.widgets.theme.theme import theme

_WRITTEN_ROLES = (Role.SYSTEM, Role.USER, Role.ASSISTANT, Role.TOOL)


class RowEditor(Panel):
    """A form for one row.

    Signals:
        kept: The Row that was written.
        given_up: Nothing is to change.
    """

    kept = Signal(object)
    given_up = Signal()

    def __init__(self) -> None:
        self._draft: RowDraft | None = None
        self._begun: RowDraft | None = None
        self._reads: list[Callable[[RowDraft], RowDraft]] = []
        self._title = TextLabel("", role="heading")
        self._error = TextLabel("", role="small", colour="danger", wrap=True)
        self._fields = Column(gap=10)
        self._keep = Button(_("Keep"), kind="primary", size="small", key_hint="Ctrl ↵")
        self._leave = Button(_("Cancel"), kind="ghost", size="small")
        body = Column(self._fields, Stretch(), gap=0, margins=(20, 4, 20, 12))
        head = Column(
            self._title, Flow(self._keep, self._leave), self._error, gap=8,
            margins=(20, 16, 20, 8),
        )  # fmt: skip
        whole = Column(gap=0)
        whole.add(Panel(head))
        whole.addWidget(Scroll(Panel(body)), 1)
        super().__init__(whole)
        self._error.hide()
        self._keep.clicked.connect(self._finish)
        self._leave.clicked.connect(self.given_up)

    def start(self, title: str, draft: RowDraft) -> None:
        """Begin with a draft, the keyboard on its first text."""
        self._title.set_text(title)
        self.show_error("")
        self._lay_out(draft)
        self._begun = self._read(draft)
        self._focus_first()

    def keeps_hold(self) -> bool:
        """Return whether something was written that is not kept yet; say so, and take the keyboard.

        Else what was written would be gone as soon as another row is edited.
        """
        if self._draft is None or self._read(self._draft) == self._begun:
            return False
        self.show_error(_("Keep this row first, or cancel."))
        self._focus_first()
        return True

    def _focus_first(self) -> None:
        first = next(iter(self.findChildren(TextArea)), None)
        if first is not None:
            first.setFocus()

    def show_error(self, message: str) -> None:
        """Say why the row was not kept; "" takes it back."""
        self._error.set_text(message)
        self._error.setHidden(not message)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Give up on Escape, keep on Ctrl+Enter."""
        is_enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if event.key() == Qt.Key.Key_Escape:
            self.given_up.emit()
        elif is_enter and event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self._finish()
        else:
            super().keyPressEvent(event)

    # ------------------------------------------------------------------ the fields

    def _lay_out(self, draft: RowDraft) -> None:
        clear_layout(self._fields)
        self._draft, self._reads = draft, []
        for part in draft.parts:
            self._add_part(part)
        for line in draft.lines:
            self._add_line(line)
        if draft.is_liked is not None:
            switch = Switch(name=_("Liked"), on=_("The answer is liked"), off=_("Not liked"))
            switch.setChecked(draft.is_liked)
            self._fields.add(switch)
            self._reads.append(partial(_with_liked, switch))

    def _add_part(self, part: PartDraft) -> None:
        if part.title:
            self._fields.add(TextLabel(part.title, role="label"))
        for number, turn in enumerate(part.turns):
            self._add_turn(part, number, turn)
        more = Button(_("Add a turn"), size="small", kind="ghost", icon="plus")
        more.clicked.connect(partial(self._on_more, part.key))
        self._fields.add(Flow(more))

    def _add_turn(self, part: PartDraft, number: int, turn: TurnDraft) -> None:
        name = _("Turn {number}").format(number=number + 1)
        name = f"{part.title}: {name}" if part.title else name
        role = SelectField(name=_("Role of {turn}").format(turn=name))
        role.set_options([(one.value, role_words(one.value)) for one in _WRITTEN_ROLES])
        role.set_value(turn.role.value)
        fields = _TurnFields(name, role, turn)
        away = IconButton("close", _("Remove {turn}").format(turn=name))
        away.clicked.connect(partial(self._on_away, part.key, number))
        away.setEnabled(len(part.turns) > 1)
        self._fields.add(Row(role, Stretch(), away, gap=8), fields.names, fields.area)
        self._reads.append(partial(_with_turn, part.key, number, fields))

    def _add_line(self, line: LineDraft) -> None:
        edit: TextArea | TextField = (
            TextArea(name=line.title) if line.is_long else TextField(name=line.title)
        )
        if isinstance(edit, TextArea):
            edit.set_text(line.text)
        else:
            edit.setText(line.text)
        self._fields.add(TextLabel(line.title, role="label"), edit)
        self._reads.append(partial(_with_line, line.key, edit))

    # ------------------------------------------------------------------ reading them

    def _read(self, draft: RowDraft) -> RowDraft:
        """Return the draft with what stands in the fields."""
        for one in self._reads:
            draft = one(draft)
        return draft

    # ------------------------------------------------------------------ what is asked

    def _on_more(self, key: str) -> None:
        if self._draft is None:
            return
        draft = self._read(self._draft)
        turns = draft.turns(key)
        is_asked = bool(turns) and turns[-1].role is Role.USER
        role = Role.ASSISTANT if is_asked else Role.USER
        self._lay_out(draft.with_turns(key, (*turns, TurnDraft(role=role, content=""))))
        areas = self.findChildren(TextArea)
        areas[-1].setFocus()

    def _on_away(self, key: str, number: int) -> None:
        if self._draft is None:
            return
        draft = self._read(self._draft)
        turns = draft.turns(key)
        self._lay_out(draft.with_turns(key, (*turns[:number], *turns[number + 1 :])))

    def _finish(self) -> None:
        if self._draft is not None:
            self.kept.emit(row_of(self._read(self._draft)))


class _TurnFields:
    """The fields of one turn; name and id of a tool call are shown where a turn may have them."""

    def __init__(self, name: str, role: SelectField, turn: TurnDraft) -> None:
        self._role = role
        self.area = TextArea(name=name)
        self.area.set_text(turn.content)
        self._name = TextField(name=_("Name of {turn}").format(turn=name))
        self._name.setText(turn.name)
        self._id = TextField(name=_("Tool call id of {turn}").format(turn=name))
        self._id.setText(turn.tool_call_id)
        self._id_label = TextLabel(_("Tool call id"), role="small", colour="text2")
        self.names = Panel(self._lines())
        self._shown = self._texts()
        self._turn = turn
        if not turn.has_name:
            self.names.hide()
        self._id.setHidden(not turn.has_call_id)
        self._id_label.setHidden(not turn.has_call_id)
        role.chosen.connect(self._on_role)

    def _lines(self) -> QGridLayout:
        lines = QGridLayout()
        lines.setContentsMargins(0, 0, 0, 0)
        lines.setHorizontalSpacing(theme().px(8))
        lines.setVerticalSpacing(theme().px(4))
        lines.addWidget(TextLabel(_("Name"), role="small", colour="text2"), 0, 0)
        lines.addWidget(self._name, 0, 1)
        lines.addWidget(self._id_label, 1, 0)
        lines.addWidget(self._id, 1, 1)
        return lines

    def _on_role(self, _key: str) -> None:
        turn = self.read(self._turn)
        self.names.setHidden(not turn.has_name)
        self._id.setHidden(not turn.has_call_id)
        self._id_label.setHidden(not turn.has_call_id)

    def _texts(self) -> tuple[str, str, str]:
        return self.area.text(), self._name.text(), self._id.text()

    def read(self, turn: TurnDraft) -> TurnDraft:
        """Return the turn with what was written in the fields.

        A field shows some characters as others, so a text that is not touched is left as it was.
        """
        texts = zip(self._texts(), self._shown, strict=True)
        written = [None if text == shown else text for text, shown in texts]
        names = ("content", "name", "tool_call_id")
        changed = {
            name: text for name, text in zip(names, written, strict=True) if text is not None
        }
        return replace(turn, role=Role(self._role.value()), **changed)


def _with_turn(key: str, number: int, fields: _TurnFields, draft: RowDraft) -> RowDraft:
    turns = draft.turns(key)
    return draft.with_turns(
        key, (*turns[:number], fields.read(turns[number]), *turns[number + 1 :])
    )


def _with_line(key: str, edit: TextArea | TextField, draft: RowDraft) -> RowDraft:
    return draft.with_line(key, edit.text())


def _with_liked(switch: Switch, draft: RowDraft) -> RowDraft:
    return replace(draft, is_liked=switch.isChecked())
