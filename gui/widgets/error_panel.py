# SPDX-License-Identifier: Apache-2.0
"""What happened, why, what is safe, and what can be done: the page of an error."""

from __future__ import annotations

from collections.abc import Sequence
from gettext import gettext as _

import msgspec
from PySide6.QtCore import QEvent, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QGuiApplication, QKeyEvent, QPaintEvent
from PySide6.QtWidgets import QAbstractButton, QPlainTextEdit, QSizePolicy, QWidget

from gui.widgets.box import Column, Row, Stretch, clear_layout
from gui.widgets.buttons import Action, Button, make_button
from gui.widgets.card import SoftBlock
from gui.widgets.choices import Choice, ChoiceCards
from gui.widgets.radio_part import clicks_on_enter
from gui.widgets.text import IconLabel, TextLabel
from gui.widgets.theme import draw
from gui.widgets.theme.paint import painting, text_width, write
from gui.widgets.theme.theme import follow_theme, theme


class ErrorText(msgspec.Struct, frozen=True, kw_only=True):
    """An error in words. `safe` says what was not harmed; `details` may be technical."""

    title: str
    cause: str = ""
    safe: str = ""
    remedy: str = ""
    code: str = ""
    details: str = ""


class _DetailsButton(QAbstractButton):
    """Folds and unfolds the details; it shows the code beside the word."""

    def __init__(self) -> None:
        super().__init__()
        self.setCheckable(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.toggled.connect(lambda _on: self.update())
        follow_theme(self, self.updateGeometry)

    def sizeHint(self) -> QSize:
        """Return the room of chevron and words."""
        current = theme()
        wide = text_width(self.text(), current.font("body"))
        return QSize(wide + current.px(24), current.size("button"))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Take Enter as well as Space."""
        if not clicks_on_enter(self, event):
            super().keyPressEvent(event)

    def changeEvent(self, event: QEvent) -> None:
        """Grow with the text."""
        self.updateGeometry()
        super().changeEvent(event)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw chevron and words."""
        current = theme()
        rect = QRectF(self.rect())
        ink = current.colour("text" if self.underMouse() else "text2")
        with painting(self) as painter:
            middle = rect.center()
            middle.setX(current.px(7))
            if self.isChecked():
                draw.chevron(current, painter, middle, down=True, enabled=True)
            else:
                draw.chevron_right(current, painter, middle)
            rect.setLeft(current.px(20))
            write(painter, rect, self.text(), font=current.font("body"), colour=ink)


class ErrorPanel(QWidget):
    """An error as a page or a part of one. Red is only its sign."""

    action_triggered = Signal(str)
    choice_changed = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._code_and_details = ""
        self._title = TextLabel("", role="heading", wrap=True)
        self._cause = TextLabel("", colour="text2", wrap=True)
        self._remedy = TextLabel("", wrap=True)
        self._safe_text = TextLabel("", wrap=True)
        self._picture = Column(gap=0)
        self._choice_title = TextLabel("", role="label")
        self._choices = ChoiceCards(name="", rows=True)
        self._choices.chosen.connect(self.choice_changed)
        self._actions = Row(gap=10)
        self._make_safe()
        self._make_details()
        self._arrange()
        self.set_choices("", ())
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)

    def set_error(self, error: ErrorText, actions: Sequence[Action] = ()) -> None:
        """Show an error with what can be done; the first action is the main one."""
        for label, text in (
            (self._title, error.title),
            (self._cause, error.cause),
            (self._remedy, error.remedy),
            (self._safe_text, error.safe),
        ):
            label.set_text(text)
            label.setHidden(not text)
        self._safe.setHidden(not error.safe)
        self._set_details(error)
        self._set_actions(actions)
        self.setAccessibleName(error.title)

    def set_picture(self, picture: QWidget | None) -> None:
        """Show a picture of the cause, such as the memory bar; None takes it away."""
        clear_layout(self._picture)
        if picture is not None:
            self._picture.add(picture)

    def set_choices(self, title: str, choices: Sequence[Choice]) -> None:
        """Offer ways to go on as cards; the first is chosen."""
        self._choice_title.set_text(title)
        self._choice_title.setHidden(not choices)
        self._choices.setAccessibleName(title)
        self._choices.set_choices(choices)
        self._choices.setHidden(not choices)
        if choices:
            self._choices.set_value(choices[0].key)

    def choice(self) -> str:
        """Return the key of the way that is chosen."""
        return self._choices.value()

    def _make_safe(self) -> None:
        self._safe = SoftBlock(kind="success", padding=10)
        sign = IconLabel("status-ok", role="success", size=18)
        row = Row(sign, gap=12, margins=(4, 0, 4, 0))
        row.add_text(self._safe_text)
        self._safe.add(row)

    def _make_details(self) -> None:
        self._fold = _DetailsButton()
        self._details = QPlainTextEdit()
        self._details.setReadOnly(True)
        self._details.setTabChangesFocus(True)
        self._details.setAccessibleName(_("Details"))
        self._copy = Button(_("Copy details"), icon="copy", size="small")
        self._copy.clicked.connect(self._on_copy)
        self._inside = QWidget()
        self._inside.setLayout(Column(self._details, Row(Stretch(), self._copy), gap=8))
        self._inside.hide()
        self._fold.toggled.connect(self._inside.setVisible)
        follow_theme(self, self._follow)

    def _arrange(self) -> None:
        sign = IconLabel("status-danger", role="danger", size=22)
        head = Row(gap=12)
        head.addWidget(sign, 0, Qt.AlignmentFlag.AlignTop)
        head.add_text(Column(self._title, self._cause, gap=0))
        line = Row(gap=10)
        line.addLayout(self._actions)
        line.add(Stretch(), self._fold)
        body = Column(gap=12)
        body.addLayout(head)
        body.addLayout(self._picture)
        body.add(self._safe, self._remedy, self._choice_title, self._choices)
        body.addLayout(line)
        body.add(self._inside, Stretch())
        self.setLayout(body)

    def _set_details(self, error: ErrorText) -> None:
        self._code_and_details = "\n".join(part for part in (error.code, error.details) if part)
        words = _("Details, {code}").format(code=error.code) if error.code else _("Details")
        self._fold.setText(words)
        self._fold.setAccessibleName(words)
        self._fold.setHidden(not self._code_and_details)
        self._fold.setChecked(False)
        self._fold.updateGeometry()
        self._details.setPlainText(self._code_and_details)

    def _set_actions(self, actions: Sequence[Action]) -> None:
        clear_layout(self._actions)
        for action in actions:
            button = make_button(action, size="large" if action.kind == "primary" else "normal")
            button.clicked.connect(lambda _on=False, key=action.key: self._emit(key))
            self._actions.add(button)

    def _emit(self, key: str) -> None:
        self.action_triggered.emit(key)

    def _on_copy(self) -> None:
        text = "\n".join((self._title.text(), self._cause.text(), self._code_and_details))
        QGuiApplication.clipboard().setText(text)
        self._copy.set_text(_("Copied"))

    def _follow(self) -> None:
        self._details.setFont(theme().font("code", weight=400))
        self._details.setFixedHeight(theme().px(140))
