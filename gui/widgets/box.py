# SPDX-License-Identifier: Apache-2.0
"""Layouts whose gaps follow the text size, and the hairline."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self, cast

import msgspec
from PySide6.QtCore import QRect, QSize, Qt
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

_TEXT_FIRST = 1000
"""Of the room that text and the empty end share, in thousandths."""


class Stretch(msgspec.Struct, frozen=True):
    """Empty room that takes what is left."""

    factor: int = 1


class Gap(msgspec.Struct, frozen=True):
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

    def add_text(self, text: QWidget | QLayout) -> None:
        """Append wrapped text: it takes the room up to its longest line, the rest stays empty.

        Without the empty end, a wide row would spread what the text does not take between its
        items, and an icon would stand far from its words.
        """
        if isinstance(text, QWidget):
            self.addWidget(text, _TEXT_FIRST)
        else:
            self.addLayout(text, _TEXT_FIRST)
        self.addStretch(1)


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


class Reflow(QLayout):
    """Items side by side where there is room, else below each other.

    Both arrangements are counted without changing anything, so that asking for a height never
    makes the layout ask for another one.

    Args:
        items: Widgets and layouts.
        gap: Room between items side by side, at 100 %.
        line_gap: Room between items below each other, at 100 %.
        stack_below: The width, at 100 %, below which the items stand below each other, even
            if they would fit.
        stretches: The share of the width that each item takes; 0 keeps its own width. As many
            as items, or none.
        ruled: Put hairlines between the columns.
    """

    def __init__(
        self,
        *items: QWidget | QLayout,
        gap: float = 12,
        line_gap: float = 8,
        stack_below: float = 520,
        stretches: Sequence[int] = (),
        margins: Margins = (0, 0, 0, 0),
        ruled: bool = False,
    ) -> None:
        super().__init__()
        self._parts: list[_Part] = []
        self._side_gap, self._line_gap = gap, line_gap
        self._stack_below, self._margins = stack_below, margins
        for i, item in enumerate(items):
            if ruled and i:
                self._take(Hairline(vertical=True), 0, is_rule=True)
            self._take(item, stretches[i] if stretches else 0, is_rule=False)
        follow_theme(self, self._follow)

    def is_stacked(self) -> bool:
        """Return whether the items stand below each other now."""
        return not self._is_wide(self.geometry().width())

    def _take(self, item: QWidget | QLayout, share: int, *, is_rule: bool) -> None:
        self._next = (share, is_rule)
        # In a widget of its own, an empty layout can be told from a full one.
        self.addWidget(item if isinstance(item, QWidget) else Panel(item))

    def _follow(self) -> None:
        self.setContentsMargins(*(theme().px(side) for side in self._margins))
        self.invalidate()
        self.update()

    def addItem(self, item: QLayoutItem) -> None:
        """Take an item (called by Qt)."""
        share, is_rule = self._next
        self._parts.append(_Part(item, share, is_rule))

    def count(self) -> int:
        """Return how many items there are."""
        return len(self._parts)

    def itemAt(self, index: int) -> QLayoutItem | None:
        """Return an item, or None behind the last."""
        return self._parts[index].item if 0 <= index < len(self._parts) else None

    def takeAt(self, index: int) -> QLayoutItem | None:
        """Remove and return an item."""
        return self._parts.pop(index).item if 0 <= index < len(self._parts) else None

    def expandingDirections(self) -> Qt.Orientation:
        """Take what is left in every direction in which an item does."""
        found = Qt.Orientation(0)
        for part in self._parts:
            found |= part.item.expandingDirections()
        return found

    def hasHeightForWidth(self) -> bool:
        """Return True: less width needs more height."""
        return True

    def heightForWidth(self, width: int) -> int:
        """Return the height at a width, side by side or stacked."""
        around = self.contentsMargins()
        inner = width - around.left() - around.right()
        shown = self._shown(inner)
        heights = [_height_of(part.item, wide) for part, wide in self._widths(shown, inner)]
        high = max(heights, default=0)
        if not self._is_wide(inner):
            high = sum(heights) + max(len(heights) - 1, 0) * theme().px(self._line_gap)
        return high + around.top() + around.bottom()

    def sizeHint(self) -> QSize:
        """Return the size of all side by side."""
        shown = [part for part in self._parts if not part.is_empty()]
        hints = [part.item.sizeHint() for part in shown]
        wide = sum(hint.width() for hint in hints) + self._gaps(len(shown))
        return self._grown(QSize(wide, max((hint.height() for hint in hints), default=0)))

    def minimumSize(self) -> QSize:
        """Return the least width, which is that of the widest alone, and the height of a line."""
        sizes = [part.item.minimumSize() for part in self._parts if not part.is_empty()]
        wide = max((size.width() for size in sizes), default=0)
        return self._grown(QSize(wide, max((size.height() for size in sizes), default=0)))

    def setGeometry(self, rect: QRect) -> None:
        """Place the items; rules stand between columns only."""
        super().setGeometry(rect)
        inner = rect.marginsRemoved(self.contentsMargins())
        is_wide, shown = self._is_wide(inner.width()), self._shown(inner.width())
        for part in self._parts:
            if part not in shown:
                part.item.setGeometry(QRect(inner.topLeft(), QSize(0, 0)))
        x, y = inner.x(), inner.y()
        for part, wide in self._widths(shown, inner.width()):
            high = inner.height() if is_wide else _height_of(part.item, wide)
            part.item.setGeometry(QRect(x, y, wide, high))
            if is_wide:
                x += wide + theme().px(self._side_gap)
            else:
                y += high + theme().px(self._line_gap)

    def _grown(self, size: QSize) -> QSize:
        return size.grownBy(self.contentsMargins())

    def _shown(self, width: int) -> list[_Part]:
        """Return what is shown at a width; a rule only between two shown items."""
        is_wide = self._is_wide(width)
        found: list[_Part] = []
        for part in self._parts:
            if part.is_empty() or (part.is_rule and not (is_wide and found)):
                continue
            if part.is_rule and found[-1].is_rule:
                continue
            found.append(part)
        return found[:-1] if found and found[-1].is_rule else found

    def _is_wide(self, width: int) -> bool:
        shown = [part for part in self._parts if not part.is_empty()]
        least = sum(part.item.minimumSize().width() for part in shown) + self._gaps(len(shown))
        return width >= max(theme().px(self._stack_below), least)

    def _gaps(self, count: int) -> int:
        return max(count - 1, 0) * theme().px(self._side_gap)

    def _widths(self, shown: Sequence[_Part], width: int) -> list[tuple[_Part, int]]:
        """Return every shown item with its width."""
        if not self._is_wide(width):
            return [(part, width) for part in shown]
        return list(zip(shown, _share_out(width - self._gaps(len(shown)), shown), strict=True))


class _Part(msgspec.Struct, frozen=True, eq=False):
    """An item of a Reflow, the share of the width it takes, and whether it is a hairline."""

    item: QLayoutItem
    share: int
    is_rule: bool

    def is_empty(self) -> bool:
        """Return whether there is nothing to show: hidden, or a layout with nothing in it."""
        widget = self.item.widget()
        layout = widget.layout() if isinstance(widget, Panel) else None
        return self.item.isEmpty() or (layout is not None and layout.isEmpty())


def _share_out(free: int, parts: Sequence[_Part]) -> list[int]:
    """Give each part its share of a length, but never less than its least."""
    least = [part.item.minimumSize().width() for part in parts]
    own = [part.item.sizeHint().width() for part in parts]
    fixed = {i: own[i] for i, part in enumerate(parts) if not part.share}
    if sum(fixed.get(i, least[i]) for i in range(len(parts))) > free:
        fixed = {i: least[i] for i in fixed}
    if len(fixed) == len(parts):
        return _grow(free, own, parts)
    while True:
        room = max(0, free - sum(fixed.values()))
        shares = sum(part.share for i, part in enumerate(parts) if i not in fixed)
        widths = [
            fixed[i] if i in fixed else room * part.share // max(shares, 1)
            for i, part in enumerate(parts)
        ]
        short = [i for i in range(len(parts)) if i not in fixed and widths[i] < least[i]]
        if not short:
            return widths
        fixed |= {i: least[i] for i in short}


def _grow(free: int, own: Sequence[int], parts: Sequence[_Part]) -> list[int]:
    """Give what is left, or take what is missing, evenly among items without shares."""
    growing = [i for i, part in enumerate(parts) if not part.is_rule]
    widths, missing = list(own), free - sum(own)
    for n, i in enumerate(growing):
        extra = missing // len(growing) + (n < missing % len(growing))
        widths[i] = max(parts[i].item.minimumSize().width(), widths[i] + extra)
    return widths


def _height_of(item: QLayoutItem, width: int) -> int:
    return item.heightForWidth(width) if item.hasHeightForWidth() else item.sizeHint().height()


class Flow(QLayout):
    """Widgets side by side that go on in the next line where the width ends.

    Args:
        widgets: Widgets.
        gap: Room between widgets side by side, at 100 %.
        line_gap: Room between lines, at 100 %.
        is_centred: Lower widgets stand in the middle of their line, else at its top.
    """

    def __init__(
        self,
        *widgets: QWidget,
        gap: float = 8,
        line_gap: float = 8,
        is_centred: bool = False,
    ) -> None:
        super().__init__()
        self._items: list[QLayoutItem] = []
        self._gap, self._line_gap, self._is_centred = gap, line_gap, is_centred
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
        """Return the height of all lines, and place the items in them if asked to."""
        gap, line_gap = theme().px(self._gap), theme().px(self._line_gap)
        y = rect.y()
        for line in self._lines(rect.width(), gap):
            x, high = rect.x(), max(hint.height() for _item, hint in line)
            for item, hint in line if place else ():
                lower = (high - hint.height()) // 2 if self._is_centred else 0
                width = min(hint.width(), rect.width())
                item.setGeometry(QRect(x, y + lower, width, hint.height()))
                x += hint.width() + gap
            y += high + line_gap
        return max(y - line_gap - rect.y(), 0)

    def _lines(self, width: int, gap: int) -> list[list[tuple[QLayoutItem, QSize]]]:
        """Return the items of each line with the sizes that they ask for."""
        lines: list[list[tuple[QLayoutItem, QSize]]] = []
        x = 0
        for item in self._items:
            if item.isEmpty():
                continue
            hint = item.sizeHint()
            if not lines or x + hint.width() > width:
                lines.append([])
                x = 0
            lines[-1].append((item, hint))
            x += hint.width() + gap
        return lines


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
