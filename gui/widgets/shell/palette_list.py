# SPDX-License-Identifier: Apache-2.0
"""The list of the command palette: groups, commands, keys drawn as caps."""

from __future__ import annotations

from collections.abc import Sequence
from gettext import gettext as _

import msgspec
from PySide6.QtCore import (
    QAbstractListModel,
    QModelIndex,
    QPersistentModelIndex,
    QPointF,
    QRectF,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QKeySequence, QPainter
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QListView,
    QStyledItemDelegate,
    QStyleOptionViewItem,
)

from gui.widgets.shell.commands import Command
from gui.widgets.theme.paint import CENTRE, put_icon, rounded, text_width, write
from gui.widgets.theme.theme import follow_theme, theme

_Index = QModelIndex | QPersistentModelIndex
_ROOT = QModelIndex()
_HEAD = 34
_ROW = 40
_PAD = 8


class _Entry(msgspec.Struct, frozen=True):
    """A line: the name of a group, or a command."""

    heading: str
    command: Command | None


class _Entries(QAbstractListModel):
    """The lines of the list."""

    def __init__(self) -> None:
        super().__init__()
        self.entries: tuple[_Entry, ...] = ()

    def set_entries(self, entries: Sequence[_Entry]) -> None:
        """Show these lines."""
        self.beginResetModel()
        self.entries = tuple(entries)
        self.endResetModel()

    def rowCount(self, parent: _Index = _ROOT) -> int:
        """Return how many lines there are."""
        return 0 if parent.isValid() else len(self.entries)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Return what is read aloud; the delegate paints from the entries."""
        entry = self.entries[index.row()]
        if role not in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return None
        if entry.command is None:
            return entry.heading
        return f"{entry.command.text}. {entry.command.reason or entry.command.detail}"

    def flags(self, index: _Index) -> Qt.ItemFlag:
        """Let only commands that are possible be chosen."""
        command = self.entries[index.row()].command
        if command is None or not command.enabled:
            return Qt.ItemFlag.NoItemFlags
        return Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable


class _Paint(QStyledItemDelegate):
    """Draws the lines."""

    def sizeHint(self, _option: QStyleOptionViewItem, index: _Index) -> QSize:
        """Return the height of a heading or a row."""
        command = _entry(index).command
        return QSize(100, theme().px(_HEAD if command is None else _ROW))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        """Draw one line."""
        entry = _entry(index)
        view = self.parent()
        rect = QRectF(option.rect)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if entry.command is None:
            current = theme()
            rect.setLeft(current.px(19))
            font, ink = current.font("small", weight=600), current.colour("text2")
            write(painter, rect, entry.heading, font=font, colour=ink)
        else:
            chosen = isinstance(view, QListView) and view.currentIndex() == index
            _paint_command(painter, rect, entry.command, chosen=chosen)
        painter.restore()


class PaletteList(QListView):
    """The lines; the keyboard stays in the input above it."""

    command_clicked = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._model = _Entries()
        self.setModel(self._model)
        self.setItemDelegate(_Paint(self))
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setMouseTracking(True)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAccessibleName(_("Commands"))
        self.entered.connect(self._on_entered)
        self.clicked.connect(lambda index: self.command_clicked.emit(_entry(index).command))
        follow_theme(self, self._follow)

    def set_commands(self, commands: Sequence[Command]) -> None:
        """Show these commands, in this order, under the names of their groups."""
        entries: list[_Entry] = []
        group = None
        for command in commands:
            named = command.group if command.enabled else _("Not possible now")
            if named != group:
                entries.append(_Entry(named, None))
                group = named
            entries.append(_Entry("", command))
        self._model.set_entries(entries)
        self._choose(self._next_possible(-1, 1))

    def current_command(self) -> Command | None:
        """Return the chosen command."""
        index = self.currentIndex()
        return _entry(index).command if index.isValid() else None

    def move_current(self, step: int) -> None:
        """Choose another command; the ends stop the way."""
        row = self.currentIndex().row()
        for _unused in range(abs(step)):
            row = self._next_possible(row, 1 if step > 0 else -1)
        self._choose(row)

    def needed_height(self) -> int:
        """Return the pixels that all lines take."""
        heads = sum(1 for entry in self._model.entries if entry.command is None)
        rows = len(self._model.entries) - heads
        current = theme()
        return heads * current.px(_HEAD) + rows * current.px(_ROW) + current.px(_PAD)

    def _next_possible(self, row: int, step: int) -> int:
        at = row + step
        while 0 <= at < len(self._model.entries):
            command = self._model.entries[at].command
            if command is not None and command.enabled:
                return at
            at += step
        return row

    def _choose(self, row: int) -> None:
        if row >= 0:
            self.setCurrentIndex(self._model.index(row))
            self.scrollTo(self.currentIndex())
        self.viewport().update()

    def _on_entered(self, index: QModelIndex) -> None:
        if index.flags() & Qt.ItemFlag.ItemIsEnabled:
            self.setCurrentIndex(index)
            self.viewport().update()

    def _follow(self) -> None:
        self.scheduleDelayedItemsLayout()


def key_caps(keys: str) -> list[str]:
    """Return the parts of a shortcut, as they are written on the keys."""
    shown = QKeySequence(keys).toString(QKeySequence.SequenceFormat.NativeText)
    if shown.endswith("+"):
        return [*(part for part in shown[:-1].split("+") if part), "+"]
    return [part for part in shown.split("+") if part]


def _entry(index: _Index) -> _Entry:
    model = index.model()
    return model.entries[index.row()] if isinstance(model, _Entries) else _Entry("", None)


def _paint_command(painter: QPainter, line: QRectF, command: Command, *, chosen: bool) -> None:
    current = theme()
    if chosen:
        ground, edge = current.colour("accent_soft"), current.colour("accent")
        box = line.adjusted(current.px(7), 1, -current.px(7), -1)
        width = current.tokens.size["selected_edge"]
        rounded(painter, box, current.radius("control"), fill=ground, edge=edge, width=width)
    middle = line.center().y()
    ink = "text2" if command.enabled else "disabled"
    icon_role = "accent_text" if chosen else ink
    put_icon(painter, QPointF(current.px(28), middle), command.icon or "more", icon_role, 16)
    right = _paint_keys(painter, line, command.keys)
    text = QRectF(current.px(49), line.top(), right - current.px(49), line.height())
    font = current.font("body", weight=500)
    colour = current.colour("text" if command.enabled else "disabled")
    taken = write(painter, text, command.text, font=font, colour=colour)
    text.setLeft(text.left() + taken + current.px(10))
    words = command.detail if command.enabled else command.reason or command.detail
    write(painter, text, words, font=current.font("small"), colour=current.colour("text2"))


def _paint_keys(painter: QPainter, line: QRectF, keys: str) -> float:
    """Draw the keys from the right and return where they start."""
    current = theme()
    font = current.font("caption", weight=500)
    right = line.right() - current.px(19)
    side = current.px(20)
    for part in reversed(key_caps(keys) if keys else []):
        wide = max(text_width(part, font) + current.px(12), side)
        cap = QRectF(right - wide, line.center().y() - side / 2, wide, side)
        ground, edge = current.colour("raised"), current.colour("outline")
        rounded(painter, cap, current.radius("check"), fill=ground, edge=edge)
        write(painter, cap, part, font=font, colour=current.colour("text2"), align=CENTRE)
        right = cap.left() - current.px(4)
    return right - current.px(8)
