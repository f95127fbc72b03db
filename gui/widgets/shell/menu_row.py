# SPDX-License-Identifier: Apache-2.0
"""The row at the top: mark, name, menus, and the box that opens the command palette."""

from __future__ import annotations

from collections.abc import Sequence
from gettext import gettext as _

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QAction, QKeyEvent, QKeySequence, QPaintEvent
from PySide6.QtWidgets import QAbstractButton, QSizePolicy, QToolButton, QWidget

from gui.widgets.box import Gap, Row, Stretch, clear_layout
from gui.widgets.menu import Menu
from gui.widgets.radio_part import clicks_on_enter
from gui.widgets.shell.commands import Command, MenuSpec
from gui.widgets.shell.mark import Mark
from gui.widgets.text import TextLabel
from gui.widgets.theme.paint import CENTRE, painting, put_icon, rounded, text_width, write
from gui.widgets.theme.theme import follow_theme, theme


class _MenuButton(QToolButton):
    """The title of a menu."""

    def __init__(self, title: str, menu: Menu) -> None:
        super().__init__()
        self.setText(title)
        self.setAccessibleName(title)
        self.setMenu(menu)
        self.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        follow_theme(self, self.updateGeometry)

    def sizeHint(self) -> QSize:
        """Return the room of the word."""
        current = theme()
        wide = text_width(self.text(), current.font("body"))
        return QSize(wide + current.px(18), current.size("button_small"))

    def minimumSizeHint(self) -> QSize:
        """Return the size hint: a menu title is never cut."""
        return self.sizeHint()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw the word, and a ground while it is open or under the pointer."""
        current = theme()
        rect = QRectF(self.rect())
        with painting(self) as painter:
            if self.underMouse() or self.isDown():
                rounded(painter, rect, current.radius("control"), fill=current.colour("hover"))
            font, ink = current.font("body"), current.colour("text2")
            write(painter, rect, self.text(), font=font, colour=ink, align=CENTRE)


class _PaletteBox(QAbstractButton):
    """Looks like a search field and opens the command palette."""

    def __init__(self) -> None:
        super().__init__()
        self.setText(_("Search or run a command"))
        self.setAccessibleName(self.text())
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.IBeamCursor)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        follow_theme(self, self.updateGeometry)

    def sizeHint(self) -> QSize:
        """Return the room of icon, words and key."""
        current = theme()
        return QSize(current.px(300), current.size("button_small"))

    def minimumSizeHint(self) -> QSize:
        """Return the room of the icon: the words may give way to the menus."""
        current = theme()
        return QSize(current.px(36), current.size("button_small"))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Take Enter as well as Space."""
        if not clicks_on_enter(self, event):
            super().keyPressEvent(event)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw the field, the lens, the words and the key."""
        current = theme()
        rect = QRectF(self.rect())
        key = QKeySequence("Ctrl+K").toString(QKeySequence.SequenceFormat.NativeText)
        key = key.replace("+", " ")
        with painting(self) as painter:
            ground = current.colour("hover" if self.underMouse() else "raised")
            edge = current.colour("outline")
            rounded(painter, rect, current.radius("control"), fill=ground, edge=edge)
            middle = QPointF(current.px(18), rect.center().y())
            put_icon(painter, middle, "search", "text2", 16)
            font = current.font("caption", weight=500)
            wide = text_width(key, font)
            words = rect.adjusted(current.px(34), 0, -wide - current.px(20), 0)
            if words.width() < current.px(60):
                return
            ink = current.colour("text3")
            write(painter, words, self.text(), font=current.font("body"), colour=ink)
            at = rect.adjusted(rect.width() - wide - current.px(11), 0, 0, 0)
            write(painter, at, key, font=font, colour=current.colour("text2"))


class MenuRow(QWidget):
    """Mark, name, menus and the way into the command palette."""

    command_triggered = Signal(str)
    palette_requested = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._menus = Row(gap=0)
        box = _PaletteBox()
        box.clicked.connect(self.palette_requested)
        name = TextLabel("Burnish", role="section")
        row = Row(Mark(), Gap(9), name, Gap(9), self._menus, gap=0, margins=(16, 0, 8, 0))
        row.add(Stretch(), box)
        self.setLayout(row)
        follow_theme(self, self._follow)

    def set_menus(self, menus: Sequence[MenuSpec]) -> None:
        """Show these menus, with the keys that the window binds for their commands."""
        clear_layout(self._menus)
        for spec in menus:
            menu = Menu(self)
            for command in spec.commands:
                self._add(menu, command)
            self._menus.add(_MenuButton(spec.title, menu))

    def _add(self, menu: Menu, command: Command | None) -> None:
        if command is None:
            menu.addSeparator()
            return
        keys = QKeySequence(command.keys).toString(QKeySequence.SequenceFormat.NativeText)
        action = QAction(f"{command.text}\t{keys}" if keys else command.text, menu)
        action.setEnabled(command.enabled)
        action.setToolTip(command.reason)
        action.triggered.connect(lambda: self.command_triggered.emit(command.key))
        menu.addAction(action)

    def _follow(self) -> None:
        self.setFixedHeight(theme().size("menu_row"))
