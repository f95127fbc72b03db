# SPDX-License-Identifier: Apache-2.0
"""Layouts whose gaps follow the text size, and the hairline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self, cast

from PySide6.QtCore import QPoint, QRect, QSize, Qt
from PySide6.QtGui import QPaintEvent
from PySide6.QtWidgets import (
    QBoxLayout,
    QHBoxLayout,
    QLayout,
    QLayoutItem,
    QSizePolicy,
    QSpacerItem,
    QVBoxLayout,
    QWidget,
    QWidgetItem,
)

from gui.widgets.theme.paint import painting
from gui.widgets.theme.theme import follow_theme, theme

Margins = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Stretch:
    """Empty room that takes what is left."""

    factor: int = 1


@dataclass(frozen=True, slots=True)
class Gap:
    """Empty room of a length, at 100 %, besides the regular gap."""

    length: float


Item = QWidget | QLayout | Stretch | Gap


class _Box:
    """What rows and columns share: items as arguments, gaps and margins that scale."""

    def _set_up(self, items: tuple[Item, ...], gap: float, margins: Margins) -> None:
        layout = self._as_layout()
        self._gap, self._margins = gap, margins
        self._spacers: list[tuple[QSpacerItem, float]] = []
        layout.setSpacing(0)
        follow_theme(layout, self._follow)
        self.add(*items)

    def _as_layout(self) -> QBoxLayout:
        return cast("QBoxLayout", self)

    def add(self, *items: Item) -> Self:
        """Append widgets, layouts, stretches and gaps."""
        layout = self._as_layout()
        for item in items:
            if isinstance(item, QWidget):
                layout.addWidget(item)
            elif isinstance(item, QLayout):
                layout.addLayout(item)
            elif isinstance(item, Stretch):
                layout.addStretch(item.factor)
            else:
                self._add_gap(item)
        return self

    def set_margins(self, margins: Margins) -> None:
        """Take other margins, at 100 %."""
        self._margins = margins
        self._follow()

    def _add_gap(self, gap: Gap) -> None:
        spacer = QSpacerItem(0, 0, QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self._spacers.append((spacer, gap.length))
        self._as_layout().addItem(spacer)
        self._follow()

    def _follow(self) -> None:
        layout, current = self._as_layout(), theme()
        layout.setSpacing(current.px(self._gap))
        layout.setContentsMargins(*(current.px(side) for side in self._margins))
        flat = layout.direction() in (
            QBoxLayout.Direction.LeftToRight,
            QBoxLayout.Direction.RightToLeft,
        )
        for spacer, length in self._spacers:
            wide = current.px(length)
            spacer.changeSize(
                wide if flat else 0,
                0 if flat else wide,
                QSizePolicy.Policy.Fixed if flat else QSizePolicy.Policy.Minimum,
                QSizePolicy.Policy.Minimum if flat else QSizePolicy.Policy.Fixed,
            )
        layout.invalidate()


class Row(_Box, QHBoxLayout):
    """Items side by side."""

    def __init__(
        self,
        *items: Item,
        gap: float = 8,
        margins: Margins = (0, 0, 0, 0),
        align: Qt.AlignmentFlag | None = None,
    ) -> None:
        QHBoxLayout.__init__(self)
        self._set_up(items, gap, margins)
        if align is not None:
            self.setAlignment(align)


class Column(_Box, QVBoxLayout):
    """Items below each other."""

    def __init__(
        self,
        *items: Item,
        gap: float = 8,
        margins: Margins = (0, 0, 0, 0),
        align: Qt.AlignmentFlag | None = None,
    ) -> None:
        QVBoxLayout.__init__(self)
        self._set_up(items, gap, margins)
        if align is not None:
            self.setAlignment(align)


class Reflow(_Box, QBoxLayout):
    """Items side by side where there is room, else below each other.

    Args:
        items: Widgets and layouts.
        gap: Room between items side by side, at 100 %.
        line_gap: Room between items below each other, at 100 %.
        stack_below: The width, at 100 %, below which the items stand below each other, even
            if they would fit.
        stretches: How much of the width each item takes; as many as items, or none.
    """

    def __init__(
        self,
        *items: QWidget | QLayout,
        gap: float = 12,
        line_gap: float = 8,
        stack_below: float = 520,
        stretches: Sequence[int] = (),
        margins: Margins = (0, 0, 0, 0),
    ) -> None:
        QBoxLayout.__init__(self, QBoxLayout.Direction.LeftToRight)
        self._side_gap, self._line_gap, self._stack_below = gap, line_gap, stack_below
        self._set_up(items, gap, margins)
        for i, factor in enumerate(stretches):
            self.setStretch(i, factor)
        self._stretches = tuple(stretches)

    def is_stacked(self) -> bool:
        """Return whether the items stand below each other now."""
        return self.direction() == QBoxLayout.Direction.TopToBottom

    def hasHeightForWidth(self) -> bool:
        """Return True: less width needs more height."""
        return True

    def heightForWidth(self, width: int) -> int:
        """Return the height at a width, side by side or stacked."""
        before = self.direction()
        self._turn(self._fitting(width))
        if super().hasHeightForWidth():
            high = super().heightForWidth(width)
        else:
            high = super().sizeHint().height()
        self._turn(before)
        return high

    def minimumSize(self) -> QSize:
        """Return the least size: that of the stacked items, as high as one line."""
        before = self.direction()
        self._turn(QBoxLayout.Direction.TopToBottom)
        wide = super().minimumSize().width()
        self._turn(before)
        return QSize(wide, super().minimumSize().height())

    def setGeometry(self, rect: QRect) -> None:
        """Place the items."""
        self._turn(self._fitting(rect.width()))
        super().setGeometry(rect)

    def _fitting(self, width: int) -> QBoxLayout.Direction:
        narrow = width < max(theme().px(self._stack_below), self._least_beside())
        return QBoxLayout.Direction.TopToBottom if narrow else QBoxLayout.Direction.LeftToRight

    def _least_beside(self) -> int:
        """Return the pixels that the items need side by side."""
        items = [item for i in range(self.count()) if (item := self.itemAt(i)) is not None]
        shown = [item for item in items if not item.isEmpty()]
        gaps = max(len(shown) - 1, 0) * theme().px(self._side_gap)
        margins = self.contentsMargins()
        gaps += margins.left() + margins.right()
        return sum(item.minimumSize().width() for item in shown) + gaps

    def _turn(self, direction: QBoxLayout.Direction) -> None:
        if direction == self.direction():
            return
        stacked = direction == QBoxLayout.Direction.TopToBottom
        self.setDirection(direction)
        self.setSpacing(theme().px(self._line_gap if stacked else self._side_gap))
        for i, factor in enumerate(self._stretches):
            self.setStretch(i, 0 if stacked else factor)


class Flow(QLayout):
    """Widgets side by side that go on in the next line where the width ends."""

    def __init__(self, *widgets: QWidget, gap: float = 8, line_gap: float = 8) -> None:
        super().__init__()
        self._items: list[QLayoutItem] = []
        self._gap, self._line_gap = gap, line_gap
        for widget in widgets:
            self.addWidget(widget)
        follow_theme(self, self.invalidate)

    def addItem(self, item: QLayoutItem) -> None:
        """Take an item (called by Qt)."""
        self._items.append(item)

    def count(self) -> int:
        """Return how many items there are."""
        return len(self._items)

    def itemAt(self, index: int) -> QLayoutItem | None:
        """Return an item, or None behind the last."""
        return self._items[index] if 0 <= index < len(self._items) else None

    def takeAt(self, index: int) -> QLayoutItem | None:
        """Remove and return an item."""
        return self._items.pop(index) if 0 <= index < len(self._items) else None

    def expandingDirections(self) -> Qt.Orientation:
        """Take no more room than asked for."""
        return Qt.Orientation(0)

    def hasHeightForWidth(self) -> bool:
        """Return True: fewer columns need more lines."""
        return True

    def heightForWidth(self, width: int) -> int:
        """Return the height of all lines at a width."""
        return self._arrange(QRect(0, 0, width, 0), place=False)

    def setGeometry(self, rect: QRect) -> None:
        """Place the items."""
        super().setGeometry(rect)
        self._arrange(rect, place=True)

    def sizeHint(self) -> QSize:
        """Return the size of everything in one line."""
        sizes = [item.sizeHint() for item in self._items if not item.isEmpty()]
        gaps = max(len(sizes) - 1, 0) * theme().px(self._gap)
        high = max((size.height() for size in sizes), default=0)
        return QSize(sum(size.width() for size in sizes) + gaps, high)

    def minimumSize(self) -> QSize:
        """Return the size of the largest item."""
        size = QSize()
        for item in self._items:
            if not item.isEmpty():
                size = size.expandedTo(item.minimumSize())
        return size

    def _arrange(self, rect: QRect, *, place: bool) -> int:
        gap, line_gap = theme().px(self._gap), theme().px(self._line_gap)
        x, y, line = rect.x(), rect.y(), 0
        for item in self._items:
            if item.isEmpty():
                continue
            hint = item.sizeHint()
            if x > rect.x() and x + hint.width() > rect.right() + 1:
                x, y, line = rect.x(), y + line + line_gap, 0
            width = min(hint.width(), rect.width())
            if place:
                item.setGeometry(QRect(QPoint(x, y), QSize(width, hint.height())))
            x, line = x + hint.width() + gap, max(line, hint.height())
        return y + line - rect.y()


class Panel(QWidget):
    """A transparent widget with a layout."""

    def __init__(self, layout: QLayout | None = None) -> None:
        super().__init__()
        if layout is not None:
            self.setLayout(layout)


class Hairline(QWidget):
    """A line of one pixel that parts what does not belong together."""

    def __init__(self, *, vertical: bool = False) -> None:
        super().__init__()
        self.set_vertical(vertical)

    def set_vertical(self, vertical: bool) -> None:
        """Stand or lie."""
        self._vertical = vertical
        fixed, free = QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Expanding
        self.setSizePolicy(fixed if vertical else free, free if vertical else fixed)

    def sizeHint(self) -> QSize:
        """Return one pixel."""
        return QSize(1, 1)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Fill the line."""
        with painting(self) as painter:
            painter.fillRect(self.rect(), theme().colour("hairline"))


def clear_layout(layout: QLayout) -> None:
    """Remove all that a layout holds and delete its widgets."""
    while (item := layout.takeAt(0)) is not None:
        widget, nested = item.widget(), item.layout()
        if isinstance(item, QWidgetItem) and widget is not None:
            widget.hide()
            widget.setParent(None)
            widget.deleteLater()
        elif nested is not None:
            clear_layout(nested)
            nested.deleteLater()
