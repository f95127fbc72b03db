# SPDX-License-Identifier: Apache-2.0
"""Columns that become rows where the window is small or the text is large."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtWidgets import QLayout, QLayoutItem, QWidget

from gui.widgets.box import Hairline
from gui.widgets.theme.theme import follow_theme, theme

_RULE = -1


class Reflow(QLayout):
    """Widgets side by side, or below each other where there is less room than `least`.

    Args:
        parts: Each widget with its share of the width; a share of 0 keeps its own width.
        gap: Room between columns and between rows, at 100 %.
        least: The smallest width, at 100 %, at which they stand side by side.
        ruled: Put hairlines between the columns.
    """

    def __init__(
        self,
        *parts: tuple[QWidget, int],
        gap: float = 24,
        least: float = 700,
        ruled: bool = False,
    ) -> None:
        super().__init__()
        self._items: list[QLayoutItem] = []
        self._shares: list[int] = []
        self._gap, self._least = gap, least
        self.setContentsMargins(0, 0, 0, 0)
        for widget, share in parts:
            if ruled and self._items:
                self._shares.append(_RULE)
                self.addWidget(Hairline(vertical=True))
            self._shares.append(share)
            self.addWidget(widget)
        follow_theme(self, self._follow)

    def _follow(self) -> None:
        self.invalidate()
        self.update()

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
        if not 0 <= index < len(self._items):
            return None
        del self._shares[index]
        return self._items.pop(index)

    def expandingDirections(self) -> Qt.Orientation:
        """Take what is left in both directions."""
        return Qt.Orientation.Horizontal | Qt.Orientation.Vertical

    def hasHeightForWidth(self) -> bool:
        """Return True: rows need more height than columns."""
        return True

    def heightForWidth(self, width: int) -> int:
        """Return the height at a width."""
        shown = self._shown(width)
        heights = [_height(item, wide) for item, wide in self._widths(shown, width)]
        if self._is_wide(width):
            return max(heights, default=0)
        return sum(heights) + self._gaps(shown)

    def sizeHint(self) -> QSize:
        """Return the size of all side by side."""
        shown = self._shown(theme().px(self._least))
        wide = sum(item.sizeHint().width() for item, _share in shown) + self._gaps(shown)
        return QSize(wide, max((item.sizeHint().height() for item, _share in shown), default=0))

    def minimumSize(self) -> QSize:
        """Return the size of the widest alone: the others may go below it."""
        wide = max((item.minimumSize().width() for item, _share in self._shown(0)), default=0)
        return QSize(wide, 0)

    def setGeometry(self, rect: QRect) -> None:
        """Place the items; rules stand between columns only."""
        super().setGeometry(rect)
        is_wide, gap = self._is_wide(rect.width()), theme().px(self._gap)
        x, y = rect.x(), rect.y()
        shown = self._shown(rect.width())
        for item, share in zip(self._items, self._shares, strict=True):
            if share == _RULE and all(item is not one for one, _share in shown):
                item.setGeometry(QRect(x, y, 0, 0))
        for item, wide in self._widths(shown, rect.width()):
            high = rect.height() if is_wide else _height(item, wide)
            item.setGeometry(QRect(x, y, wide, high))
            if is_wide:
                x += wide + gap
            else:
                y += high + gap

    def _shown(self, width: int) -> list[tuple[QLayoutItem, int]]:
        is_wide = self._is_wide(width)
        shown = [
            (item, share)
            for item, share in zip(self._items, self._shares, strict=True)
            if not item.isEmpty() and (is_wide or share != _RULE)
        ]
        # A rule parts what is shown: none stands at either end, and no two meet.
        return [
            (item, share)
            for i, (item, share) in enumerate(shown)
            if share != _RULE or (0 < i < len(shown) - 1 and shown[i - 1][1] != _RULE)
        ]

    def _is_wide(self, width: int) -> bool:
        """Return whether all fit side by side, each with its least width."""
        shown = [
            (item, share)
            for item, share in zip(self._items, self._shares, strict=True)
            if not item.isEmpty()
        ]
        needed = sum(item.minimumSize().width() for item, _share in shown) + self._gaps(shown)
        return width >= max(theme().px(self._least), needed)

    def _gaps(self, shown: Sequence[tuple[QLayoutItem, int]]) -> int:
        return max(len(shown) - 1, 0) * theme().px(self._gap)

    def _widths(
        self, shown: Sequence[tuple[QLayoutItem, int]], width: int
    ) -> list[tuple[QLayoutItem, int]]:
        """Return every shown item with its width."""
        if not self._is_wide(width):
            return [(item, width) for item, _share in shown]
        own = sum(item.sizeHint().width() for item, share in shown if share <= 0)
        free = max(0, width - own - self._gaps(shown))
        shared = _share_out(
            free,
            [(share, item.minimumSize().width()) for item, share in shown if share > 0],
        )
        return [
            (item, shared.pop(0) if share > 0 else item.sizeHint().width()) for item, share in shown
        ]


def _share_out(free: int, parts: Sequence[tuple[int, int]]) -> list[int]:
    """Give each part its share of a length, but never less than its least."""
    fixed: set[int] = set()
    while True:
        room = free - sum(least for i, (_share, least) in enumerate(parts) if i in fixed)
        shares = sum(share for i, (share, _least) in enumerate(parts) if i not in fixed) or 1
        widths = [
            least if i in fixed else max(0, room) * share // shares
            for i, (share, least) in enumerate(parts)
        ]
        short = {i for i, (_share, least) in enumerate(parts) if widths[i] < least} - fixed
        if not short:
            return widths
        fixed |= short


def _height(item: QLayoutItem, width: int) -> int:
    return item.heightForWidth(width) if item.hasHeightForWidth() else item.sizeHint().height()
