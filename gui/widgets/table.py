# SPDX-License-Identifier: Apache-2.0
"""A table that asks for its cells only when they are seen, and stays smooth at any length."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
from PySide6.QtCore import (
    QAbstractTableModel,
    QEvent,
    QItemSelectionModel,
    QModelIndex,
    QPersistentModelIndex,
    QPointF,
    QRectF,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QFont, QHelpEvent, QKeyEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QHeaderView,
    QStyle,
    QStyledItemDelegate,
    QStyleOption,
    QStyleOptionViewItem,
    QTableView,
    QToolTip,
)

from gui.widgets.theme.draw import check_box
from gui.widgets.theme.focus_ring import OWN_FOCUS
from gui.widgets.theme.paint import CENTRE, LEFT, RIGHT, put_icon, text_width, write
from gui.widgets.theme.theme import Theme, follow_theme, theme

Index = QModelIndex | QPersistentModelIndex
_ROOT = QModelIndex()
_PAD = 12
_CHECK = 15


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """A column. `width` is at 100 %; `stretch` takes what is left; `right` is for numbers.

    `spoken` is what a screen reader says in place of a text: a sentence with `{text}` in it. `tip`
    explains the title, such as by the unit of the numbers.
    """

    key: str
    title: str
    width: float = 120
    stretch: bool = False
    right: bool = False
    muted: bool = False
    code: bool = False
    spoken: str = ""
    tip: str = ""


class Cell(msgspec.Struct, frozen=True, kw_only=True):
    """A cell that is more than a text. `sub` stands after the text, in grey.

    `checked` draws a check box before it, which the page changes. `spoken` is what a screen reader
    says of a cell without a text.
    """

    text: str
    colour: str = ""
    icon: str = ""
    icon_role: str = ""
    checked: bool | None = None
    tooltip: str = ""
    strong: bool = False
    sub: str = ""
    spoken: str = ""


class _Cells(QAbstractTableModel):
    """Cells from a function."""

    def __init__(self) -> None:
        super().__init__()
        self.columns: tuple[Column, ...] = ()
        self._count = 0
        self._cell_at: Callable[[int, int], str | Cell] | None = None

    def set_columns(self, columns: Sequence[Column]) -> None:
        """Show these columns."""
        self.beginResetModel()
        self.columns = tuple(columns)
        self.endResetModel()

    def set_source(self, count: int, cell_at: Callable[[int, int], str | Cell]) -> None:
        """Show `count` rows, each cell from `cell_at`."""
        self.beginResetModel()
        self._count, self._cell_at = count, cell_at
        self.endResetModel()

    def set_count(self, count: int) -> None:
        """Grow or shrink at the end, without moving what is seen."""
        if count > self._count:
            self.beginInsertRows(QModelIndex(), self._count, count - 1)
            self._count = count
            self.endInsertRows()
        elif count < self._count:
            self.beginRemoveRows(QModelIndex(), count, self._count - 1)
            self._count = count
            self.endRemoveRows()

    def cell(self, row: int, column: int) -> Cell:
        """Return a cell."""
        found = self._cell_at(row, column) if self._cell_at is not None else ""
        return Cell(text=found) if isinstance(found, str) else found

    def rowCount(self, parent: Index = _ROOT) -> int:
        """Return how many rows there are."""
        return 0 if parent.isValid() else self._count

    def columnCount(self, parent: Index = _ROOT) -> int:
        """Return how many columns there are."""
        return 0 if parent.isValid() else len(self.columns)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Return the text of a cell; the delegate paints from the cell itself."""
        if role not in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return None
        cell = self.cell(index.row(), index.column())
        text = f"{cell.text} {cell.sub}".strip()
        if role == Qt.ItemDataRole.AccessibleTextRole and cell.spoken:
            return cell.spoken
        spoken = self.columns[index.column()].spoken
        is_spoken = role == Qt.ItemDataRole.AccessibleTextRole and bool(spoken and text)
        return spoken.format(text=text) if is_spoken else text

    def headerData(
        self,
        section: int,
        orientation: Qt.Orientation,
        role: int = Qt.ItemDataRole.DisplayRole,
    ) -> object:
        """Return the title of a column and where it stands."""
        if orientation != Qt.Orientation.Horizontal or section >= len(self.columns):
            return None
        column = self.columns[section]
        if role == Qt.ItemDataRole.DisplayRole:
            return column.title
        if role in (Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleDescriptionRole):
            return column.tip
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return RIGHT if column.right else LEFT
        if role == Qt.ItemDataRole.FontRole:
            # The font of the header itself is kept by the style sheet when the text size changes.
            return theme().font("small", weight=500)
        return None


class CellPaint(QStyledItemDelegate):
    """Draws a cell on one line, elided at its end, over a hairline."""

    def sizeHint(self, _option: QStyleOptionViewItem, _index: Index) -> QSize:
        """Return the height of a row: rows are not measured by their content."""
        return QSize(40, theme().px(40))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Draw ground, hairline, icon and text."""
        model = index.model()
        if not isinstance(model, _Cells):
            return
        painter.save()
        current, rect, state = theme(), option.rect, option.state
        if QStyle.StateFlag.State_Selected in state:
            painter.fillRect(rect, current.colour("accent_soft"))
        elif QStyle.StateFlag.State_MouseOver in state:
            painter.fillRect(rect, current.colour("hover"))
        line = current.colour("hairline")
        painter.fillRect(rect.left(), rect.bottom(), rect.width(), 1, line)
        row, column = index.row(), index.column()
        _paint_cell(current, painter, QRectF(rect), model.cell(row, column), model.columns[column])
        painter.restore()

    def helpEvent(
        self,
        event: QHelpEvent,
        view: QAbstractItemView,
        option: QStyleOptionViewItem,
        index: Index,
    ) -> bool:
        """Show the whole text of a cell that is cut."""
        model = index.model()
        if event.type() != QEvent.Type.ToolTip or not isinstance(model, _Cells):
            return False
        cell = model.cell(index.row(), index.column())
        font = _cell_font(theme(), cell, model.columns[index.column()])
        room = option.rect.width() - 2 * theme().px(_PAD)
        cut = text_width(cell.text, font) > room
        QToolTip.showText(event.globalPos(), cell.tooltip or (cell.text if cut else ""), view)
        return True


class DataTable(QTableView):
    """Rows of 40 px under a header of 34, chosen as a whole, read with the arrow keys."""

    row_chosen = Signal(int)
    row_activated = Signal(int)
    remove_requested = Signal(int)

    def __init__(self, *, name: str) -> None:
        super().__init__()
        self._cells = _Cells()
        self._empty = ""
        self._silent = False
        self.setModel(self._cells)
        self.setItemDelegate(CellPaint(self))
        self.setAccessibleName(name)
        self.setProperty(OWN_FOCUS, True)
        set_up_view(self)
        header = self.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        header.setHighlightSections(False)
        header.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.selectionModel().currentRowChanged.connect(self._on_current)
        self.doubleClicked.connect(lambda index: self.row_activated.emit(index.row()))
        follow_theme(self, self._follow)

    def set_columns(self, columns: Sequence[Column]) -> None:
        """Show these columns."""
        self._cells.set_columns(columns)
        self._share_width()

    def set_rows(self, rows: Sequence[Sequence[str | Cell]]) -> None:
        """Show these rows; the chosen row stays at its place."""
        kept, before = tuple(rows), self.current_row()
        self.set_source(len(kept), lambda row, column: kept[row][column])
        if 0 <= before < len(kept):
            self.set_current(before)

    def set_source(self, count: int, cell_at: Callable[[int, int], str | Cell]) -> None:
        """Show `count` rows; `cell_at` is asked for the cells that are seen.

        Args:
            count: How many rows there are.
            cell_at: Gives the cell of a row and a column, quickly.
        """
        self._cells.set_source(count, cell_at)
        self.viewport().update()

    def refresh(self, count: int | None = None) -> None:
        """Ask again for what is seen; with a count, rows were added or removed at the end."""
        if count is not None:
            self._cells.set_count(count)
        self.viewport().update()

    def set_current(self, row: int) -> None:
        """Choose a row, without a signal; -1 chooses none."""
        self._silent = True
        index = self._cells.index(row, 0) if row >= 0 else QModelIndex()
        flags = QItemSelectionModel.SelectionFlag
        self.selectionModel().setCurrentIndex(index, flags.ClearAndSelect | flags.Rows)
        self._silent = False

    def current_row(self) -> int:
        """Return the chosen row, or -1."""
        return self.currentIndex().row()

    def set_empty_text(self, text: str) -> None:
        """Say this where there are no rows."""
        self._empty = text
        self.viewport().update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter opens a row, Delete asks to remove it."""
        row = self.current_row()
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and row >= 0:
            self.row_activated.emit(row)
        elif event.key() == Qt.Key.Key_Delete and row >= 0:
            self.remove_requested.emit(row)
        else:
            super().keyPressEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Share the width among the columns."""
        super().resizeEvent(event)
        self._share_width()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the rows, or the words for an empty table."""
        super().paintEvent(event)
        if self._empty and not self._cells.rowCount():
            painter = QPainter(self.viewport())
            current = theme()
            font, ink = current.font("body"), current.colour("text2")
            rect = QRectF(self.viewport().rect())
            write(painter, rect, self._empty, font=font, colour=ink, align=CENTRE)
            painter.end()

    def minimumSizeHint(self) -> QSize:
        """Return room for the header and three rows."""
        current = theme()
        return QSize(current.px(160), current.px(34 + 3 * 40))

    def _share_width(self) -> None:
        current, columns = theme(), self._cells.columns
        fixed = [current.px(column.width) for column in columns]
        free = self.viewport().width() - sum(fixed)
        growing = [i for i, column in enumerate(columns) if column.stretch]
        if free < 0 and fixed:
            fixed = _shrunk(fixed, -free, growing, current.px(56))
        for n, i in enumerate(growing):
            fixed[i] += max(free, 0) // len(growing) + (n < max(free, 0) % len(growing))
        for i, width in enumerate(fixed):
            self.setColumnWidth(i, width)

    def _on_current(self, index: QModelIndex, _before: QModelIndex) -> None:
        if index.isValid() and not self._silent:
            self.row_chosen.emit(index.row())

    def _follow(self) -> None:
        current = theme()
        self.verticalHeader().setDefaultSectionSize(current.px(40))
        self.horizontalHeader().setFixedHeight(current.px(34))
        self.horizontalHeader().setFont(current.font("small", weight=500))
        self.verticalScrollBar().setSingleStep(current.px(20))
        self._share_width()


def set_up_view(view: QTableView) -> None:
    """Make a view calm and even: whole rows, equal heights, no grid, nothing sideways."""
    view.setFrameShape(QFrame.Shape.NoFrame)
    view.setShowGrid(False)
    view.setWordWrap(False)
    view.setMouseTracking(True)
    view.setTabKeyNavigation(False)
    view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    view.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
    view.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    view.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
    view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    view.verticalHeader().hide()
    view.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
    view.verticalHeader().setMinimumSectionSize(1)
    view.horizontalHeader().setMinimumSectionSize(1)


def _shrunk(widths: list[int], missing: int, growing: list[int], least: int) -> list[int]:
    """Take what is missing from the growing columns first, then from all, in proportion."""
    for i in growing:
        taken = min(missing, max(widths[i] - least, 0))
        widths[i] -= taken
        missing -= taken
    total = sum(widths)
    if missing > 0 and total > 0:
        widths = [max(width - missing * width // total - 1, 1) for width in widths]
    return widths


def _cell_font(current: Theme, cell: Cell, column: Column) -> QFont:
    if column.code:
        return current.font("code")
    return current.font("value" if cell.strong else "body", figures=column.right)


def _paint_cell(
    current: Theme, painter: QPainter, rect: QRectF, cell: Cell, column: Column
) -> None:
    pad = current.px(_PAD)
    inner = rect.adjusted(pad, 0, -pad, -1)
    if cell.checked is not None:
        box = QStyleOption()
        box.state = QStyle.StateFlag.State_Enabled
        box.state |= QStyle.StateFlag.State_On if cell.checked else QStyle.StateFlag.State_Off
        side = current.px(_CHECK)
        box.rect = QRectF(inner.left(), inner.center().y() - side / 2, side, side).toRect()
        check_box(current, painter, box, None)
        inner.setLeft(inner.left() + current.px(22))
    if cell.icon:
        middle = QPointF(inner.left() + current.px(7), inner.center().y())
        put_icon(painter, middle, cell.icon, cell.icon_role or cell.colour or "text2", 16)
        inner.setLeft(inner.left() + current.px(22))
    font = _cell_font(current, cell, column)
    ink = current.colour(cell.colour or ("text2" if column.muted else "text"))
    align = RIGHT if column.right else LEFT
    if cell.sub and column.right:
        small = current.font("small")
        write(painter, inner, cell.sub, font=small, colour=current.colour("text2"), align=RIGHT)
        inner.setRight(inner.right() - text_width(cell.sub, small) - current.px(4))
    text = " ".join(cell.text.split("\n")) if "\n" in cell.text else cell.text
    taken = write(painter, inner, text, font=font, colour=ink, align=align)
    if cell.sub and not column.right:
        inner.setLeft(inner.left() + taken + current.px(8))
        small, grey = current.font("small"), current.colour("text2")
        write(painter, inner, cell.sub, font=small, colour=grey)
