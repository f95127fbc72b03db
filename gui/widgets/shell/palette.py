# SPDX-License-Identifier: Apache-2.0
"""The command palette: everything that can be done, found by typing."""

from __future__ import annotations

from collections.abc import Sequence
from gettext import gettext as _

from PySide6.QtCore import QEvent, QObject, QRect, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPaintEvent
from PySide6.QtWidgets import QApplication, QLineEdit, QWidget

from gui.widgets.box import Column, Hairline, Row
from gui.widgets.shell.commands import Command, find_commands
from gui.widgets.shell.palette_list import PaletteList
from gui.widgets.text import IconLabel, TextLabel
from gui.widgets.theme.focus_ring import OWN_FOCUS
from gui.widgets.theme.paint import painting, rounded, soft_shadow
from gui.widgets.theme.theme import follow_theme, theme
from gui.widgets.theme.tokens import Scheme

_SCRIM_ALPHA = {Scheme.LIGHT: 70, Scheme.DARK: 130, Scheme.HIGH_CONTRAST: 130}
_SHADOW = 24
_HEAD = 56
_MOVES = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1, Qt.Key.Key_PageUp: -7, Qt.Key.Key_PageDown: 7}


class _Input(QLineEdit):
    """Where the person types; arrows and Enter go to the list."""

    moved = Signal(int)
    accepted = Signal()
    cancelled = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setFrame(False)
        self.setProperty(OWN_FOCUS, True)
        self.setPlaceholderText(_("Search or run a command"))
        self.setAccessibleName(_("Search or run a command"))
        follow_theme(self, self._follow)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Move, run or close."""
        step = _MOVES.get(Qt.Key(event.key()))
        if step is not None:
            self.moved.emit(step)
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.accepted.emit()
        elif event.key() == Qt.Key.Key_Escape:
            self.cancelled.emit()
        else:
            super().keyPressEvent(event)

    def _follow(self) -> None:
        font = theme().font("body")
        font.setPixelSize(theme().px(16))
        self.setFont(font)


class CommandPalette(QWidget):
    """Lies over the whole window, with a scrim; Escape or a click outside closes it."""

    triggered = Signal(str)

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self._window = window
        self._commands: tuple[Command, ...] = ()
        self._before: QWidget | None = None
        self._input = _Input()
        self._list = PaletteList()
        self._none = TextLabel(_("Nothing is called like that."), colour="text2")
        self._card = QWidget(self)
        self._arrange()
        self._input.textChanged.connect(self._filter)
        self._input.moved.connect(self._list.move_current)
        self._input.accepted.connect(lambda: self._run(self._list.current_command()))
        self._input.cancelled.connect(self.close_palette)
        self._list.command_clicked.connect(self._run)
        self.setObjectName("command_palette")
        self.hide()
        window.installEventFilter(self)
        follow_theme(self, self._place)

    def _arrange(self) -> None:
        hint = TextLabel(_("Esc closes"), role="small", colour="text2")
        line = Row(IconLabel("search", size=18), gap=12, margins=(18, 0, 18, 0))
        line.addWidget(self._input, 1)
        line.add(hint)
        none = Row(self._none, margins=(20, 12, 20, 16))
        self._none_row = QWidget()
        self._none_row.setLayout(none)
        body = Column(gap=0)
        self._head = QWidget()
        self._head.setLayout(line)
        body.add(self._head)
        body.add(Hairline())
        body.addWidget(self._list, 1)
        body.add(self._none_row)
        self._card.setLayout(body)

    def set_commands(self, commands: Sequence[Command]) -> None:
        """Offer these commands."""
        self._commands = tuple(commands)
        if self.isVisible():
            self._filter(self._input.text())

    def open_palette(self) -> None:
        """Show it, empty, with the keyboard in it."""
        if self.isVisible():
            return
        self._before = QApplication.focusWidget()
        self._input.clear()
        self._filter("")
        self.show()
        self.raise_()
        self._place()
        self._input.setFocus(Qt.FocusReason.PopupFocusReason)

    def close_palette(self) -> None:
        """Go away and give the keyboard back."""
        self.hide()
        if self._before is not None and self._before.isVisible():
            self._before.setFocus(Qt.FocusReason.PopupFocusReason)
        self._before = None

    def focusNextPrevChild(self, next: bool) -> bool:
        """Keep Tab inside: it moves over the list."""
        self._list.move_current(1 if next else -1)
        return True

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Grow with the window."""
        if watched is self._window and event.type() == QEvent.Type.Resize:
            self._place()
        return False

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Close on a click outside."""
        if not self._card.geometry().contains(event.position().toPoint()):
            self.close_palette()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw scrim, shadow and card."""
        current = theme()
        scrim = QColor(current.tokens.overlay["scrim_light"])
        scrim.setAlpha(_SCRIM_ALPHA[current.scheme])
        rect = QRectF(self._card.geometry()).adjusted(-1, -1, 1, 1)
        radius = current.radius("card")
        with painting(self) as painter:
            painter.fillRect(self.rect(), scrim)
            soft_shadow(painter, rect, radius, current.px(_SHADOW))
            dark = current.scheme is not Scheme.LIGHT
            edge = current.colour("outline" if dark else "hairline")
            rounded(painter, rect, radius, fill=current.colour("raised"), edge=edge)

    def _filter(self, text: str) -> None:
        found = find_commands(text, self._commands)
        self._list.set_commands(found)
        self._none_row.setHidden(bool(found))
        self._list.setHidden(not found)
        self._place()

    def _run(self, command: Command | None) -> None:
        if command is None or not command.enabled:
            return
        self.close_palette()
        self.triggered.emit(command.key)

    def _place(self) -> None:
        if not self.isVisible():
            return
        current = theme()
        self._head.setFixedHeight(current.px(_HEAD))
        self.setGeometry(self._window.rect())
        overlay = current.tokens.overlay
        wide = min(current.px(overlay["palette_width"]), self.width() - current.px(32))
        top = min(current.px(overlay["palette_top"]), self.height() // 6)
        room = self.height() - top - current.px(32)
        high = current.px(_HEAD) + 1
        high += self._list.needed_height() if not self._list.isHidden() else current.px(48)
        left = (self.width() - wide) // 2
        self._card.setGeometry(QRect(left, top, wide, min(high, room)))
        self.update()
