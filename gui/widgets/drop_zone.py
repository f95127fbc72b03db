# SPDX-License-Identifier: Apache-2.0
"""Where files are dropped, pasted or chosen."""

from __future__ import annotations

from collections.abc import Callable
from gettext import ngettext
from pathlib import Path

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QDragEnterEvent,
    QDragLeaveEvent,
    QDropEvent,
    QEnterEvent,
    QGuiApplication,
    QKeyEvent,
    QKeySequence,
    QPainter,
    QPaintEvent,
)
from PySide6.QtWidgets import QAbstractButton, QSizePolicy

from gui.widgets.dropped import dropped_paths
from gui.widgets.radio_part import clicks_on_enter
from gui.widgets.theme.focus_ring import RING_RADIUS
from gui.widgets.theme.paint import painting, put_icon, rounded, text_width, wrap_lines, write
from gui.widgets.theme.theme import follow_theme, theme

__all__ = ["DropZone", "dropped_paths"]


class DropZone(QAbstractButton):
    """A dashed area that takes files and folders; Enter, Space or a click asks to browse.

    Args:
        title: What can be dropped.
        text: The other way in.
        icon: Its icon.
        mode: `files`, `folder` or `any`: what is accepted.
    """

    paths_dropped = Signal(list)
    browse_requested = Signal()

    def __init__(self, *, title: str, text: str, icon: str = "drop", mode: str = "any") -> None:
        super().__init__()
        self._title, self._hint, self._icon, self._mode = title, text, icon, mode
        self._over = ""
        self._describe: Callable[[list[Path]], str] = _count_text
        self.setText(title)
        self.setAccessibleName(title)
        self.setAccessibleDescription(text)
        self.setAcceptDrops(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setProperty(RING_RADIUS, theme().tokens.radius["card"])
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.clicked.connect(self.browse_requested)
        follow_theme(self, self.updateGeometry)

    def set_describe(self, describe: Callable[[list[Path]], str]) -> None:
        """Name what a drop would do; "" refuses it."""
        self._describe = describe

    def sizeHint(self) -> QSize:
        """Return the room of the area."""
        current = theme()
        return QSize(current.px(360), current.px(108))

    def minimumSizeHint(self) -> QSize:
        """Return the least room of the area."""
        current = theme()
        return QSize(current.px(200), current.px(88))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter and Space browse, Ctrl+V takes what was copied."""
        if event.matches(QKeySequence.StandardKey.Paste):
            self._take(dropped_paths(QGuiApplication.clipboard().mimeData()))
        elif not clicks_on_enter(self, event):
            super().keyPressEvent(event)

    def enterEvent(self, event: QEnterEvent) -> None:
        """Show that it takes clicks."""
        self.update()
        super().enterEvent(event)

    def leaveEvent(self, event: QEvent) -> None:
        """Go back to the calm look."""
        self.update()
        super().leaveEvent(event)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Name what a drop would do."""
        paths = self._wanted(dropped_paths(event.mimeData()))
        self._over = self._describe(paths) if paths else ""
        if self._over:
            event.acceptProposedAction()
            self.setAccessibleDescription(self._over)
        self.update()

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        """Go back to the calm look."""
        self._end_drag()
        super().dragLeaveEvent(event)

    def dropEvent(self, event: QDropEvent) -> None:
        """Hand over what was dropped."""
        self._end_drag()
        event.acceptProposedAction()
        self._take(dropped_paths(event.mimeData()))

    def _end_drag(self) -> None:
        self._over = ""
        self.setAccessibleDescription(self._hint)
        self.update()

    def _wanted(self, paths: list[Path]) -> list[Path]:
        if self._mode == "folder":
            return [path for path in paths if path.is_dir()]
        return [path for path in paths if path.is_file() or self._mode == "any"]

    def _take(self, paths: list[Path]) -> None:
        wanted = self._wanted(paths)
        if wanted and self._describe(wanted):
            self.paths_dropped.emit(wanted)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw edge, icon and words."""
        current = theme()
        rect = QRectF(self.rect())
        with painting(self) as painter:
            radius = current.radius("card")
            if self._over:
                ground, edge = current.colour("accent_soft"), current.colour("accent")
                rounded(painter, rect, radius, fill=ground, edge=edge, width=2)
            else:
                ground = current.colour("hover") if self.underMouse() else None
                edge, dash = current.colour("outline"), (4.0, 4.0)
                rounded(painter, rect, radius, fill=ground, edge=edge, width=1.2, dash=dash)
            self._paint_words(painter, rect)

    def _paint_words(self, painter: QPainter, rect: QRectF) -> None:
        current = theme()
        strong, small = current.font("body", weight=500), current.font("small")
        title = self._over or self._title
        room = rect.width() - current.px(72)
        lines = wrap_lines(title, strong, room)
        hints = [] if self._over else wrap_lines(self._hint, small, room)
        wide = max([text_width(x, strong) for x in lines] + [text_width(x, small) for x in hints])
        left = rect.center().x() - (wide + current.px(38)) / 2
        high = current.px(20) * (len(lines) + len(hints))
        top = rect.center().y() - high / 2
        icon = QPointF(left + current.px(12), rect.center().y())
        put_icon(painter, icon, self._icon, "accent_text", 24)
        for line, font, role in (
            *((line, strong, "text") for line in lines),
            *((line, small, "text2") for line in hints),
        ):
            at = QRectF(left + current.px(38), top, wide + 2, current.px(20))
            write(painter, at, line, font=font, colour=current.colour(role))
            top += current.px(20)


def _count_text(paths: list[Path]) -> str:
    count = len(paths)
    return ngettext("Add {count} item", "Add {count} items", count).format(count=count)
