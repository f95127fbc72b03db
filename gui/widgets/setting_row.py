# SPDX-License-Identifier: Apache-2.0
"""A setting with its explanation: name, key, sentence, editor, suggestion, effect, put back."""

from __future__ import annotations

from gettext import gettext as _

from PySide6.QtCore import QSize, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from gui.widgets.box import Column, Hairline, Panel, Row, Stretch
from gui.widgets.buttons import Button, IconButton
from gui.widgets.chip import Chip
from gui.widgets.text import IconLabel, TextLabel
from gui.widgets.theme.theme import follow_theme, theme

_EDITOR, _SUGGESTED, _EFFECT, _BACK = 148, 84, 116, 30
_WIDE = 600
_NARROWEST = 360


class _Slot(QWidget):
    """A place of a fixed width at 100 %, so that columns line up from row to row."""

    def __init__(self, content: QWidget | None, width: float, *, right: bool = False) -> None:
        super().__init__()
        self._width = width
        row = Row(gap=0)
        if right:
            row.add(Stretch())
        if content is not None:
            row.addWidget(content, 0 if right or _is_fixed(content) else 1)
        if not right and (content is None or _is_fixed(content)):
            row.add(Stretch())
        self.setLayout(row)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Preferred)
        follow_theme(self, self._follow)

    def _follow(self) -> None:
        self.setFixedWidth(theme().px(self._width))


class SettingRow(QWidget):
    """One setting, 60 px high, or higher where its explanation needs more lines.

    Args:
        key: The key that `put_back` carries.
        title: The plain name.
        technical: The name in files and on the command line.
        text: One or two short sentences that explain it.
        editor: The field; NumberField, SelectField, Switch or the like.
        suggested: The value Burnish suggests, as a text.
        effect: What the present value changes, such as `+ 12 min`.
    """

    put_back = Signal(str)
    advice_taken = Signal(str)

    def __init__(
        self,
        *,
        key: str,
        title: str,
        technical: str,
        text: str,
        editor: QWidget,
        suggested: str = "",
        effect: str = "",
    ) -> None:
        super().__init__()
        self.key = key
        self._text = text
        self._changed = False
        self.editor = editor
        self._title = TextLabel(title, role="label", elide=True)
        self._key = TextLabel(technical, role="code", colour="text2", elide=True)
        self._chip = Chip(small=True, kind="accent")
        self._sign = IconLabel("status-danger", role="danger", size=14)
        self._line = TextLabel(text, role="small", colour="text2", wrap=True)
        self._suggested = TextLabel(suggested, colour="text2", figures=True, elide=True)
        self._effect = TextLabel(effect, figures=True, elide=True)
        undo = _("Put back the suggested value of {name}").format(name=title)
        self._back = IconButton("undo", undo)
        self._back.clicked.connect(lambda: self.put_back.emit(self.key))
        self._advice = TextLabel("", role="small", colour="accent_text", elide=True)
        self._take = Button("", kind="ghost", size="small")
        self._take.clicked.connect(lambda: self.advice_taken.emit(self.key))
        self._advice_room = Panel(Row(self._advice, self._take, Stretch(), gap=4))
        self._advice_room.hide()
        self._sign.hide()
        self._arrange()
        self.set_effect(effect)
        self.set_changed(False)
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        follow_theme(self, self._follow)

    def _arrange(self) -> None:
        head = Row(self._title, self._key, gap=8)
        head.addStretch(1)
        head.add(self._chip)
        below = Row(self._sign, gap=6)
        below.addWidget(self._line, 1)
        row = Row(gap=12)
        words = Column(Stretch(), head, below, self._advice_room, Stretch(), gap=4)
        words.set_margins((0, 9, 0, 9))
        row.addLayout(words, 1)
        row.add(_Slot(self.editor, _EDITOR))
        self._suggested_slot = _Slot(self._suggested, _SUGGESTED - 12, right=True)
        self._effect_slot = _Slot(self._effect, _EFFECT - 12, right=True)
        self._back_slot = _Slot(self._back, _BACK)
        row.add(self._suggested_slot, self._effect_slot, self._back_slot)
        outer = Column(gap=0)
        outer.addLayout(row, 1)
        outer.add(Hairline())
        self.setLayout(outer)

    def set_changed(self, changed: bool) -> None:
        """Show that the person changed it, and offer the way back."""
        self._changed = changed
        self._chip.set(_("changed") if changed else "", kind="accent")
        self._back.setVisible(changed)

    def set_error(self, error: str) -> None:
        """Show what is wrong in place of the explanation; "" takes it back."""
        self._line.set_text(error or self._text)
        self._line.set_colour("danger" if error else "text2")
        self._sign.setHidden(not error)
        mark = getattr(self.editor, "set_error", None)
        if callable(mark):
            mark(error)

    def set_reason(self, reason: str) -> None:
        """Disable it and say why in place of the explanation; "" enables it."""
        for widget in (self.editor, self._back):
            widget.setEnabled(not reason)
        self._title.set_colour("disabled" if reason else "text")
        self._line.set_text(reason or self._text)
        self.editor.setToolTip(reason)

    def set_effect(self, effect: str) -> None:
        """Say what the present value changes."""
        self._effect.set_text(effect)
        self._effect.set_role("value" if self._changed else "body")

    def set_advice(self, text: str, *, button: str = "", reason: str = "") -> None:
        """Show advice on the value, and what takes it; "" takes it away."""
        self._advice.set_text(text)
        self._advice_room.setToolTip(reason)
        self._take.set_text(button)
        self._take.setAccessibleName(f"{button}: {text}")
        self._advice_room.setHidden(not text)

    def set_suggested(self, suggested: str) -> None:
        """Show another suggested value."""
        self._suggested.set_text(suggested)

    def matches(self, query: str) -> bool:
        """Return whether a search for these words means this setting."""
        words = f"{self._title.text()} {self._key.text()} {self._text}".casefold()
        return all(word in words for word in query.casefold().split())

    def sizeHint(self) -> QSize:
        """Return the height of a row of settings."""
        return QSize(super().sizeHint().width(), theme().px(61))

    def minimumSizeHint(self) -> QSize:
        """Return the room of name and editor: the other columns give way."""
        current = theme()
        return QSize(current.px(_NARROWEST), current.px(61))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Leave out suggestion and effect where there is no room for them."""
        super().resizeEvent(event)
        wide = self.width() >= theme().px(_WIDE)
        self._suggested_slot.setVisible(wide)
        self._effect_slot.setVisible(wide)

    def _follow(self) -> None:
        self.setMinimumHeight(theme().px(61))
        self.updateGeometry()


class SettingHeader(QWidget):
    """The head of a group of settings, its words over the columns."""

    def __init__(self, title: str) -> None:
        super().__init__()
        row = Row(gap=12)
        row.addWidget(TextLabel(title, role="label", elide=True), 1)
        self._suggested = _Slot(_head(_("Suggested")), _SUGGESTED - 12, right=True)
        self._effect = _Slot(_head(_("Effect")), _EFFECT - 12, right=True)
        row.add(_Slot(_head(_("Value")), _EDITOR), self._suggested, self._effect)
        row.add(_Slot(None, _BACK))
        outer = Column(gap=8)
        outer.addLayout(row, 1)
        outer.add(Hairline())
        self.setLayout(outer)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)

    def minimumSizeHint(self) -> QSize:
        """Return the room of name and editor, as the rows below."""
        return QSize(theme().px(_NARROWEST), super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Leave out the columns that the rows leave out."""
        super().resizeEvent(event)
        wide = self.width() >= theme().px(_WIDE)
        self._suggested.setVisible(wide)
        self._effect.setVisible(wide)


def _is_fixed(widget: QWidget) -> bool:
    return widget.sizePolicy().horizontalPolicy() == QSizePolicy.Policy.Fixed


def _head(text: str) -> TextLabel:
    return TextLabel(text, role="small", colour="text2", elide=True)
