# SPDX-License-Identifier: Apache-2.0
"""Lists: rows of two lines that stay smooth at any length, and a short list of categories."""

from __future__ import annotations

from collections.abc import Callable, Sequence

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
from PySide6.QtGui import QKeyEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QHeaderView,
    QSizePolicy,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QWidget,
)

from gui.widgets.banner import ICONS
from gui.widgets.box import Column, Gap, clear_layout
from gui.widgets.radio_part import RadioPart
from gui.widgets.table import set_up_view
from gui.widgets.theme.focus_ring import OWN_FOCUS
from gui.widgets.theme.paint import RIGHT, painting, put_icon, rounded, text_width, write
from gui.widgets.theme.theme import follow_theme, theme

Index = QModelIndex | QPersistentModelIndex
_ROOT = QModelIndex()


class RowData(msgspec.Struct, frozen=True, kw_only=True):
    """A row: a title, below it facts left and right; a flag is a sign with a word."""

    key: str
    title: str
    left: str = ""
    right: str = ""
    flag: str = ""
    flag_kind: str = "warning"
    icon: str = ""


class _Rows(QAbstractListModel):
    """Rows that are asked for only when they are seen."""

    def __init__(self) -> None:
        super().__init__()
        self._count = 0
        self._row_at: Callable[[int], RowData] | None = None

    def set_source(self, count: int, row_at: Callable[[int], RowData]) -> None:
        """Show `count` rows, each from `row_at`."""
        self.beginResetModel()
        self._count, self._row_at = count, row_at
        self.endResetModel()

    def row(self, index: int) -> RowData | None:
        """Return a row, or None outside the list."""
        if self._row_at is None or not 0 <= index < self._count:
            return None
        return self._row_at(index)

    def rowCount(self, parent: Index = _ROOT) -> int:
        """Return how many rows there are."""
        return 0 if parent.isValid() else self._count

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Return what is read aloud and shown as tooltip; the delegate paints from the row."""
        row = self.row(index.row())
        if row is None:
            return None
        if role == Qt.ItemDataRole.AccessibleTextRole:
            parts = (row.title, row.left, row.right, row.flag)
            return ", ".join(part for part in parts if part)
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole):
            return row.title
        return None


class _RowPaint(QStyledItemDelegate):
    """Draws a row; its size is the same for all, so nothing is measured twice."""

    def sizeHint(self, _option: QStyleOptionViewItem, _index: Index) -> QSize:
        """Return the height of a row."""
        current = theme()
        return QSize(current.px(120), current.size("row_list"))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Draw one row."""
        model = index.model()
        row = model.row(index.row()) if isinstance(model, _Rows) else None
        if row is None:
            return
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        hovered = bool(option.state & QStyle.StateFlag.State_MouseOver)
        focused = chosen and bool(option.state & QStyle.StateFlag.State_HasFocus)
        rect = QRectF(option.rect).adjusted(0, 2, 0, -2)
        _row_ground(painter, rect, chosen=chosen, hovered=hovered, focused=focused)
        _row_lines(painter, rect, row, chosen=chosen)
        painter.restore()


class RowList(QTableView):
    """Rows of 52 px, one of them chosen. Any number of rows scrolls at the same speed.

    It is a table of one column, since a list view asks the model for each row whenever fonts
    or colours change: seconds for some hundred thousand rows.
    """

    chosen = Signal(int, str)
    activated_row = Signal(int, str)
    remove_requested = Signal(str)

    def __init__(self, *, name: str) -> None:
        super().__init__()
        self._rows = _Rows()
        self._silent = False
        self.setProperty("kind", "rows")
        self.setModel(self._rows)
        self.setItemDelegate(_RowPaint(self))
        self.setAccessibleName(name)
        self.setProperty(OWN_FOCUS, True)
        set_up_view(self)
        self.horizontalHeader().hide()
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.selectionModel().currentRowChanged.connect(self._on_current)
        self.doubleClicked.connect(lambda index: self._activate(index.row()))
        follow_theme(self, self._follow)

    def set_rows(self, rows: Sequence[RowData]) -> None:
        """Show these rows; the chosen one stays chosen if it is still there."""
        before = self.current_key()
        kept = tuple(rows)
        self.set_source(len(kept), lambda i: kept[i])
        for i, row in enumerate(kept):
            if row.key == before:
                self.set_current_index(i)

    def set_source(self, count: int, row_at: Callable[[int], RowData]) -> None:
        """Show `count` rows; `row_at` is asked for those that are seen.

        Args:
            count: How many rows there are.
            row_at: Gives the row of a position, quickly.
        """
        self._rows.set_source(count, row_at)

    def set_current(self, key: str) -> None:
        """Choose a row by its key, without a signal."""
        for i in range(self._rows.rowCount()):
            row = self._rows.row(i)
            if row is not None and row.key == key:
                self.set_current_index(i)
                return

    def set_current_index(self, index: int) -> None:
        """Choose a row by its position, without a signal; -1 chooses none."""
        self._silent = True
        self.setCurrentIndex(self._rows.index(index) if index >= 0 else QModelIndex())
        self._silent = False

    def current_index(self) -> int:
        """Return the position of the chosen row, or -1."""
        return self.currentIndex().row()

    def current_key(self) -> str:
        """Return the key of the chosen row, or ""."""
        row = self._rows.row(self.current_index())
        return row.key if row is not None else ""

    def minimumSizeHint(self) -> QSize:
        """Return room for two rows."""
        current = theme()
        return QSize(current.px(120), 2 * current.size("row_list"))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter opens a row, Delete asks to remove it."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._activate(self.current_index())
        elif event.key() == Qt.Key.Key_Delete and self.current_key():
            self.remove_requested.emit(self.current_key())
        else:
            super().keyPressEvent(event)

    def _activate(self, index: int) -> None:
        row = self._rows.row(index)
        if row is not None:
            self.activated_row.emit(index, row.key)

    def _on_current(self, index: QModelIndex, _before: QModelIndex) -> None:
        row = self._rows.row(index.row())
        if row is not None and not self._silent:
            self.chosen.emit(index.row(), row.key)

    def _follow(self) -> None:
        self.verticalScrollBar().setSingleStep(theme().px(18))
        self.verticalHeader().setDefaultSectionSize(theme().size("row_list"))
        self.viewport().update()


class _Category(RadioPart):
    """A category: a word and a count."""

    def __init__(self, key: str, text: str, count: int | None) -> None:
        super().__init__(key, text)
        self._count = count
        self.setAccessibleDescription("" if count is None else str(count))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        """Return the room of word and count."""
        current = theme()
        wide = text_width(self.text(), current.font("label"))
        return QSize(wide + current.px(64), current.px(30))

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw ground, word and count."""
        current, chosen = theme(), self.isChecked()
        rect = QRectF(self.rect())
        with painting(self) as painter:
            _row_ground(painter, rect, chosen=chosen, hovered=self.underMouse(), focused=False)
            inner = rect.adjusted(current.px(12), 0, -current.px(12), 0)
            font = current.font("body", weight=600 if chosen else 400)
            ink = current.colour("text" if chosen else "text2")
            write(painter, inner, self.text(), font=font, colour=ink)
            if self._count is not None:
                small = current.font("small", figures=True)
                write(painter, inner, str(self._count), font=small, colour=ink, align=RIGHT)


class CategoryList(QWidget):
    """A short list of categories with counts, as beside the settings."""

    chosen = Signal(str)

    def __init__(self, *, name: str) -> None:
        super().__init__()
        self._items: list[_Category] = []
        self.setAccessibleName(name)
        self._column = Column(gap=4)
        self.setLayout(self._column)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)

    def set_items(self, items: Sequence[tuple[str, str, int | None]]) -> None:
        """Show these categories, each a key, a word and a count; a key "" is a gap."""
        before = self.value()
        clear_layout(self._column)
        self._items = []
        for key, text, count in items:
            if not key:
                self._column.add(Gap(6))
                continue
            item = _Category(key, text, count)
            item.clicked.connect(lambda: self.chosen.emit(self.value()))
            self._items.append(item)
            self._column.add(item)
        self.set_value(before or (self._items[0].key if self._items else ""))

    def set_value(self, key: str) -> None:
        """Choose a category by its key, without a signal."""
        for item in self._items:
            item.setChecked(item.key == key)

    def value(self) -> str:
        """Return the key of the chosen category, or ""."""
        return next((item.key for item in self._items if item.isChecked()), "")


def _row_ground(
    painter: QPainter, rect: QRectF, *, chosen: bool, hovered: bool, focused: bool
) -> None:
    ground = "selected" if chosen else "hover" if hovered else ""
    if not ground:
        return
    current = theme()
    edge = current.colour("focus") if focused else None
    radius = current.radius("control")
    rounded(painter, rect, radius, fill=current.colour(ground), edge=edge, width=1.5)


def _row_lines(painter: QPainter, rect: QRectF, row: RowData, *, chosen: bool) -> None:
    current = theme()
    inner = rect.adjusted(current.px(12), 0, -current.px(12), 0)
    if row.icon:
        middle = QPointF(inner.left() + current.px(8), inner.center().y())
        put_icon(painter, middle, row.icon, "text2", 18)
        inner.setLeft(inner.left() + current.px(28))
    half = current.px(9) if row.left or row.right or row.flag else 0
    font = current.font("body", weight=500 if chosen else 400)
    write(painter, inner.translated(0, -half), row.title, font=font, colour=current.colour("text"))
    lower = inner.translated(0, half)
    small, grey = current.font("small", figures=True), current.colour("text2")
    write(painter, lower, row.right, font=small, colour=grey, align=RIGHT)
    lower.setRight(lower.right() - text_width(row.right, small) - current.px(8))
    taken = write(painter, lower, row.left, font=small, colour=grey)
    if row.flag:
        lower.setLeft(lower.left() + (taken + current.px(20) if row.left else 0))
        _flag(painter, lower, row)


def _flag(painter: QPainter, rect: QRectF, row: RowData) -> None:
    current = theme()
    middle = QPointF(rect.left() + current.px(7), rect.center().y())
    put_icon(painter, middle, ICONS[row.flag_kind], row.flag_kind, 14)
    rect.setLeft(rect.left() + current.px(19))
    ink = current.colour(row.flag_kind)
    write(painter, rect, row.flag, font=current.font("small"), colour=ink)
